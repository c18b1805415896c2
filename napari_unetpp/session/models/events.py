"""Events of jobs about model files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_unetpp._types import ModelInfo


@dataclass(frozen=True, eq=False)
class ModelChecked:
    """A file holds a model that can be imported."""

    path: Path
    info: ModelInfo


@dataclass(frozen=True, eq=False)
class ModelImported:
    """A model was added to the user's own."""

    info: ModelInfo


ModelEvent = ModelChecked | ModelImported
