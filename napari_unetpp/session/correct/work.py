"""Fine-tuning and the files of corrections as generators of frozen events (see `session.segment.work`)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from napari_unetpp._types import (
    FinetuneDone,
    FinetuneEvent,
    FinetuneRequest,
    LabelledPlane,
    ModelInfo,
    ShouldStop,
    UnetppError,
)
from napari_unetpp.engine.memory import release_free_memory
from napari_unetpp.session.correct.planes import CorrectedPlane, labelled_planes
from napari_unetpp.session.correct.ports import Trainer
from napari_unetpp.session.correct.saving.autosave_folder import SessionFolder
from napari_unetpp.session.events import (
    Autosaved,
    CorrectionsSaved,
    Event,
    FasterFormat,
    ModelKept,
    Restored,
)
from napari_unetpp.session.values import model_key

FURTHER_CLASSES = 8
"""How many classes one fine-tuning may add: a larger label value is probably a mistake."""


class TorchTrainer:
    """`Trainer` by `napari_unetpp.train` and `napari_unetpp.files`; torch is imported by its first use."""

    def finetune(self, request: FinetuneRequest, should_stop: ShouldStop) -> Iterator[FinetuneEvent]:
        """Fine-tune a copy of the model on corrections."""
        from napari_unetpp.train.finetune.run import finetune

        return finetune(request, should_stop)

    def keep(self, done: FinetuneDone) -> ModelInfo:
        """Write the new model into the user's folder, under a name that is free."""
        from napari_unetpp.files.models.model_file import save_model
        from napari_unetpp.files.models.model_list import SUFFIX, register

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"new{SUFFIX}"
            save_model(path, done.tensors, done.info, half=True)
            return register(path)

    def prepare_int8(
        self, model: ModelInfo, planes: tuple[LabelledPlane, ...], should_stop: ShouldStop
    ) -> bool:
        """Measure on the corrected images whether a new model may be evaluated in int8."""
        from napari_unetpp.train.finetune.int8 import measure_int8_of_finetuned

        return measure_int8_of_finetuned(model, planes, should_stop)

    def save(self, folder: Path, planes: tuple[LabelledPlane, ...], model: ModelInfo | None) -> None:
        """Write corrections as a folder that the command line reads."""
        from napari_unetpp.files.labels.corrections_folder import save_corrections

        save_corrections(folder, planes, model, overwrite=False)

    def read(self, folder: Path, on_problem: Callable[[str], None]) -> tuple[LabelledPlane, ...]:
        """Read such a folder; planes that cannot be read are reported and left out."""
        from napari_unetpp.files.labels.corrections_folder import read_corrections

        return read_corrections(folder, on_problem=on_problem)


_fits: type[Trainer] = TorchTrainer  # checked by mypy


def finetune(
    trainer: Trainer,
    model: ModelInfo,
    planes: Sequence[CorrectedPlane],
    seconds: float,
    device: str,
    should_stop: ShouldStop,
) -> Iterator[Event]:
    """Fine-tune `model` on `planes`, `seconds` long; ends with `FinetuneDone`, also when stopped."""
    labelled = labelled_planes(planes, model.task)
    request = FinetuneRequest(
        model=model,
        planes=labelled,
        seconds=seconds,
        device=device,
        classes=further_classes(model, labelled),
    )
    try:
        yield from trainer.finetune(request, should_stop)
    finally:
        release_free_memory()


def keep(trainer: Trainer, done: FinetuneDone, should_stop: ShouldStop) -> Iterator[Event]:
    """Write the new model."""
    del should_stop  # short, and half a model helps nobody
    try:
        yield ModelKept(trainer.keep(done))
    except OSError as error:
        raise UnetppError(
            f"The new model could not be written: {error}. Free some space, then Keep."
        ) from error


def prepare_int8(
    trainer: Trainer, model: ModelInfo, planes: Sequence[CorrectedPlane], should_stop: ShouldStop
) -> Iterator[Event]:
    """Measure whether a kept model may be evaluated in int8."""
    try:
        if trainer.prepare_int8(model, labelled_planes(planes, model.task), should_stop):
            yield FasterFormat(model_key(model))
    finally:
        release_free_memory()


def autosave(
    trainer: Trainer,
    folder: SessionFolder,
    planes: Sequence[CorrectedPlane],
    model: ModelInfo | None,
    revision: int,
    should_stop: ShouldStop,
) -> Iterator[Event]:
    """Write the corrections of the session; where all were forgotten, delete what was written."""
    del should_stop
    labelled = labelled_planes(planes)
    try:
        if labelled:
            folder.write(lambda path: trainer.save(path, labelled, model))
        else:
            folder.clear()
    except OSError as error:
        raise UnetppError(f"The corrections could not be saved automatically: {error}.") from error
    yield Autosaved(revision)


def save_corrections(
    trainer: Trainer,
    folder: Path,
    planes: Sequence[CorrectedPlane],
    model: ModelInfo,
    should_stop: ShouldStop,
) -> Iterator[Event]:
    """Write them into a folder of the user; nothing is overwritten."""
    del should_stop
    labelled = labelled_planes(planes, model.task)
    try:
        trainer.save(folder, labelled, model)
    except OSError as error:
        raise UnetppError(f"{folder} could not be written: {error}. Choose another folder.") from error
    yield CorrectionsSaved(folder, len(labelled))


def restore(trainer: Trainer, folder: Path, should_stop: ShouldStop) -> Iterator[Event]:
    """Read the corrections that a crash left."""
    del should_stop
    problems: list[str] = []
    try:
        planes = trainer.read(folder, problems.append)
    except OSError as error:
        raise UnetppError(f"{folder} could not be read: {error}.") from error
    yield Restored(folder, planes, tuple(problems))


def further_classes(model: ModelInfo, planes: Sequence[LabelledPlane]) -> tuple[str, ...]:
    """Names for label values that a semantic model has no class for yet.

    Raises
    ------
    UnetppError
        A value is so large that it is probably a mistake.
    """
    if model.task != "semantic":
        return ()
    known = len(model.classes)
    top = max((_top_class(plane) for plane in planes), default=0)
    if top > known + FURTHER_CLASSES:
        listed = ", ".join(f"{number} {name}" for number, name in enumerate(model.classes, 1))
        raise UnetppError(
            f"Label {top} is none of the classes of this model ({listed}). Paint with these numbers; the"
            f" next ones, up to {known + FURTHER_CLASSES}, stand for new classes."
        )
    return tuple(f"class {number}" for number in range(known + 1, top + 1))


def _top_class(plane: LabelledPlane) -> int:
    counts = plane.labels if plane.background is None else plane.labels[plane.labels != plane.background]
    if plane.labels_as == "corrections" and plane.certain is not None:
        counts = plane.labels[plane.certain]
    return int(counts.max(initial=0))
