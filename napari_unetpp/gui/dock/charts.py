"""The speed/quality chart: Dice against time per megapixel, a dot per depth."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from qtpy.QtCore import QEvent, QSize
from qtpy.QtGui import QColor, QFont, QPalette, QResizeEvent

from napari_unetpp._types import AUTO
from napari_unetpp.files.models.card_text import level_name
from napari_unetpp.gui.dock.colours import chart_colours
from napari_unetpp.gui.dock.label_sides import offset, sides
from napari_unetpp.session.display.costs import ChartPoint
from napari_unetpp.session.messages.common import cost_text

NO_SCORES = "this model carries no scores"

AXIS, UNNAMED_AXIS = 35, 15
"""Height of the bottom axis with its name, and without, px."""

MARGINS = 0, 4, 8, 7
"""Around the plot, px: pyqtgraph draws the name 5 px below its axis."""

NAMED = 88
"""Height from which the chart has room for the name, px."""

PADDING = 4.0
"""Empty px that Qt leaves around the text of a label."""


class Chart(pg.PlotWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """A small chart without menu and mouse, in the colours of the theme.

    Parameters
    ----------
    name, spoken : str
        Object name and accessible name.
    height, axis_width, axis_height : int
        Of the chart, of its left axis and of its bottom axis, px.
    least : int, optional
        Height where there is little room; `height` without it.
    """

    def __init__(
        self, name: str, spoken: str, *, height: int, axis_width: int, axis_height: int, least: int = 0
    ) -> None:
        super().__init__(None, background=None)
        self.setObjectName(name)
        self.setAccessibleName(spoken)
        self.setMinimumHeight(least or height)
        self.setMaximumHeight(height)
        self.setMinimumWidth(120)
        self.setFrameShape(self.Shape.NoFrame)
        self.setFocusPolicy(pg.QtCore.Qt.FocusPolicy.NoFocus)  # the slider does what a click on it does
        self.setMenuEnabled(False)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        self.setStyleSheet("background: transparent")
        plot = self.getPlotItem()
        plot.layout.setContentsMargins(*MARGINS)
        for side in ("left", "bottom"):
            plot.getAxis(side).setStyle(tickLength=-3, tickTextOffset=3, autoExpandTextSpace=False)
            plot.getAxis(side).enableAutoSIPrefix(False)
        plot.getAxis("left").setWidth(axis_width)
        plot.getAxis("bottom").setHeight(axis_height)
        plot.showGrid(x=False, y=True, alpha=0.12)

    def sizeHint(self) -> QSize:
        return QSize(260, self.maximumHeight())

    def changeEvent(self, event: QEvent | None) -> None:
        """Draw anew in the colours of another theme."""
        super().changeEvent(event)
        changes = QEvent.Type.PaletteChange, QEvent.Type.StyleChange
        made = self.getPlotItem() is not None  # Qt sends the first ones while pyqtgraph makes the widget
        if event is not None and event.type() in changes and made:
            self.redraw()

    def redraw(self) -> None:
        """Draw anew what is shown."""
        raise NotImplementedError

    def text_colour(self) -> QColor:
        """The theme's colour of text."""
        return QColor(self.palette().color(QPalette.ColorRole.WindowText))

    def small_font(self) -> QFont:
        """For the numbers at the axes."""
        font = QFont(self.font())
        font.setPointSizeF(max(6.5, font.pointSizeF() - 1.5))
        return font


