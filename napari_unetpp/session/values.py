"""Frozen values of a sitting: planes, requests to the worker, events from it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
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

ResultKind = Literal["labels", "mask"]
Contrast = Literal["auto", "displayed", "given"]
"""Which intensities become 0 and 1: measured ones, the layer's contrast limits, or two numbers."""

Interval = tuple[float, float]
Tone = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The preferences page.

    Attributes
    ----------
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    memory_budget_gb : float
        Memory for intermediate results; what fits is not computed again when the slider goes deeper.
    default_level : int
        Level at which the slider starts (5: Auto); 0: the one the model recommends.
    live : bool
        Whether the Live box is ticked at first.
    """

    device: str = "auto"
    memory_budget_gb: float = 2.0
    default_level: int = 0
    live: bool = True


# ---------------------------------------------------------------- the image


@dataclass(frozen=True, slots=True)
class ImageChoice:
    """An entry of the image picker."""

    key: Hashable
    name: str


@dataclass(frozen=True, slots=True)
class PixelSize:
    """How large a pixel is, as far as the image says.

    Attributes
    ----------
    side : float or None
        In micrometres, of a square pixel.
    area : float or None
        In square micrometres, of a pixel of any shape.
    missing : str
        Why there is no area.
    """

    side: float | None = None
    area: float | None = None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A position along an axis that is not displayed: the plane `index`, from 0, of `count` planes."""

    axis: str
    index: int
    count: int


@dataclass(frozen=True, eq=False)
class Plane:
    """One displayed plane of an image layer.

    Attributes
    ----------
    key : hashable
        Identity of the layer, of its data and of the plane: changes when any of them does.
    image : hashable
        Identity of the layer alone.
    data : array of shape (Y, X) or (Y, X, C)
        Possibly lazy; the worker reads it with `numpy.asarray`.
    viewport : Region or None
        The visible part.
    pixel : PixelSize
    position : tuple of Step
        Which plane of the image it is, along each axis that is not displayed.
    folder : Path or None
        Where the image was read from.
    level : int or None
        Of a multiscale image, 0 being the full one.
    factor : float
        How many pixels of the full image a pixel spans.
    version : int
        Counts how often the data of the layer were replaced.
    """

    key: Hashable
    image: Hashable
    name: str
    data: Any
    rgb: bool = False
    viewport: Region | None = None
    pixel: PixelSize = PixelSize()
    position: tuple[Step, ...] = ()
    folder: Path | None = None
    level: int | None = None
    factor: float = 1.0
    version: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.data.shape[0]), int(self.data.shape[1])

    @property
    def pixel_size(self) -> float | None:
        """Micrometres per pixel where the layer says so and pixels are square."""
        return self.pixel.side


@dataclass(frozen=True, slots=True)
class Reading:
    """How an image is brought to the network: scale (None: not chosen yet) and range (None: measured)."""

    scale: float | None = None
    range: Interval | None = None


# ------------------------------------------------------ requests to the worker


@dataclass(frozen=True, slots=True)
class Rule:
    """How maps become the shown result; needs no network.

    `min_size` counts pixels of the image; None: the model's own, which counts those of the working grid.
    """

    kind: ResultKind = "labels"
    threshold: float = 0.5
    min_size: int | None = None
    split: bool = True


@dataclass(frozen=True, eq=False)
class PlaneRequest:
    """What the worker needs to know to look at a plane with a model.

    Attributes
    ----------
    choice : ScaleChoice or None
        The scale; None: still to be looked for.
    range : (float, float) or None
        Intensities that become 0 and 1; None: measured.
    """

    plane: Plane
    model: ModelInfo
    device: str
    level: int
    rule: Rule
    choice: ScaleChoice | None
    range: Interval | None

    @property
    def scale(self) -> float:
        """Working grid = grid of the plane times this; asked for once it is known."""
        assert self.choice is not None
        return self.choice.scale

    @property
    def objects(self) -> bool:
        """Whether numbers of the result tell objects apart; else they are classes."""
        return self.rule.kind == "labels" and self.model.task == "instances"

    @property
    def reading(self) -> Reading:
        """How the plane is read."""
        return Reading(self.choice.scale if self.choice else None, self.range)


@dataclass(frozen=True, eq=False)
class ShowRequest(PlaneRequest):
    """Show `level` of `plane`: from the kept maps where they exist, else by the network.

    `preview` asks for tiles to be painted as they come; one without is short, its progress not told.
    """

    generation: int = 0
    preview: bool = True

    @property
    def wish(self) -> tuple[int, Reading, Rule]:
        """What the user may want otherwise of the same plane and model."""
        return self.level, self.reading, self.rule


@dataclass(frozen=True, eq=False)
class WarmRequest:
    """Import torch, load `model`, measure its speed on this machine."""

    model: ModelInfo
    device: str


@dataclass(frozen=True, eq=False)
class SaveRequest:
    """Write labels and the table of objects beside each other, under a name that is free.

    A path of a format for other programs (`files.objects.also`): write that instead. `classes` are the
    names of the model's classes, of which `instances` says whether labels are objects of the first.
    """

    path: Path
    labels: NDArray[Any]
    kind: ResultKind
    plane: Plane
    classes: tuple[str, ...] = ()
    instances: bool = True


