"""The two figures of the talk, drawn from the records (needs matplotlib: the extra ``docs``)."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from comparison import plan
from comparison.records import SPEED, Records
from comparison.tables import ALONE, LEVELS, TITLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUALITY, RATE = "quality-against-time.png", "images-per-second.png"

LINES = {
    "UNet++ pruned to L1-L4": (dict.fromkeys(LEVELS, "unetpp"), "tab:blue"),
    "U-Nets of depth 1-4": (ALONE, "tab:orange"),
}
POINTS = {"wide-unet": "tab:green", "heavy-unet": "tab:red", "flat": "tab:brown"}


def draw(folder: Path, images: Path) -> None:
    """Draw both figures from the records and the speeds in `folder`."""
    import matplotlib as mpl

    mpl.use("Agg")
    measured = json.loads((folder / SPEED).read_text())
    images.mkdir(exist_ok=True)
    _quality(Records.read(folder), measured["systems"]["trained"], images / QUALITY)
    _rate(measured, images / RATE)


def _point(
    records: Records, speeds: dict[str, Any], data: str, system: str, level: str
) -> tuple[float, float, float] | None:
    """Seconds per megapixel, mean IoU, millions of parameters."""
    iou = records.values(data, system, level, "iou")
    if not iou:
        return None
    row = speeds[system][level]
    return row["seconds_per_megapixel"], mean(iou.values()), row["parameters"] / 1e6


def _quality(records: Records, speeds: dict[str, Any], path: Path) -> None:
    """IoU against time, a panel for each data set; the area of a dot is the number of parameters."""
    from matplotlib import pyplot as plt

    sets = [data for data in records.data() if data in plan.DATA_SETS]
    rows = -(-len(sets) // 2)
    figure, panels = plt.subplots(rows, min(2, len(sets)), figsize=(8, 3.6 * rows), squeeze=False)
    for axes, data in zip(panels.ravel(), sets, strict=False):
        for label, (systems, colour) in LINES.items():
            points = [_point(records, speeds, data, system, level) for level, system in systems.items()]
            _scatter(axes, [p for p in points if p is not None], label, colour, numbered=True)
        for system, colour in POINTS.items():
            point = _point(records, speeds, data, system, "4")
            if point is not None:
                _scatter(axes, [point], system, colour)
        axes.set(title=TITLES[data], xlabel="seconds per megapixel", ylabel="IoU on test images")
        axes.grid(alpha=0.3)
        axes.margins(0.15)
    handles, labels = panels[0][0].get_legend_handles_labels()
    legend = figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False, fontsize=9)
    for handle in legend.legend_handles:
        handle.set_sizes([40])
    figure.tight_layout(rect=(0, 0.1 / rows, 1, 1))
    _save(figure, path)


def _scatter(
    axes: Axes, points: list[tuple[float, float, float]], label: str, colour: str, *, numbered: bool = False
) -> None:
    x, y = [p[0] for p in points], [p[1] for p in points]
    axes.plot(x, y, color=colour, lw=1)
    axes.scatter(x, y, s=[25 + 250 * p[2] for p in points], color=colour, label=label, alpha=0.75)
    if numbered:
        for level, where in zip(LEVELS, zip(x, y, strict=True), strict=False):
            axes.annotate(level, where, xytext=(4, 5), textcoords="offset points", fontsize=8, color=colour)


def _rate(measured: dict[str, Any], path: Path) -> None:
    """Images per second of every level at full width."""
    from matplotlib import pyplot as plt

    rates = {
        f"{system} L{level}": row["images_per_second"]
        for system, levels in measured["systems"]["full"].items()
        for level, row in levels.items()
        if system not in ("unet-ensemble", "unet-plus") or level == "4"
    }
    names = sorted(rates, key=lambda name: rates[name])
    colours = ["tab:blue" if name.startswith("unetpp") else "tab:gray" for name in names]
    figure, axes = plt.subplots(figsize=(7, 4.2))
    bars = axes.barh(names, [rates[name] for name in names], color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    axes.set(xlabel=f"images of {measured['side']} x {measured['side']} px per second")
    axes.margins(x=0.1)
    figure.tight_layout()
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=100, metadata={"Software": None})
