"""The trainer as the jobs call it. torch is imported by the first call that needs it, in the worker."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from napari_unetpp._types import (
    FinetuneDone,
    FinetuneEvent,
    FinetuneRequest,
    LabelledPlane,
    ModelInfo,
    ShouldStop,
)


class TorchTrainer:
    """`Trainer` by `napari_unetpp.train` and `napari_unetpp.files`."""

    def finetune(self, request: FinetuneRequest, should_stop: ShouldStop) -> Iterator[FinetuneEvent]:
        """Learn from corrections on a copy of the model."""
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

    def save(self, folder: Path, planes: tuple[LabelledPlane, ...], model: ModelInfo | None) -> None:
        """Write corrections as a folder that the command line reads."""
        from napari_unetpp.files.labels.corrections_folder import save_corrections

        save_corrections(folder, planes, model, overwrite=False)

    def read(self, folder: Path, on_problem: Callable[[str], None]) -> tuple[LabelledPlane, ...]:
        """Read such a folder; planes that cannot be read are told and left out."""
        from napari_unetpp.files.labels.corrections_folder import read_corrections

        return read_corrections(folder, on_problem=on_problem)
