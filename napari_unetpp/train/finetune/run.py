"""Fine-tuning on what the user labelled: a generator of frozen events, for dock, script and shell alike."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from napari_unetpp._types import (
    FinetuneDone,
    FinetuneEvent,
    FinetuneProgress,
    FinetuneRequest,
    FinetuneStarted,
    ModelInfo,
    ScoreSet,
    ShouldStop,
    UnetppError,
    never_stop,
)
from napari_unetpp.engine.device import choose_device
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train import parent
from napari_unetpp.train.batch_norms import measure_norms
from napari_unetpp.train.choose.auto import stopping_of
from napari_unetpp.train.choose.judge import merit
from napari_unetpp.train.choose.levels import recommend_level
from napari_unetpp.train.finetune import result as outcome
from napari_unetpp.train.finetune import validate
from napari_unetpp.train.finetune.budget import Budget
from napari_unetpp.train.finetune.held_out import hold_out, without
from napari_unetpp.train.finetune.patches import LessonSource
from napari_unetpp.train.finetune.planes import read_lessons
from napari_unetpp.train.finetune.recipe import Recipe, suited, work_done
from napari_unetpp.train.finetune.step import Tuner
from napari_unetpp.train.finetune.teacher import Teacher
from napari_unetpp.train.precision import check_precision

DEFAULT = Recipe()
REPORT_SECONDS = 1.0

TO_ASK, A_LOOK = 0.1, 0.03
"""Shares of the time, at most: to ask the parent, and for one of about seven looks."""

NO_BETTER = "No step was better than the model it started from: these are its weights."


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


@dataclass(frozen=True, eq=False)
class _Moment:
    """Weights, what they say of the held-out blocks (all levels), and the card they are used with."""

    state: outcome.State
    info: ModelInfo
    seen: Sequence[validate.Seen] = ()

    @cached_property
    def dice(self) -> dict[int, float]:
        """Dice on the held-out pixels, by level."""
        scores = validate.dice_per_level(self.seen, self.info) if self.seen else {}
        return {level: dice for level, (dice, _) in scores.items()}


class _Run:
    """One fine-tuning, from the request to the new model."""

    def __init__(self, request: FinetuneRequest, should_stop: ShouldStop, recipe: Recipe) -> None:
        if request.steps is None and request.seconds is None:
            raise UnetppError("neither seconds nor steps were given; one of them must end the fine-tuning.")
        self.request, self.should_stop, self.recipe = request, should_stop, recipe
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
        evaluator = LoadedModel.load(request.model, request.device, request.precision)
        self.budget = Budget(request.seconds)
        given = sorted(request.planes, key=lambda plane: plane.name)
        self.lessons, self.notes = read_lessons(given, self.info, evaluator, self.budget, self.rng)
        before = replace(self.info, decode=request.model.decode)
        looker = validate.Looker(net, before, self.device)
        pixel = validate.seconds_per_pixel(looker, self.lessons) if request.seconds else 0.0
        self.held = hold_out(self.lessons, self.rng, self.budget.affords(A_LOOK, pixel))
        learn = without(self.lessons, self.held)
        outcome.check_lessons(learn)
        teacher = Teacher(looker, learn, self.rng, self.budget.affords(TO_ASK, pixel))
        self.start = self.best = self._first_look(net, looker)
        source = LessonSource(teacher.lessons, teacher.maps, teacher.soft, self.info, self.rng)
        self.recipe = suited(self.recipe, teacher.dice)
        self.tuner = Tuner(net, source, self.info, self.recipe, self.device, self.dtype)

    def _first_look(self, net: UNetPlusPlus, looker: validate.Looker) -> _Moment:
        """The parent on the held-out pixels; how long that takes is kept free at the end."""
        state = outcome.rounded(outcome.weights(net))
        self.before: ScoreSet | None = None
        if not self.held.blocks:
            self.notes.append("No validation: too little is labelled to hold a part of it out.")
            return _Moment(state, looker.info)
        begun = self.budget.spent
        seen = validate.look(looker, self.lessons, self.held.blocks, self.info.net.depth)
        self.before = validate.score(seen, looker.info, self.held)
        self._keep_free(begun)
        return _Moment(state, looker.info, seen)

    def _keep_free(self, begun: float) -> None:
        """What has been done since `begun` will be done once more at the end."""
        self.budget.reserve = max(self.budget.reserve, 1.2 * (self.budget.spent - begun) + 0.1)

    # --------------------------------------------------------------- learning

    def _learn(self) -> Iterator[FinetuneProgress]:
        """Steps until the budget is used up or somebody says stop; reports and looks on the way."""
        self.budget.start_learning()
        reported, looks, losses = self.budget.spent, list(self.recipe.looks), list[float]()
        while not self.should_stop() and ((progress := self._progress()) < 1 or not self.tuner.steps):
            losses.append(self.tuner.step(min(progress, 1.0)))
            if self.tuner.steps == 1:  # measured before the first update: the parent's own loss
                yield FinetuneProgress(0, self.budget.spent, 0.0, losses[0], outcome.dice(self.before))
            dice: dict[int, float] = {}
            if self.held.blocks and looks and progress >= looks[0]:
                looks = [p for p in looks if p > progress]
                dice = self._look()
            if dice or self.budget.spent - reported >= REPORT_SECONDS:
                yield self._report(losses, dice)
                reported, losses = self.budget.spent, []
        self.stopped = self.should_stop()
        if self.tuner.steps:
            dice = self._look()
            yield self._report(losses, dice)

    def _progress(self) -> float:
        """Share of the run's work that is done: of the time, or of the cost of all steps."""
        steps = self.request.steps
        by_steps = 0.0 if steps is None else self.tuner.steps / steps
        return max(self.budget.learned, work_done(by_steps, self.recipe, self.info.net))

    def _report(self, losses: Sequence[float], dice: Mapping[int, float]) -> FinetuneProgress:
        loss = float(np.mean(losses)) if losses else self.last_loss
        self.last_loss = loss
        fraction = min(1.0, self._progress())
        return FinetuneProgress(self.tuner.steps, self.budget.spent, fraction, loss, dict(dice))

    def _look(self) -> dict[int, float]:
        """Dice of all levels on the held-out pixels; the best moment is kept. Without any: the last."""
        begun = self.budget.spent
        state = outcome.rounded(outcome.weights(self._settled()))
        if not self.held.blocks:
            self.best = _Moment(state, self.info)
            return {}
        seen = validate.look(self._looker(state), self.lessons, self.held.blocks, self.info.net.depth)
        moment = _Moment(state, self.info, seen)
        if merit(moment.dice) >= merit(self.best.dice):
            self.best = moment
        self._keep_free(begun)
        return moment.dice

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

    def _looker(self, state: outcome.State) -> validate.Looker:
        net = copy.deepcopy(self.tuner.average)
        net.load_state_dict(state)
        return validate.Looker(net, self.info, self.device)

    # ---------------------------------------------------------------- the end

    def _finish(self) -> FinetuneDone:
        """Score the best weights on the held-out pixels, all levels, and write the card.

        Both models are scored with the thresholds they are used with; of unchanged weights the parent's are.
        """
        best = self.best
        info, after, better = replace(best.info, stopping=None), None, None
        notes = [*self.notes, *self.tuner.notes]
        if self.before is not None:
            after = self.before if best is self.start else validate.score(best.seen, info, self.held)
            stopping, why_not = stopping_of(best.seen, info)
            level = recommend_level(after)
            info = replace(info, validation=after, recommended_level=level, stopping=stopping)
            if self.request.model.stopping and not stopping:
                notes.append(f"No Auto: {why_not}.")
            better = outcome.quality(after) > outcome.quality(self.before)
            if best is self.start:
                notes.append(NO_BETTER)
        seconds = self.budget.spent
        provenance = outcome.provenance(
            self.request,
            self.lessons,
            held_out=self.held.words,
            steps=self.tuner.steps,
            seconds=seconds,
            device=f"{self.device} {self.dtype}",
        )
        return FinetuneDone(
            replace(info, provenance=provenance),
            best.state,
            self.before,
            after,
            better,
            self.tuner.steps,
            seconds,
            self.stopped,
            tuple(notes),
        )
