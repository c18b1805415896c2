"""The chart of a fine-tuning: loss, and Dice on held-out pixels per depth, against time."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QWidget

from napari_unetpp._types import LEVELS, FinetuneProgress
from napari_unetpp.gui.charts import pg

HEIGHT = 120
COLOURS = {1: "#9ecbff", 2: "#4c9be8", 3: "#f2b705", 4: "#e5734b"}
LOSS = "#8a8f98"
LEGEND = [*((f"L{level}", colour) for level, colour in COLOURS.items()), ("loss (own scale)", LOSS)]


class TrainingChart(pg.PlotWidget):
    """Dice per depth on the left axis; the loss, dashed, falls from its first value at the top to 0 below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=None)
        self.setObjectName("training_chart")
        self.setAccessibleName("Loss and held-out Dice during fine-tuning")
        self.setFixedHeight(HEIGHT)
        self.setMinimumWidth(120)
        self.setFrameShape(self.Shape.NoFrame)
        self.setMenuEnabled(False)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        self.setStyleSheet("background: transparent")
        plot = self.getPlotItem()
        plot.layout.setContentsMargins(0, 2, 8, 0)
        plot.getAxis("left").setWidth(40)
        plot.getAxis("bottom").setHeight(32)
        plot.showGrid(x=False, y=True, alpha=0.12)
        plot.setLabel("left", "Dice")
        plot.setLabel("bottom", "seconds")
        for side in ("left", "bottom"):
            plot.getAxis(side).enableAutoSIPrefix(False)
            plot.getAxis(side).setStyle(tickLength=-3, tickTextOffset=3, autoExpandTextSpace=False)
        self._inked = ""
        self._legend = "&nbsp; ".join(
            f'<span style="color: {colour}">■</span> {name}' for name, colour in LEGEND
        )
        dash = pg.QtCore.Qt.PenStyle.DashLine
        self._loss = plot.plot([], [], pen=pg.mkPen(LOSS, width=1.5, style=dash))
        self._dice = {level: plot.plot([], [], pen=pg.mkPen(COLOURS[level], width=2)) for level in LEVELS}

    def sizeHint(self) -> QSize:
        return QSize(260, HEIGHT)

    def set_points(self, points: Sequence[FinetuneProgress]) -> None:
        """Draw all points so far."""
        self._ink()
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

    def _ink(self) -> None:
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        faint = QColor(ink)
        faint.setAlpha(190)
        if ink.name() == self._inked:
            return
        self._inked = ink.name()
        self.getPlotItem().setTitle(self._legend, size="7pt", color=self._inked)
        for side in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(side)
            axis.setTextPen(pg.mkPen(faint))
            font = self.font()
            font.setPointSizeF(max(6.5, font.pointSizeF() - 1.5))
            axis.setTickFont(font)


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
