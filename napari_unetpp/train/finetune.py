"""Fine-tuning on what the user labelled: a generator of frozen events, for dock, script and shell alike."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from napari_unetpp._types import (
    FinetuneDone,
    FinetuneEvent,
    FinetuneProgress,
    FinetuneRequest,
    FinetuneStarted,
    ScoreSet,
    ShouldStop,
    UnetppError,
    never_stop,
)
from napari_unetpp.engine.device import choose_device
from napari_unetpp.engine.evaluator import Evaluator
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train import look, outcome, parent
from napari_unetpp.train.calibrate import stopping_of
from napari_unetpp.train.corrections import as_read, make_lesson, scales_note
from napari_unetpp.train.held_out import hold_out, without
from napari_unetpp.train.lesson_patches import LessonSource
from napari_unetpp.train.norms import measure_norms
from napari_unetpp.train.precision import check_precision
from napari_unetpp.train.recipe import Recipe, level_at, suited, work_done
from napari_unetpp.train.teacher import Teacher
from napari_unetpp.train.tuner import Tuner
from napari_unetpp.train.validate import recommend_level

DEFAULT = Recipe()
REPORT_SECONDS = 1.0


def finetune(
    request: FinetuneRequest, should_stop: ShouldStop = never_stop, *, recipe: Recipe = DEFAULT
) -> Iterator[FinetuneEvent]:
    """Fine-tune a copy of a model; the last event is `FinetuneDone`, also when stopped.

    Parameters
    ----------
    request : FinetuneRequest
    should_stop : callable
        Asked between the steps; the best weights so far are then given back.
    recipe : Recipe
        How to learn.

    Yields
    ------
    FinetuneStarted, then FinetuneProgress about every second, then FinetuneDone

    Raises
    ------
    UnetppError
        Nothing to learn from, labels that do not fit the model, or not enough memory for one small patch.
    """
    return _Run(request, should_stop, recipe).run()


class _Run:
    """One fine-tuning, from the request to the new model."""

    def __init__(self, request: FinetuneRequest, should_stop: ShouldStop, recipe: Recipe) -> None:
        if request.steps is None and request.seconds is None:
            raise UnetppError("neither seconds nor steps were given; one of them must end the fine-tuning.")
        self.request, self.should_stop, self.recipe = request, should_stop, recipe
        self.notes: list[str] = []
        self.reserve = 0.0
        self.last_loss = float("nan")

    def run(self) -> Iterator[FinetuneEvent]:
        """All events."""
        self._prepare()
        yield FinetuneStarted(len(self.request.planes), self.held.words, tuple(self.notes))
        yield from self._learn()
        yield self._finish()

    # ------------------------------------------------------------ preparation

    def _prepare(self) -> None:
        request = self.request
        self.rng = np.random.default_rng(request.seed)
        check_precision(request.precision)
        choice = choose_device(request.device, request.precision)
        # Half precision needs loss scaling; bfloat16 has the range of float32.
        self.device, self.dtype = choice.device, choice.dtype
        if self.dtype == "float16":
            self.dtype = "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
        net = parent.load_network(request.model)
        self.info = outcome.card(parent.with_classes(request.model, request.classes), request.name)
        parent.extend_heads(net, self.info)
        given = sorted(request.planes, key=lambda plane: plane.name)
        evaluator = Evaluator.load(request.model, request.device, request.precision)
        planes = [as_read(plane, evaluator) for plane in given]
        self.notes += scales_note(given, planes)
        self.lessons = [make_lesson(plane, self.info) for plane in planes]
        self.held = hold_out(self.lessons, self.rng)
        learn = without(self.lessons, self.held)
        outcome.check_lessons(learn)
        looker = look.Looker(net, replace(self.info, decode=request.model.decode), self.device)
        teacher = Teacher(looker, learn, self.rng)
        self.start_state: outcome.State = outcome.rounded(outcome.weights(net))
        self.best_state = self.start_state
        self.before = self._first_look(looker)
        self.best_dice = max(outcome.dice(self.before).values(), default=0.0)
        source = LessonSource(teacher.lessons, teacher.maps, teacher.soft, self.info, self.rng)
        self.recipe = suited(self.recipe, teacher.dice)
        self.tuner = Tuner(net, source, self.info, self.recipe, self.device, self.dtype)

    def _first_look(self, looker: look.Looker) -> ScoreSet | None:
        """The parent on the held-out pixels; how long that takes is kept free at the end."""
        if not self.held.blocks:
            self.notes.append("No validation: too little is labelled to hold a part of it out.")
            return None
        begun = time.monotonic()
        seen = look.look(looker, self.lessons, self.held.blocks, self.info.net.depth)
        scores = look.score(seen, looker.info, self.held)
        self.reserve = 1.2 * (time.monotonic() - begun) + 0.1
        return scores

    # --------------------------------------------------------------- learning

    def _learn(self) -> Iterator[FinetuneProgress]:
        """Steps until the budget is used up or somebody says stop; reports and looks on the way."""
        self.begun = time.monotonic()
        reported, looks, losses = 0.0, list(self.recipe.looks), list[float]()
        while not self.should_stop() and (progress := self._progress()) < 1:
            losses.append(self.tuner.step(progress))
            if self.tuner.steps == 1:  # measured before the first update: the parent's own loss
                yield FinetuneProgress(0, 0.0, 0.0, losses[0], outcome.dice(self.before))
            dice: dict[int, float] = {}
            if self.held.blocks and looks and progress >= looks[0]:
                looks = [p for p in looks if p > progress]
                dice = self._look(level_at(progress, self.recipe, self.info.net.depth))
            if dice or self._seconds - reported >= REPORT_SECONDS:
                yield self._report(losses, dice)
                reported, losses = self._seconds, []
        self.stopped = self.should_stop()
        if self.tuner.steps:
            dice = self._look(self.info.net.depth)
            yield self._report(losses, dice)
        self.seconds = self._seconds

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self.begun

    def _progress(self) -> float:
        """Share of the run's work that is done: of the time, or of the cost of all steps."""
        request, done = self.request, [0.0]
        if request.steps is not None:
            done.append(work_done(self.tuner.steps / request.steps, self.recipe, self.info.net))
        if request.seconds is not None:
            done.append(self._seconds / max(request.seconds - self.reserve, 1e-6))
        return max(done)

    def _report(self, losses: Sequence[float], dice: Mapping[int, float]) -> FinetuneProgress:
        loss = float(np.mean(losses)) if losses else self.last_loss
        self.last_loss = loss
        return FinetuneProgress(self.tuner.steps, self._seconds, min(1.0, self._progress()), loss, dict(dice))

    def _look(self, levels: int) -> dict[int, float]:
        """Dice per level on the held-out pixels; the best weights so far are kept. Without any: the last."""
        begun = time.monotonic()
        state = outcome.rounded(outcome.weights(self._settled()))
        if not self.held.blocks:
            self.best_state = state
            return {}
        seen = look.look(self._looker(state), self.lessons, self.held.blocks, levels)
        dice = {level: d for level, (d, _) in look.dice_per_level(seen, self.info).items()}
        if max(dice.values()) >= self.best_dice:
            self.best_dice, self.best_state = max(dice.values()), state
        self.reserve = max(self.reserve, 1.2 * (time.monotonic() - begun))
        return dice

    def _settled(self) -> UNetPlusPlus:
        """The averaged network with norms measured on plain patches: those it learned from were altered."""
        net: UNetPlusPlus = copy.deepcopy(self.tuner.average)
        if self.recipe.norms == "train" and self.recipe.settle:
            tuner = self.tuner
            plain = (
                tuner.source.batch(tuner.batch, tuner.patch, augment=False) for _ in range(self.recipe.settle)
            )
            measure_norms(net, (batch.image for batch in plain))
        return net

    def _looker(self, state: outcome.State) -> look.Looker:
        net = copy.deepcopy(self.tuner.average)
        net.load_state_dict(state)
        return look.Looker(net, self.info, self.device)

    # ---------------------------------------------------------------- the end

    def _finish(self) -> FinetuneDone:
        """Score the best weights on the held-out pixels, all levels, and write the card."""
        info, after, better = replace(self.info, stopping=None), None, None
        notes = [*self.notes, *self.tuner.notes]
        if self.before is not None:
            seen = look.look(
                self._looker(self.best_state), self.lessons, self.held.blocks, self.info.net.depth
            )
            after = look.score(seen, self.info, self.held)
            stopping, why_not = stopping_of(seen, info)
            info = replace(
                info, validation=after, recommended_level=recommend_level(after), stopping=stopping
            )
            if self.request.model.stopping and not stopping:
                notes.append(f"No Auto: {why_not}.")
            better = outcome.quality(after) > outcome.quality(self.before)
            if self.best_state is self.start_state:
                notes.append("No step was better than the model it started from: these are its weights.")
        info = replace(
            info,
            provenance=outcome.provenance(
                self.request,
                self.lessons,
                held_out=self.held.words,
                steps=self.tuner.steps,
                seconds=self.seconds,
                device=f"{self.device} {self.dtype}",
            ),
        )
        return FinetuneDone(
            info,
            self.best_state,
            self.before,
            after,
            better,
            self.tuner.steps,
            self.seconds,
            self.stopped,
            tuple(notes),
        )
