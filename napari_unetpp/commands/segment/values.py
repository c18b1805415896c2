"""The options of ``segment``, and the report on an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from napari_unetpp._types import AUTO, Kind, ModelInfo, ObjectOptions, Region, ScaleChoice
from napari_unetpp.volumes.selection import SelectionRequest

if TYPE_CHECKING:
    from napari_unetpp.engine.loaded_model import LoadedModel


@dataclass(frozen=True, slots=True)
class StackOptions:
    """Options of stacks.

    Attributes
    ----------
    selection : SelectionRequest
    region : Region or None
        Rows and columns to segment.
    stitch, track : float or None
        Overlap from which objects are linked through depth, and over time.
    resume : bool
        Go on with what an interrupted run has left.
    directions : {1, 3}
        Along how many axes a stack is cut into planes.
    spacing : (float, float, float) or None
        Micrometres between planes, rows and columns, instead of what the file says.
    """

    selection: SelectionRequest = field(default_factory=SelectionRequest)
    region: Region | None = None
    stitch: float | None = None
    track: float | None = None
    resume: bool = False
    directions: int = 1
    spacing: tuple[float, float, float] | None = None

    @property
    def given(self) -> bool:
        """Whether an option of stacks, or of regions, was given."""
        alone = self.selection == SelectionRequest()
        others = (self.region, self.stitch, self.track, self.spacing)
        return not alone or self.directions != 1 or any(x is not None for x in others)


@dataclass(frozen=True, slots=True)
class Options:
    """Options of all images.

    Attributes
    ----------
    kind : Kind
    level : int or "auto"
    size : mapping
        Scale, diameter and range, as `predict_maps` takes them.
    objects : ObjectOptions
        What is asked of the objects.
    overwrite : bool
    series : int or None
        Which image of a file that holds several; None: the largest.
    classes : tuple of str
        Names of the model's classes.
    instances : bool
        Whether labels tell objects apart; else they are classes.
    stack : StackOptions
        What only stacks have, or parts of a plane.
    augment : bool
        Average the maps over the orientations of the plane.
    """

    kind: Kind
    level: int | Literal["auto"]
    size: Mapping[str, Any]
    overwrite: bool
    series: int | None = None
    classes: tuple[str, ...] = ()
    instances: bool = True
    stack: StackOptions = field(default_factory=StackOptions)
    objects: ObjectOptions = field(default_factory=ObjectOptions)
    augment: bool = False

    @property
    def given_size(self) -> dict[str, Any]:
        """Scale, diameter and range as far as they were given, as JSON knows them."""
        given = {name: value for name, value in self.size.items() if value not in (None, "auto")}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}


@dataclass(frozen=True, slots=True)
class Done:
    """One image: a line for people, notes, and the same as plain values (``--json``)."""

    line: str
    notes: tuple[str, ...]
    entry: dict[str, Any]


def asked_facts(info: ModelInfo, level: int, options: Options) -> dict[str, Any]:
    """What was asked for: two runs that agree in it, and in the image, give the same result."""
    stack = options.stack
    region = stack.region
    links = {"stitch": stack.stitch, "track": stack.track}
    return {
        "model": info.name,
        "model_sha256": info.sha256,
        "level": "auto" if level == AUTO else level,
        "given": {**options.given_size, **options.objects.given},
        **({"augment": True} if options.augment else {}),
        **({} if stack.directions == 1 else {"directions": stack.directions}),
        **({} if stack.spacing is None else {"spacing": list(stack.spacing)}),
        **{name: overlap for name, overlap in links.items() if overlap is not None},
        **({} if region is None else {"rows": [region.y0, region.y1], "columns": [region.x0, region.x1]}),
    }


def run_facts(
    model: LoadedModel, level: int, options: Options, scale: ScaleChoice, range: tuple[float, float]
) -> dict[str, Any]:
    """How a result was computed, for its metadata."""
    from napari_unetpp.engine.loaded_model import origin

    return {
        **asked_facts(model.info, level, options),
        **origin(model),
        "scale": scale.scale,
        "scale_reason": scale.reason,
        "range": [float(value) for value in range],
        "device": model.choice.device,
    }


REPORTED = ("level", "scale", "scale_reason", "range", "precision")
ORIGIN = ("device", "model", "model_sha256", "version")
"""Of these facts, what ``--json`` says of every image."""
