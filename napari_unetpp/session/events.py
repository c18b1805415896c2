"""Events that jobs send from the worker to the window's thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import (
    FinetuneEvent,
    LabelledPlane,
    ModelInfo,
    Region,
    ScaleChoice,
    ShouldStop,
    Spot,
)
from napari_unetpp.session.models.events import ModelEvent
from napari_unetpp.session.report.events import ReportEvent
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.segment.speeds import NO_HINTS, Hints
from napari_unetpp.session.stacks.events import StackEvent
from napari_unetpp.session.values import Click, DeviceRequest, Interval, Plane, ResultKind


@dataclass(frozen=True, slots=True)
class Phase:
    """What the worker is doing now, in words."""

    generation: int
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Tiles done at the asked level; `fraction` also counts the shallower levels."""

    generation: int
    done: int
    total: int
    fraction: float


@dataclass(frozen=True, eq=False)
class Paint:
    """A rectangle of the result (grid of the image); `final` once objects are told apart."""

    generation: int
    plane: Plane
    region: Region
    values: NDArray[np.uint16] | NDArray[np.uint32]
    final: bool


@dataclass(frozen=True, slots=True)
class Reduced:
    """Memory does not suffice for the kind of result that was asked for: this `kind` is shown instead."""

    generation: int
    kind: ResultKind


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run gave.

    Attributes
    ----------
    levels : tuple of int
        Levels whose maps are now cached for this plane and scale.
    objects, diameter
        Number of objects and their median equivalent diameter in pixels; None for masks.
    coverage : float
        Fraction of the plane that is foreground.
    peak : float
        Highest foreground probability.
    choice : ScaleChoice
    range : (float, float)
        Intensities that were 0 and 1 for the network.
    constant : bool
        Whether all pixels of the image have one value.
    share : float or None
        FLOPs executed by Auto, as a share of those of the deepest level.
    """

    generation: int
    level: int
    kind: ResultKind
    levels: tuple[int, ...]
    seconds: float
    objects: int | None
    diameter: float | None
    coverage: float
    peak: float
    choice: ScaleChoice
    range: Interval
    constant: bool = False
    notes: tuple[str, ...] = ()
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """The run was stopped before its end."""

    generation: int
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class ScaleFound:
    """The scale of a plane is known; `searched`: it was searched for just now."""

    plane: Plane
    choice: ScaleChoice
    searched: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """torch is loaded and so is the model. `devices` are those torch can use here."""

    model: str
    wanted: DeviceRequest
    device: str
    dtype: str
    note: str
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds per megapixel of levels on this machine, from the image on.

    `real`: what runs for the user took, now or in earlier sessions, with hints about other levels; else a
    trial on a small square, which gives all levels of the network.
    """

    model: str
    wanted: DeviceRequest
    levels: Mapping[int, float]
    real: bool = False
    hints: Hints = NO_HINTS


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Bytes of cached nodes, and of cached maps with their results."""

    nodes: int
    maps: int


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """How uncertain a result is.

    Attributes
    ----------
    request : SegmentRequest
        What was shown.
    values : ndarray of uint8, shape (Y, X)
        255 times the uncertainty.
    places : tuple of Spot
        The most uncertain places, the worst first.
    diameter : float
        Of a typical object, px.
    """

    request: SegmentRequest
    values: NDArray[np.uint8]
    places: tuple[Spot, ...]
    diameter: float


@dataclass(frozen=True, eq=False)
class DepthMap:
    """The level from which each pixel of a result comes: `values` is uint8 of shape (Y, X)."""

    request: SegmentRequest
    values: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class ObjectFeaturesMeasured:
    """Features of the objects of a plane in one of our layers; row 0: background."""

    plane: Plane
    layer: Literal["result", "corrections", "stack"]
    columns: Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Picked:
    """What a click found: `labels` of `region` of the plane, 0 for everything else."""

    request: SegmentRequest
    click: Click
    region: Region
    labels: NDArray[np.uint32]
    seconds: float


@dataclass(frozen=True, eq=False)
class Merged:
    """What a corrections layer is to hold for a new result: labels and certain pixels, of shape (Y, X)."""

    number: int
    labels: NDArray[Any]
    certain: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Saved:
    """Files that were written, and notes about them."""

    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ModelKept:
    """A new model is in the user's folder."""

    info: ModelInfo


@dataclass(frozen=True, slots=True)
class FasterFormat:
    """A model (its key) may be evaluated in int8 when it is loaded again."""

    model: str


@dataclass(frozen=True, slots=True)
class Autosaved:
    """All corrections are on disk, in the state that `revision` counts."""

    revision: int


@dataclass(frozen=True, slots=True)
class CorrectionsSaved:
    """A folder that `napari-unetpp finetune` reads was written."""

    folder: Path
    planes: int


@dataclass(frozen=True, eq=False)
class Restored:
    """Corrections that a crash left; `problems` names the planes that could not be read."""

    folder: Path
    planes: tuple[LabelledPlane, ...]
    problems: tuple[str, ...] = ()


Answer = Phase | Progress | Paint | Reduced | Outcome | Stopped
"""Events of a run: dropped when another run has begun."""

FileEvent = Saved | ModelKept | Autosaved | CorrectionsSaved | Restored
Event = (
    Answer
    | ScaleFound
    | FasterFormat
    | Ready
    | Speed
    | MemoryUse
    | Uncertainty
    | DepthMap
    | ObjectFeaturesMeasured
    | Picked
    | Merged
    | FileEvent
    | FinetuneEvent
    | StackEvent
    | ModelEvent
    | ReportEvent
)
Job = Callable[[ShouldStop], Iterator[Event]]
"""Work for a runner: given the flag, a generator of events."""
