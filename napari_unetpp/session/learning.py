"""The controller's part for fine-tuning: runs it, shows how it goes, keeps or discards what it gave."""

from __future__ import annotations

from functools import partial

from psygnal import Signal

from napari_unetpp._types import (
    FinetuneDone,
    FinetuneProgress,
    FinetuneStarted,
    ModelInfo,
    UnetppError,
)
from napari_unetpp.session import learn_jobs, wording
from napari_unetpp.session.correct_ports import Trainer
from napari_unetpp.session.learn_jobs import LearnRequest
from napari_unetpp.session.ports import Runner, View
from napari_unetpp.session.values import Event, ModelKept
from napari_unetpp.session.verdict import score_rows, started, verdict

REMEDY = "close other programs, or correct a smaller image"


class Learning:
    """At most one fine-tuning at a time, in a thread of its own: segmenting goes on with the old model.

    Attributes
    ----------
    kept : Signal
        A new model is in the list of models.
    """

    kept = Signal(ModelInfo)

    def __init__(self, view: View, learn_runner: Runner, file_runner: Runner, trainer: Trainer) -> None:
        self.view, self.trainer = view, trainer
        self.learn_runner, self.file_runner = learn_runner, file_runner
        self.request: LearnRequest | None = None
        self.done: FinetuneDone | None = None
        self._points: list[FinetuneProgress] = []
        self._keeping = False
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a fine-tuning is in progress."""
        return self.request is not None

    def check(self) -> None:
        """UnetppError says why no fine-tuning can begin now."""
        if self.busy:
            raise UnetppError("Fine-tuning is running: Stop ends it early with the best so far.")
        if self.done is not None:
            raise UnetppError("Keep or discard the new model first.")

    def start(self, request: LearnRequest) -> None:
        """Begin; the lessons are already on disk."""
        if self._closed or self.busy:
            return
        self.request = request
        self._points.clear()
        self.view.set_curve(())
        self.view.set_scores((), "", "info")
        self.view.set_learning(True, None, "getting ready")
        job = partial(learn_jobs.learn, self.trainer, request)
        self.learn_runner.submit(job, self._on_event, self._on_end)

    def stop(self) -> None:
        """End early; what was learnt so far is judged and offered."""
        if self.busy:
            self.view.set_learning(True, None, "stopping")
            self.learn_runner.stop()

    def keep(self) -> None:
        """Put the new model into the list."""
        if self.done is not None and not self._keeping:
            self._keeping = True
            job = partial(learn_jobs.keep, self.trainer, self.done)
            self.file_runner.submit(job, self._on_event, self._on_kept)

    def discard(self) -> None:
        """Leave everything as it was."""
        if self.done is not None and not self._keeping:
            self._settle()
            self.view.set_message("Discarded: the model is as it was.")

    def close(self) -> None:
        """The sitting ends."""
        self._closed = True

    def _on_event(self, event: Event) -> None:
        if self._closed:
            return
        if isinstance(event, FinetuneStarted):
            self.view.set_message(started(event))
            self.view.set_learning(True, 0.0, "learning")
        elif isinstance(event, FinetuneProgress):
            self._points.append(event)
            self.view.set_curve(tuple(self._points))
            assert self.request is not None
            text = wording.learning(event.seconds, event.fraction, self.request.seconds)
            self.view.set_learning(True, event.fraction, text)
        elif isinstance(event, FinetuneDone):
            self._judge(event)
        elif isinstance(event, ModelKept):
            self._settle()
            self.kept.emit(event.info)

    def _judge(self, done: FinetuneDone) -> None:
        self.done = done
        text, tone = verdict(done)
        self.view.set_scores(score_rows(done), text, tone)
        self.view.set_undecided(True, keep=done.better)
        self.view.set_message("Fine-tuning has ended: keep or discard the new model.")

    def _settle(self) -> None:
        self.done = None
        self.view.set_message("")
        self.view.set_scores((), "", "info")
        self.view.set_undecided(False, keep=None)

    def _on_end(self, error: BaseException | None) -> None:
        if self._closed:
            return
        self.request = None
        self.view.set_learning(False, 0.0, "")
        if error is not None:
            self.view.set_message(wording.error(error, REMEDY), "error")

    def _on_kept(self, error: BaseException | None) -> None:
        self._keeping = False
        if error is not None and not self._closed:
            self.view.set_message(wording.error(error, REMEDY), "error")
