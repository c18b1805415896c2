"""Between the view, the layers and the worker: sets the state and freezes requests.

The path of the slider: the view emits a level -> the state is set -> `_on_intent` decides whether
to run -> a frozen `ShowRequest` goes to the cycle, which numbers it, hands it to the runner, drops
stale answers and has the layers paint the others.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray
from psygnal import Signal

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.session import messages
from napari_unetpp.session.display import level_costs
from napari_unetpp.session.display.depth_overlay import Depths
from napari_unetpp.session.display.measured_speed import Costs
from napari_unetpp.session.display.playback import Following, Wishes
from napari_unetpp.session.display.readout import Presenter
from napari_unetpp.session.display.uncertainty_overlay import Doubts
from napari_unetpp.session.ports import Layers, Runner, View
from napari_unetpp.session.segment.cache import Workshop
from napari_unetpp.session.segment.resolve import range_of, show_request
from napari_unetpp.session.segment.runs import Cycle
from napari_unetpp.session.segment.size_circle import Sizing
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import (
    Contrast,
    Interval,
    Plane,
    Ready,
    Reduced,
    SaveRequest,
    Scaled,
    Settings,
    ShowRequest,
    Speed,
    WarmRequest,
    model_key,
)

DEFAULTS = Settings()
RULE = ("kind", "threshold", "min_size", "split")
SIGNALS = {
    "image": "chosen",
    "model": "chosen",
    "device": "chosen",
    "kind": "chosen",
    "level": "changed",
    "threshold": "changed",
    "min_size": "changed",
    "contrast": "chosen",
    "range": "changed",
    "live": "toggled",
    "split": "toggled",
    "uncertainty": "toggled",
    "depth": "toggled",
}
"""Fields of the state, and how the view's signals for them end."""


