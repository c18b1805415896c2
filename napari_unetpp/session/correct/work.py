"""Fine-tuning and the files of corrections, as generators of frozen events (see `session.segment.work`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_unetpp._types import FinetuneDone, FinetuneRequest, ModelInfo, ShouldStop, UnetppError
from napari_unetpp.engine.memory import give_back
from napari_unetpp.session.correct.autosave_folder import SittingFolder
from napari_unetpp.session.correct.planes import Lesson, further_classes, labelled_planes
from napari_unetpp.session.correct.ports import Trainer
from napari_unetpp.session.values import Autosaved, CorrectionsSaved, Event, ModelKept, Restored


@dataclass(frozen=True, eq=False)
class LearnRequest:
    """Fine-tune `model` on `lessons`, `seconds` long."""

    model: ModelInfo
    lessons: tuple[Lesson, ...]
    seconds: float
    device: str


def learn(trainer: Trainer, request: LearnRequest, should_stop: ShouldStop) -> Iterator[Event]:
    """Fine-tune; ends with `FinetuneDone`, also when stopped."""
    planes = labelled_planes(request.lessons, request.model.task)
    wanted = FinetuneRequest(
        model=request.model,
        planes=planes,
        seconds=request.seconds,
        device=request.device,
        classes=further_classes(request.model, planes),
    )
    try:
        yield from trainer.finetune(wanted, should_stop)
    finally:
        give_back()


def keep(trainer: Trainer, done: FinetuneDone, should_stop: ShouldStop) -> Iterator[Event]:
    """Write the new model."""
    del should_stop  # short, and half a model helps nobody
    try:
        yield ModelKept(trainer.keep(done))
    except OSError as error:
        raise UnetppError(
            f"The new model could not be written: {error}. Free some space, then Keep."
        ) from error


def autosave(
    trainer: Trainer,
    folder: SittingFolder,
    lessons: Sequence[Lesson],
    model: ModelInfo | None,
    revision: int,
    should_stop: ShouldStop,
) -> Iterator[Event]:
    """Write the corrections of the sitting; where all were forgotten, what was written goes."""
    del should_stop
    planes = labelled_planes(lessons)
    try:
        if not planes:
            folder.clear()
        else:
            folder.write(lambda path: trainer.save(path, planes, model))
    except OSError as error:
        raise UnetppError(f"The corrections could not be saved automatically: {error}.") from error
    yield Autosaved(revision)


def save_corrections(
    trainer: Trainer, folder: Path, lessons: Sequence[Lesson], model: ModelInfo, should_stop: ShouldStop
) -> Iterator[Event]:
    """Write them where the user wants them; nothing is overwritten."""
    del should_stop
    planes = labelled_planes(lessons, model.task)
    try:
        trainer.save(folder, planes, model)
    except OSError as error:
        raise UnetppError(f"{folder} could not be written: {error}. Choose another folder.") from error
    yield CorrectionsSaved(folder, len(planes))


def restore(trainer: Trainer, folder: Path, should_stop: ShouldStop) -> Iterator[Event]:
    """Read what a sitting left that did not end orderly."""
    del should_stop
    problems: list[str] = []
    try:
        planes = trainer.read(folder, problems.append)
    except OSError as error:
        raise UnetppError(f"{folder} could not be read: {error}.") from error
    yield Restored(folder, planes, tuple(problems))
