"""The workflow of the fold Correct: correct results, fine-tune on the corrections, keep the new model."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from pathlib import Path

from napari_unetpp._types import LabelledPlane, ModelInfo, UnetppError
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.correct import forgetting
from napari_unetpp.session.correct.clicks.clicks import Clicks
from napari_unetpp.session.correct.clicks.mouse_tools import MouseTools
from napari_unetpp.session.correct.clicks.reshaping import Reshaping
from napari_unetpp.session.correct.editor import CorrectionEditor
from napari_unetpp.session.correct.finetuning import FineTuning
from napari_unetpp.session.correct.merge import IGNORE_LABEL
from napari_unetpp.session.correct.planes import corrected_plane
from napari_unetpp.session.correct.ports import CorrectionsLayers, OtherImages, Trainer
from napari_unetpp.session.correct.saving.autosave import Autosave
from napari_unetpp.session.correct.store import CorrectionStore
from napari_unetpp.session.messages import common, correcting
from napari_unetpp.session.ports import Runner
from napari_unetpp.session.segment.resolve import SegmentRequest


class CorrectionWorkflow:
    """Correcting and fine-tuning, on top of a `Controller`, which knows nothing of it.

    Parameters
    ----------
    controller : Controller
    corrections, other_images, trainer
        The ports; see `session.correct.ports`.
    finetune_runner, file_runner, merge_runner
        Runners for fine-tuning, for files, and for merging results with corrections.
    store : CorrectionStore, optional
        What an earlier dock of the same viewer has left.
    """

    def __init__(
        self,
        controller: Controller,
        *,
        corrections: CorrectionsLayers,
        other_images: OtherImages,
        trainer: Trainer,
        finetune_runner: Runner,
        file_runner: Runner,
        merge_runner: Runner,
        store: CorrectionStore | None = None,
    ) -> None:
        context, runs = controller.context, controller.runs
        self.controller, self.context, self.runs = controller, context, runs
        self.view, self.layers, self.state = context.view, context.layers, context.state
        self.corrections, self.other_images = corrections, other_images
        self.finetune_runner, self.file_runner = finetune_runner, file_runner
        self.merge_runner = merge_runner
        store = CorrectionStore() if store is None else store
        self.editor = CorrectionEditor(context, runs, corrections, controller.segment, store, merge_runner)
        self.forgetting = forgetting.Forgetting(context, self.editor)
        self.finetuning = FineTuning(context, finetune_runner, file_runner, trainer)
        self.clicks = Clicks(context, runs, self.editor)
        self.reshaping = Reshaping(context, runs, self.editor)
        self.mouse_tools = MouseTools(context, runs, self.reshaping)
        self.autosaving = Autosave(context, self.editor, file_runner, trainer, open_planes=self._open_planes)
        self._seen: set[Hashable] = set()
        self._closed = False
        controller.corrected = self.editor.corrected
        controller.preferences.set_autosave_folder = self.autosaving.set_folder
        controller.overlays.certain = self.editor.certain
        self.editor.end_message = controller.changes.say_what_holds

    # ------------------------------------------------------------------- life

    def start(self) -> None:
        """Listen; offer what a crash left. The controller has been started."""
        self._connect()
        self.editor.follow_image()
        self.view.set_decision(False, suggested=None)
        self.controller.preferences.keep_autosaves()
        self.autosaving.find()

    def close(self) -> None:
        """The dock is closed: stop fine-tuning, let go of the layers, leave no file."""
        if not self._closed:
            self._closed = self.context.jobs.closed = True
            self.finetune_runner.close()
            self.file_runner.close()
            self.merge_runner.close()
            self.autosaving.close()
            self.corrections.close()

    def _connect(self) -> None:
        signals, state, reporting = self.view.signals, self.state.events, self._reporting
        for name, signal in (
            ("labels_as", signals.labels_as_chosen),
            ("background", signals.background_changed),
            ("budget", signals.budget_changed),
        ):
            signal.connect(partial(self.controller.changes.set_state, name))
        for signal, reaction in (
            (signals.correct_pressed, reporting(self.editor.correct)),
            (signals.ignore_pressed, reporting(self.ignore)),
            (signals.regions_pressed, reporting(self.regions)),
            (signals.finetune_pressed, reporting(self.finetune)),
            (signals.keep_pressed, self.finetuning.keep),
            (signals.discard_pressed, self.finetuning.discard),
            (signals.save_corrections_pressed, reporting(self.save_corrections)),
            (signals.next_image_pressed, reporting(self.next_image)),
            (signals.forget_pressed, reporting(self.forgetting.ask)),
            (signals.stop_pressed, self._on_stop),
            (signals.offer_taken, self._on_offer),
            (state.image, self._on_image),
            (state.model, self.finetuning.on_model),
            (state.labels_as, self.editor.on_mode),
            (state.background, self.editor.on_mode),
            (self.layers.signals.tool_picked, self._on_tool),
            (self.runs.finished, self._on_finished),
            (self.finetuning.kept, self._on_kept),
            (self.forgetting.changed, self.autosave),
        ):
            signal.connect(reaction)

    def _reporting(self, action: Callable[[], None]) -> Callable[[], None]:
        def act() -> None:
            if not self._closed:
                with self.context.reporting():
                    try:
                        action()
                    except common.Advice:  # it says what to correct first
                        self.editor.told()
                        raise

        return act

    # ---------------------------------------------------- what the user asks for

    def ignore(self) -> None:
        """Give the brush the label of pixels that are ignored."""
        plane = self.context.plane()
        if not self.corrections.has(plane.image):
            raise common.Advice("Press Correct first: then paint with Ignore what is to count nowhere.")
        self.corrections.select(plane.image, IGNORE_LABEL)

    def regions(self) -> None:
        """Select the layer in which reviewed regions are drawn."""
        plane = self.context.plane()
        if not self.corrections.has(plane.image):
            raise common.Advice("Press Correct first: then draw rectangles around what you have reviewed.")
        self.corrections.show_regions(plane)

    def finetune(self) -> None:
        """Learn from all corrections of the session, once they are on disk."""
        self.finetuning.check()
        model = self.context.needed_model()
        self.editor.mark_reviewed()
        planes = self.editor.usable()
        if not planes:
            raise common.Advice(correcting.NOTHING[self.state.labels_as])
        self.editor.mark_certain(planes)
        seconds, device = float(self.state.budget), self.state.device
        self.autosaving.now(then=lambda: self.finetuning.start(model, planes, seconds, device))

    def autosave(self) -> None:
        """Called every two minutes, and when the brush has rested for a while."""
        if not self._closed:
            self.autosaving.now()

    def save_corrections(self) -> None:
        """Write a folder from which the command line learns the same."""
        model = self.context.needed_model()
        self.editor.mark_reviewed()
        if not self.editor.usable():
            raise common.Advice("There are no corrections to save yet: press Correct and paint.")
        plane = self.context.plane() if self.state.image is not None else None
        home = (plane.folder if plane is not None else None) or Path.home()
        folder = self.view.ask_folder(home / "corrections")
        if folder is not None:
            self.autosaving.save(folder, model)

    def next_image(self) -> None:
        """Go to the next image that was not seen yet, else to the next file of the folder."""
        current = self.state.image
        if current is None:
            raise UnetppError(common.NO_IMAGE)
        self._seen.add(current)
        keys = [choice.key for choice in self.layers.images()]
        at = keys.index(current) if current in keys else 0
        fresh = [key for key in (*keys[at + 1 :], *keys[:at]) if key not in self._seen]
        if fresh:
            key = fresh[0]
        else:
            path = self.other_images.next_file(current)
            if path is None:
                raise common.Advice(
                    "This was the last image: no other layer and no further file in its folder."
                )
            key = self.other_images.open_file(path, current)
        self.other_images.show(key, current)
        self.state.image = key
        self.controller.segment()

    # ----------------------------------------------------------- what happened

    def _on_stop(self) -> None:
        """A run is stopped before a fine-tuning: it is the shorter one."""
        if not self.runs.busy:
            self.finetuning.stop()

    def _on_offer(self, action: str) -> None:
        name, _, value = action.partition(":")
        if name == "restore":
            self.autosaving.answer(value)
        elif name == forgetting.NAME:
            self.forgetting.answer(value)

    def _on_image(self, image: Hashable | None = None) -> None:
        if self.state.image is not None:
            self._seen.add(image)
        self.editor.follow_image()

    def _on_tool(self, image: Hashable, tool: str) -> None:
        if image == self.state.image:
            self._reporting(partial(self.editor.correct, tool))()

    def _on_finished(self, shown: SegmentRequest) -> None:
        self._seen.add(shown.plane.image)

    def _on_kept(self, info: ModelInfo, notes: Sequence[str]) -> None:
        """Segment the open image again with the new model; corrected pixels stay."""
        level = self.state.level
        self.controller.add_model(info)
        self.view.set_scores((), correcting.kept(info, level, self.state.level, notes), "info")
        if self.state.image is not None:
            self.controller.segment()

    def _open_planes(self, planes: Sequence[LabelledPlane]) -> dict[str, str]:
        """Open planes as corrected images, the last of them to be seen; what failed, and why."""
        failed: dict[str, str] = {}
        former: Hashable | None = None
        for plane in planes:
            key: Hashable | None = None
            try:
                key = self.other_images.add(plane.name, plane.image)
                target = self.layers.read(key)
                self.other_images.show(key, former)
                self.state.image = former = key
                self.editor.restore(target, corrected_plane(plane, key, target.key))
            except Exception as error:  # whatever a viewer may raise: the copy on disk stays
                if key is not None:
                    self.other_images.remove(key)
                failed[plane.name] = common.error(error, "close other programs")
        return failed
