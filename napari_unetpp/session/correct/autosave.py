"""The controller's part for keeping corrections safe: saved beside the work, offered back after a crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from napari_unetpp._types import LabelledPlane, ModelInfo
from napari_unetpp.session import messages
from napari_unetpp.session.correct import autosave_folder, work
from napari_unetpp.session.correct.autosave_folder import Left
from napari_unetpp.session.correct.corrections import Corrector
from napari_unetpp.session.correct.ports import Trainer
from napari_unetpp.session.ports import Runner, View
from napari_unetpp.session.values import Autosaved, CorrectionsSaved, Event, Restored

REMEDY = "close other programs, then save the corrections"


class Autosave:
    """Writes and reads corrections through a runner of its own.

    What a crash left is deleted only once every plane of it is in a layer and saved again.

    Parameters
    ----------
    model : callable
        Gives the chosen model.
    place : callable
        Opens planes that were read as corrected images; gives those that it could not open, by their name,
        and why.
    """

    def __init__(
        self,
        view: View,
        corrector: Corrector,
        file_runner: Runner,
        trainer: Trainer,
        *,
        model: Callable[[], ModelInfo | None],
        place: Callable[[Sequence[LabelledPlane]], Mapping[str, str]],
    ) -> None:
        self.view, self.corrector, self.file_runner, self.trainer = view, corrector, file_runner, trainer
        self._model, self._place = model, place
        self._folder = autosave_folder.SittingFolder(autosave_folder.sittings_folder())
        self._saved = 0
        self._left: list[Left] = []
        self._restoring: Left | None = None
        self._placed: set[tuple[Path, str]] = set()  # planes that are in a layer
        self._taken: dict[Path, int] = {}  # folders of which all planes are, and the revision that has them
        self._closed = False

    def now(self, then: Callable[[], None] | None = None) -> None:
        """Save what changed since the last time; `then` is called once it is on disk, or could not be."""
        lessons = self.corrector.drawn()
        revision = self.corrector.revision
        nothing = not lessons and not self._folder.made and not self._taken
        if nothing or revision == self._saved:
            if then is not None:
                then()
            return
        job = partial(work.autosave, self.trainer, self._folder, lessons, self._model(), revision)
        self.file_runner.submit(job, self._on_event, partial(self._on_end, then))

    def save(self, folder: Path, model: ModelInfo) -> None:
        """Write all corrections into a folder that the user chose."""
        job = partial(work.save_corrections, self.trainer, folder, self.corrector.gather(), model)
        self.file_runner.submit(job, self._on_event, partial(self._on_end, None))

    def look(self) -> None:
        """Look for what another sitting left, and offer it."""
        self._left = autosave_folder.left_behind(autosave_folder.sittings_folder())
        self.offer()

    def offer(self, _ready: object = None) -> None:
        """Offer what was found and not yet answered."""
        if self._left and self._restoring is None:
            self._tell("The last sitting did not end orderly.")

    def answer(self, action: str) -> None:
        """The user took an offer."""
        if not self._left or self._restoring is not None:
            return
        left = self._left[0]
        if action == "1":
            self._restoring = left
            job = partial(work.restore, self.trainer, left.save)
            self.file_runner.submit(job, self._on_event, self._on_restore_end)
        else:
            self._left.remove(left)
            autosave_folder.remove(left.folder)
            self.view.set_message("")
            self.offer()

    def close(self) -> None:
        """An orderly end."""
        self._closed = True
        self._folder.close()

    # ----------------------------------------------------------- what happened

    def _on_event(self, event: Event) -> None:
        if self._closed:
            return
        if isinstance(event, Autosaved):
            self._saved = event.revision
            for folder in [one for one, revision in self._taken.items() if revision <= event.revision]:
                del self._taken[folder]
                autosave_folder.remove(folder)
        elif isinstance(event, CorrectionsSaved):
            planes = f"{event.planes} image{'' if event.planes == 1 else 's'}"
            self.view.set_message(f"Saved the corrections of {planes} in {event.folder}")
        elif isinstance(event, Restored) and self._restoring is not None:
            self._take_back(self._restoring, event)

    def _take_back(self, left: Left, event: Restored) -> None:
        """Open what was read and is not open yet; only if that is all of it, the copy may go."""
        fresh = [plane for plane in event.planes if (left.folder, plane.name) not in self._placed]
        failed = self._place(fresh)
        self._placed |= {(left.folder, plane.name) for plane in fresh if plane.name not in failed}
        self._restoring = None
        why = (*failed.values(), *event.problems)
        if not why:
            self._left.remove(left)
            self._taken[left.folder] = self.corrector.revision
        self._tell(messages.restored(len(fresh) - len(failed), why))
        self.now()

    def _on_restore_end(self, error: BaseException | None) -> None:
        if self._closed or error is None:
            return
        left, self._restoring = self._restoring, None
        if left is not None and not left.save.exists():  # another window was faster
            self._left.remove(left)
            self._tell("The corrections are no longer there: another window has restored or deleted them.")
        else:
            self._tell(messages.restored(0, (messages.error(error, REMEDY),)))

    def _on_end(self, then: Callable[[], None] | None, error: BaseException | None) -> None:
        if self._closed:
            return
        if error is not None:
            self.view.set_message(messages.error(error, REMEDY), "error")
        if then is not None:
            then()

    def _tell(self, text: str) -> None:
        """Say something, and offer what is left to restore."""
        if not self._left:
            self.view.set_message(text)
            return
        restore = f"Restore corrections of {self._left[0].time}"
        self.view.set_message(text, "warning", [(restore, "restore:1"), ("delete them", "restore:0")])
