"""The chart of a fine-tuning: loss, and Dice on held-out pixels per depth, against time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pyqtgraph as pg
from qtpy.QtGui import QColor

from napari_unetpp._types import LEVELS, FinetuneProgress
from napari_unetpp.gui.dock.charts import Chart
from napari_unetpp.gui.dock.colours import ChartColours, chart_colours

MARKS = {1: ("o", "●"), 2: ("t1", "▲"), 3: ("s", "■"), 4: ("d", "◆")}
"""Of the levels: pyqtgraph's name of the mark on their curves, and the mark in the legend."""

MARK = 6
"""Size of a mark, px."""


def legend(colours: ChartColours) -> str:
    """What the curves are, as HTML."""
    levels = [
        (colour, mark, f"L{level}")
        for colour, (level, (_, mark)) in zip(colours.levels, MARKS.items(), strict=True)
    ]
    parts = [*levels, (colours.loss, "╌╌", "loss (own scale)")]
    return "&nbsp; ".join(
        f'<span style="color: {colour}">{mark}</span> {name}' for colour, mark, name in parts
    )


class TrainingChart(Chart):
    """Dice per depth on the left axis, each with a mark of its own.

    The loss, dashed, falls from its first value at the top to 0 below.
    """

    _colour = ""
    """Of the text, as drawn."""

    _dice: Mapping[int, pg.PlotDataItem] = MappingProxyType({})  # Qt asks for a drawing before there are any

    def __init__(self) -> None:
        super().__init__(
            "training_chart",
            "Loss and held-out Dice during fine-tuning",
            height=120,
            axis_width=40,
            axis_height=30,
        )
        plot = self.getPlotItem()
        plot.setLabel("left", "Dice")
        plot.setLabel("bottom", "seconds")
        self._loss = plot.plot([], [])
        self._dice = {level: plot.plot([], [], symbol=MARKS[level][0], symbolSize=MARK) for level in LEVELS}

    def set_points(self, points: Sequence[FinetuneProgress]) -> None:
        """Draw all points so far."""
        self.redraw()
        low, high = _range(points)
        self.setYRange(low, high, padding=0)
        first = (points[0].loss if points else 1.0) or 1.0
        self._loss.setData(
            *_curve([(p.seconds, low + (high - low) * min(1.0, p.loss / first)) for p in points])
        )
        for level, curve in self._dice.items():
            curve.setData(*_curve([(p.seconds, p.dice[level]) for p in points if level in p.dice]))
        self.setXRange(0, max([1.0, *(point.seconds for point in points)]), padding=0.02)
        text = chart_text(points)
        self.setToolTip(text)
        self.setAccessibleDescription(text)

    def redraw(self) -> None:
        """Give curves, legend and axes the colours of the theme."""
        colour = self.text_colour()
        if colour.name() == self._colour or not self._dice:
            return
        self._colour = colour.name()
        plot, faint = self.getPlotItem(), QColor(colour)
        faint.setAlpha(190)
        colours = chart_colours(self)
        plot.setTitle(legend(colours), size="7pt", color=self._colour)
        dash = pg.QtCore.Qt.PenStyle.DashLine
        self._loss.setPen(pg.mkPen(colours.loss, width=1.5, style=dash))
        for one, curve in zip(colours.levels, self._dice.values(), strict=True):
            curve.setPen(pg.mkPen(one, width=1.5))
            curve.setSymbolPen(None)
            curve.setSymbolBrush(one)
        for side in ("left", "bottom"):
            plot.getAxis(side).setTextPen(pg.mkPen(faint))
            plot.getAxis(side).setTickFont(self.small_font())


def chart_text(points: Sequence[FinetuneProgress]) -> str:
    """The last point in words."""
    if not points:
        return "Nothing measured yet"
    last = points[-1]
    measured = next((point.dice for point in reversed(points) if point.dice), {})
    dice = ", ".join(f"L{level} {value:.3f}" for level, value in sorted(measured.items()))
    held_out = f"held-out Dice {dice}" if dice else "no validation"
    return f"Step {last.step}, {last.seconds:.0f} s: loss {last.loss:.3g}, {held_out}"


def _range(points: Sequence[FinetuneProgress]) -> tuple[float, float]:
    """What the left axis shows: all Dice values, and a bit around them."""
    values = [value for point in points for value in point.dice.values()] or [0.0, 1.0]
    margin = max(0.02, 0.1 * (max(values) - min(values)))
    return max(0.0, min(values) - margin), min(1.0, max(values) + margin)


def _curve(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