class Controller:
    """A sitting.

    Parameters
    ----------
    view, layers, runner
        The ports; see `session.ports`.
    workshop : Workshop
        Handed to the jobs, used by the worker only.
    models : callable
        Gives the models to choose from.
    settings : Settings

    Attributes
    ----------
    state : SessionState
        May also be set by a program: the view follows.
    corrected : callable
        Gives the corrected labels of a plane, None where there are none.
    idle : Signal
        Emitted when a run has ended.
    """

    idle = Signal()

    def __init__(
        self,
        view: View,
        layers: Layers,
        runner: Runner,
        workshop: Workshop,
        *,
        models: Callable[[], list[ModelInfo]],
        settings: Settings = DEFAULTS,
    ) -> None:
        self.view, self.layers, self.runner = view, layers, runner
        self.settings = settings
        self.scales = workshop.scales
        self.state = SessionState(device=settings.device, live=settings.live)
        self.costs = Costs()
        self.cycle = Cycle(view, layers, runner, workshop)
        self.presenter = Presenter(view, layers, self.state, self.costs, self.scales)
        self.sizing = Sizing(
            view, layers, self.state, self.presenter, lambda: self.model, lambda: self.telling()
        )
        self.doubts = Doubts(view, layers, runner, workshop, self.state, self.cycle, self.telling)
        wishes = Wishes(lambda: self.model, self._request, self._on_intent, self.telling)
        self.following = Following(view, layers, self.presenter, self.cycle, wishes)
        self.depths = Depths(view, layers, runner, workshop, self.state, self.cycle)
        self.corrected: Callable[[Plane], NDArray[Any] | None] = lambda _plane: None
        self._list_models = models
        self._models: dict[str, ModelInfo] = {}
        self._closed = False

    # ------------------------------------------------------------- life

    def start(self) -> None:
        """Fill the pickers and let the worker get ready."""
        self._connect()
        self.view.set_live(self.state.live)
        self.view.set_devices(messages.devices(("cpu",), None), self.state.device, "")
        with self.telling():
            for model in self._list_models():
                # A copy has the key of what it was copied from. The first stays: shipped ones come first.
                self._models.setdefault(model_key(model), model)
        self.view.set_models(list(self._models.values()), None)
        self._on_images()
        if self._models:
            self.state.model = next(iter(self._models))
        else:
            self.view.set_message(messages.NO_MODEL, "error")

    def close(self) -> None:
        """Stop the worker and let go of the layers."""
        if not self._closed:
            self._closed = True
            self.cycle.abandon_silently()
            self.runner.close()
            self.layers.close()

    @property
    def busy(self) -> bool:
        """Whether a run is in progress."""
        return self.cycle.running is not None

    @property
    def model(self) -> ModelInfo | None:
        """The chosen model."""
        return self._models.get(self.state.model or "")

    def _connect(self) -> None:
        self.sizing.connect()
        self.doubts.connect()
        self.depths.connect()
        self.following.connect()
        signals, layers, cycle = self.view.signals, self.layers.signals, self.cycle
        for name, change in SIGNALS.items():
            getattr(signals, f"{name}_{change}").connect(self.setter(name))
        for name in SIGNALS.keys() - {"depth"}:  # `Depths` reacts to that itself
            reaction = self._on_rule if name in RULE else getattr(self, f"_on_{name}")
            getattr(self.state.events, name).connect(reaction)
        for signal, reaction in (
            (self.state.events.scale, self._on_scale),
            (signals.scale_changed, self._on_view_scale),
            (signals.segment_pressed, self.segment),
            (signals.stop_pressed, self.stop),
            (signals.save_pressed, self.save),
            (signals.offer_taken, self._on_view_offer),
            (layers.images_changed, self._on_images),
            (layers.result_removed, self._on_result_removed),
            (layers.limits_changed, self._on_limits),
            (cycle.scaled, self._on_scaled),
            (cycle.reduced, self._on_reduced),
            (cycle.measured, self._on_measured),
            (cycle.ready, self._on_ready),
            (cycle.idle, self._on_idle),
        ):
            signal.connect(reaction)

    def setter(self, name: str) -> Callable[[Any], None]:
        """Sets a field of the state when the view says so."""

        def set_state(value: Any) -> None:
            if not self._closed:
                setattr(self.state, name, value)

        return set_state

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Errors meant for the user go to the message line."""
        try:
            yield
        except messages.Advice as advice:
            self.view.set_message(str(advice), "info")
        except UnetppError as error:
            self.view.set_message(str(error), "error")

    # ---------------------------------------------------- what the user asks for

    def segment(self) -> None:
        """Segment the displayed plane at the chosen depth, with the contrast that is displayed now.

        A weak scale is looked for again on another plane, or on this one with another contrast.
        """
        with self.telling():
            plane = self.presenter.plane()
            self._take_limits()
            if self.model is not None:
                self.scales.look_again(plane, self.model, range_of(self.state, plane))
            self.cycle.show(self._request(plane))

    def stop(self) -> None:
        """Ask the run to end; it does so within a tile."""
        self.following.stop()
        self.runner.stop()

    def save(self) -> None:
        """Write what our layer shows, and its table of objects."""
        with self.telling():
            plane = self.presenter.plane()
            labels = self.corrected(plane)
            labels = self.layers.result(plane) if labels is None else labels
            if labels is None or self.busy:
                raise messages.Advice("There is no finished result for this image yet: press Segment first.")
            path = self.view.ask_path(messages.file_suggestion(plane, self.state.kind))
            if path is not None:
                classes = () if self.model is None else self.model.classes
                objects = self.model is None or self.model.task == "instances"
                instances = objects and self.state.kind == "labels"
                self.cycle.save(SaveRequest(path, labels, self.state.kind, plane, classes, instances))

    def add_model(self, model: ModelInfo) -> None:
        """Take a model that learnt from another one into the list and choose it; the scale stays."""
        scale = self.state.scale
        self._models[model_key(model)] = model
        self.scales.inherit(str(model.provenance.get("parent")), model)
        self.state.model = model_key(model)
        self.state.scale = scale

    def _on_view_offer(self, action: str) -> None:
        name, _, value = action.partition(":")
        if name == "threshold":
            self.state.threshold = float(value)
        elif name == "min_size":
            self.state.min_size = int(value)
        elif name == "circle":
            self.sizing.show(True)
        elif name == "colour" and self.state.image is not None:
            with self.telling():
                self.state.image = self.layers.as_colour(self.presenter.plane())

    # ------------------------------------------------------ the state changed

    def _on_image(self, _key: Hashable | None = None) -> None:
        self._forget()
        self.sizing.show(False)
        self.view.set_images(self.layers.images(), self.state.image)
        self._describe()
        self._invite()

    def _on_model(self, _key: str | None = None) -> None:
        model = self.model
        if model is None:
            return
        self._forget()
        self.state.threshold, self.state.min_size, self.state.scale = model.decode.threshold, None, None
        levels = level_costs.levels_of(model)
        wanted = self.settings.default_level
        self.state.level = wanted if wanted in levels else model.recommended_level
        self.view.set_models(list(self._models.values()), self.state.model)
        self.view.set_levels(levels, self.state.level)
        self._on_rule()
        self._describe()
        self.presenter.tell_costs(self.model)
        self.cycle.warm(WarmRequest(model, self.state.device))

    def _on_device(self, _name: str) -> None:
        self._forget()
        self.presenter.tell_costs(self.model)
        if self.model is not None:
            self.cycle.warm(WarmRequest(self.model, self.state.device))

    def _on_level(self, level: int) -> None:
        if self.model is not None:
            self.view.set_levels(level_costs.levels_of(self.model), level)
            self.presenter.tell_costs(self.model)
            self._on_intent()

    def _on_live(self, live: bool) -> None:
        self.view.set_live(live)
        if live:
            self._take_limits()
        self._on_intent()

    def _on_view_scale(self, scale: float | None) -> None:
        """The spin box counts pixels of the displayed level, the state those of the full image."""
        self.setter("scale")(None if scale is None else scale / self.presenter.factor)

    def _on_scale(self, _scale: float | None) -> None:
        self._describe()
        self._on_intent()

    def _on_contrast(self, contrast: Contrast) -> None:
        used = self.cycle.range or self.layers.limits(self.state.image)
        if contrast == "given" and used is not None:  # begin with what is seen
            self.state.range = used
        self._take_limits()
        self._describe()
        self._on_intent()

    def _on_range(self, _range: Interval) -> None:
        self._describe()
        self._on_intent(repeat=True)

    def _take_limits(self) -> None:
        """As displayed means: when Segment is pressed, and while Live is on."""
        limits = self.layers.limits(self.state.image)
        if self.state.contrast == "displayed" and limits is not None:
            with self.state.events.range.blocked():  # not a wish of its own
                self.state.range = limits

    def _on_uncertainty(self, shown: bool) -> None:
        self.doubts.show(shown)

    def _on_rule(self, _value: Any = None) -> None:
        self.presenter.tell_rule(self.model)
        if self.cycle.running is None and self.cycle.shown is not None:
            self._on_intent()  # during a run the new rule is applied when it ends

    def _on_intent(self, *, repeat: bool = False) -> None:
        """What is shown or on its way is now wanted differently: run, or say what it takes.

        `repeat` tells anew what came out where nothing is: the line may say what was wrong a moment ago.
        """
        last, model = self.cycle.running or self.cycle.shown, self.model
        if last is None or model is None:
            return
        with self.telling():
            wanted = self._request(self.presenter.plane())
            if wanted.wish == self.cycle.given_up or (wanted.wish == last.wish and not repeat):
                self.cycle.end_remark()
                return
            computed = wanted.level in self.cycle.levels
            kept = computed and wanted.reading == last.reading
            if kept or self.state.live or self.busy:
                self.cycle.show(wanted)
            else:
                point = self.costs.point(model, self.state.device, self.state.level)
                self.cycle.remark(messages.not_computed(point, level_is=computed))

    # ------------------------------------------------------ the outside changed

    def _on_images(self) -> None:
        images = self.layers.images()
        if self.state.image not in [choice.key for choice in images]:
            self.state.image = self.layers.preferred()
        self.view.set_images(images, self.state.image)
        self._describe()

    def _on_result_removed(self, image: Hashable) -> None:
        """Nothing is shown any more: what needs a result asks for one again."""
        last = self.cycle.running or self.cycle.shown
        if last is not None and last.plane.image == image:
            self._forget()
            self.view.set_message(messages.REMOVED)

    def _on_limits(self, image: Hashable) -> None:
        """The contrast limits of an image were changed."""
        if image == self.state.image and self.state.contrast == "displayed" and self.state.live:
            self._take_limits()
            self._describe()
            self._on_intent()

    def _on_scaled(self, event: Scaled) -> None:
        """The scale of an image is known; where nothing speaks for any, the user is asked."""
        self._describe()
        if event.searched and event.choice.weak and event.plane.image == self.state.image:
            self.view.open_input()

    def _on_reduced(self, event: Reduced) -> None:
        """Memory did not suffice for what was wanted: the wish becomes what is shown."""
        self.state.kind = event.kind

    def _on_measured(self, event: Speed) -> None:
        self.costs.update(event)
        self.presenter.tell_costs(self.model)

    def _on_ready(self, event: Ready) -> None:
        if event.wanted == self.state.device:
            self.view.set_devices(messages.devices(event.devices, event), self.state.device, event.note)
            self._invite()

    def _on_idle(self) -> None:
        if not self.following.catch_up() and self.cycle.shown is not None and not self.following.pace.plays:
            self._on_intent()
        if not self.busy:
            self.idle.emit()

    # ------------------------------------------------------------------ helpers

    def _forget(self) -> None:
        """Nothing is shown, and nothing is gone on with."""
        self.cycle.abandon()
        self.following.forget()

    def _request(self, plane: Plane) -> ShowRequest:
        if self.model is None:
            raise UnetppError(messages.NO_MODEL)
        return show_request(self.state, plane, self.model, self.scales)

    def _invite(self) -> None:
        """Say what comes next, once the worker is ready and as long as nothing is shown."""
        if self.cycle.is_ready and self.cycle.running is None and self.cycle.shown is None:
            waiting = messages.NO_IMAGE if self.state.image is None else ""
            told, offers = self.presenter.channels() or (messages.READY, [])
            self.view.set_message(told if self.presenter.shown is not None else waiting, "info", offers)

    def _describe(self) -> None:
        self.presenter.describe(self.model)
