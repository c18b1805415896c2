"""Stand-ins for what the fold Correct talks to: corrections layers, other images, a trainer."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from stand_ins import FakeLayers, HandRunner, Sitting

from napari_unetpp._types import (
    FinetuneDone,
    FinetuneProgress,
    FinetuneRequest,
    FinetuneStarted,
    LevelScores,
    ModelInfo,
    Outline,
    Region,
    ScoreSet,
)
from napari_unetpp.session.correct.merge import inside_outlines
from napari_unetpp.session.correct.planes import CorrectedPlane, LabelEncoding
from napari_unetpp.session.correct.ports import CorrectionsSignals
from napari_unetpp.session.correct.work import TorchTrainer
from napari_unetpp.session.correct.workflow import CorrectionWorkflow
from napari_unetpp.session.values import Plane, model_key


class FakeCorrections:
    """Corrections in memory; `paint` stands for the user."""

    def __init__(self) -> None:
        self.signals = CorrectionsSignals()
        self.changes = 0
        self.planes: dict[Hashable, CorrectedPlane] = {}
        self.asked: set[Hashable] = set()
        self.brush: dict[Hashable, int] = {}
        self.tools: list[str] = []

    def has(self, image: Hashable) -> bool:
        return any(drawn.image == image for drawn in self.planes.values())

    def corrected(self, plane: Plane) -> CorrectedPlane | None:
        return self.planes.get(plane.key)

    def encoding(self, plane: Plane) -> LabelEncoding | None:
        held = self.planes.get(plane.key)
        return None if held is None else held.encoding

    def labels(self, plane: Plane) -> Any:
        held = self.planes.get(plane.key)
        return None if held is None else held.labels

    def all(self) -> list[CorrectedPlane]:
        return [d for key, d in self.planes.items() if d.certain.any() or key in self.asked]

    def put(self, plane: Plane, labels: Any, certain: Any, encoding: LabelEncoding, *, label: int) -> None:
        self.planes[plane.key] = CorrectedPlane(
            plane.key, plane.image, plane.name, plane.data, np.array(labels), certain, encoding=encoding
        )
        self.brush[plane.image] = label

    def begin(self, plane: Plane) -> None:
        self.asked.add(plane.key)

    def mark_certain(self, drawn: CorrectedPlane) -> None:
        inside = np.ones(drawn.certain.shape, bool) if drawn.inside is None else drawn.inside
        self.changes += 1
        self.planes[drawn.key] = replace(drawn, certain=drawn.certain | inside)

    def write(self, plane: Plane, region: Region, values: Any, decided: Any = None) -> None:
        drawn = self.planes[plane.key]
        where = np.zeros(drawn.labels.shape, bool)
        where[region.slices] = drawn.labels[region.slices] != values
        if decided is not None:
            where[region.slices] |= decided
        full = drawn.labels.copy()
        full[region.slices] = values
        self.paint(plane.key, where, full[where])

    def selected(self, image: Hashable) -> int:
        return self.brush.get(image, 0)

    def select(self, image: Hashable, label: int | None = None, tool: str = "paint") -> None:
        self.tools.append(tool)
        if label is not None:
            self.brush[image] = label

    def show_regions(self, plane: Plane) -> None:
        self.tools.append("regions")

    def drop(self, image: Hashable) -> list[CorrectedPlane]:
        gone = [drawn for drawn in self.all() if drawn.image == image]
        self.planes = {key: drawn for key, drawn in self.planes.items() if drawn.image != image}
        return gone

    def draw_regions(self, plane: Plane, outlines: Sequence[Outline]) -> None:
        inside = inside_outlines(tuple(outlines), plane.shape)
        self.planes[plane.key] = replace(self.planes[plane.key], inside=inside, outlines=tuple(outlines))

    def close(self) -> None:
        self.tools.append("closed")

    def paint(self, key: Hashable, where: Any, value: Any) -> None:
        """What the user does."""
        drawn = self.planes[key]
        drawn.labels[where] = value
        certain = drawn.certain.copy()
        certain[where] = True
        self.planes[key] = replace(drawn, certain=certain)
        self.changes += 1
        self.signals.painted.emit(drawn.image)

    def remove(self, image: Hashable) -> None:
        """The layer is gone."""
        self.signals.closed.emit(self.drop(image))


class FakeOtherImages:
    """Further images in memory."""

    def __init__(self, layers: FakeLayers) -> None:
        self.layers = layers
        self.files: list[Path] = []
        self.shown: list[Hashable] = []

    def show(self, image: Hashable, former: Hashable | None) -> None:
        self.shown.append(image)

    def next_file(self, image: Hashable) -> Path | None:
        return self.files[0] if self.files else None

    def open_file(self, path: Path, like: Hashable) -> Hashable:
        self.files.remove(path)
        return self.add(path.stem, next(iter(self.layers.arrays.values())))

    def add(self, name: str, pixels: Any) -> Hashable:
        while name in self.layers.arrays:  # as of a viewer, the key is of this image alone
            name = f"{name} again"
        self.layers.arrays[name] = pixels
        self.layers.signals.images_changed.emit()
        return name

    def remove(self, image: Hashable) -> None:
        del self.layers.arrays[image]
        self.layers.signals.images_changed.emit()


@dataclass
class FakeTrainer(TorchTrainer):
    """Learns nothing, in four steps; saves and reads like the real one."""

    gain: float | None = 0.1
    requests: list[FinetuneRequest] = field(default_factory=list)
    kept: list[FinetuneDone] = field(default_factory=list)
    prepared: list[str] = field(default_factory=list)
    faster: bool = False
    fail: BaseException | None = None

    def finetune(self, request: FinetuneRequest, should_stop: Any) -> Iterator[Any]:
        self.requests.append(request)
        yield FinetuneStarted(len(request.planes), "" if self.gain is None else "2 blocks of 64 px")
        if self.fail is not None:
            raise self.fail
        step = 0
        while step < 4 and not should_stop():
            step += 1
            dice = dict.fromkeys((1, 2, 3, 4), 0.5 + 0.01 * step)
            yield FinetuneProgress(step, 15.0 * step, step / 4, 1.0 / step, dice)
        yield self._done(request, step, stopped=step < 4)

    def keep(self, done: FinetuneDone) -> ModelInfo:
        self.kept.append(done)
        return replace(done.info, sha256=f"hash of {done.info.name}")

    def prepare_int8(self, model: ModelInfo, planes: Any, should_stop: Any) -> bool:
        self.prepared.append(model.name)
        return self.faster

    def _done(self, request: FinetuneRequest, step: int, *, stopped: bool) -> FinetuneDone:
        before = after = None
        if self.gain is not None:
            before, after = _scores(0.6), _scores(0.6 + self.gain)
        parent = {"parent": model_key(request.model)}
        name = f"{request.model.name}-2"
        info = replace(request.model, name=name, validation=after, sha256=None, provenance=parent)
        better = None if self.gain is None else self.gain > 0
        return FinetuneDone(info, {}, before, after, better, step, 15.0 * step, stopped)


def _scores(dice: float) -> ScoreSet:
    return ScoreSet("held out", 1, {d: LevelScores(dice + 0.01 * d, None, None, 1) for d in (1, 2, 3, 4)})


@dataclass
class CorrectSession:
    """A sitting with everything that teaches."""

    sitting: Sitting
    workflow: CorrectionWorkflow
    corrections: FakeCorrections
    other_images: FakeOtherImages
    trainer: FakeTrainer
    finetune_runner: HandRunner
    file_runner: HandRunner
    merge_runner: HandRunner

    @property
    def view(self) -> Any:
        return self.sitting.view

    @property
    def message(self) -> str:
        return self.sitting.message

    @property
    def summary(self) -> str:
        """The last sentence beside the table that says something."""
        said = [call.args[1] for call in self.view.set_scores.call_args_list if call.args[1]]
        return str(said[-1])

    def correct(self) -> None:
        """Segment, press Correct, erase the first object."""
        self.view.signals.segment_pressed.emit()
        self.view.signals.correct_pressed.emit()
        self.corrections.paint(("cells", 0), np.s_[8:22, 8:22], 0)


def begin(sitting: Sitting) -> CorrectSession:
    corrections, other_images, trainer = FakeCorrections(), FakeOtherImages(sitting.layers), FakeTrainer()
    finetune_runner, file_runner, merge_runner = HandRunner(), HandRunner(), HandRunner()
    workflow = CorrectionWorkflow(
        sitting.controller,
        corrections=corrections,
        other_images=other_images,
        trainer=trainer,
        finetune_runner=finetune_runner,
        file_runner=file_runner,
        merge_runner=merge_runner,
    )
    workflow.start()
    runners = finetune_runner, file_runner, merge_runner
    return CorrectSession(sitting, workflow, corrections, other_images, trainer, *runners)
