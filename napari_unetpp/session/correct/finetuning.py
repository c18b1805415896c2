"""Runs fine-tunings, shows their progress, keeps or discards the new model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from psygnal import Signal

from napari_unetpp._types import FinetuneDone, FinetuneProgress, FinetuneStarted, ModelInfo, UnetppError
from napari_unetpp.session.context import Context
from napari_unetpp.session.correct import work
from napari_unetpp.session.correct.planes import CorrectedPlane
from napari_unetpp.session.correct.ports import Trainer
from napari_unetpp.session.events import ModelKept
from napari_unetpp.session.messages import correcting
from napari_unetpp.session.ports import Runner

REMEDY = "close other programs, or correct a smaller image"


class FineTuning:
    """At most one fine-tuning at a time, in a thread of its own: segmenting goes on with the old model.

    Attributes
    ----------
    done : FinetuneDone or None
        A new model that the user has neither kept nor discarded.
    kept : Signal
        A new model is in the list of models.
    """

    kept = Signal(ModelInfo, tuple)

    def __init__(
        self, context: Context, finetune_runner: Runner, file_runner: Runner, trainer: Trainer
    ) -> None:
        self.view, self.jobs, self.trainer = context.view, context.jobs, trainer
        self.finetune_runner, self.file_runner = finetune_runner, file_runner
        self.done: FinetuneDone | None = None
        self._seconds: float | None = None  # of the run in progress
        self._planes: Sequence[CorrectedPlane] = ()  # of the last run
        self._points: list[FinetuneProgress] = []
        self._keeping = False
        self.jobs.on(FinetuneStarted, self._on_started)
        self.jobs.on(FinetuneProgress, self._on_progress)
        self.jobs.on(FinetuneDone, self._on_done)
        self.jobs.on(ModelKept, self._on_model_kept)

    @property
    def busy(self) -> bool:
        """Whether a fine-tuning is in progress."""
        return self._seconds is not None

    def check(self) -> None:
        """UnetppError says why no fine-tuning can begin now."""
        if self.busy:
            raise UnetppError("Fine-tuning is running: Stop ends it early with the best so far.")
        if self.done is not None:
            raise UnetppError("Keep or discard the new model first.")

    def start(self, model: ModelInfo, planes: Sequence[CorrectedPlane], seconds: float, device: str) -> None:
        """Begin; the corrections are already on disk."""
        if self.jobs.closed or self.busy:
            return
        self._seconds, self._planes = seconds, planes
        self._points.clear()
        self.view.set_curve(())
        self.view.set_scores((), "", "info")
        self.view.set_finetuning(True, None, "getting ready")
        job = partial(work.finetune, self.trainer, model, planes, seconds, device)
        self.jobs.submit(self.finetune_runner, job, self._on_end, remedy=REMEDY)

    def stop(self) -> None:
        """End early; the best so far is scored and offered."""
        if not self.busy:
            self.finetune_runner.stop()  # of what is prepared after Keep
        else:
            self.view.set_finetuning(True, None, "stopping")
            self.finetune_runner.stop()

    def on_model(self, _key: str | None = None) -> None:
        """Another model is chosen: what came of the last fine-tuning ends, unless it is to be decided."""
        if self.done is None and not self.busy:
            self.view.set_scores((), "", "info")

    def keep(self) -> None:
        """Put the new model into the list."""
        if self.done is not None and not self._keeping:
            self._keeping = True
            job = partial(work.keep, self.trainer, self.done)
            self.jobs.submit(self.file_runner, job, self._on_keep_end, remedy=REMEDY)

    def discard(self) -> None:
        """Leave everything as it was."""
        if self.done is not None and not self._keeping:
            self._clear()
            self.view.set_message("Discarded: the model is as it was.")

    # ----------------------------------------------------------- what happened

    def _on_started(self, event: FinetuneStarted) -> None:
        self.view.set_message(correcting.started(event))
        self.view.set_finetuning(True, 0.0, "learning")

    def _on_progress(self, event: FinetuneProgress) -> None:
        self._points.append(event)
        self.view.set_curve(tuple(self._points))
        text = correcting.finetuning(event.seconds, event.fraction, self._seconds or 0.0)
        self.view.set_finetuning(True, event.fraction, text)

    def _on_done(self, done: FinetuneDone) -> None:
        self.done = done
        text, tone = correcting.summary(done)
        self.view.set_scores(correcting.score_rows(done), text, tone)
        self.view.set_decision(True, suggested=done.better)
        self.view.set_message("Fine-tuning has ended: keep or discard the new model.")

    def _on_model_kept(self, event: ModelKept) -> None:
        notes = self.done.notes if self.done is not None else ()
        self._clear()
        self.kept.emit(event.info, notes)
        self.view.set_finetuning(True, None, correcting.PREPARING)
        job = partial(work.prepare_int8, self.trainer, event.info, self._planes)
        self.jobs.submit(self.finetune_runner, job, self._on_prepared, remedy=None)
        self._planes = ()  # images of several megapixels

    def _clear(self) -> None:
        self.done = None
        self.view.set_message("")
        self.view.set_scores((), "", "info")
        self.view.set_decision(False, suggested=None)

    def _on_end(self, _error: BaseException | None) -> None:
        self._seconds = None
        self.view.set_finetuning(False, 0.0, "")

    def _on_prepared(self, _error: BaseException | None) -> None:
        """Without int8 the model is evaluated as before: nothing has to be said."""
        if not self.busy:
            self.view.set_finetuning(False, 0.0, "")

    def _on_keep_end(self, _error: BaseException | None) -> None:
        self._keeping = False
