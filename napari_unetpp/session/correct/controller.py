"""The controller of the fold Correct: beside the controller of the sitting, which knows nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_unetpp._types import LabelledPlane, ModelInfo, UnetppError
from napari_unetpp.session import messages
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.correct import forgetting
from napari_unetpp.session.correct.autosave import Autosave
from napari_unetpp.session.correct.clicks import Clicks
from napari_unetpp.session.correct.corrections import Corrector
from napari_unetpp.session.correct.finetuning import Learning
from napari_unetpp.session.correct.merge import IGNORE
from napari_unetpp.session.correct.planes import Drawn, Lesson, Lessons, Mode, Sense
from napari_unetpp.session.correct.ports import OtherImages, Sheets, Trainer
from napari_unetpp.session.correct.work import LearnRequest
from napari_unetpp.session.ports import Runner
from napari_unetpp.session.values import Reading, ShowRequest

NOTHING = {
    "corrections": "Nothing to learn from yet: press Correct and paint where the model is wrong.",
    "reviewed": "Nothing to learn from yet: press Correct and make everything in the image right.",
    "sparse": "Nothing to learn from yet: press Correct and paint a few strokes on objects and background.",
}


class CorrectController:
    """Correcting and learning.

    Parameters
    ----------
    controller : Controller
    sheets, other_images, trainer
        The ports; see `session.correct.ports`.
    learn_runner, file_runner
        Runners of their own, for fine-tuning and for files.
    lessons : Lessons, optional
        What an earlier dock of the same viewer has left.
    """

    def __init__(
        self,
        controller: Controller,
        *,
        sheets: Sheets,
        other_images: OtherImages,
        trainer: Trainer,
        learn_runner: Runner,
        file_runner: Runner,
        lessons: Lessons | None = None,
    ) -> None:
        self.controller, self.other_images, self.sheets = controller, other_images, sheets
        self.view, self.layers, self.state = controller.view, controller.layers, controller.state
        self.learn_runner, self.file_runner = learn_runner, file_runner
        self.corrector = Corrector(
            self.view,
            self.layers,
            sheets,
            self.state,
            controller.presenter,
            controller.cycle,
            controller.segment,
            Lessons() if lessons is None else lessons,
        )
        self.learning = Learning(self.view, learn_runner, file_runner, trainer)
        self.clicks = Clicks(controller, self.corrector)
        self.autosaving = Autosave(
            self.view,
            self.corrector,
            file_runner,
            trainer,
            model=lambda: controller.model,
            place=self._place_all,
        )
        self._seen: set[Hashable] = set()
        self._closed = False
        controller.corrected = self.corrector.corrected
        controller.doubts.decided = self.corrector.decided

    # ------------------------------------------------------------------- life

    def start(self) -> None:
        """Listen; offer what a crash left. The controller has been started."""
        self._connect()
        self.corrector.follow_image()
        self.view.set_undecided(False, keep=None)
        self.autosaving.look()

    def close(self) -> None:
        """Stop learning, let go of the layers, leave no file."""
        if not self._closed:
            self._closed = True
            self.learning.close()
            self.learn_runner.close()
            self.file_runner.close()
            self.autosaving.close()
            self.sheets.close()

    def _connect(self) -> None:
        self.clicks.connect()
        signals, state, telling = self.view.signals, self.state.events, self._telling
        for signal, reaction in (
            (signals.correct_pressed, telling(self.corrector.correct)),
            (signals.ignore_pressed, telling(self.corrector.ignore)),
            (signals.regions_pressed, telling(self.corrector.regions)),
            (signals.labels_as_chosen, self.controller.setter("labels_as")),
            (signals.background_changed, self.controller.setter("background")),
            (signals.budget_changed, self.controller.setter("budget")),
            (signals.finetune_pressed, telling(self.finetune)),
            (signals.keep_pressed, self.learning.keep),
            (signals.discard_pressed, self.learning.discard),
            (signals.save_corrections_pressed, telling(self.save_corrections)),
            (signals.next_image_pressed, telling(self.next_image)),
            (signals.forget_pressed, telling(self.corrector.forgetting.ask)),
            (signals.stop_pressed, self._on_stop),
            (signals.offer_taken, self._on_offer),
            (state.image, self._on_image),
            (state.labels_as, self.corrector.on_mode),
            (state.background, self.corrector.on_mode),
            (self.layers.signals.tool_picked, self._on_tool),
            (self.controller.cycle.finished, self._on_finished),
            (self.controller.cycle.ready, self.autosaving.offer),  # its words came in between
            (self.learning.kept, self._on_kept),
            (self.corrector.forgetting.changed, self.autosave),
        ):
            signal.connect(reaction)

    def _telling(self, action: Callable[[], None]) -> Callable[[], None]:
        def act() -> None:
            if not self._closed:
                with self.controller.telling():
                    action()

        return act

    # ---------------------------------------------------- what the user asks for

    def finetune(self) -> None:
        """Learn from all corrections of the sitting, once they are on disk."""
        self.learning.check()
        model = self._model()
        self.corrector.approve()
        lessons = self.corrector.gather()
        if not lessons:
            raise messages.Advice(NOTHING[self.state.labels_as])
        self.corrector.vouch(lessons)
        request = LearnRequest(model, lessons, float(self.state.budget), self.state.device)
        self.autosaving.now(then=lambda: self.learning.start(request))

    def autosave(self) -> None:
        """Called every two minutes, and when the brush has rested for a while."""
        if not self._closed:
            self.autosaving.now()

    def save_corrections(self) -> None:
        """Write a folder from which the command line learns the same."""
        model = self._model()
        self.corrector.approve()
        if not self.corrector.gather():
            raise messages.Advice("There are no corrections to save yet: press Correct and paint.")
        plane = self.controller.presenter.plane() if self.state.image is not None else None
        home = (plane.folder if plane is not None else None) or Path.home()
        folder = self.view.ask_folder(home / "corrections")
        if folder is not None:
            self.autosaving.save(folder, model)

    def next_image(self) -> None:
        """Go to the next image that was not seen yet, else to the next file of the folder."""
        current = self.state.image
        if current is None:
            raise UnetppError(messages.NO_IMAGE)
        self._seen.add(current)
        keys = [choice.key for choice in self.layers.images()]
        at = keys.index(current) if current in keys else 0
        fresh = [key for key in (*keys[at + 1 :], *keys[:at]) if key not in self._seen]
        if fresh:
            key = fresh[0]
        else:
            path = self.other_images.next_file(current)
            if path is None:
                raise messages.Advice(
                    "This was the last image: no other layer and no further file in its folder."
                )
            key = self.other_images.open_file(path, current)
        self.other_images.show(key, current)
        self.state.image = key
        self.controller.segment()

    def _model(self) -> ModelInfo:
        if self.controller.model is None:
            raise UnetppError(messages.NO_MODEL)
        return self.controller.model

    # ----------------------------------------------------------- what happened

    def _on_stop(self) -> None:
        """The segmentation is stopped first: it is the shorter one."""
        if not self.controller.busy:
            self.learning.stop()

    def _on_offer(self, action: str) -> None:
        name, _, value = action.partition(":")
        if name == "restore":
            self.autosaving.answer(value)
        elif name == forgetting.NAME:
            self.corrector.forgetting.answer(value)

    def _on_image(self, image: Hashable | None = None) -> None:
        if self.state.image is not None:
            self._seen.add(image)
        self.corrector.follow_image()

    def _on_tool(self, image: Hashable, tool: str) -> None:
        if image == self.state.image:
            self._telling(partial(self.corrector.correct, tool))()

    def _on_finished(self, shown: ShowRequest) -> None:
        self._seen.add(shown.plane.image)

    def _on_kept(self, info: ModelInfo) -> None:
        """The loop: the open image again, with the new model; corrections win over it."""
        self.controller.add_model(info)
        text = f"Kept as “{info.name}”. The former model is still in the list."
        self.view.set_scores((), text, "info")
        if self.state.image is not None:
            self.controller.segment()

    def _place_all(self, planes: Sequence[LabelledPlane]) -> dict[str, str]:
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
                self.corrector.restore(target, _lesson(plane, key, target.key))
            except Exception as error:  # whatever a viewer may raise: the copy on disk stays
                if key is not None:
                    self.other_images.remove(key)
                failed[plane.name] = messages.error(error, "close other programs")
        return failed


def _lesson(plane: LabelledPlane, image: Hashable, key: Hashable) -> Lesson:
    """What was saved, as it was drawn."""
    labels: Any = np.array(plane.labels)
    certain = np.zeros(labels.shape, bool) if plane.certain is None else plane.certain
    painted = plane.ignore if plane.ignored is None else plane.ignored
    if painted is not None:
        labels = np.where(painted, IGNORE, labels)
        certain = certain | painted
    sense = Sense(plane.objects, plane.labels_as == "sparse", plane.background or 0)
    drawn = Drawn(key, image, plane.name, plane.image, labels, certain, sense=sense, outlines=plane.regions)
    return Lesson(drawn, Mode(plane.labels_as, plane.background or 1), Reading(plane.scale, plane.range))
