"""A first visit: the dock says the next step until the user has done all of them, or hides that."""

from __future__ import annotations

from collections.abc import Callable, Collection

from napari_unetpp._types import FinetuneDone
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.correct.ports import CorrectionsSignals
from napari_unetpp.session.events import Outcome
from napari_unetpp.session.messages import first_steps as messages
from napari_unetpp.session.stacks.events import StackDone
from napari_unetpp.session.values import Settings


def next_step(done: Collection[str]) -> str | None:
    """The first step that was not done yet; None after the last one."""
    return next((step for step in messages.STEPS if step not in done), None)


class FirstSteps:
    """Watches what the user does and says what comes next: open, segment, slide, correct, fine-tune.

    Parameters
    ----------
    controller : Controller
    corrections : CorrectionsSignals
    remember : callable
        Told that the steps need not be shown any more.
    """

    def __init__(
        self, controller: Controller, corrections: CorrectionsSignals, remember: Callable[[], None]
    ) -> None:
        self.view, self.state = controller.view, controller.state
        self._jobs, self._corrections, self._remember = controller.context.jobs, corrections, remember
        self._done: set[str] = set()
        self._hidden = False  # the preferences tell a moment later, or never

    def connect(self) -> None:
        """Listen, and say the first step."""
        signals, events = self.view.signals, self.state.events
        events.image.connect(self._on_image)
        events.preferences.connect(self._on_preferences)
        signals.level_changed.connect(self._on_level)
        signals.steps_hidden.connect(self.hide)
        self._corrections.painted.connect(self._on_painted)
        self._jobs.on(Outcome, self._on_result)
        self._jobs.on(StackDone, self._on_result)
        self._jobs.on(FinetuneDone, self._on_finetuned)
        self._on_image(self.state.image)

    def hide(self) -> None:
        """The user wants no more of it."""
        self._hidden = True
        self.view.set_first_step("")
        if self.state.preferences.first_steps:
            self._remember()

    # Bound methods: a signal holds a lambda, and all that it refers to, for ever.
    def _on_image(self, image: object) -> None:
        self._do("open") if image is not None else self._show()

    def _on_result(self, _event: object) -> None:
        self._do("segment")

    def _on_level(self, _level: int) -> None:
        if "segment" in self._done:  # before there is a result the slider shows nothing
            self._do("slide")

    def _on_painted(self, _image: object) -> None:
        self._do("correct")

    def _on_finetuned(self, _event: object) -> None:
        self._do("finetune")

    def _do(self, step: str) -> None:
        if step not in self._done:
            self._done.add(step)
            self._show()

    def _show(self) -> None:
        step = next_step(self._done)
        if step is None:
            self.hide()
        else:
            shown = self.state.preferences.first_steps and not self._hidden
            self.view.set_first_step(messages.text(step) if shown else "")

    def _on_preferences(self, now: Settings, before: Settings) -> None:
        if now.first_steps != before.first_steps:
            self._hidden = not now.first_steps
            if next_step(self._done) is None:
                self._done.clear()  # all was done, and is wanted again
                self._on_image(self.state.image)
            self._show()