@dataclass(frozen=True, slots=True)
class Click:
    """A gesture of the click tool: a pixel or a box of the plane, to add what is there or to take it away."""

    region: Region
    remove: bool = False

    @property
    def is_point(self) -> bool:
        """Whether it is a pixel."""
        return self.region.shape == (1, 1)


@dataclass(frozen=True, eq=False)
class PickRequest(PlaneRequest):
    """Find the object, or those inside a box, that the user clicked at."""

    click: Click


# --------------------------------------------------------- events from the worker


@dataclass(frozen=True, eq=False)
class Picked:
    """What was found there: `labels` of `region` of the plane, 0 for all that was not meant."""

    request: PickRequest
    region: Region
    labels: NDArray[np.uint32]
    seconds: float


@dataclass(frozen=True, slots=True)
class Phase:
    """What the worker is doing now, in words."""

    generation: int
    text: str


@dataclass(frozen=True, eq=False)
class Scaled:
    """The scale of a plane is known; `searched`: it was looked for just now."""

    plane: Plane
    choice: ScaleChoice
    searched: bool


@dataclass(frozen=True, slots=True)
class Reduced:
    """Memory does not suffice for what was wanted: this `kind` of result is shown instead."""

    generation: int
    kind: ResultKind


@dataclass(frozen=True, slots=True)
class Progress:
    """Tiles done at the asked level; `fraction` also counts the shallower levels."""

    generation: int
    done: int
    total: int
    fraction: float


@dataclass(frozen=True, eq=False)
class Paint:
    """A rectangle of the result (input grid); `final` once objects are told apart."""

    generation: int
    plane: Plane
    region: Region
    values: NDArray[np.uint16] | NDArray[np.uint32]
    final: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out.

    Attributes
    ----------
    levels : tuple of int
        Levels whose maps are now kept for this plane and scale.
    objects, diameter
        Number of objects and their median equivalent diameter in pixels; None for masks.
    coverage : float
        Fraction of the plane that is foreground.
    peak : float
        Highest foreground probability.
    share : float or None
        FLOPs executed by Auto, as a share of those of the deepest level.
    choice : ScaleChoice
    range : (float, float)
        Intensities that were 0 and 1 for the network.
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


@dataclass(frozen=True, slots=True)
class Ready:
    """torch is loaded and so is the model. `devices` are those torch can use here."""

    model: str
    wanted: str
    device: str
    dtype: str
    note: str
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds per megapixel of levels on this machine, from the image on.

    `real`: what runs for the user took, now or in earlier sittings; else a trial on a small square, which
    gives all levels of the network.
    """

    model: str
    wanted: str
    levels: Mapping[int, float]
    real: bool = False


@dataclass(frozen=True, eq=False)
class Doubt:
    """How uncertain a result is.

    Attributes
    ----------
    request : ShowRequest
        What was shown.
    values : ndarray of uint8, shape (Y, X)
        255 times the uncertainty.
    places : tuple of Spot
        Most worth a look first.
    diameter : float
        Of a typical object, px.
    """

    request: ShowRequest
    values: NDArray[np.uint8]
    places: tuple[Spot, ...]
    diameter: float


@dataclass(frozen=True, eq=False)
class DepthMap:
    """The level from which each pixel of a result comes: `values` is uint8 of shape (Y, X)."""

    request: ShowRequest
    values: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Featured:
    """Features of the objects of a plane, in our result layer or in the corrections; row 0: background."""

    plane: Plane
    layer: Literal["result", "corrections"]
    columns: Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes that are held so that a slider needs no network, or less of it: nodes, and maps with results."""

    nodes: int
    maps: int


@dataclass(frozen=True, slots=True)
class Saved:
    """Files that were written, and what is to be said of them."""

    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ModelKept:
    """A new model is in the user's folder."""

    info: ModelInfo


@dataclass(frozen=True, slots=True)
class Autosaved:
    """The corrections of the sitting are on disk; `revision` says which state of them."""

    revision: int


@dataclass(frozen=True, slots=True)
class CorrectionsSaved:
    """A folder that `napari-unetpp finetune` reads was written."""

    folder: Path
    planes: int


@dataclass(frozen=True, eq=False)
class Restored:
    """Corrections of a sitting that did not end orderly; `problems` tells of planes that were not read."""

    folder: Path
    planes: tuple[LabelledPlane, ...]
    problems: tuple[str, ...] = ()


RunEvent = Phase | Reduced | Progress | Paint | Outcome | Stopped
FileEvent = Saved | ModelKept | Autosaved | CorrectionsSaved | Restored
Event = (
    RunEvent
    | Scaled
    | Ready
    | Speed
    | Held
    | Doubt
    | DepthMap
    | Featured
    | Picked
    | FileEvent
    | FinetuneEvent
)
Job = Callable[[ShouldStop], Iterator[Event]]
"""Work for the runner: given the flag, a generator of events."""


def model_key(model: ModelInfo) -> str:
    """Identity of a model: its hash, or its name where there is none."""
    return model.sha256 or model.name
