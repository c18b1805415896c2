"""Fine-tuning: what the user labelled, the request and its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types.model import ModelInfo, ScoreSet

Outline = tuple[str, tuple[tuple[float, float], ...]]
"""Kind of a shape (``rectangle``, ``polygon``, ``ellipse``) and its corners (y, x)."""

LabelsAs = Literal["corrections", "reviewed", "sparse"]
"""What the user's labels say.

``corrections``: pixels in `certain` are true, the rest is left to the model's own prediction.
``reviewed``: every pixel that is not ignored is true, background included.
``sparse``: 0 is unlabelled; one label value, if named, is background.
"""


@dataclass(frozen=True, eq=False)
class LabelledPlane:
    """One plane that the user labelled: what fine-tuning learns from.

    Attributes
    ----------
    name : str
        Unique in a request; the stem of its files.
    image : ndarray of shape (Y, X) or (Y, X, C)
        As the user gave it, not normalised.
    labels : integer ndarray of shape (Y, X)
        Objects (instances) or classes (semantic); 0 as `labels_as` says.
    labels_as : LabelsAs
    certain : ndarray of bool, shape (Y, X), or None
        Pixels that the user decided; needed by ``corrections``, unused otherwise.
    ignore : ndarray of bool, shape (Y, X), or None
        Pixels that count nowhere (outside reviewed regions, too).
    background : int or None
        ``sparse``: the label value that stands for background.
    scale : float or None
        Working grid = input grid times `scale`; None: decided as for segmenting (see `engine.input.scale`).
    objects : bool
        Whether labels tell objects apart (instance models learn to separate from these only).
    range : (float, float) or None
        Intensities that become 0 and 1; None: measured.
    regions : tuple of Outline
        Outlines of what was reviewed. Learning needs `ignore` only; with them the dock goes on after a crash.
    ignored : ndarray of bool, shape (Y, X), or None
        With `regions`: the part of `ignore` that was painted, not merely left outside of them.
    scale_searched : bool
        Nobody gave `scale`: a search, or the size of labelled objects, led to it.
    """

    name: str
    image: NDArray[Any]
    labels: NDArray[Any]
    labels_as: LabelsAs = "corrections"
    certain: NDArray[np.bool_] | None = None
    ignore: NDArray[np.bool_] | None = None
    background: int | None = None
    scale: float | None = None
    objects: bool = True
    range: tuple[float, float] | None = None
    regions: tuple[Outline, ...] = ()
    ignored: NDArray[np.bool_] | None = None
    scale_searched: bool = False


@dataclass(frozen=True, eq=False)
class FinetuneRequest:
    """Everything a fine-tuning was asked for.

    Attributes
    ----------
    model : ModelInfo
        The parent; its file is read, never written.
    planes : tuple of LabelledPlane
        All corrections of the session.
    seconds, steps : float or None, int or None
        The run ends when either is reached. Seconds are what the user waits: preparation and validation
        are included, loading the model is not.
        The same steps, seed, device and labels give the same weights.
    name : str or None
        Name of the new model; None derives one from the parent's.
    classes : tuple of str
        Semantic models: further classes to add to the heads, after the parent's own.
    precision : {"auto", "float32", "bfloat16"}
        Number format of the convolutions.
    """

    model: ModelInfo
    planes: tuple[LabelledPlane, ...]
    seconds: float | None = 60.0
    steps: int | None = None
    seed: int = 0
    device: str = "auto"
    name: str | None = None
    classes: tuple[str, ...] = ()
    precision: str = "auto"


@dataclass(frozen=True, slots=True)
class FinetuneStarted:
    """Learning begins. `held_out` says in words what is held out; empty: no validation."""

    planes: int
    held_out: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FinetuneProgress:
    """A point of the live chart: mean loss since the last one; Dice per level on held-out pixels."""

    step: int
    seconds: float
    fraction: float
    loss: float
    dice: Mapping[int, float]


@dataclass(frozen=True, eq=False)
class FinetuneDone:
    """The end, complete or stopped.

    Attributes
    ----------
    info : ModelInfo
        Card of the new model (validation = `after`); no file yet: `files.models.model_file.save_model`.
    tensors : mapping from name to Tensor
        State dict of the best weights so far.
    before, after : ScoreSet or None
        Parent and new model on the same held-out pixels; None: no validation.
    better : bool or None
        Whether the new model is better there, at the level recommended for it; None: no validation.
    notes : tuple of str
        Sentences for the user.
    """

    info: ModelInfo
    tensors: Mapping[str, Any]
    before: ScoreSet | None
    after: ScoreSet | None
    better: bool | None
    steps: int
    seconds: float
    stopped: bool
    notes: tuple[str, ...] = ()


FinetuneEvent = FinetuneStarted | FinetuneProgress | FinetuneDone
