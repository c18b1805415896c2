"""What the dock shows: the head, and under it the folds, which scroll."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_unetpp.gui.dock.charts import SpeedQualityChart
from napari_unetpp.gui.dock.forms.correct import CorrectForm
from napari_unetpp.gui.dock.forms.head import Head
from napari_unetpp.gui.dock.forms.input import InputForm
from napari_unetpp.gui.dock.forms.result import ResultForm
from napari_unetpp.gui.dock.widgets import Fold, is_alive
from napari_unetpp.session.ports import ViewSignals

SCROLL_BAR = 8
"""Width of the scroll bar of the folds, px: with it they still fit into 300 px."""

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
        self.chart_fold = Fold("Speed and quality", self.chart)
        self.input_fold = Fold("Input", self.input, open_=False)
        self.result_fold = Fold("Result", self.result)
        self.correct_fold = Fold("Correct", self.correct, open_=False, aside=self.correct.count)
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

    def show_correct(self) -> None:
        """Scroll to the fold Correct, also while it still gets its height; to its outcome if there is one."""
        self._growing.start()
        QTimer.singleShot(0, self._scroll_to_correct)

    def _folds(self) -> QScrollArea:
        self.folds = QWidget()
        column = QVBoxLayout(self.folds)
        column.setContentsMargins(8, 0, 8, 4)
        column.setSpacing(4)
        for fold in (self.chart_fold, self.input_fold, self.result_fold, self.correct_fold):
            column.addWidget(fold)
        column.addStretch(1)
        area = self.area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self.folds)
        bar = area.verticalScrollBar()
        assert bar is not None
        bar.setFixedWidth(SCROLL_BAR)
        self._bar = bar
        bar.rangeChanged.connect(lambda _low, _high: self._on_grown())
        return area

    def _on_grown(self) -> None:
        alive = is_alive(self._growing) and is_alive(self._bar)  # all may be being deleted, in either order
        if alive and self._growing.isActive():
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
