"""The dock's half of `CorrectView`: hands what the controller says to the fold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_unetpp.gui.dock.widgets import quietly

if TYPE_CHECKING:
    from napari_unetpp._types import FinetuneProgress
    from napari_unetpp.gui.dock.form import Form
    from napari_unetpp.session.correct.planes import LabelMode
    from napari_unetpp.session.messages.correcting import ScoreRow
    from napari_unetpp.session.values import Tone


class CorrectViewMixin(QWidget):
    """For a widget with a `form`."""

    form: Form
    busy = False
    learning = False

    def open_correct(self) -> None:
        self.form.correct_fold.button.setChecked(True)
        self.form.show_correct()

    def set_click_tool(self, on: bool) -> None:
        quietly(self.form.click_tool_button, "setChecked", on)

    def set_mode(self, mode: LabelMode, hint: str) -> None:
        self.form.correct.set_mode(mode, hint)

    def set_correction_count(self, text: str, *, can_forget: bool) -> None:
        self.form.correct.set_lessons(text, can_forget=can_forget)

    def set_busy(self, busy: bool) -> None:
        self.busy = busy
        self.form.stop_button.setEnabled(self.busy or self.learning)

    def set_finetuning(self, running: bool, fraction: float | None, text: str) -> None:
        self.learning = running
        self.form.correct.set_learning(running, fraction, text)
        self.form.stop_button.setEnabled(self.busy or self.learning)

    def set_curve(self, points: Sequence[FinetuneProgress]) -> None:
        self.form.correct.set_curve(points)
        if not points:
            self.form.show_correct()

    def set_scores(self, rows: Sequence[ScoreRow], summary: str, tone: Tone) -> None:
        self.form.correct.set_scores(rows, summary, tone)

    def set_decision(self, pending: bool, *, suggested: bool | None) -> None:
        self.form.correct.set_undecided(pending, keep=suggested)
        if pending:
            self.form.show_correct()

    def ask_folder(self, suggestion: Path) -> Path | None:
        chosen, _ = QFileDialog.getSaveFileName(
            self,
            "Save corrections: name of a new folder",
            str(suggestion),
            options=QFileDialog.Option.DontConfirmOverwrite,  # an existing folder is refused, with a reason
        )
        return Path(chosen) if chosen else None