class SpeedQualityChart(Chart):
    """A dot for each level, and one off their line for Auto.

    The current is ringed, the recommended a star; one whose time is estimated is hollow.

    A click on a dot emits ``level_clicked``.
    """

    LEAST, MOST = 56, 136
    """Height in a small and in a tall window, px."""

    _drawn: tuple[tuple[ChartPoint, ...], int, int] | None = None
    level_clicked = pg.QtCore.Signal(int)

    def __init__(self) -> None:
        super().__init__(
            "speed_quality_chart",
            "Quality against speed, per depth",
            height=self.MOST,
            least=self.LEAST,
            axis_width=44,
            axis_height=AXIS,
        )
        plot = self.getPlotItem()
        self._line = plot.plot([], [])
        self._dots = pg.ScatterPlotItem(pxMode=True)
        self._dots.sigClicked.connect(self._on_clicked)
        plot.addItem(self._dots)
        self._factor = 1000.0  # of seconds, for the axis
        self._texts: list[pg.TextItem] = []
        plot.getViewBox().sigResized.connect(lambda _view: self._place_labels())

    def set_points(self, points: Sequence[ChartPoint], current: int) -> None:
        """Draw the levels; those without a score are left out. What is drawn already is not drawn again."""
        ink = self.text_colour()
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
            self._place_labels()
        else:
            self._empty(ink)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        if self.getPlotItem() is not None:  # it is resized while it is made
            self._name_axis()

    def _name_axis(self) -> None:
        """Name the axis of time where there is room: the readout above has the unit, too."""
        plot, named = self.getPlotItem(), self.height() >= NAMED
        axis = plot.getAxis("bottom")
        axis.showLabel(named)
        axis.setHeight(AXIS if named else UNNAMED_AXIS)
        plot.layout.setContentsMargins(*(MARGINS if named else (*MARGINS[:3], 0)))

    def redraw(self) -> None:
        if self._drawn is not None:
            points, current, _ = self._drawn
            self.set_points(points, current)

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
            axis.setTickFont(self.small_font())
            axis.resizeEvent()  # else another text stays where the former one began
        self._name_axis()

    def _spot(self, point: ChartPoint, current: bool, ink: QColor) -> dict[str, object]:
        colours = chart_colours(self)
        colour = QColor(colours.star if point.recommended else colours.dot)
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
        item = pg.TextItem(text, color=ink if bold else _faint(ink, 190))
        font = self.small_font()
        font.setBold(bold)
        item.setFont(font)
        item.setPos(self._factor * point.seconds, point.quality)
        self.getPlotItem().addItem(item, ignoreBounds=True)
        self._texts.append(item)

    def _place_labels(self) -> None:
        """Put each label on a side of its dot where it covers nothing."""
        view = self.getPlotItem().getViewBox()
        labels = [text for text in self._texts if text.textItem.toPlainText() != NO_SCORES]
        points = [view.mapFromView(text.pos()) for text in labels]
        rects = [text.textItem.boundingRect() for text in labels]
        sizes = [(rect.width() - 2 * PADDING, rect.height() - 2 * PADDING) for rect in rects]
        seen = view.rect()
        area = seen.left(), seen.top(), seen.right(), seen.bottom()
        chosen = sides([(point.x(), point.y()) for point in points], sizes, area)
        for text, size, side in zip(labels, sizes, chosen, strict=True):
            away = offset(size, side)
            full = size[0] + 2 * PADDING, size[1] + 2 * PADDING
            text.setAnchor(pg.Point(0.5 - away[0] / full[0], 0.5 - away[1] / full[1]))

    def _range(self, scored: Sequence[ChartPoint]) -> None:
        times = [self._factor * point.seconds for point in scored]
        values = [point.quality or 0.0 for point in scored]
        spread = max(max(values) - min(values), 0.02)
        self.setXRange(0, 1.1 * max(times), padding=0)
        self.setYRange(min(values) - 0.35 * spread, max(values) + 0.75 * spread, padding=0)

    def _empty(self, ink: QColor) -> None:
        self.setXRange(0, 1, padding=0)
        self.setYRange(0, 1, padding=0)
        item = pg.TextItem(NO_SCORES, color=_faint(ink, 190), anchor=(0.5, 0.5))
        item.setPos(0.5, 0.5)
        self.getPlotItem().addItem(item, ignoreBounds=True)
        self._texts.append(item)

    def _on_clicked(self, _item: object, spots: Sequence[pg.SpotItem], *_rest: object) -> None:
        if len(spots):
            self.level_clicked.emit(int(spots[0].data()))


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
