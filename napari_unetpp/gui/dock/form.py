"""What the dock shows: the head, and under it the folds, which scroll."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_unetpp.gui.dock.charts import SpeedQualityChart
from napari_unetpp.gui.dock.forms.correct import CorrectForm
from napari_unetpp.gui.dock.forms.head import Head
from napari_unetpp.gui.dock.forms.input import InputForm
from napari_unetpp.gui.dock.forms.result import ResultForm
from napari_unetpp.gui.dock.widgets import Fold, is_alive
from napari_unetpp.session.ports import ViewSignals

MARGIN = SCROLL_BAR = 8
"""Beside the folds, px: the scroll bar takes the place of the margin, so that they still fit into 300 px."""

SPACING = BELOW = 4
"""Between the folds, and below them, px."""

CHART_TIP = "Show or hide the chart: the score of each depth against its time; a click on a dot chooses it"
INPUT_TIP = "Show or hide region, contrast and scale, and what segments many images"
RESULT_TIP = "Show or hide threshold, sizes and overlays, the click tool and Save"
CORRECT_TIP = "Show or hide correcting and fine-tuning"

GROWING_MS = 300
"""For so long a fold that was opened may still change its height."""


class DockForm(QWidget):
    """The forms of the dock and where they stand."""

    def __init__(self, signals: ViewSignals) -> None:
        super().__init__()
        self.head = Head(signals)
        self.chart = SpeedQualityChart()
        self.chart.level_clicked.connect(self.head.levels.slider.setValue)
        self.input, self.result, self.correct = InputForm(signals), ResultForm(signals), CorrectForm(signals)
        self.chart_fold = Fold("Speed and quality", self.chart, tip=CHART_TIP)
        self.input_fold = Fold("Input", self.input, tip=INPUT_TIP, open_=False)
        self.result_fold = Fold("Result", self.result, tip=RESULT_TIP)
        self.correct_fold = Fold(
            "Correct", self.correct, tip=CORRECT_TIP, open_=False, aside=self.correct.count
        )
        self._all_folds = self.chart_fold, self.input_fold, self.result_fold, self.correct_fold
        self.correct_fold.toggled.connect(self._make_room)
        self._chart_was_open = True
        self._growing = QTimer(self)
        self._growing.setSingleShot(True)
        self._growing.setInterval(GROWING_MS)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addWidget(self._folds(), 1)
        # else napari fills a tall window with empty space below
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._fit_chart()

    def event(self, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self._fit_chart()  # the head has more rows, or fewer
        return super().event(event)

    def _fit_chart(self) -> None:
        """Give the chart what is left of the height beside the folds that are open at first.

        Whatever else opens scrolls: else the chart would shrink, and move what was just clicked.
        """
        legend = self.result.legend_label
        more = 0 if legend.isHidden() else legend.sizeHint().height() + self.result.grid.verticalSpacing()
        headings = len(self._all_folds) * (self.result_fold.heading_height() + SPACING)
        used = self.head.sizeHint().height() + headings + self.result.sizeHint().height() - more
        height = max(self.chart.LEAST, min(self.chart.MOST, self.height() - used - BELOW - SPACING))
        if height != self.chart.maximumHeight():
            self.chart.setFixedHeight(height)

    def show_correct(self) -> None:
        """Scroll to the fold Correct, also while it still gets its height; to its outcome if there is one."""
        self._growing.start()
        QTimer.singleShot(0, self._scroll_to_correct)

    def _folds(self) -> QScrollArea:
        self.folds = QWidget()
        column = QVBoxLayout(self.folds)
        column.setContentsMargins(MARGIN, 0, MARGIN, BELOW)
        column.setSpacing(SPACING)
        for fold in self._all_folds:
            column.addWidget(fold)
        column.addStretch(1)
        area = self.area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it follows the focus
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self.folds)
        bar = area.verticalScrollBar()
        assert bar is not None
        bar.setFixedWidth(SCROLL_BAR)
        self._bar = bar
        bar.rangeChanged.connect(lambda _low, high: self._on_grown(scrolls=high > 0))
        return area

    def _on_grown(self, *, scrolls: bool) -> None:
        if not (is_alive(self._growing) and is_alive(self._bar)):  # all may be being deleted, in either order
            return
        column = self.folds.layout()
        assert column is not None
        column.setContentsMargins(MARGIN, 0, 0 if scrolls else MARGIN, BELOW)
        if self._growing.isActive():
            self._scroll_to_correct()

    def _scroll_to_correct(self) -> None:
        self._bar.setValue(self.correct_fold.y())
        if self.correct.keep_button.isVisible():
            self.area.ensureWidgetVisible(self.correct.keep_button, 0, 4)

    def _make_room(self, opened: bool) -> None:
        """The chart folds away while the user corrects."""
        button = self.chart_fold.button
        if opened:
            self._chart_was_open = button.isChecked()
        button.setChecked(not opened and self._chart_was_open)
