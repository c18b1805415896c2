"""The dock's half of `session.correct.ports.CorrectView`: shows what correcting and fine-tuning say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget
from superqt.utils import signals_blocked

from napari_unetpp._types import FinetuneProgress
from napari_unetpp.gui.dock.form import DockForm
from napari_unetpp.gui.dock.forms.correct import TIPS
from napari_unetpp.gui.dock.forms.fields import select, set_checked, show_fraction
from napari_unetpp.session.correct.planes import LabelMode
from napari_unetpp.session.messages.correcting import ScoreRow
from napari_unetpp.session.values import MouseTool, Tone

SUGGESTED = "QPushButton { border: 2px solid #4c9be8; font-weight: bold; }"


class CorrectDockView(QWidget):
    """Sets the widgets of the fold Correct; emits nothing by that."""

    form: DockForm
    _busy = _learning = False

    def open_correct(self) -> None:
        self.form.correct_fold.button.setChecked(True)
        self.form.show_correct()

    def set_mouse_tool(self, tool: MouseTool | None) -> None:
        result, correct = self.form.result, self.form.correct
        set_checked(result.click_tool_button, tool == "click")
        set_checked(correct.merge_objects_button, tool == "merge")
        set_checked(correct.split_object_button, tool == "split")

    def set_mode(self, mode: LabelMode, hint: str) -> None:
        form = self.form.correct
        select(form.labels_as_combo, mode.labels_as)
        form.labels_as_combo.setToolTip(TIPS[mode.labels_as])
        with signals_blocked(form.background_spin):
            form.background_spin.setValue(mode.background)
        form.background_spin.setVisible(mode.labels_as == "sparse")
        form.regions_button.setVisible(mode.labels_as == "reviewed")
        form.hint_label.show_text(hint, faint=True)

    def set_correction_count(self, text: str, *, can_forget: bool) -> None:
        self.form.correct.correction_count_label.setText(text)
        self.form.correct.forget_button.setVisible(can_forget)

    def set_busy(self, busy: bool) -> None:
        self._busy = busy
        self._allow_stop()

    def set_finetuning(self, running: bool, fraction: float | None, text: str) -> None:
        self._learning = running
        form = self.form.correct
        form.finetune_button.setEnabled(not running)
        form.training_bar.setVisible(running)
        show_fraction(form.training_bar, fraction, text)
        self._allow_stop()

    def set_curve(self, points: Sequence[FinetuneProgress]) -> None:
        self.form.correct.training_chart.show()
        self.form.correct.training_chart.set_points(points)
        if not points:
            self.form.show_correct()

    def set_scores(self, rows: Sequence[ScoreRow], summary: str, tone: Tone) -> None:
        self.form.correct.finetune_summary_label.show_or_hide(summary, tone)
        self.form.correct.scores_table.setVisible(bool(rows))
        self.form.correct.scores_table.set_rows(rows)

    def set_decision(self, pending: bool, *, suggested: bool | None) -> None:
        form = self.form.correct
        for button, keeps in ((form.keep_button, True), (form.discard_button, False)):
            button.setVisible(pending)
            button.setStyleSheet(SUGGESTED if pending and suggested is keeps else "")
        if pending:
            self.form.show_correct()

    def ask_folder(self, suggestion: Path) -> Path | None:
        return ask_name(self, "Save corrections: name of a new folder", suggestion)

    def _allow_stop(self) -> None:
        self.form.head.stop_button.setEnabled(self._busy or self._learning)


def ask_name(parent: QWidget, title: str, suggestion: Path, kinds: str = "") -> Path | None:
    """Ask for a name to save under; what exists is never overwritten, so Qt need not ask about that."""
    chosen, _ = QFileDialog.getSaveFileName(
        parent, title, str(suggestion), kinds, options=QFileDialog.Option.DontConfirmOverwrite
    )
    return Path(chosen) if chosen else None
