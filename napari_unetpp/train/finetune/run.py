"""Fine-tuning on labelled images: a generator of frozen events for the dock, scripts and the command line."""

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
    UsageError,
    never_stop,
)
from napari_unetpp.engine.device import choose_device
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.memory import SMALLER, enough_memory
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.averaging import measure_batch_norms
from napari_unetpp.train.choose.levels import is_judged, mean_over_levels, recommend_level
from napari_unetpp.train.finetune import result, validate
from napari_unetpp.train.finetune.budget import Budget
from napari_unetpp.train.finetune.data.held_out import hold_out_blocks, without
from napari_unetpp.train.finetune.data.patches import ExamplePatches
from napari_unetpp.train.finetune.data.planes import read_examples
from napari_unetpp.train.finetune.recipe import Recipe, recipe_for, work_done
from napari_unetpp.train.finetune.step import Tuner
from napari_unetpp.train.finetune.teacher import Teacher
from napari_unetpp.train.parent import extend_heads, load_network
from napari_unetpp.train.precision import check_precision

DEFAULT = Recipe()
REPORT_SECONDS = 1.0

FOR_PARENT, FOR_VALIDATION = 0.1, 0.03
"""Largest shares of the time: for the parent's predictions, and for one of about seven validations."""

NO_BETTER = "No step was better than the model it started from: these are its weights."

NO_OBJECTS = "Dice alone does not see which objects merge: the recommended depth stays L{level}."


