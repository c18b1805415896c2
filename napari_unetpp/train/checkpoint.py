"""The state of an unfinished training as safetensors: weights, average, optimiser, generator, progress."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unetpp._types import UnetppError
from napari_unetpp.files.atomic import write_atomically

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = "napari-unetpp-checkpoint-1"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Everything that `fit` needs to go on where it was.

    Attributes
    ----------
    tensors : mapping from name to Tensor
        Keys start with ``net.``, ``average.`` or ``optimiser.``.
    step : int
    seconds : float
        Training time so far.
    rng : mapping
        State of the numpy generator.
    settings : mapping
        What must be equal for the run to go on (task, outputs, widths, seed, folder).
    """

    tensors: dict[str, Tensor]
    step: int
    seconds: float
    rng: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)


def checkpoint_path(out: Path) -> Path:
    """Where the checkpoint of a training towards `out` lives."""
    return out.with_name(out.stem + ".checkpoint.safetensors")


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write to a temporary name, then rename."""
    from safetensors.torch import save

    about = {k: getattr(checkpoint, k) for k in ("step", "seconds", "rng", "settings")}
    data = save(
        {k: t.detach().contiguous() for k, t in checkpoint.tensors.items()},
        {"format": FORMAT, "about": json.dumps(about)},
    )
    write_atomically(path, lambda file: file.write(data), overwrite=True)


def load_checkpoint(path: Path, settings: dict[str, Any]) -> Checkpoint:
    """Read a checkpoint and check that it belongs to the same training."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {k: file.get_tensor(k) for k in file.keys()}
    except (SafetensorError, OSError) as error:
        raise UnetppError(
            f"the checkpoint {path} cannot be read ({error}); delete it to start anew."
        ) from error
    if metadata.get("format") != FORMAT:
        raise UnetppError(f"{path} is not a checkpoint of this program; delete it to start anew.")
    about = json.loads(metadata["about"])
    for key, value in settings.items():
        if about["settings"].get(key) != value:
            raise UnetppError(
                f"the checkpoint {path} was trained with {key} = {about['settings'].get(key)!r}, "
                f"but {value!r} was given; use the same options or delete the checkpoint."
            )
    return Checkpoint(tensors, about["step"], about["seconds"], about["rng"], about["settings"])
