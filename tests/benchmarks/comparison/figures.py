"""The two figures of the talk, drawn from the records (needs matplotlib: the extra ``docs``)."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from comparison.records import Records
from comparison.report import SPEED
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
    """Draw both figures from the records in `folder`; that of the speeds only where they were measured."""
    import matplotlib as mpl

    mpl.use("Agg")
    images.mkdir(exist_ok=True)
    _quality(Records.read(folder), images / QUALITY)
    speed = folder / SPEED
    if speed.exists():
        _rate(json.loads(speed.read_text()), images / RATE)


def _point(records: Records, data: str, system: str, level: str) -> tuple[float, float, float] | None:
    """Seconds per megapixel (the best of the seeds), mean IoU, millions of parameters."""
    iou = records.values(data, system, level, "iou")
    if not iou:
        return None
    seconds = records.values(data, system, level, "seconds_per_megapixel")
    size = records.runs(data, system)[0]["levels"][level]["parameters"]
    return min(seconds.values()), mean(iou.values()), size / 1e6


def _quality(records: Records, path: Path) -> None:
    """IoU against time, a panel for each data set; the area of a dot is the number of parameters."""
    from matplotlib import pyplot as plt

    sets = records.data()
    figure, panels = plt.subplots(1, len(sets), figsize=(3.4 * len(sets), 3.6), squeeze=False)
    for axes, data in zip(panels[0], sets, strict=True):
        for label, (systems, colour) in LINES.items():
            points = [_point(records, data, system, level) for level, system in systems.items()]
            _scatter(axes, [p for p in points if p is not None], label, colour, numbered=True)
        for system, colour in POINTS.items():
            point = _point(records, data, system, "4")
            if point is not None:
                _scatter(axes, [point], system, colour)
        axes.set(title=TITLES[data], xlabel="s/MPx (contended)", xscale="log")
        axes.grid(alpha=0.3, which="both")
        axes.margins(0.15)
    panels[0][0].set_ylabel("IoU on test images")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False, markerscale=0.7)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
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
        for system, levels in measured["systems"].items()
        for level, row in levels.items()
        if system not in ("unet-ensemble", "unet-plus") or level == "4"
    }
    names = sorted(rates, key=lambda name: rates[name])
    colours = ["tab:blue" if name.startswith("unetpp") else "tab:gray" for name in names]
    figure, axes = plt.subplots(figsize=(7, 4.2))
    bars = axes.barh(names, [rates[name] for name in names], color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    axes.set(
        xlabel=f"images of {measured['side']} x {measured['side']} px per second (contended)", xscale="log"
    )
    axes.margins(x=0.15)
    figure.tight_layout()
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=100, metadata={"Software": None})
