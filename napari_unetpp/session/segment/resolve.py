"""From the state, the displayed plane and the model to one frozen request: pure functions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_unetpp._types import DecodeRule, ModelInfo, ScaleChoice, UnetppError
from napari_unetpp.session.segment.scales import Scales, within_limits
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import DeviceRequest, Interval, Plane, Preprocessing, Rule


@dataclass(frozen=True, eq=False)
class SegmentRequest:
    """Show `level` of `plane`: from cached maps where they exist, else by the network.

    Attributes
    ----------
    choice : ScaleChoice or None
        The scale; None: still to be searched for.
    range : (float, float) or None
        Intensities that become 0 and 1; None: measured.
    generation : int
        Number of the run; answers to older ones are dropped.
    preview : bool
        Paint tiles as they come. Without, the run is short and its progress is not shown.
    """

    plane: Plane
    model: ModelInfo
    device: DeviceRequest
    level: int
    rule: Rule
    choice: ScaleChoice | None
    range: Interval | None
    generation: int = 0
    preview: bool = True

    @property
    def scale(self) -> float:
        """Working grid = grid of the plane times this; read it only where the scale is known."""
        assert self.choice is not None
        return self.choice.scale

    @property
    def objects(self) -> bool:
        """Whether the numbers of the result tell objects apart; else they are classes."""
        return self.rule.kind == "labels" and self.model.task == "instances"

    @property
    def preprocessing(self) -> Preprocessing:
        """How the plane is brought to the network."""
        if self.choice is None:
            return Preprocessing(None, self.range)
        return Preprocessing(self.choice.scale, self.range, self.choice.searched)

    @property
    def options(self) -> tuple[int, Preprocessing, Rule]:
        """What can be set differently for the same plane and model."""
        return self.level, self.preprocessing, self.rule

    @property
    def decode(self) -> DecodeRule:
        """The rule of the model with what the user asks of the objects; sizes on the working grid."""
        return self.rule.object_options.rule(self.model.decode, self.scale)

    @property
    def diameter(self) -> float:
        """Of a typical object, in px of the image; a twentieth of the longer side where no rule gives it."""
        rule = self.model.sampling
        return rule.value / self.scale if rule.kind == "object" else max(self.plane.shape) / 20


def resolve(state: SessionState, plane: Plane, model: ModelInfo, scales: Scales) -> SegmentRequest:
    """The request for a plane as everything is set.

    Raises
    ------
    UnetppError
        A setting makes no sense.
    """
    return SegmentRequest(
        plane,
        model,
        state.device_request,
        state.level,
        rule_of(state),
        choice_of(state, plane, model, scales),
        range_of(state, plane),
    )


def choice_of(state: SessionState, plane: Plane, model: ModelInfo, scales: Scales) -> ScaleChoice | None:
    """The scale that the user, the model or the pixel size gives, or that was found for the image before.

    None: it is still to be searched for.
    """
    if state.scale is not None:
        return ScaleChoice(within_limits(state.scale * plane.factor), "given")
    if model.sampling.usual is not None:
        from napari_unetpp.engine.input.scale import USUAL

        return ScaleChoice(within_limits(model.sampling.usual * plane.factor), USUAL, searched=True)
    if model.sampling.kind == "pixel":
        from napari_unetpp.engine.input.scale import given_scale

        return given_scale(model, plane.data, pixel_size=plane.pixel.side)
    return scales.find(plane, model)


def rule_of(state: SessionState) -> Rule:
    """How maps become the result.

    Raises
    ------
    UnetppError
        No size is allowed.
    """
    least, most = state.min_size, state.max_size
    if least is not None and most is not None and least > most:
        raise UnetppError(
            f"Size: the minimum ({least} px) is above the maximum ({most} px). The result stays as it was."
        )
    return state.rule


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


def in_pixels(rule: Rule, model: ModelInfo, scale: float) -> Rule:
    """The rule with its minimum size in pixels of the image, also where it is the model's own."""
    own = round(model.decode.min_size / scale**2)
    return replace(rule, min_size=own) if rule.min_size is None else rule


def is_searched(model: ModelInfo) -> bool:
    """Whether the scale of an image is searched for where nobody gives the size of its objects."""
    return model.sampling.expects_size and model.task == "instances"
