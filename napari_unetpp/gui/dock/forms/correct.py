"""The fold Correct: correcting labels, fine-tuning, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence

from magicgui.widgets import ComboBox
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QWidget,
)

from napari_unetpp.gui.dock.forms.fields import BAR, Field, Form, button, connect, make_widget
from napari_unetpp.gui.dock.training_chart import TrainingChart
from napari_unetpp.gui.dock.widgets import Note, ProgressBar, line
from napari_unetpp.gui.tools.shortcuts import CORRECT, MERGE, SPLIT
from napari_unetpp.session.messages.correcting import ScoreRow
from napari_unetpp.session.ports import ViewSignals

TIPS = {
    "corrections": "What you painted, erased or filled is true. Elsewhere the model is held to what it"
    " predicted before, so that it forgets nothing.",
    "reviewed": "All that is displayed is true, background too. Draw regions to say so of a part only.",
    "sparse": "Only your strokes count: a few on objects, a few on background. 0 means not labelled.",
}


class ScoresTable(QTableWidget):
    """Level, before, after; AP50 beside Dice where there is any."""

    ROW = 20
    """Height of a row, px."""

    def __init__(self) -> None:
        super().__init__(0, 3)
        rows, self._head = self.verticalHeader(), self.horizontalHeader()
        assert rows is not None and self._head is not None
        rows.hide()
        self._head.setSectionResizeMode(self._head.ResizeMode.Stretch)
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(60)

    def set_rows(self, rows: Sequence[ScoreRow]) -> None:
        """Show these levels; a dash for what is undefined."""
        with_ap50 = any(row.ap50_after is not None for row in rows)
        heads = ["level", "Dice", "after", "AP50", "after"] if with_ap50 else ["level", "before", "after"]
        self.setColumnCount(len(heads))
        self.setHorizontalHeaderLabels(heads)
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            scores = (row.before, row.after, row.ap50_before, row.ap50_after)[: len(heads) - 1]
            texts = [f"L{row.level}{' ★' if row.recommended else ''}"]
            texts += ["–" if score is None else f"{score:.2f}" for score in scores]
            for column, text in enumerate(texts):
                self.setItem(number, column, _item(text, recommended=row.recommended))
            self.setRowHeight(number, self.ROW)
        assert self._head is not None
        self.setFixedHeight(self._head.sizeHint().height() + self.ROW * len(rows) + 4)


def _item(text: str, *, recommended: bool) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
    if recommended:
        font = item.font()
        font.setBold(True)
        item.setFont(font)
        item.setToolTip("Recommended: the shallowest within 0.01 of the best")
    return item


TYPED = {"keyboardTracking": False, "minimumWidth": 64}
"""For a number that counts when typing it is finished."""


class CorrectForm(Form):
    """Correct, fine-tune, keep or discard; save, go to the next image.

    Attributes
    ----------
    count : QWidget
        How many corrections there are, and how to forget some: for the heading of the fold.
    """

    correct_button: QPushButton
    ignore_button: QPushButton
    merge_objects_button: QPushButton
    split_object_button: QPushButton
    labels_as_combo: QComboBox
    background_spin: QSpinBox
    regions_button: QPushButton
    hint_label: Note
    budget_spin: QSpinBox
    finetune_button: QPushButton
    training_bar: ProgressBar
    finetune_summary_label: Note
    keep_button: QPushButton
    discard_button: QPushButton
    scores_table: ScoresTable
    training_chart: TrainingChart
    save_corrections_button: QPushButton
    next_image_button: QPushButton

    FIELDS = (
        button(
            "correct",
            f"Correct  ({CORRECT})",
            "Copy the result into a labels layer and correct it with napari's brush, eraser, fill, picker and"
            f" polygon ({CORRECT}). 0 is background; M gives a new object its number. The layer takes as"
            " much memory as the result",
            stretch=3,
        ),
        button(
            "ignore",
            "Ignore brush",
            "Paint what is to count nowhere: neither object nor background",
            beside=True,
            stretch=2,
        ),
        button(
            "merge_objects",
            f"Merge  ({MERGE})",
            "Draw a line across objects, or click one and then those that touch it: they become one object"
            f" ({MERGE}). Also Alt and the click tool",
            checkable=True,
        ),
        button(
            "split_object",
            f"Split  ({SPLIT})",
            "Draw a line across an object to cut it there, or click two points in it: it is split where it is"
            f" narrowest between them ({SPLIT}). Also Ctrl and the click tool",
            beside=True,
            checkable=True,
        ),
        Field(
            "labels_as_combo",
            ComboBox,
            caption="La&bels as",
            spoken="Labels count as",
            stretch=1,
            options={"choices": tuple(TIPS)},
            qt={"minimumContentsLength": 3},  # room for the spin box beside it
        ),
        Field(
            "background_spin",
            QSpinBox,
            "The label value that stands for background",
            beside=True,
            spoken="Label of the background",
            shown=False,
            qt={"range": (1, 65534), "prefix": "background ", "minimumWidth": 118},
        ),
        button(
            "regions",
            "Regions",
            "Draw rectangles: only what lies inside them counts as reviewed",
            beside=True,
            stretch=0,
            shown=False,
        ),
        Field("hint_label", Note, options={"lines": 2}),
        Field(
            "budget_spin",
            QSpinBox,
            "Fine-tuning takes this long; Stop ends it earlier with the best so far",
            caption="B&udget",
            spoken="Time budget",
            qt={"range": (5, 36_000), "value": 60, "singleStep": 15, "suffix": " s", **TYPED},
        ),
        button(
            "finetune",
            "Fine-tune",
            "Train a copy of the model on your corrections, for as long as the budget says; the model itself"
            " stays as it is",
            beside=True,
        ),
        Field(
            "training_bar",
            ProgressBar,
            shown=False,
            qt=BAR,
        ),
        Field("finetune_summary_label", Note, shown=False),
        button("keep", "Keep", "Add the new model to the list and use it", shown=False),
        button("discard", "Discard", "Leave everything as it was", beside=True, shown=False),
        Field("scores_table", ScoresTable, spoken="Scores before and after", shown=False),
        Field("training_chart", TrainingChart, shown=False),
        Field("line", line),
        button(
            "save_corrections",
            "Save corrections",
            "Write images and labels into a folder; napari-unetpp finetune FOLDER learns the same from it",
        ),
        button(
            "next_image", "Next image", "The next image layer, or the next file of the folder", beside=True
        ),
    )
    COUNT = Field(
        "correction_count_label",
        QLabel,
        "What you decided in this session, in all images and planes: fine-tuning learns from all of it",
    )
    FORGET = Field(
        "forget_button",
        QToolButton,
        "Choose corrections that no longer count; they can be brought back",
        shown=False,
        qt={"text": "Forget"},
    )

    def __init__(self, signals: ViewSignals) -> None:
        super().__init__(signals)
        self.correction_count_label: QLabel = make_widget(self.COUNT)
        self.forget_button: QToolButton = make_widget(self.FORGET)
        connect(self.forget_button, signals)
        self.count = QWidget()
        row = QHBoxLayout(self.count)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.correction_count_label, 1)
        row.addWidget(self.forget_button)
