"""Shows how the image is read, at which scale, and what each depth costs and gives."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from psygnal import Signal

from napari_unetpp._types import ModelInfo, ScaleChoice, UnetppError
from napari_unetpp.session.context import Context
from napari_unetpp.session.display.costs import Costs
from napari_unetpp.session.events import ScaleFound, Speed
from napari_unetpp.session.messages import image, models
from napari_unetpp.session.messages.common import READY, Offer
from napari_unetpp.session.segment.resolve import choice_of, in_pixels
from napari_unetpp.session.values import Plane


class Readout:
    """From the state and the displayed plane to ``view.set_*``; the circle of the object size sets the scale.

    Attributes
    ----------
    shown : hashable or None
        Key of the plane that was described last; None where there was none to segment.
    factor : float
        How many pixels of the full image a pixel of that plane spans.
    costs : Costs
    reading : callable
        Says how an image of several planes is read; empty for one plane.
    """

    described = Signal(object)
    """The plane that was described; None where there is none to segment."""

    def __init__(self, context: Context) -> None:
        self.context, self.view, self.layers, self.state = (
            context,
            context.view,
            context.layers,
            context.state,
        )
        self.costs = Costs()
        self.reading: Callable[[Plane], str] = lambda _plane: ""
        self.shown: Hashable | None = None
        self.factor = 1.0
        self._scale = 1.0
        context.jobs.on(Speed, self._on_speed)
        context.jobs.on(ScaleFound, self._on_scale)
        self.view.signals.circle_toggled.connect(self.show_circle)
        self.layers.signals.circle_changed.connect(self._on_circle)
        self.layers.signals.circle_removed.connect(lambda: self.view.set_circle(False))

    def channels(self) -> tuple[str, list[Offer]] | None:
        """What to say, or to ask, where the planes of the image are its channels, or may be."""
        if self.shown is None:
            return None
        try:
            plane = self.context.plane()
        except UnetppError:  # the viewer went 3D just now; `describe` will say so
            return None
        found = image.channel_axis(plane)
        if found is None:
            return None
        step, sure = found
        colour = step.count == image.COLOURS and len(plane.position) == 1
        offers = [("make them one colour image", "colour:1")] if colour else []
        return f"{image.about_channels(step, sure=sure)} {READY}", offers

    def describe(self) -> None:
        """Show how the image is read, or why it cannot be."""
        self.shown, model = None, self.context.model
        try:
            plane = self.context.plane()
        except UnetppError as error:
            if self.state.image is None:  # the message says what to do
                self.view.set_image_note(image.NONE, "info")
            else:
                self.view.set_image_note(str(error), "warning")
            self.view.set_can_segment(False)
            self.described.emit(None)
            return
        self.shown, self.factor = plane.key, plane.factor
        self.view.set_can_segment(model is not None)
        choice = None if model is None else self._choice(plane, model)
        note = self.reading(plane) or image.plane_text(plane, choice)
        self.view.set_image_note(note, "info")
        self.view.set_contrast(self.state.contrast, self.state.range, image.COLOUR if plane.rgb else "")
        if model is not None:
            given = self.state.scale is not None
            self.view.set_scale(image.scale_shown(given, choice, model))
            self._scale = choice.scale if choice is not None else auto_scale(model, plane)
            self.show_rule()
        self.described.emit(plane)

    def show_rule(self) -> None:
        """Show how maps become the result; the model's own minimum size in pixels of the image."""
        model = self.context.model
        if model is not None:
            can_split = model.task == "instances" and self.state.kind == "labels"
            self.view.set_rule(in_pixels(self.state.rule, model, self._scale), can_split=can_split)

    def show_costs(self, level: int | None = None) -> None:
        """Show chart and readout; `level` is the one that is played, if that is not the chosen one."""
        model = self.context.model
        if model is None:
            return
        points, chosen = self.costs.points(model, self.state.device_request), self.state.level
        level = chosen if level is None else level
        point = next(point for point in points if point.level == chosen)
        self.view.set_chart(points, level)
        self.view.set_readout(
            *(models.readout(model, point) if level == chosen else models.playing(level, point))
        )

    def show_circle(self, shown: bool) -> None:
        """Draw a circle of the object size that the scale stands for, or remove it."""
        self.layers.hide_circle()
        model, drawn = self.context.model, False
        with self.context.reporting():
            if shown and model is not None:
                plane = self.context.plane()
                choice = self._choice(plane, model)
                scale = choice.scale if choice is not None else auto_scale(model, plane)
                self.layers.show_circle(plane, model.sampling.value / scale)
                self.view.open_input()  # which says what to drag
                drawn = True
        self.view.set_circle(drawn)

    def _choice(self, plane: Plane, model: ModelInfo) -> ScaleChoice | None:
        return choice_of(self.state, plane, model, self.context.cache.scales)

    def _on_circle(self, diameter: float) -> None:
        model = self.context.model
        if model is not None and diameter > 0:
            self.state.scale = scale_for(model, diameter) / self.factor

    def _on_speed(self, event: Speed) -> None:
        self.costs.update(event)
        self.show_costs()

    def _on_scale(self, event: ScaleFound) -> None:
        """Where nothing speaks for any scale, the fold Input opens, so that the user can set one."""
        self.describe()
        if event.searched and event.choice.weak and event.plane.image == self.state.image:
            self.view.open_input()


def auto_scale(model: ModelInfo, plane: Plane) -> float:
    """The scale, as far as it is known before the plane is read.

    Models of frames: about right, as the border is not known; 1 where the object size must be searched for.
    """
    from napari_unetpp.engine.input.scale import choose_scale

    return choose_scale(model.sampling, plane.shape, pixel_size=plane.pixel.side)


def scale_for(model: ModelInfo, diameter: float) -> float:
    """The scale at which objects of this diameter have the size that the model was trained on."""
    from napari_unetpp.engine.input.scale import choose_scale

    return round(choose_scale(model.sampling, (1, 1), diameter=diameter), 4)
