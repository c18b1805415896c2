"""The speed/quality chart: Dice against time per megapixel, a dot per depth."""

from __future__ import annotations

import os
from collections.abc import Sequence

import qtpy
from qtpy.QtCore import QSize
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QWidget

os.environ["PYQTGRAPH_QT_LIB"] = qtpy.API_NAME  # before the import: else it picks a binding of its own
import pyqtgraph as pg

from napari_unetpp._types import AUTO
from napari_unetpp.files.models.card_text import level_name
from napari_unetpp.session.display.level_costs import ChartPoint
from napari_unetpp.session.messages import cost_text

HEIGHT = 132
ACCENT = "#4c9be8"
STAR = "#f2b705"


class SpeedQualityChart(pg.PlotWidget):
    """A dot for each level, and one off their line for Auto.

    The current is ringed, the recommended a star; one whose time is estimated is hollow.

    A click on a dot emits ``level_clicked``.
    """

    level_clicked = pg.QtCore.Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=None)
        self.setObjectName("speed_quality_chart")
        self.setFixedHeight(HEIGHT)
        self.setMinimumWidth(120)
        self.setAccessibleName("Quality against speed, per depth")
        self.setFrameShape(self.Shape.NoFrame)
        self.setMenuEnabled(False)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        self.setStyleSheet("background: transparent")
        plot = self.getPlotItem()
        plot.layout.setContentsMargins(0, 4, 8, 0)
        for side in ("left", "bottom"):
            axis = plot.getAxis(side)
            axis.setStyle(tickLength=-3, tickTextOffset=3, autoExpandTextSpace=False)
            axis.enableAutoSIPrefix(False)
        plot.getAxis("left").setWidth(44)
        plot.getAxis("bottom").setHeight(38)
        plot.showGrid(x=False, y=True, alpha=0.12)
        self._line = plot.plot([], [])
        self._dots = pg.ScatterPlotItem(pxMode=True)
        self._dots.sigClicked.connect(self._on_clicked)
        plot.addItem(self._dots)
        self._factor = 1000.0  # of seconds, for the axis
        self._texts: list[pg.TextItem] = []
        self._drawn: object = None

    def sizeHint(self) -> QSize:
        return QSize(260, HEIGHT)

    def set_points(self, points: Sequence[ChartPoint], current: int) -> None:
        """Draw the levels; those without a score are left out. What is drawn already is not drawn again."""
        ink = self._ink()
        wanted = tuple(points), current, ink.rgba()
        if wanted == self._drawn:
            return
        self._drawn = wanted
        self._factor = 1000.0 if max(point.seconds for point in points) < 2 else 1.0
        scored = [point for point in points if point.quality is not None]
        plot = self.getPlotItem()
        for text in self._texts:
            plot.removeItem(text)
        self._texts.clear()
        self._axes(points, ink)
        fixed = [point for point in scored if point.level != AUTO]
        self._line.setData(
            [self._factor * point.seconds for point in fixed],
            [point.quality for point in fixed],
            pen=pg.mkPen(_faint(ink, 90), width=1),
        )
        self._dots.setData([self._spot(point, point.level == current, ink) for point in scored])
        for point in scored:
            self._label(level_name(point.level), point, ink, bold=point.level == current)
        if scored:
            self._range(scored)
        else:
            self._empty(ink)

    def _axes(self, points: Sequence[ChartPoint], ink: QColor) -> None:
        plot = self.getPlotItem()
        unit = "ms" if self._factor > 1 else "s"
        how = _how_known(points)
        plot.setLabel("bottom", f"{unit} per megapixel, {how}", **_label_style(ink))
        plot.setLabel("left", "Dice", **_label_style(ink))
        for side in ("left", "bottom"):
            axis = plot.getAxis(side)
            axis.setPen(pg.mkPen(_faint(ink, 70)))
            axis.setTextPen(pg.mkPen(_faint(ink, 190)))
            axis.setTickFont(self._small_font())
            axis.resizeEvent()  # else another text stays where the former one began

    def _small_font(self):
        font = self.font()
        font.setPointSizeF(max(6.5, font.pointSizeF() - 1.5))
        return font

    def _spot(self, point: ChartPoint, current: bool, ink: QColor) -> dict[str, object]:
        colour = QColor(STAR) if point.recommended else QColor(ACCENT)
        fill = colour if current or point.recommended else _faint(colour, 150)
        rim = QColor(0, 0, 0, 0) if point.measured else colour
        return {
            "pos": (self._factor * point.seconds, point.quality),
            "data": point.level,
            "symbol": "star" if point.recommended else "o",
            "size": (17 if point.recommended else 10) + (2 if current else 0),
            "brush": pg.mkBrush(fill if point.measured else None),
            "pen": pg.mkPen(ink if current else rim, width=2 if current or point.measured else 1.5),
        }

    def _label(self, text: str, point: ChartPoint, ink: QColor, *, bold: bool) -> None:
        item = pg.TextItem(text, color=ink if bold else _faint(ink, 190), anchor=(0.5, 1.35))
        font = self._small_font()
        font.setBold(bold)
        item.setFont(font)
        item.setPos(self._factor * point.seconds, point.quality)
        self.getPlotItem().addItem(item, ignoreBounds=True)
        self._texts.append(item)

    def _range(self, scored: Sequence[ChartPoint]) -> None:
        times = [self._factor * point.seconds for point in scored]
        values = [point.quality or 0.0 for point in scored]
        spread = max(max(values) - min(values), 0.02)
        self.setXRange(0, 1.1 * max(times), padding=0)
        self.setYRange(min(values) - 0.35 * spread, max(values) + 0.75 * spread, padding=0)

    def _empty(self, ink: QColor) -> None:
        self.setXRange(0, 1, padding=0)
        self.setYRange(0, 1, padding=0)
        item = pg.TextItem("this model carries no scores", color=_faint(ink, 190), anchor=(0.5, 0.5))
        item.setPos(0.5, 0.5)
        self.getPlotItem().addItem(item, ignoreBounds=True)
        self._texts.append(item)

    def _on_clicked(self, _item: object, spots: Sequence[pg.SpotItem], *_rest: object) -> None:
        if len(spots):
            self.level_clicked.emit(int(spots[0].data()))

    def _ink(self) -> QColor:
        return self.palette().color(QPalette.ColorRole.WindowText)


def chart_tip(points: Sequence[ChartPoint]) -> str:
    """The chart in words, for the tool tip and assistive tools."""
    rows = []
    for point in points:
        score = "no score" if point.quality is None else f"Dice {point.quality:.3f}"
        how = "" if point.measured else " (estimate)"
        star = ", recommended" if point.recommended else ""
        rows.append(f"{level_name(point.level)}: {score}, {cost_text(point.seconds)}{how}{star}")
    return "\n".join(rows)


def _how_known(points: Sequence[ChartPoint]) -> str:
    """Where the times come from."""
    measured = [point.measured for point in points]
    return "here" if all(measured) else "hollow: estimated" if any(measured) else "estimated"


def _faint(colour: QColor, alpha: int) -> QColor:
    faint = QColor(colour)
    faint.setAlpha(alpha)
    return faint


def _label_style(ink: QColor) -> dict[str, str]:
    return {"color": ink.name(), "font-size": "8pt"}
