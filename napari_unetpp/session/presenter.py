"""Tells the view how the image is read, at which scale, and what each depth costs and gives."""

from __future__ import annotations

from collections.abc import Hashable

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.session import wording
from napari_unetpp.session.costs import Costs
from napari_unetpp.session.ports import Layers, View
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import Plane


class Presenter:
    """From state and facts to ``view.set_*``; changes nothing itself.

    Attributes
    ----------
    shown : hashable or None
        Key of the plane that was described last; None where there was none to segment.
    """

    def __init__(self, view: View, layers: Layers, state: SessionState, costs: Costs) -> None:
        self.view, self.layers, self.state, self.costs = view, layers, state, costs
        self.shown: Hashable | None = None

    def plane(self) -> Plane:
        """The displayed plane of the chosen image; UnetppError says why there is none."""
        if self.state.image is None:
            raise UnetppError(wording.NO_IMAGE)
        return self.layers.read(self.state.image)

    def describe(self, model: ModelInfo | None) -> None:
        """Say how the image is read, or why it cannot be."""
        self.shown = None
        try:
            plane = self.plane()
        except UnetppError as error:
            self.view.set_image_note(str(error), "warning")
            self.view.set_can_segment(False)
            return
        self.view.set_image_note(wording.plane_text(plane), "info")
        self.view.set_can_segment(model is not None)
        if model is not None:
            self.view.set_scale(*wording.scale(self.state.scale, auto_scale(model, plane), model))
        self.shown = plane.key

    def tell_costs(self, model: ModelInfo | None) -> None:
        """Chart and readout."""
        if model is None:
            return
        points = self.costs.points(model, self.state.device)
        self.view.set_chart(points, self.state.level)
        point = next(point for point in points if point.level == self.state.level)
        self.view.set_readout(*wording.readout(model, point))

    def tell_pace(self, model: ModelInfo, level: int) -> None:
        """Say that a stack plays at another depth than the chosen one."""
        if level == self.state.level:
            self.tell_costs(model)
            return
        points = self.costs.points(model, self.state.device)
        chosen = next(point for point in points if point.level == self.state.level)
        self.view.set_chart(points, level)
        self.view.set_readout(*wording.playing(level, chosen))

    def circle(self, model: ModelInfo) -> None:
        """Draw the circle at the object size that the scale stands for."""
        plane = self.plane()
        scale = self.state.scale or auto_scale(model, plane)
        self.layers.show_circle(plane, model.sampling.value / scale)


def auto_scale(model: ModelInfo, plane: Plane) -> float:
    """What the model's sampling rule gives; for models of frames, about: their border is not known here."""
    from napari_unetpp.engine.sampling import choose_scale

    return choose_scale(model.sampling, plane.shape, pixel_size=plane.pixel_size)


def scale_for(model: ModelInfo, diameter: float) -> float:
    """The scale at which objects of this diameter have the size that the model was trained on."""
    from napari_unetpp.engine.sampling import choose_scale

    return round(choose_scale(model.sampling, (1, 1), diameter=diameter), 2)
