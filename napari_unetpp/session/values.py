"""Frozen values that the parts of the dock share: preferences, images and planes, what the user set."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from napari_unetpp._types import AUTO, DecodeRule, ModelInfo, ObjectOptions, Region
from napari_unetpp.volumes.axes import Axes

ResultKind = Literal["labels", "mask"]
Contrast = Literal["auto", "displayed", "given"]
"""Which intensities become 0 and 1: measured ones, the layer's contrast limits, or two numbers."""

Scope = Literal["plane", "all", "range", "max", "mean"]
"""What Segment segments: the displayed plane, every plane of the image, some, or a projection along depth."""

Interval = tuple[float, float]
Tone = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """Where the network is to be computed, and in which number format; "auto": the best that agrees."""

    name: str = "auto"
    precision: str = "auto"

    def __str__(self) -> str:
        return self.name if self.precision == "auto" else f"{self.name}, {self.precision}"


@dataclass(frozen=True, slots=True)
class Settings:
    """The preferences page.

    Attributes
    ----------
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
    precision : str
        Number format of the network: ``"auto"``, ``"float32"``, ``"bfloat16"``, ``"float16"`` or ``"int8"``.
    memory_budget_gb : float
        Memory for intermediate results; what fits is not computed again when the slider goes deeper.
    default_level : int
        Level at which the slider starts (5: Auto); 0: the one the model recommends.
    default_model : str
        Name of the model that is chosen at first; empty: the first of the list.
    autosave_folder : str
        Where corrections are kept while they are made; empty: in the user's data folder.
    live : bool
        Whether the Live box is ticked at first.
    first_steps : bool
        Whether the dock says the next step of a first visit.
    """

    device: str = "auto"
    precision: str = "auto"
    memory_budget_gb: float = 2.0
    default_level: int = 0
    default_model: str = ""
    autosave_folder: str = ""
    live: bool = True
    first_steps: bool = True


DEFAULTS = Settings()


@dataclass(frozen=True, slots=True)
class ImageChoice:
    """An entry of the image picker."""

    key: Hashable
    name: str


@dataclass(frozen=True, slots=True)
class PixelSize:
    """The size of a pixel, as far as the image gives one.

    Attributes
    ----------
    side : float or None
        Micrometres; None unless pixels are square.
    sides : (float, float) or None
        Height and width in micrometres, of a pixel with right angles.
    area : float or None
        Square micrometres, of a pixel of any shape.
    missing : str
        Why there is no area.
    """

    side: float | None = None
    sides: tuple[float, float] | None = None
    area: float | None = None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A position along an axis that is not displayed: the plane `index`, from 0, of `count` planes.

    `number` is that of the axis in the array of the layer.
    """

    axis: str
    index: int
    count: int
    number: int = 0


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
    path : Path or None
        The file or folder that the image was read from.
    level : int or None
        Of a multiscale image, 0 being the full one.
    factor : float
        How many pixels of the full image a pixel spans.
    version : int
        Counts how often the data of the layer were replaced.
    axes : Axes or None
        Of the whole layer at full resolution, as it says itself or as its shape lets guess.
    """

    key: Hashable
    image: Hashable
    name: str
    data: Any
    rgb: bool = False
    viewport: Region | None = None
    pixel: PixelSize = PixelSize()
    position: tuple[Step, ...] = ()
    path: Path | None = None
    level: int | None = None
    factor: float = 1.0
    version: int = 0
    axes: Axes | None = None

    @property
    def folder(self) -> Path | None:
        """The folder that the image was read from."""
        return None if self.path is None else self.path.parent

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.data.shape[0]), int(self.data.shape[1])


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How an image is brought to the network: scale (None: not chosen yet) and range (None: measured).

    `searched`: nobody gave the scale.
    """

    scale: float | None = None
    range: Interval | None = None
    searched: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """How maps become the shown result; needs no network.

    Sizes count pixels of the image. `min_size` None: the model's own, which counts those of the working grid;
    `max_size` None: no object is too large. Holes and the border are as in `DecodeRule`.
    """

    kind: ResultKind = "labels"
    threshold: float = 0.5
    min_size: int | None = None
    split: bool = True
    max_size: int | None = None
    fill_holes: bool = False
    drop_border: bool = False

    @property
    def object_options(self) -> ObjectOptions:
        """The same as the command line and Python take it."""
        return ObjectOptions(
            self.threshold, self.min_size, self.max_size, self.fill_holes, self.drop_border, self.split
        )

    def given(self, own: DecodeRule) -> dict[str, float | bool]:
        """What changes the result of this kind and is not the model's own, by name."""
        given = self.object_options.given
        if self.threshold == own.threshold:
            del given["threshold"]
        return {name: given[name] for name in given if self.kind == "labels" or name in OF_MASKS}


OF_MASKS = ("threshold", "fill_holes")
"""What of a rule acts on masks."""


MouseTool = Literal["click", "merge", "split"]
"""What the mouse does over the image: adds and removes objects, merges them, or splits one."""


@dataclass(frozen=True, slots=True)
class Line:
    """A gesture of Merge or Split: where the mouse went, as pixels (y, x), perhaps outside the plane.

    One pixel is a click, which lies inside the plane.
    """

    tool: MouseTool
    points: tuple[tuple[int, int], ...]

    @property
    def is_click(self) -> bool:
        """Whether it is a pixel."""
        return len(self.points) == 1


@dataclass(frozen=True, slots=True)
class Click:
    """A gesture of the click tool: a pixel or a box of the plane, whose objects are added or removed."""

    region: Region
    remove: bool = False

    @property
    def is_point(self) -> bool:
        """Whether it is a pixel."""
        return self.region.shape == (1, 1)


def model_key(model: ModelInfo) -> str:
    """Identity of a model: its hash, or its name where there is none."""
    return model.sha256 or model.name


def levels_of(model: ModelInfo) -> tuple[int, ...]:
    """Levels that can be asked for: those of the network, and `AUTO` where the model has a rule for it."""
    return (*model.net.levels, AUTO) if model.stopping else model.net.levels
