"""The widgets of the dock and where they stand. No behaviour: see `gui.dock`."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from napari_unetpp.gui.charts import SpeedQualityChart
from napari_unetpp.gui.level_slider import LevelSlider
from napari_unetpp.gui.shortcuts import SEGMENT

SMALLEST_SCALE, LARGEST_SCALE = 1 / 16, 8.0


class Form(QWidget):
    """Pickers, depth, the run, and the fold with the result."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image_combo = _combo("image_combo", "Image", "Image layer to segment")
        self.image_note = _note("image_note")
        self.model_combo = _combo("model_combo", "Model", "What the network was trained to find")
        self.device_combo = _combo("device_combo", "Device", "Where the network is computed")
        self.device_note = _note("device_note")
        self.device_note.hide()
        self.depth = LevelSlider()
        self.level_readout = _note("level_readout")
        self.chart = SpeedQualityChart()
        self._make_run()
        self._make_result()
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        column.addLayout(self._pickers())
        column.addWidget(self.chart)
        column.addLayout(self._run_row())
        column.addWidget(self.progress_bar)
        column.addWidget(self.message_label)
        self.result_fold = Fold("Result", self._result())
        column.addWidget(self.result_fold)
        column.addStretch(1)

    # ----------------------------------------------------------------- widgets

    def _make_run(self) -> None:
        self.segment_button = QPushButton(f"Segment  ({SEGMENT})")
        self.segment_button.setObjectName("segment_button")
        self.segment_button.setToolTip(f"Segment the displayed plane at the chosen depth ({SEGMENT})")
        self.live_checkbox = QCheckBox("Live")
        self.live_checkbox.setObjectName("live_checkbox")
        self.live_checkbox.setToolTip(
            "Segment again when the slider goes deeper, the scale changes or another plane is displayed"
        )
        self.stop_button = QPushButton("Stop")
        self.stop_button.setObjectName("stop_button")
        self.stop_button.setToolTip("Stop within one tile")
        self.stop_button.setEnabled(False)
        self.progress_bar = QProgressBar()
        self.progress_bar.setObjectName("progress_bar")
        self.progress_bar.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.progress_bar.setFixedHeight(16)
        self.message_label = _note("message_label")
        self.message_label.setTextFormat(Qt.TextFormat.RichText)
        self.message_label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.message_label.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        # room for four lines, so that nothing below moves when the text changes
        self.message_label.setMinimumHeight(4 * self.message_label.fontMetrics().lineSpacing() + 4)

    def _make_result(self) -> None:
        self.kind_combo = _combo("kind_combo", "Show", "Objects in colours, or foreground in one")
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
        self.min_size_spin.setToolTip("Smaller objects are dropped")
        self.min_size_spin.setRange(0, 1_000_000)
        self.min_size_spin.setSuffix(" px")
        self.min_size_spin.setKeyboardTracking(False)
        self.min_size_spin.setMinimumWidth(64)  # its own wish follows the largest number it could hold
        self.split_checkbox = QCheckBox("Split touching")
        self.split_checkbox.setObjectName("split_checkbox")
        self.split_checkbox.setToolTip("Tell touching objects apart")
        self._make_scale()
        self.save_button = QPushButton("Save labels + CSV")
        self.save_button.setObjectName("save_button")
        self.save_button.setToolTip("Write the result and a table of its objects; nothing is overwritten")
        self.save_button.setEnabled(False)

    def _make_scale(self) -> None:
        self.scale_spin = QDoubleSpinBox()
        self.scale_spin.setObjectName("scale_spin")
        self.scale_spin.setAccessibleName("Object scale")
        self.scale_spin.setToolTip(
            "The image is shrunk or magnified by this factor before the network sees it;"
            " the lowest value is automatic"
        )
        self.scale_spin.setRange(0.0, LARGEST_SCALE)
        self.scale_spin.setSingleStep(0.05)
        self.scale_spin.setDecimals(2)
        self.scale_spin.setPrefix("× ")
        self.scale_spin.setSpecialValueText("auto")
        self.scale_spin.setKeyboardTracking(False)
        self.scale_spin.setMinimumWidth(64)
        self.circle_button = QPushButton("Circle")
        self.circle_button.setObjectName("circle_button")
        self.circle_button.setCheckable(True)
        self.circle_button.setToolTip("Draw a circle on the image; drag it to the size of a typical object")
        self.scale_note = _note("scale_note")

    # ----------------------------------------------------------------- layouts

    def _pickers(self) -> QGridLayout:
        grid = _grid()
        _row(grid, 0, "&Image", self.image_combo)
        grid.addWidget(self.image_note, 1, 1)
        _row(grid, 2, "&Model", self.model_combo)
        _row(grid, 3, "&Device", self.device_combo)
        grid.addWidget(self.device_note, 4, 1)
        label = _row(grid, 5, "De&pth", self.depth)
        label.setBuddy(self.depth.slider)
        grid.setAlignment(label, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self.level_readout, 6, 0, 1, 2)
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
        grid = _grid()
        grid.setContentsMargins(0, 4, 0, 0)
        content.setLayout(grid)
        _row(grid, 0, "Sh&ow", self.kind_combo)
        _row(grid, 1, "&Threshold", self.threshold_slider)
        size = QHBoxLayout()
        size.addWidget(self.min_size_spin, 1)
        size.addWidget(self.split_checkbox)
        _row(grid, 2, "Mi&n. size", self.min_size_spin, size)
        scale = QHBoxLayout()
        scale.addWidget(self.scale_spin, 1)
        scale.addWidget(self.circle_button)
        _row(grid, 3, "Sc&ale", self.scale_spin, scale)
        grid.addWidget(self.scale_note, 4, 1)
        grid.addWidget(self.save_button, 5, 0, 1, 2)
        return content


class Fold(QWidget):
    """A heading that opens and closes what is under it."""

    def __init__(self, title: str, content: QWidget, *, open_: bool = True) -> None:
        super().__init__()
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setCheckable(True)
        self.button.setChecked(open_)
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.button.setStyleSheet("QToolButton { border: none; background: transparent; font-weight: bold; }")
        self.content = content
        self.button.toggled.connect(self._toggle)
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        line.setFixedHeight(1)
        line.setStyleSheet("background: rgba(128, 128, 128, 90); border: none;")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 0)
        column.setSpacing(2)
        for widget in (line, self.button, content):
            column.addWidget(widget)
        self._toggle(open_)

    def _toggle(self, opened: bool) -> None:
        self.content.setVisible(opened)
        self.button.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)


def _grid() -> QGridLayout:
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(8)
    grid.setVerticalSpacing(4)
    grid.setColumnMinimumWidth(0, 62)
    grid.setColumnStretch(1, 1)
    return grid


def _row(
    grid: QGridLayout, row: int, text: str, widget: QWidget, layout: QHBoxLayout | None = None
) -> QLabel:
    label = QLabel(text)
    label.setBuddy(widget)
    grid.addWidget(label, row, 0)
    if layout is None:
        grid.addWidget(widget, row, 1)
    else:
        layout.setSpacing(6)
        grid.addLayout(layout, row, 1)
    return label


def _combo(name: str, accessible: str, tip: str) -> QComboBox:
    combo = QComboBox()
    combo.setObjectName(name)
    combo.setAccessibleName(accessible)
    combo.setToolTip(tip)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(8)
    return combo


def _note(name: str) -> QLabel:
    label = QLabel()
    label.setObjectName(name)
    label.setWordWrap(True)
    return label
