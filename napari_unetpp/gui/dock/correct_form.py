"""The fold Correct: widgets, where they stand, and the `CorrectView` that they make up."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_unetpp._types import FinetuneProgress
from napari_unetpp.gui.dock.training_chart import TrainingChart
from napari_unetpp.gui.dock.widgets import combo_box, grid_layout, labelled_row, note
from napari_unetpp.gui.tools.shortcuts import CORRECT
from napari_unetpp.session.correct.planes import LabelMode
from napari_unetpp.session.correct.ports import CorrectSignals
from napari_unetpp.session.messages.correcting import ScoreRow
from napari_unetpp.session.values import Tone

TIPS = {
    "corrections": "What you painted, erased or filled is true. Everywhere else the model teaches itself"
    " what it saw before, so that it forgets nothing.",
    "reviewed": "All that is displayed is true, background too. Draw regions to say so of a part only.",
    "sparse": "Only your strokes count: a few on objects, a few on background. 0 means not labelled.",
}
SUGGESTED = "QPushButton { border: 2px solid #4c9be8; font-weight: bold; }"


class CorrectFold(QWidget):
    """Correct, fine-tune, keep or discard."""

    def __init__(self, signals: CorrectSignals) -> None:
        super().__init__()
        self._make_correct()
        self._make_learn()
        self._make_outcome()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(5)
        column.addLayout(_side_by_side(self.correct_button, self.ignore_button, stretch=(3, 2)))
        column.addLayout(self._meaning())
        column.addLayout(self._budget())
        column.addWidget(self.training_bar)
        column.addWidget(self.verdict_label)
        column.addLayout(_side_by_side(self.keep_button, self.discard_button))
        column.addWidget(self.scores_table)
        column.addWidget(self.training_chart)
        column.addWidget(_line())
        column.addLayout(_side_by_side(self.save_corrections_button, self.next_image_button))
        self._connect(signals)

    # ----------------------------------------------------------------- widgets

    def _make_correct(self) -> None:
        self.correct_button = _button(
            "correct_button",
            f"Correct  ({CORRECT})",
            "Copy the result into a labels layer and correct it with napari's brush, eraser, fill, picker and"
            f" polygon ({CORRECT}). 0 is background; M gives a new object its number",
        )
        self.ignore_button = _button(
            "ignore_button", "Ignore brush", "Paint what is to count nowhere: neither object nor background"
        )
        self.labels_as_combo = combo_box("labels_as_combo", "Labels count as", "What your labels say")
        self.labels_as_combo.setMinimumContentsLength(3)  # room for the spin box beside it
        for row, (key, tip) in enumerate(TIPS.items()):
            self.labels_as_combo.addItem(key, key)
            self.labels_as_combo.setItemData(row, tip, Qt.ItemDataRole.ToolTipRole)
        self.background_spin = QSpinBox()
        self.background_spin.setObjectName("background_spin")
        self.background_spin.setAccessibleName("Label of the background")
        self.background_spin.setToolTip("The label value that stands for background")
        self.background_spin.setRange(1, 65534)
        self.background_spin.setPrefix("background ")
        self.background_spin.setMinimumWidth(118)
        self.background_spin.hide()
        self.regions_button = _button(
            "regions_button", "Regions", "Draw rectangles: only what lies inside them counts as reviewed"
        )
        self.regions_button.hide()
        self.hint_label = note("hint_label")
        self.hint_label.setMinimumHeight(2 * self.hint_label.fontMetrics().lineSpacing())
        self.hint_label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.lessons_label = QLabel()
        self.lessons_label.setObjectName("lessons_label")
        self.lessons_label.setToolTip(
            "What you decided in this sitting, in all images and planes: fine-tuning learns from all of it"
        )

        self.forget_button = QToolButton()
        self.forget_button.setObjectName("forget_button")
        self.forget_button.setText("Forget")
        self.forget_button.setToolTip("Choose corrections that no longer count; they can be brought back")
        self.forget_button.hide()
        self.count = QWidget()
        self.count.setLayout(_side_by_side(self.lessons_label, self.forget_button, stretch=(1, 0)))
        self.count.layout().setContentsMargins(0, 0, 0, 0)

    def _make_learn(self) -> None:
        self.budget_spin = QSpinBox()
        self.budget_spin.setObjectName("budget_spin")
        self.budget_spin.setAccessibleName("Time budget")
        self.budget_spin.setToolTip("Fine-tuning takes this long; Stop ends it earlier with the best so far")
        self.budget_spin.setRange(5, 36_000)
        self.budget_spin.setValue(60)
        self.budget_spin.setSingleStep(15)
        self.budget_spin.setSuffix(" s")
        self.budget_spin.setKeyboardTracking(False)
        self.budget_spin.setMinimumWidth(64)
        self.finetune_button = _button(
            "finetune_button",
            "Fine-tune",
            "Teach a copy of the model what you corrected; the model itself stays as it is",
        )
        self.training_bar = QProgressBar()
        self.training_bar.setObjectName("training_bar")
        self.training_bar.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.training_bar.setFixedHeight(16)
        self.training_bar.hide()
        self.training_chart = TrainingChart()
        self.training_chart.hide()

    def _make_outcome(self) -> None:
        self.verdict_label = note("verdict_label")
        self.verdict_label.hide()
        self.scores_table = QTableWidget(0, 3)
        self.scores_table.setObjectName("scores_table")
        self.scores_table.setAccessibleName("Scores before and after")
        self.scores_table.verticalHeader().hide()
        self.scores_table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.scores_table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.scores_table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.scores_table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.scores_table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scores_table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.scores_table.setMinimumWidth(60)
        self.scores_table.hide()
        self.keep_button = _button("keep_button", "Keep", "Add the new model to the list and use it")
        self.discard_button = _button("discard_button", "Discard", "Leave everything as it was")
        self.save_corrections_button = _button(
            "save_corrections_button",
            "Save corrections",
            "Write images and labels into a folder; napari-unetpp finetune FOLDER learns the same from it",
        )
        self.next_image_button = _button(
            "next_image_button",
            "Next image",
            "The next image layer, or the next file of the folder",
        )

    def _meaning(self) -> QGridLayout:
        grid = grid_layout()
        labels = QHBoxLayout()
        labels.addWidget(self.labels_as_combo, 1)
        labels.addWidget(self.background_spin)
        labels.addWidget(self.regions_button)
        labelled_row(grid, 0, "La&bels as", self.labels_as_combo, labels)
        grid.addWidget(self.hint_label, 1, 0, 1, 2)
        return grid

    def _budget(self) -> QGridLayout:
        grid = grid_layout()
        learn = QHBoxLayout()
        learn.addWidget(self.budget_spin)
        learn.addWidget(self.finetune_button, 1)
        labelled_row(grid, 0, "B&udget", self.budget_spin, learn)
        return grid

    def _connect(self, signals: CorrectSignals) -> None:
        # lambdas: PySide6 drops what it cannot see in a signature
        for button, signal in (
            (self.correct_button, signals.correct_pressed),
            (self.ignore_button, signals.ignore_pressed),
            (self.regions_button, signals.regions_pressed),
            (self.finetune_button, signals.finetune_pressed),
            (self.keep_button, signals.keep_pressed),
            (self.discard_button, signals.discard_pressed),
            (self.save_corrections_button, signals.save_corrections_pressed),
            (self.next_image_button, signals.next_image_pressed),
            (self.forget_button, signals.forget_pressed),
        ):
            button.clicked.connect(lambda _=False, s=signal: s.emit())
        combo = self.labels_as_combo
        combo.activated.connect(lambda _=0: signals.labels_as_chosen.emit(combo.currentData()))
        self.background_spin.valueChanged.connect(lambda v: signals.background_changed.emit(v))
        self.budget_spin.valueChanged.connect(lambda v: signals.budget_changed.emit(v))

    # ------------------------------------------------- what the controller says

    def set_mode(self, mode: LabelMode, hint: str) -> None:
        combo = self.labels_as_combo
        combo.blockSignals(True)
        combo.setCurrentIndex(combo.findData(mode.labels_as))
        combo.blockSignals(False)
        combo.setToolTip(TIPS[mode.labels_as])
        self.background_spin.blockSignals(True)
        self.background_spin.setValue(mode.background)
        self.background_spin.blockSignals(False)
        self.background_spin.setVisible(mode.labels_as == "sparse")
        self.regions_button.setVisible(mode.labels_as == "reviewed")
        self.hint_label.say(hint, faint=True)

    def set_lessons(self, text: str, *, can_forget: bool) -> None:
        self.lessons_label.setText(text)
        self.forget_button.setVisible(can_forget)

    def set_learning(self, learning: bool, fraction: float | None, text: str) -> None:
        self.finetune_button.setEnabled(not learning)
        bar = self.training_bar
        bar.setVisible(learning)
        bar.setUpdatesEnabled(False)  # else it paints at once, three times, and the canvas with it
        bar.setRange(0, 0 if fraction is None else 1000)
        if fraction is not None:
            bar.setValue(int(1000 * fraction))
        bar.setFormat(text)
        bar.setUpdatesEnabled(True)

    def set_curve(self, points: Sequence[FinetuneProgress]) -> None:
        self.training_chart.show()
        self.training_chart.set_points(points)

    def set_scores(self, rows: Sequence[ScoreRow], verdict: str, tone: Tone) -> None:
        self.verdict_label.say(verdict, tone)
        self.verdict_label.setVisible(bool(verdict))
        self.scores_table.setVisible(bool(rows))
        fill_scores(self.scores_table, rows)

    def set_undecided(self, undecided: bool, *, keep: bool | None) -> None:
        for button, suggested in ((self.keep_button, True), (self.discard_button, False)):
            button.setVisible(undecided)
            button.setStyleSheet(SUGGESTED if undecided and keep is suggested else "")


def fill_scores(table: QTableWidget, rows: Sequence[ScoreRow]) -> None:
    """Level, before, after; AP50 beside Dice where there is any."""
    with_ap50 = any(row.ap50_after is not None for row in rows)
    table.setColumnCount(5 if with_ap50 else 3)
    heads = ["level", "before", "after"] if not with_ap50 else ["level", "Dice", "after", "AP50", "after"]
    table.setHorizontalHeaderLabels(heads)
    table.setRowCount(len(rows))
    for number, row in enumerate(rows):
        scores = [row.before, row.after, *((row.ap50_before, row.ap50_after) if with_ap50 else ())]
        name = f"L{row.level}{' ★' if row.recommended else ''}"
        for column, text in enumerate((name, *("–" if s is None else f"{s:.2f}" for s in scores))):
            item = QTableWidgetItem(text)
            item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
            if row.recommended:
                font = item.font()
                font.setBold(True)
                item.setFont(font)
                item.setToolTip("Recommended: the shallowest within 0.01 of the best")
            table.setItem(number, column, item)
        table.setRowHeight(number, 20)
    table.setFixedHeight(table.horizontalHeader().sizeHint().height() + 20 * len(rows) + 4)


def _button(name: str, text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    return button


def _side_by_side(*widgets: QWidget, stretch: Sequence[int] = (1, 1)) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget, part in zip(widgets, stretch, strict=True):
        row.addWidget(widget, part)
    return row


def _line() -> QFrame:
    line = QFrame()
    line.setFixedHeight(1)
    line.setStyleSheet("background: rgba(128, 128, 128, 60); border: none;")
    return line
