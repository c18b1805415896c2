"""The UNet++ grid as integers: nodes, evaluation order, parameters, FLOPs, halo.

Source: Zhou et al., UNet++, DLMIA 2018 (arXiv 1807.10165), section 2 and figure 1.
Node X^{i,j} lies in row i (resolution 1/2^i) and column j. Level L_d is the set of
nodes with i + j <= d; its head reads X^{0,d}. No tensor is touched here.
"""

from __future__ import annotations

from napari_unetpp._types import NetConfig, Node

KERNEL = 3
CONVS_PER_NODE = 2


def check_level(level: int, depth: int) -> None:
    """Raise ValueError unless `level` is one of 1..depth."""
    if not 1 <= level <= depth:
        raise ValueError(f"level {level} was given, but this network has levels 1 to {depth}")


def nodes(level: int) -> tuple[Node, ...]:
    """Nodes of L_level in the order of evaluation: column by column, top to bottom diagonals.

    Every prefix up to a diagonal is itself a complete level, so the nodes of L_d
    are the first ``(d + 1)(d + 2) / 2`` nodes of any deeper level.
    """
    return tuple((diagonal - j, j) for diagonal in range(level + 1) for j in range(diagonal + 1))


def missing(level: int, known: frozenset[Node] | set[Node]) -> tuple[Node, ...]:
    """Nodes of L_level that are not yet known, in the order of evaluation."""
    return tuple(node for node in nodes(level) if node not in known)


def lean_order(level: int) -> tuple[Node, ...]:
    """Nodes of L_level in the order that needs the least memory: encoder, then row by row upwards.

    A row is complete before the row above it starts, so it can be dropped as a whole; the
    heads 1..level become available only while the last row is evaluated.
    """
    encoder = tuple((i, 0) for i in range(level + 1))
    return encoder + tuple((i, j) for i in range(level - 1, -1, -1) for j in range(1, level - i + 1))


def releases(order: tuple[Node, ...]) -> tuple[tuple[Node, ...], ...]:
    """For every node of `order`: the nodes that no later one reads and that no head reads."""
    last = {read: step for step, node in enumerate(order) for read in inputs(node)}
    return tuple(tuple(node for node, at in last.items() if at == step) for step in range(len(order)))


def inputs(node: Node) -> tuple[Node, ...]:
    """Nodes that `node` reads: the row above for the encoder, else its row and the node below."""
    i, j = node
    if j == 0:
        return () if i == 0 else ((i - 1, 0),)
    return (*((i, k) for k in range(j)), (i + 1, j - 1))


def in_channels(node: Node, config: NetConfig) -> int:
    """Channels that enter the first convolution of `node`."""
    i, j = node
    if j == 0:
        return config.in_channels if i == 0 else config.widths[i - 1]
    return (j + 1) * config.widths[i]


def node_parameters(node: Node, config: NetConfig) -> int:
    """Weights and biases of `node`, without normalisation."""
    i, j = node
    width = config.widths[i]
    first = KERNEL**2 * in_channels(node, config) * width + width
    second = KERNEL**2 * width * width + width
    up = 0 if j == 0 else 4 * config.widths[i + 1] * width + width
    return first + second + up


def parameters(level: int, config: NetConfig) -> int:
    """Parameters of the network pruned to `level`: its nodes and its heads 1..level."""
    heads = level * (config.widths[0] + 1) * config.outputs
    return sum(node_parameters(node, config) for node in nodes(level)) + heads


def node_flops(node: Node, config: NetConfig, height: int, width: int) -> int:
    """FLOPs (2 per multiply-add, biases not counted) of `node` for an input of (height, width)."""
    i, j = node
    pixels = (height >> i) * (width >> i)
    channels = config.widths[i]
    convolutions = KERNEL**2 * (in_channels(node, config) + channels) * channels
    up = 0 if j == 0 else config.widths[i + 1] * channels  # 2x2, stride 2: one tap a pixel
    return 2 * pixels * (convolutions + up)


def head_flops(config: NetConfig, height: int, width: int) -> int:
    """FLOPs of one head."""
    return 2 * height * width * config.widths[0] * config.outputs


def flops(level: int, config: NetConfig, height: int, width: int) -> int:
    """FLOPs of a cold forward pass that gives head `level` alone."""
    nested = sum(node_flops(node, config, height, width) for node in nodes(level))
    return nested + head_flops(config, height, width)


def halo(level: int) -> int:
    """Receptive radius of head `level` in pixels: the smallest exact halo.

    A node of row i adds two 3x3 convolutions, 2 * 2^i px. The deepest path goes down the
    encoder and back up, each row once on each side but the bottom one; 2x2 pooling
    and transposed convolution move between aligned grids and add the alignment term.
    """
    return max(_radius((0, level)))


def _radius(node: Node) -> tuple[int, int]:
    """Pixels of the input seen by `node` (left of, right of) its first pixel and its last, in input px."""
    lo, hi = _interval(node, 0, 0)
    for p in range(1, 2 ** (node[1])):  # the worst phase on the coarse grid
        lo_p, hi_p = _interval(node, p, p)
        lo, hi = min(lo, lo_p - p), max(hi, hi_p - p)
    return -lo, hi


def _interval(node: Node, lo: int, hi: int) -> tuple[int, int]:
    """Input interval read for the interval [lo, hi] of `node`, both on their own grids."""
    i, j = node
    lo, hi = lo - CONVS_PER_NODE, hi + CONVS_PER_NODE
    if j == 0:
        return (lo, hi) if i == 0 else _interval((i - 1, 0), 2 * lo, 2 * hi + 1)
    below = _interval((i + 1, j - 1), lo // 2, hi // 2)
    beside = _interval((i, j - 1), lo, hi)
    return min(below[0], beside[0]), max(below[1], beside[1])


def aligned_halo(level: int, multiple: int) -> int:
    """The halo of `level` rounded up so that tile origins stay on the grid of the deepest row."""
    return -(-halo(level) // multiple) * multiple


def cached_bytes(level: int, config: NetConfig, height: int, width: int, itemsize: int) -> int:
    """Bytes that the nodes of L_level take in the node cache for an input of (height, width)."""
    elements = sum(config.widths[i] * (height >> i) * (width >> i) for i, _ in nodes(level))
    return elements * itemsize
