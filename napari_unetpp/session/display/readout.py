"""Tells the view how the image is read, at which scale, and what each depth costs and gives."""

from __future__ import annotations

from collections.abc import Hashable

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.session import messages
from napari_unetpp.session.display import image_description
from napari_unetpp.session.display.measured_speed import Costs
from napari_unetpp.session.ports import Layers, View
from napari_unetpp.session.segment.resolve import choice_of
from napari_unetpp.session.segment.scales import Scales, in_pixels
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import Plane


class Presenter:
    """From state and facts to ``view.set_*``; changes nothing itself.

    Attributes
    ----------
    shown : hashable or None
        Key of the plane that was described last; None where there was none to segment.
    factor : float
        How many pixels of the full image a pixel of that plane spans.
    """

    def __init__(self, view: View, layers: Layers, state: SessionState, costs: Costs, scales: Scales) -> None:
        self.view, self.layers, self.state, self.costs = view, layers, state, costs
        self.scales = scales
        self.shown: Hashable | None = None
        self.factor = 1.0
        self._scale = 1.0

    def plane(self) -> Plane:
        """The displayed plane of the chosen image; UnetppError says why there is none."""
        if self.state.image is None:
            raise UnetppError(messages.NO_IMAGE)
        return self.layers.read(self.state.image)

    def channels(self) -> tuple[str, list[messages.Offer]] | None:
        """What is to be said, or asked, where the planes of the image are its channels, or may be."""
        if self.shown is None:
            return None
        found = image_description.channel_axis(self.plane())
        if found is None:
            return None
        step, sure = found
        colour = step.count == image_description.COLOURS and len(self.plane().position) == 1
        offers = [("make them one colour image", "colour:1")] if colour else []
        return f"{image_description.about_channels(step, sure=sure)} {messages.READY}", offers

    def describe(self, model: ModelInfo | None) -> None:
        """Say how the image is read, or why it cannot be."""
        self.shown = None
        try:
            plane = self.plane()
        except UnetppError as error:
            self.view.set_image_note(str(error), "warning")
            self.view.set_can_segment(False)
            return
        self.shown, self.factor = plane.key, plane.factor
        self.view.set_can_segment(model is not None)
        choice = None if model is None else choice_of(self.state, plane, model, self.scales)
        self.view.set_image_note(image_description.plane_text(plane, choice), "info")
        self.view.set_contrast(
            self.state.contrast, self.state.range, image_description.COLOUR if plane.rgb else ""
        )
        if model is not None:
            given = self.state.scale is not None
            self.view.set_scale(image_description.scale_shown(given, choice, model))
            self._scale = choice.scale if choice is not None else auto_scale(model, plane)
            self.tell_rule(model)

    def tell_rule(self, model: ModelInfo | None) -> None:
        """How maps become the result; the model's own minimum size in pixels of the image."""
        if model is None:
            return
        can_split = model.task == "instances" and self.state.kind == "labels"
        self.view.set_rule(in_pixels(self.state.rule, model, self._scale), can_split=can_split)

    def tell_costs(self, model: ModelInfo | None) -> None:
        """Chart and readout."""
        if model is None:
            return
        points = self.costs.points(model, self.state.device)
        self.view.set_chart(points, self.state.level)
        point = next(point for point in points if point.level == self.state.level)
        self.view.set_readout(*messages.readout(model, point))

    def tell_pace(self, model: ModelInfo, level: int) -> None:
        """Say that a stack plays at another depth than the chosen one."""
        if level == self.state.level:
            self.tell_costs(model)
            return
        points = self.costs.points(model, self.state.device)
        chosen = next(point for point in points if point.level == self.state.level)
        self.view.set_chart(points, level)
        self.view.set_readout(*messages.playing(level, chosen))

    def circle(self, model: ModelInfo) -> None:
        """Draw the circle at the object size that the scale stands for."""
        plane = self.plane()
        choice = choice_of(self.state, plane, model, self.scales)
        scale = choice.scale if choice is not None else auto_scale(model, plane)
        self.layers.show_circle(plane, model.sampling.value / scale)


def auto_scale(model: ModelInfo, plane: Plane) -> float:
    """The scale, as far as it is known before the plane is read.

    Models of frames: about right, since the border is not known; 1 where the object size has to be found.
    """
    from napari_unetpp.engine.input.scale import choose_scale

    return choose_scale(model.sampling, plane.shape, pixel_size=plane.pixel_size)


def scale_for(model: ModelInfo, diameter: float) -> float:
    """The scale at which objects of this diameter have the size that the model was trained on."""
    from napari_unetpp.engine.input.scale import choose_scale

    return round(choose_scale(model.sampling, (1, 1), diameter=diameter), 4)
