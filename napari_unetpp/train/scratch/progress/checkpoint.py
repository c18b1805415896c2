"""The state of an unfinished training as safetensors: weights, average, optimiser, random state, progress."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from napari_unetpp._types import UnetppError
from napari_unetpp.files.atomic import write_atomically

FORMAT = "napari-unetpp-checkpoint-2"

PLAIN = ("step", "pixels", "seconds", "loss", "source", "settings", "best", "machine")
"""Fields stored as JSON; the rest are tensors."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Everything that is needed to continue a training.

    Attributes
    ----------
    tensors : mapping from name to Tensor
        Keys start with ``net.``, ``average.``, ``optimiser.`` or ``best.``.
    step, pixels : int
        Steps and pixels of patches so far.
    seconds : float
        Training time so far.
    loss : tuple of float, int
        Sum and number of the losses since the last validation.
    source : mapping
        All random state of the patches (`PatchSource.state`).
    settings : mapping
        Values that must be equal in a run that continues.
    best : mapping
        Step and quality of the best average so far, whose tensors are ``best.``; empty: none.
    machine : mapping
        Device and number format of the run.
    """

    tensors: Mapping[str, Tensor]
    step: int
    pixels: int
    seconds: float
    loss: tuple[float, int]
    source: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    best: Mapping[str, Any] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=dict)

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors whose names start with `name` and a dot, without this prefix."""
        return {k.removeprefix(f"{name}."): v for k, v in self.tensors.items() if k.startswith(f"{name}.")}


def checkpoint_path(out: Path) -> Path:
    """The checkpoint file of a training that writes `out`."""
    return out.with_name(out.stem + ".checkpoint.safetensors")


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write to a temporary name, then rename."""
    about = {name: getattr(checkpoint, name) for name in PLAIN}
    data = save(
        {k: t.detach().cpu().contiguous() for k, t in checkpoint.tensors.items()},
        {"format": FORMAT, "about": json.dumps(about)},
    )
    write_atomically(path, lambda file: file.write(data), overwrite=True)


def load_checkpoint(path: Path, settings: Mapping[str, Any]) -> Checkpoint:
    """Read a checkpoint and check that it belongs to the same training."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {k: file.get_tensor(k) for k in file.keys()}
    except (SafetensorError, OSError) as error:
        raise UnetppError(
            f"the checkpoint {path} cannot be read ({error}); delete it to start anew."
        ) from error
    if metadata.get("format") != FORMAT:
        raise UnetppError(
            f"{path} is not a checkpoint of this version; finish it with the version that wrote it, or "
            "delete it to start anew."
        )
    about = json.loads(metadata["about"])
    for key, value in settings.items():
        if about["settings"].get(key) != value:
            raise UnetppError(
                f"the checkpoint {path} was trained with {key} = {about['settings'].get(key)!r}, "
                f"but {value!r} was given; use the same options or delete the checkpoint."
            )
    return Checkpoint(tensors, **(about | {"loss": tuple(about["loss"])}))
