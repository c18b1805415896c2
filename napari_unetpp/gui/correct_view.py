"""The dock's half of `CorrectView`: hands what the controller says to the fold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_unetpp.gui.parts import quietly

if TYPE_CHECKING:
    from napari_unetpp._types import FinetuneProgress
    from napari_unetpp.gui.form import Form
    from napari_unetpp.session.lessons import Mode
    from napari_unetpp.session.values import Tone
    from napari_unetpp.session.verdict import ScoreRow


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

    def set_mode(self, mode: Mode, hint: str) -> None:
        self.form.correct.set_mode(mode, hint)

    def set_lessons(self, text: str, *, can_forget: bool) -> None:
        self.form.correct.set_lessons(text, can_forget=can_forget)

    def set_busy(self, busy: bool) -> None:
        self.busy = busy
        self.form.stop_button.setEnabled(self.busy or self.learning)

    def set_learning(self, learning: bool, fraction: float | None, text: str) -> None:
        self.learning = learning
        self.form.correct.set_learning(learning, fraction, text)
        self.form.stop_button.setEnabled(self.busy or self.learning)

    def set_curve(self, points: Sequence[FinetuneProgress]) -> None:
        self.form.correct.set_curve(points)
        if not points:
            self.form.show_correct()

    def set_scores(self, rows: Sequence[ScoreRow], verdict: str, tone: Tone) -> None:
        self.form.correct.set_scores(rows, verdict, tone)

    def set_undecided(self, undecided: bool, *, keep: bool | None) -> None:
        self.form.correct.set_undecided(undecided, keep=keep)
        if undecided:
            self.form.show_correct()

    def ask_folder(self, suggestion: Path) -> Path | None:
        chosen, _ = QFileDialog.getSaveFileName(
            self,
            "Save corrections: name of a new folder",
            str(suggestion),
            options=QFileDialog.Option.DontConfirmOverwrite,  # an existing folder is refused, with a reason
        )
        return Path(chosen) if chosen else None
