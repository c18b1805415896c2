"""What is segmented when all planes of an image are: one frozen request, by a pure function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_unetpp._types import ModelInfo
from napari_unetpp.session.stacks.values import Area, StackSource, planes_of
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import DeviceRequest, Interval, Rule, model_key
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.linking import IOU
from napari_unetpp.volumes.selection import ALL, Selection, SelectionRequest, select


@dataclass(frozen=True, eq=False)
class StackRequest:
    """Segment all planes of a channel of an image, with one range of intensities and one scale.

    Attributes
    ----------
    run : int
        Its number: answers to older runs are dropped.
    scale : float or None
        None: decided by the model, or searched for.
    range : (float, float) or None
        Intensities that become 0 and 1; None: measured on a sample of the planes.
    stitch, track : float or None
        Intersection over union from which objects are linked through depth, and over time.
    target : Path or None
        The OME-Zarr that the labels are written to; None: they are kept in memory.
    area : Area or None
        The part of each plane that is segmented; None: all of it.
    """

    run: int
    source: StackSource
    selection: Selection
    model: ModelInfo
    device: DeviceRequest
    level: int
    rule: Rule
    scale: float | None
    range: Interval | None
    stitch: float | None = None
    track: float | None = None
    target: Path | None = None
    area: Area | None = None

    @property
    def whole(self) -> bool:
        """Whether all planes of the image are segmented, one by one."""
        return self.selection.count == planes_of(self.selection.axes)

    @property
    def objects(self) -> bool:
        """Whether the numbers of the result tell objects apart; else they are classes."""
        return self.rule.kind == "labels" and self.model.task == "instances"

    def model_at(self, scale: float) -> ModelInfo:
        """The model with what the user asks of the objects; sizes on the working grid."""
        return replace(self.model, decode=self.rule.object_options.rule(self.model.decode, scale))


def resolve_stack(
    state: SessionState,
    source: StackSource,
    selection: Selection,
    model: ModelInfo,
    range: Interval | None,
    run: int,
    target: Path | None = None,
    area: Area | None = None,
) -> StackRequest:
    """The request for all planes as everything is set."""
    stitch, track = links(state, selection, model)
    return StackRequest(
        run,
        source,
        selection,
        model,
        state.device_request,
        state.level,
        state.rule,
        state.scale,
        range,
        IOU if stitch else None,
        IOU if track else None,
        target,
        area,
    )


def selected(state: SessionState, axes: Axes, channel: int, inputs: int = 3) -> Selection:
    """The planes of a channel that are segmented when not only the displayed one is.

    Raises
    ------
    UnetppError
        A range has no planes, or a projection is asked for where there is no depth.
    """
    everything = state.planes in ("plane", "all")
    return select(
        axes,
        SelectionRequest(
            channels=(channel,),
            t=ALL if everything else state.t_span,
            z=ALL if everything else state.z_span,
            project=state.planes if state.planes == "max" or state.planes == "mean" else None,
        ),
        inputs=inputs,
    )


CAN_CHANGE: dict[str, Callable[[StackRequest], Any]] = {
    "model": lambda one: model_key(one.model),
    "device": lambda one: one.device.name,
    "number format": lambda one: one.device.precision,
    "depth": lambda one: one.level,
    "scale": lambda one: one.scale,
    "contrast": lambda one: one.range,
    "kind of result": lambda one: one.rule.kind,
    "threshold": lambda one: one.rule.threshold,
    "minimum size": lambda one: one.rule.min_size,
    "maximum size": lambda one: one.rule.max_size,
    "splitting": lambda one: one.rule.split,
    "filling of holes": lambda one: one.rule.fill_holes,
    "choice at the border": lambda one: one.rule.drop_border,
    "linking": lambda one: (one.stitch, one.track),
}
"""What the user can set otherwise while all planes are segmented, in words."""


def changed(request: StackRequest, now: StackRequest) -> list[str]:
    """What is set otherwise now than in a run of the same planes; of another model, that alone."""
    words = [word for word, of in CAN_CHANGE.items() if of(request) != of(now)]
    return ["model"] if "model" in words else words


def links(state: SessionState, selection: Selection, model: ModelInfo) -> tuple[bool | None, bool | None]:
    """Whether objects are linked through depth and over time; None where there is nothing to link.

    A stack over time is followed only where its planes are linked.
    """
    if model.task != "instances" or state.kind != "labels":
        return None, None
    stitch = state.stitch if selection.depth > 1 else None
    track = state.track if selection.frames > 1 and stitch is not False else None
    return stitch, track
