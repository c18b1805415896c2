"""Draw the grid of nodes of UNet++ as SVG, from the wiring that the network is built by.

python docs/figures/node_grid.py docs/images/nodes.svg
"""

from __future__ import annotations

import sys
from pathlib import Path

from napari_unetpp._types import NetConfig, Node
from napari_unetpp.net import graph

COLOURS = ("#7a7a7a", "#0072b2", "#009e73", "#e69f00", "#cc4c02")
"""Of the first node, and of those that levels 1 to 4 add; apart for the colour-blind, too."""

STEP, RADIUS, MARGIN, TOP = 110, 24, 60, 112
DEPTH = 4


def centre(node: Node) -> tuple[float, float]:
    """Where a node is drawn: columns to the right, half a step further in each lower row."""
    row, column = node
    return MARGIN + STEP * (column + row / 2), TOP + 82 * row


def arrow(start: Node, end: Node, style: str) -> str:
    """A line from the rim of one node to the rim of another; long skips bend upwards."""
    (x0, y0), (x1, y1) = centre(start), centre(end)
    if start[0] == end[0] and end[1] - start[1] > 1:
        lift = 14 * (end[1] - start[1]) + 8
        middle = (x0 + x1) / 2
        path = (
            f"M {x0 + 16:.0f} {y0 - 18:.0f} Q {middle:.0f} {y0 - 18 - lift:.0f} {x1 - 16:.0f} {y1 - 18:.0f}"
        )
        return f'<path d="{path}" class="{style}"/>'
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
    dx, dy = RADIUS * (x1 - x0) / length, RADIUS * (y1 - y0) / length
    return (
        f'<line x1="{x0 + dx:.0f}" y1="{y0 + dy:.0f}" x2="{x1 - 1.2 * dx:.0f}" y2="{y1 - 1.2 * dy:.0f}"'
        f' class="{style}"/>'
    )


def circle(node: Node) -> str:
    """A node in the colour of the level that adds it."""
    x, y = centre(node)
    name = f"X<tspan baseline-shift='super' font-size='10'>{node[0]},{node[1]}</tspan>"
    return (
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{RADIUS}" fill="{COLOURS[sum(node)]}"/>'
        f'<text x="{x:.0f}" y="{y + 5:.0f}" class="node">{name}</text>'
    )


def head(level: int) -> str:
    """The name of a level above the node that its head reads, with parameters and context."""
    config = NetConfig(outputs=1)
    x, y = centre((0, level))
    millions = graph.parameters(level, config) / 1e6
    return (
        f'<text x="{x:.0f}" y="{y - 78:.0f}" class="level" style="fill:{COLOURS[level]}">L{level}</text>'
        f'<text x="{x:.0f}" y="{y - 62:.0f}" class="small">{millions:.2f} M</text>'
    )


def drawing() -> str:
    """The whole figure."""
    nodes = graph.nodes(DEPTH)
    parts = []
    for node in nodes:
        for source in graph.inputs(node):
            down = node[1] == 0
            style = "down" if down else "skip" if source[0] == node[0] else "up"
            parts.append(arrow(source, node, style))
    parts += [circle(node) for node in nodes]
    parts += [head(level) for level in range(1, DEPTH + 1)]
    width, height = 2 * MARGIN + STEP * DEPTH, TOP + 82 * DEPTH + 44
    legend = [
        ("down", "down: 2 x 2 maximum"),
        ("up", "up: 2 x 2 transposed convolution"),
        ("skip", "skip: concatenated"),
    ]
    for number, (style, text) in enumerate(legend):
        y = height - 64 + 20 * number
        parts.append(f'<line x1="12" y1="{y}" x2="44" y2="{y}" class="{style}"/>')
        parts.append(f'<text x="52" y="{y + 4}" class="legend">{text}</text>')
    style = (
        "text{font-family:sans-serif;fill:#333}"
        ".node{fill:#fff;text-anchor:middle;font-size:15px}"
        ".level{text-anchor:middle;font-size:17px;font-weight:bold}"
        ".small{text-anchor:middle;font-size:11px}.legend{font-size:11px}"
        "line,path{stroke:#555;stroke-width:1.6;fill:none;marker-end:url(#tip)}"
        ".up{stroke-dasharray:6 3}.skip{stroke:#999}"
    )
    tip = (
        '<marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" style="stroke:none;fill:#555;marker-end:none"/></marker>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img"'
        ' aria-label="The nodes of UNet++ and the levels that they belong to">\n'
        f'<style>{style}</style><defs>{tip}</defs>\n<rect width="{width}" height="{height}" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(drawing())
