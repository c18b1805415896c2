"""The controller's part for keeping corrections safe: saved beside the work, offered back after a crash."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from napari_unetpp._types import ModelInfo
from napari_unetpp.session import learn_jobs, sittings, wording
from napari_unetpp.session.correct_ports import Trainer
from napari_unetpp.session.corrector import Corrector
from napari_unetpp.session.ports import Runner, View
from napari_unetpp.session.values import Autosaved, CorrectionsSaved, Event, Restored

REMEDY = "close other programs, then save the corrections"


class Autosave:
    """Writes and reads corrections through a runner of its own.

    Parameters
    ----------
    on_restored : callable
        Shows what was restored.
    """

    def __init__(
        self,
        view: View,
        corrector: Corrector,
        file_runner: Runner,
        trainer: Trainer,
        on_restored: Callable[[Restored], None],
    ) -> None:
        self.view, self.corrector, self.file_runner, self.trainer = view, corrector, file_runner, trainer
        self._on_restored = on_restored
        self._folder = sittings.SittingFolder(sittings.sittings_folder())
        self._saved = 0
        self._left: list[sittings.Left] = []
        self._taken: list[Path] = []
        self._closed = False

    def now(self, model: ModelInfo | None, then: Callable[[], None] | None = None) -> None:
        """Save what changed since the last time; `then` is called once it is on disk, or could not be."""
        lessons = self.corrector.gather()
        revision = self.corrector.revision
        if not lessons or revision == self._saved:
            if then is not None:
                then()
            return
        job = partial(learn_jobs.autosave, self.trainer, self._folder, lessons, model, revision)
        self.file_runner.submit(job, self._on_event, partial(self._on_end, then))

    def save(self, folder: Path, model: ModelInfo) -> None:
        """Write all corrections into a folder that the user chose."""
        job = partial(learn_jobs.save_corrections, self.trainer, folder, self.corrector.gather(), model)
        self.file_runner.submit(job, self._on_event, partial(self._on_end, None))

    def look(self) -> None:
        """Look for what another sitting left, and offer it."""
        self._left = sittings.left_behind(sittings.sittings_folder())
        self.offer()

    def offer(self, _ready: object = None) -> None:
        """Offer what was found and not yet answered."""
        if not self._left:
            return
        latest = self._left[0]
        self.view.set_message(
            "The last sitting did not end orderly.",
            "warning",
            [(f"Restore corrections of {latest.time}", "restore:1"), ("delete them", "restore:0")],
        )

    def answer(self, action: str) -> None:
        """The user took an offer."""
        if not self._left:
            return
        left = self._left.pop(0)
        if action == "1":
            job = partial(learn_jobs.restore, self.trainer, left.save)
            self._taken.append(left.folder)
            self.file_runner.submit(job, self._on_event, partial(self._on_end, None))
        else:
            sittings.remove(left.folder)
            self.view.set_message("")

    def close(self) -> None:
        """An orderly end."""
        self._closed = True
        self._folder.close()

    def _on_event(self, event: Event) -> None:
        if self._closed:
            return
        if isinstance(event, Autosaved):
            self._saved = event.revision
            for folder in self._taken:  # restored, and safe again
                sittings.remove(folder)
            self._taken.clear()
        elif isinstance(event, CorrectionsSaved):
            planes = f"{event.planes} image{'' if event.planes == 1 else 's'}"
            self.view.set_message(f"Saved the corrections of {planes} in {event.folder}")
        elif isinstance(event, Restored):
            self._on_restored(event)

    def _on_end(self, then: Callable[[], None] | None, error: BaseException | None) -> None:
        if self._closed:
            return
        if error is not None:
            self.view.set_message(wording.error(error, REMEDY), "error")
        if then is not None:
            then()