def finetune(
    request: FinetuneRequest, should_stop: ShouldStop = never_stop, *, recipe: Recipe = DEFAULT
) -> Iterator[FinetuneEvent]:
    """Fine-tune a copy of a model; the last event is `FinetuneDone`, also when stopped.

    Parameters
    ----------
    request : FinetuneRequest
    should_stop : callable
        Asked between the steps; then the run ends with the best weights so far.
    recipe : Recipe
        Settings.

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
class _Snapshot:
    """Weights at one time, the card they are used with, and their predictions for the held-out blocks."""

    state: result.State
    info: ModelInfo
    blocks: Sequence[validate.BlockPrediction] = ()

    @cached_property
    def dice(self) -> dict[int, float]:
        """Dice on the held-out pixels, by level."""
        scores = validate.dice_per_level(self.blocks, self.info) if self.blocks else {}
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
        with enough_memory("preparing the labelled images", SMALLER):
            self._prepare()
        yield FinetuneStarted(len(self.request.planes), self.held_out.description, tuple(self.notes))
        with enough_memory("learning", SMALLER):
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
        if request.model.net.arch != "unetpp":
            arch = request.model.net.arch
            raise UsageError(f"{request.model.name!r} is a {arch}; only unetpp models can be fine-tuned.")
        net = load_network(request.model)
        self.info = result.card(result.with_classes(request.model, request.classes), request.name)
        extend_heads(net, self.info)
        model = LoadedModel.load(request.model, request.device, request.precision)
        self.budget = Budget(request.seconds)
        given = sorted(request.planes, key=lambda plane: plane.name)
        self.examples, self.notes = read_examples(given, self.info, model, self.budget, self.rng)
        before = replace(self.info, decode=request.model.decode)
        predictor = validate.Predictor(net, before, self.device)
        pixel = validate.seconds_per_pixel(predictor, self.examples) if request.seconds else 0.0
        self.held_out = hold_out_blocks(self.examples, self.rng, self.budget.affords(FOR_VALIDATION, pixel))
        learn = without(self.examples, self.held_out)
        result.check_examples(learn)
        teacher = Teacher(predictor, learn, self.rng, self.budget.affords(FOR_PARENT, pixel))
        self.start = self.best = self._validate_parent(net, predictor)
        source = ExamplePatches(
            teacher.examples, teacher.maps, teacher.trust, self.info, self.rng, self.device
        )
        familiar = teacher.agreement >= self.recipe.familiar
        self.info = result.with_usual_scale(self.info, self.examples, familiar)
        self.recipe = recipe_for(self.recipe, teacher.agreement)
        self.tuner = Tuner(net, source, self.info, self.recipe, self.device, self.dtype)

    def _validate_parent(self, net: UNetPlusPlus, predictor: validate.Predictor) -> _Snapshot:
        """The parent on the held-out pixels; the same time is reserved for the end."""
        state = result.rounded(result.weights(net))
        self.before: ScoreSet | None = None
        if not self.held_out.blocks:
            self.notes.append("No validation: too little is labelled to hold a part of it out.")
            return _Snapshot(state, predictor.info)
        begun = self.budget.spent
        blocks = self._predict_blocks(predictor)
        self.before = validate.score(blocks, predictor.info, self.held_out)
        self._reserve(begun)
        return _Snapshot(state, predictor.info, blocks)

    def _reserve(self, begun: float) -> None:
        """Reserve time at the end for what has been done since `begun`, which will be done once more."""
        self.budget.reserve = max(self.budget.reserve, 1.2 * (self.budget.spent - begun) + 0.1)

    # --------------------------------------------------------------- learning

    def _learn(self) -> Iterator[FinetuneProgress]:
        """Steps, reports and validations until the budget is used up or the run is stopped."""
        self.budget.start_learning()
        reported, due, losses = self.budget.spent, list(self.recipe.validations), list[float]()
        while not self.should_stop() and ((progress := self._progress()) < 1 or not self.tuner.steps):
            losses.append(self.tuner.step(min(progress, 1.0)))
            if self.tuner.steps == 1:  # measured before the first update: the parent's own loss
                yield FinetuneProgress(0, self.budget.spent, 0.0, losses[0], result.dice(self.before))
            dice: dict[int, float] = {}
            if self.held_out.blocks and due and progress >= due[0]:
                due = [p for p in due if p > progress]
                dice = self._validate()
            if dice or self.budget.spent - reported >= REPORT_SECONDS:
                yield self._report(losses, dice)
                reported, losses = self.budget.spent, []
        self.stopped = self.should_stop()
        if self.tuner.steps:
            dice = self._validate()
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

    def _validate(self) -> dict[int, float]:
        """Dice of all levels on held-out pixels. The best weights are kept; without such pixels the last."""
        begun = self.budget.spent
        state = result.rounded(result.weights(self._with_measured_norms()))
        if not self.held_out.blocks:
            self.best = _Snapshot(state, self.info)
            return {}
        net = copy.deepcopy(self.tuner.average.net)
        net.load_state_dict(state)
        blocks = self._predict_blocks(validate.Predictor(net, self.info, self.device))
        snapshot = _Snapshot(state, self.info, blocks)
        if mean_over_levels(snapshot.dice) >= mean_over_levels(self.best.dice):
            self.best = snapshot
        self._reserve(begun)
        return snapshot.dice

    def _with_measured_norms(self) -> UNetPlusPlus:
        """The averaged network with norms measured on patches without augmentation, as in inference."""
        net: UNetPlusPlus = copy.deepcopy(self.tuner.average.net)
        if self.recipe.norms == "train" and self.recipe.norm_batches:
            tuner, count = self.tuner, self.recipe.norm_batches
            plain = (tuner.source.batch(tuner.batch, tuner.patch, augment=False) for _ in range(count))
            measure_batch_norms(net, (batch.image for batch in plain))
        return net

    def _predict_blocks(self, predictor: validate.Predictor) -> list[validate.BlockPrediction]:
        return validate.predict_blocks(predictor, self.examples, self.held_out.blocks, self.info.net.depth)

    # ---------------------------------------------------------------- the end

    def _finish(self) -> FinetuneDone:
        """Score the best weights on the held-out pixels, all levels, and write the card.

        Each model is scored with its own threshold; unchanged weights keep the parent's.
        """
        best = self.best
        info, after, better = replace(best.info, stopping=None), None, None
        notes = [*self.notes, *self.tuner.notes]
        if self.before is not None:
            after = self.before if best is self.start else validate.score(best.blocks, info, self.held_out)
            stopping, why_not = validate.stopping_rule(best.blocks, info)
            info = replace(info, validation=after, stopping=stopping)
            if is_judged(after, info):
                info = replace(info, recommended_level=recommend_level(after))
            else:
                notes.append(NO_OBJECTS.format(level=info.recommended_level))
            if self.request.model.stopping and not stopping:
                notes.append(f"No Auto: {why_not}.")
            better = result.quality(after) > result.quality(self.before)
            if best is self.start:
                notes.append(NO_BETTER)
        seconds = self.budget.spent
        provenance = result.provenance(
            self.request,
            self.examples,
            held_out=self.held_out.description,
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
