"""The widgets of the dock and where they stand. No behaviour: see `gui.dock.dock`."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from napari_unetpp.gui.dock.charts import SpeedQualityChart
from napari_unetpp.gui.dock.correct_form import CorrectFold
from napari_unetpp.gui.dock.input_form import InputFold
from napari_unetpp.gui.dock.level_slider import LevelSlider
from napari_unetpp.gui.dock.widgets import Fold, combo_box, grid_layout, labelled_row, note
from napari_unetpp.gui.layers.overlay import DEPTH_LEGEND, UNCERTAINTY_LEGEND
from napari_unetpp.gui.tools.shortcuts import CLICK, NEXT, SEGMENT
from napari_unetpp.session.correct.ports import CorrectSignals

DEVICE_TIP = "Where the network is computed"

GROWING_MS = 300
"""For so long a fold that was opened may still change its height."""


class Form(QWidget):
    """Pickers, depth, the run, and the folds with the input, with the result and with correcting."""

    def __init__(self, signals: CorrectSignals) -> None:
        super().__init__()
        self.image_combo = combo_box("image_combo", "Image", "Image layer to segment")
        self.image_note = note("image_note", lines=2)
        self.model_combo = combo_box("model_combo", "Model", "What the network was trained to find")
        self.model_note = note("model_note")
        self.model_note.hide()
        self.device_combo = combo_box("device_combo", "Device", DEVICE_TIP)
        self.device_note = note("device_note")
        self.device_note.hide()
        self.depth = LevelSlider()
        self.level_readout = note("level_readout")
        self.chart = SpeedQualityChart()
        self._make_run()
        self._make_result()
        self.input = InputFold()
        self.correct = CorrectFold(signals)
        self.chart_fold = Fold("Speed and quality", self.chart)
        self.input_fold = Fold("Input", self.input, open_=False)
        self.result_fold = Fold("Result", self._result())
        self.correct_fold = Fold("Correct", self.correct, open_=False, aside=self.correct.count)
        self.correct_fold.button.toggled.connect(self._make_room)
        self._chart_was_open = True
        self._growing = QTimer(self)
        self._growing.setSingleShot(True)
        self._growing.setInterval(GROWING_MS)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._head())
        column.addWidget(self._folds(), 1)
        # else napari fills a tall window with empty space below
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

    def show_correct(self) -> None:
        """Scroll to the fold Correct, also while it still gets its height; to its outcome if there is one."""
        self._growing.start()
        QTimer.singleShot(0, self._scroll_to_correct)

    def _on_grown(self) -> None:
        if self._growing.isActive():
            self._scroll_to_correct()

    def _scroll_to_correct(self) -> None:
        self.area.verticalScrollBar().setValue(self.correct_fold.y())
        if self.correct.keep_button.isVisible():
            self.area.ensureWidgetVisible(self.correct.keep_button, 0, 4)

    def show_legends(self) -> None:
        """Say what the colours of the overlays mean that are shown."""
        legends = (
            (self.uncertainty_checkbox, UNCERTAINTY_LEGEND),
            (self.depth_checkbox, DEPTH_LEGEND),
        )
        shown = [legend for box, legend in legends if box.isChecked()]
        self.legend_label.setText("<br>".join(shown))
        self.legend_label.setVisible(bool(shown))

    def _make_room(self, opened: bool) -> None:
        """The chart folds away while the user corrects."""
        button = self.chart_fold.button
        if opened:
            self._chart_was_open = button.isChecked()
        button.setChecked(not opened and self._chart_was_open)

    # ----------------------------------------------------------------- widgets

    def _make_run(self) -> None:
        self.segment_button = QPushButton(f"Segment  ({SEGMENT})")
        self.segment_button.setObjectName("segment_button")
        self.segment_button.setToolTip(f"Segment the displayed plane at the chosen depth ({SEGMENT})")
        self.live_checkbox = QCheckBox("Live")
        self.live_checkbox.setObjectName("live_checkbox")
        self.live_checkbox.setToolTip(
            "Segment again when the slider goes deeper, the scale or the contrast changes, or another"
            " plane is displayed"
        )
        self.stop_button = QPushButton("Stop")
        self.stop_button.setObjectName("stop_button")
        self.stop_button.setToolTip("Stop the segmentation or, where none runs, the fine-tuning")
        self.stop_button.setEnabled(False)
        self.progress_bar = QProgressBar()
        self.progress_bar.setObjectName("progress_bar")
        self.progress_bar.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.progress_bar.setFixedHeight(16)
        self.message_label = note("message_label", lines=4)
        self.message_label.setTextFormat(Qt.TextFormat.RichText)
        self.message_label.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )

    def _make_result(self) -> None:
        self.kind_combo = combo_box("kind_combo", "Show", "Objects in colours, or foreground in one")
        self.kind_combo.addItem("labels", "labels")
        self.kind_combo.addItem("mask", "mask")
        self.threshold_slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.threshold_slider.setObjectName("threshold_slider")
        self.threshold_slider.setAccessibleName("Threshold")
        self.threshold_slider.setToolTip("Foreground probability from which a pixel counts")
        self.threshold_slider.setRange(0.01, 0.99)
        self.threshold_slider.setSingleStep(0.01)
        self.threshold_slider.setDecimals(2)
        self.min_size_spin = QSpinBox()
        self.min_size_spin.setObjectName("min_size_spin")
        self.min_size_spin.setAccessibleName("Minimum size")
        self.min_size_spin.setToolTip("Objects of fewer pixels are dropped")
        self.min_size_spin.setRange(0, 1_000_000)
        self.min_size_spin.setKeyboardTracking(False)
        self.min_size_spin.setStyleSheet("min-width: 50px")  # napari wishes for more than fits at 300 px
        self.split_checkbox = QCheckBox("Split")
        self.split_checkbox.setObjectName("split_checkbox")
        self.split_checkbox.setToolTip("Tell touching objects apart")
        self.uncertainty_checkbox = QCheckBox("Uncertainty")
        self.uncertainty_checkbox.setObjectName("uncertainty_checkbox")
        self.uncertainty_checkbox.setToolTip("Let glow what the model is not sure of")
        self.depth_checkbox = QCheckBox("Auto levels")
        self.depth_checkbox.setObjectName("depth_checkbox")
        self.depth_checkbox.setToolTip("Colour the places where Auto went deeper; at a fixed depth nothing")
        self.legend_label = note("legend_label")
        self.legend_label.hide()
        self.next_button = QPushButton(f"Next  ({NEXT})")
        self.next_button.setObjectName("next_button")
        self.next_button.setToolTip(
            f"Go to the most uncertain place that you have neither seen nor corrected ({NEXT})"
        )
        self.click_tool_button = QPushButton(f"Click tool  ({CLICK})")
        self.click_tool_button.setObjectName("click_tool_button")
        self.click_tool_button.setCheckable(True)
        self.click_tool_button.setToolTip(
            "Click an object to add it to the corrections, Shift+click to take one away, drag a box to add"
            f" all inside; also before anything was segmented ({CLICK})"
        )
        self.save_button = QPushButton("Save labels + CSV")
        self.save_button.setObjectName("save_button")
        self.save_button.setToolTip("Write the result and a table of its objects; nothing is overwritten")
        self.save_button.setEnabled(False)

    # ----------------------------------------------------------------- layouts

    def _head(self) -> QWidget:
        """What is always in sight: the pickers, the depth, the run and what came of it."""
        head = QWidget()
        column = QVBoxLayout(head)
        column.setContentsMargins(8, 8, 8, 4)
        column.setSpacing(6)
        column.addLayout(self._pickers())
        column.addLayout(self._run_row())
        column.addWidget(self.progress_bar)
        column.addWidget(self._message_area())
        return head

    def _message_area(self) -> QScrollArea:
        """Room for the message: a longer one scrolls, so nothing below it jumps."""
        area = self.message_area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self.message_label)
        area.setFixedHeight(self.message_label.minimumSizeHint().height())
        self.message_label.show_all()
        return area

    def _folds(self) -> QScrollArea:
        """What scrolls."""
        self.folds = QWidget()
        column = QVBoxLayout(self.folds)
        column.setContentsMargins(8, 0, 8, 8)
        column.setSpacing(6)
        for fold in (self.chart_fold, self.input_fold, self.result_fold, self.correct_fold):
            column.addWidget(fold)
        column.addStretch(1)
        area = self.area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self.folds)
        area.verticalScrollBar().rangeChanged.connect(lambda _low, _high: self._on_grown())
        return area

    def _pickers(self) -> QGridLayout:
        grid = grid_layout()
        labelled_row(grid, 0, "&Image", self.image_combo)
        grid.addWidget(self.image_note, 1, 0, 1, 2)
        labelled_row(grid, 2, "&Model", self.model_combo)
        grid.addWidget(self.model_note, 3, 1)
        labelled_row(grid, 4, "&Device", self.device_combo)
        grid.addWidget(self.device_note, 5, 1)
        label = labelled_row(grid, 6, "De&pth", self.depth)
        label.setBuddy(self.depth.slider)
        grid.setAlignment(label, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self.level_readout, 7, 0, 1, 2)
        return grid

    def _run_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.segment_button, 1)
        row.addWidget(self.live_checkbox)
        row.addWidget(self.stop_button)
        return row

    def _result(self) -> QWidget:
        content = QWidget()
        grid = grid_layout()
        grid.setContentsMargins(0, 4, 0, 0)
        content.setLayout(grid)
        labelled_row(grid, 0, "Sh&ow", self.kind_combo)
        labelled_row(grid, 1, "&Threshold", self.threshold_slider)
        size = QHBoxLayout()
        size.addWidget(self.min_size_spin, 1)
        size.addWidget(self.split_checkbox)
        labelled_row(grid, 2, "Mi&n. px", self.min_size_spin, size)
        overlays = QHBoxLayout()
        overlays.setSpacing(8)
        overlays.addWidget(self.uncertainty_checkbox)
        overlays.addWidget(self.depth_checkbox, 1)
        overlays.addWidget(self.next_button)
        grid.addLayout(overlays, 3, 0, 1, 2)
        grid.addWidget(self.legend_label, 4, 0, 1, 2)
        last = QHBoxLayout()
        last.setSpacing(6)
        last.addWidget(self.click_tool_button, 1)
        last.addWidget(self.save_button, 1)
        grid.addLayout(last, 5, 0, 1, 2)
        return content
