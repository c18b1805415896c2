"""From what the user wants to frozen requests: pure functions of the state, the plane and what is known."""

from __future__ import annotations

from napari_unetpp._types import ModelInfo, ScaleChoice, UnetppError
from napari_unetpp.session.segment.scales import Scales, within_limits
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import Click, Interval, PickRequest, Plane, ShowRequest


def show_request(state: SessionState, plane: Plane, model: ModelInfo, scales: Scales) -> ShowRequest:
    """Show the plane as everything is set; UnetppError says which setting makes no sense."""
    choice, limits = choice_of(state, plane, model, scales), range_of(state, plane)
    return ShowRequest(plane, model, state.device, state.level, state.rule, choice, limits)


def pick_request(
    state: SessionState, plane: Plane, model: ModelInfo, scales: Scales, click: Click
) -> PickRequest:
    """Find what was clicked at, as everything is set; UnetppError says which setting makes no sense."""
    choice, limits = choice_of(state, plane, model, scales), range_of(state, plane)
    return PickRequest(plane, model, state.device, state.level, state.rule, choice, limits, click)


def choice_of(state: SessionState, plane: Plane, model: ModelInfo, scales: Scales) -> ScaleChoice | None:
    """The scale that the user gave, the pixel size gives, or that was chosen for the image before.

    None: it is still to be looked for.
    """
    if state.scale is not None:
        return ScaleChoice(within_limits(state.scale * plane.factor), "given")
    if model.sampling.kind == "pixel":
        from napari_unetpp.engine.input.scale import given_scale

        return given_scale(model, plane.data, pixel_size=plane.pixel_size)
    return scales.find(plane, model)


def range_of(state: SessionState, plane: Plane) -> Interval | None:
    """The intensities that become 0 and 1; None: they are measured.

    Raises
    ------
    UnetppError
        The two numbers are not in order.
    """
    if state.contrast == "auto" or (state.contrast == "displayed" and plane.rgb):
        return None
    low, high = state.range
    if not low < high:
        raise UnetppError(
            f"Contrast: the first number ({low:g}) must be below the second ({high:g}). Nothing is segmented."
        )
    return low, high
