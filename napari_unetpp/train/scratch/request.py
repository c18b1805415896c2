"""The options of a training, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_unetpp._types import Supervision, Task, UnetppError


class TrainingStopped(UnetppError):
    """The training was stopped by a signal or the caller; the text says how to continue."""


@dataclass(frozen=True)
class TrainRequest:
    """The options of ``napari-unetpp train``.

    Attributes
    ----------
    folders : sequence of Path
        Data sets; each holds ``images/`` and ``labels/`` with equal stems.
    out : Path
        The model file to write.
    task : {"instances", "semantic"} or None
        None: that of the model to start from.
    shares : sequence of float or None
        Relative frequency of each data set, in their order; None: as their images weigh.
    credits : sequence of str
        Authors and licence of each data set, in their order (model card); empty: not given.
    val : Path or None
        Held-out images of a single data set; None: a tenth of each.
    folds : int or None
        With this, choices are made by cross-validation in so many parts, and the model learns from all
        images.
    start : str or None
        Model to start from (name or file).
    maps : sequence of str
        Separating outputs of an instance model; empty: those of the model to start from, if they can be
        learned, else ``edge_distance``.
    frame : int or None
        Train a model of whole frames, whose lit part is resized to so many px (sampling rule ``frame``).
    diameter : float or None
        Diameter (px) of typical objects on the grid that the network sees; None: that of the model to start
        from, else measured.
    megapixels : float or None
        Length in megapixels of patches; such a run is the same on any machine.
    minutes, epochs : float or None, int or None
        Length in other units; with no length at all an hour.
    precision : {"auto", "float32", "bfloat16"}
        Number format of the convolutions.
    title, licence, card_command : str
        Purpose, licence, and the command that trains it again (model card).
    patch : int or None
        Side of the patches, px; None: 256, for frames the whole frame.
    """

    folders: Sequence[Path]
    out: Path
    task: Task | None = None
    shares: Sequence[float] | None = None
    credits: Sequence[str] = ()
    val: Path | None = None
    folds: int | None = None
    arch: str = "unetpp"
    supervision: Supervision = "deep"
    start: str | None = None
    maps: Sequence[str] = ()
    frame: int | None = None
    diameter: float | None = None
    classes: Sequence[str] = ()
    megapixels: float | None = None
    minutes: float | None = None
    epochs: int | None = None
    resume: bool = False
    foreground: Sequence[int] | None = None
    seed: int = 0
    json_path: Path | None = None
    patch: int | None = None
    batch: int = 4
    rate: float = 1.5e-3
    device: str = "auto"
    precision: str = "auto"
    title: str | None = None
    licence: str | None = None
    card_command: str = ""


ON_CARD = ("shares", "folds", "megapixels", "minutes", "epochs", "patch", "batch", "rate", "frame")
"""Options that the model card records."""


def given_values(request: TrainRequest) -> dict[str, Any]:
    """The options of `ON_CARD` that were given."""
    return {name: value for name in ON_CARD if (value := getattr(request, name)) is not None}
