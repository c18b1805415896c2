"""Saves corrections while the user works, and offers them again after a crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from napari_unetpp._types import LabelledPlane, ModelInfo, UnetppError
from napari_unetpp.files.text import counted
from napari_unetpp.session.context import Context
from napari_unetpp.session.correct import work
from napari_unetpp.session.correct.editor import CorrectionEditor
from napari_unetpp.session.correct.ports import Trainer
from napari_unetpp.session.correct.saving import autosave_folder
from napari_unetpp.session.correct.saving.autosave_folder import Left
from napari_unetpp.session.events import Autosaved, CorrectionsSaved, Ready, Restored
from napari_unetpp.session.messages import common, correcting
from napari_unetpp.session.ports import Runner

REMEDY = "close other programs, then save the corrections"


class Autosave:
    """Writes and reads corrections through a runner of its own.

    What a crash left is deleted only once every plane of it is in a layer and saved again.

    Parameters
    ----------
    open_planes : callable
        Opens planes that were read as corrected images; gives those that could not be opened, by their name,
        and why.
    """

    def __init__(
        self,
        context: Context,
        editor: CorrectionEditor,
        file_runner: Runner,
        trainer: Trainer,
        *,
        open_planes: Callable[[Sequence[LabelledPlane]], Mapping[str, str]],
    ) -> None:
        self.context, self.view, self.jobs, self.editor = context, context.view, context.jobs, editor
        self.file_runner, self.trainer, self._open_planes = file_runner, trainer, open_planes
        self.saved = 0  # revision that is on disk
        self._root = autosave_folder.sessions_folder()
        self._folder = autosave_folder.SessionFolder(self._root)
        self._former: list[autosave_folder.SessionFolder] = []  # whose corrections could not be moved
        self._left: list[Left] = []
        self._restoring: Left | None = None
        self._opened: set[tuple[Path, str]] = set()  # planes of crashed sessions that are in a layer
        self._to_delete: dict[Path, int] = {}  # folders whose planes all are, and the revision with them
        self.jobs.on(Autosaved, self._on_autosaved)
        self.jobs.on(CorrectionsSaved, self._on_corrections_saved)
        self.jobs.on(Restored, self._on_restored)

    @property
    def root(self) -> Path:
        """Where sessions keep their corrections."""
        return self._root

    def now(self, then: Callable[[], None] = lambda: None) -> None:
        """Save what changed since the last time; `then` is called once it is on disk, or could not be."""
        planes = self.editor.edited()
        revision = self.editor.revision
        nothing_written = not self._folder.made and not self._to_delete
        if revision == self.saved or (not planes and nothing_written):
            then()
            return
        job = partial(work.autosave, self.trainer, self._folder, planes, self.context.model, revision)
        self.jobs.submit(self.file_runner, job, lambda _error: then(), remedy=REMEDY)

    def set_folder(self, folder: Path | None) -> None:
        """Keep corrections in another folder from now on; None: the usual one.

        What was saved in the former one stays there until all of it is in the new one.

        Raises
        ------
        UnetppError
            The folder cannot be written to; the former one stays.
        """
        root = autosave_folder.sessions_folder() if folder is None else folder / autosave_folder.NAME
        if root == self._root:
            return
        if folder is not None and (problem := autosave_folder.problem_of(folder)):
            raise UnetppError(correcting.no_autosave_folder(folder, problem, self._root))
        former, self._root = self._folder, root
        self._folder = autosave_folder.SessionFolder(root)
        planes, model, revision = self.editor.edited(), self.context.model, self.editor.revision
        job = partial(work.autosave, self.trainer, self._folder, planes, model, revision)
        self.jobs.submit(self.file_runner, job, partial(self._on_moved, former), remedy=REMEDY)

    def save(self, folder: Path, model: ModelInfo) -> None:
        """Write all corrections into a folder that the user chose."""
        job = partial(work.save_corrections, self.trainer, folder, self.editor.usable(), model)
        self.jobs.submit(self.file_runner, job, lambda _error: None, remedy=REMEDY)

    def find(self) -> None:
        """Find what crashed sessions left, and offer it. The controller has been started."""
        self.jobs.on(Ready, self.offer)  # again: the controller's message replaces the offer
        self.context.state.events.image.connect(self.offer)
        roots = dict.fromkeys((self._root, autosave_folder.sessions_folder()))
        left = [one for root in roots for one in autosave_folder.left_behind(root)]
        self._left = sorted(left, key=lambda one: one.folder.name, reverse=True)
        self.offer()

    def offer(self, _ready: object = None) -> None:
        """Offer what was found and is not answered yet."""
        if self._left and self._restoring is None:
            self._show("The last session did not end properly.")

    def answer(self, action: str) -> None:
        """The user took an offer."""
        if not self._left or self._restoring is not None:
            return
        left = self._left[0]
        if action == "1":
            self._restoring = left
            job = partial(work.restore, self.trainer, left.save)
            self.jobs.submit(self.file_runner, job, self._on_restore_end, remedy=None)
        else:
            self._left.remove(left)
            autosave_folder.remove(left.folder)
            self.view.set_message("")
            self.offer()

    def close(self) -> None:
        """The session ends properly: delete its folder."""
        for folder in (self._folder, *self._former):
            folder.close()

    # ----------------------------------------------------------- what happened

    def _on_moved(self, former: autosave_folder.SessionFolder, error: BaseException | None) -> None:
        """Corrections are in another folder, unless there was an error: then the former one keeps them."""
        if error is None:
            former.close()
        else:
            self._former.append(former)

    def _on_autosaved(self, event: Autosaved) -> None:
        self.saved = event.revision
        for folder in [one for one, revision in self._to_delete.items() if revision <= event.revision]:
            del self._to_delete[folder]
            autosave_folder.remove(folder)

    def _on_corrections_saved(self, event: CorrectionsSaved) -> None:
        planes = counted(event.planes, "image")
        self.view.set_message(f"Saved the corrections of {planes} in {event.folder}")

    def _on_restored(self, event: Restored) -> None:
        """Open what was read and is not open yet; only if that is all of it, the copy may go."""
        left = self._restoring
        if left is None:
            return
        fresh = [plane for plane in event.planes if (left.folder, plane.name) not in self._opened]
        failed = self._open_planes(fresh)
        self._opened |= {(left.folder, plane.name) for plane in fresh if plane.name not in failed}
        self._restoring = None
        problems = (*failed.values(), *event.problems)
        if not problems:
            self._left.remove(left)
            self._to_delete[left.folder] = self.editor.revision
        if len(fresh) > len(failed):
            self.view.open_correct()
        self._show(correcting.restored(len(fresh) - len(failed), problems))
        self.now()

    def _on_restore_end(self, error: BaseException | None) -> None:
        if error is None:
            return
        left, self._restoring = self._restoring, None
        if left is not None and not left.save.exists():  # another window was faster
            self._left.remove(left)
            self._show("The corrections are no longer there: another window has restored or deleted them.")
        else:
            self._show(correcting.restored(0, (common.error(error, REMEDY),)))

    def _show(self, text: str) -> None:
        """Show a text, and offer what is left to restore."""
        if not self._left:
            self.view.set_message(text)
            return
        restore = f"Restore corrections of {self._left[0].time}"
        self.view.set_message(text, "warning", [(restore, "restore:1"), ("delete them", "restore:0")])
