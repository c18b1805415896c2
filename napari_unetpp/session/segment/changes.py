"""What a change of a setting does: the view follows, and a run begins where the result would be another."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

from napari_unetpp.session.context import Context
from napari_unetpp.session.display.playback import Playback
from napari_unetpp.session.display.readout import Readout
from napari_unetpp.session.messages import common, results
from napari_unetpp.session.segment.runs import Message, Runs
from napari_unetpp.session.values import Contrast, Interval, levels_of

RULE = ("kind", "threshold", "min_size", "max_size", "split", "fill_holes", "drop_border")
SIGNALS = {
    "image": "chosen",
    "model": "chosen",
    "device": "chosen",
    "kind": "chosen",
    "level": "changed",
    "threshold": "changed",
    "min_size": "changed",
    "max_size": "changed",
    "contrast": "chosen",
    "range": "changed",
    "live": "toggled",
    "probability": "toggled",
    "split": "toggled",
    "fill_holes": "toggled",
    "drop_border": "toggled",
    "uncertainty": "toggled",
    "depth": "toggled",
}
"""Fields of the state, and how the view's signals for them end."""


class Changes:
    """Sets the state as the view says, and reacts to what changed in it.

    Parameters
    ----------
    context, runs, readout

    Attributes
    ----------
    under_way : callable
        What to say of a run over all planes of an image; None where there is no such run.
    """

    def __init__(self, context: Context, runs: Runs, readout: Readout) -> None:
        self.context, self.runs, self.readout = context, runs, readout
        self.view, self.layers, self.state = context.view, context.layers, context.state
        self.under_way: Callable[[], Message | None] = lambda: None
        self._left: tuple[Hashable, str] | None = None  # image and model of the result that another one left
        self.playback = Playback(context, runs, readout, partial(self.update, changed=False))

    def connect(self) -> None:
        """Listen to the view, the layers and the state."""
        self.playback.connect()
        signals, events = self.view.signals, self.state.events
        for name, change in SIGNALS.items():
            getattr(signals, f"{name}_{change}").connect(partial(self.set_state, name))
        for name in SIGNALS.keys() - {
            "depth",
            "uncertainty",
            "probability",
        }:  # `Overlays` reacts to the first
            reaction = self._on_rule if name in RULE else getattr(self, f"_on_{name}")
            getattr(events, name).connect(reaction)
        events.precision.connect(self._on_device)
        events.scale.connect(self._on_scale)
        signals.scale_changed.connect(self._on_view_scale)

    def set_state(self, name: str, value: Any) -> None:
        """Set a field of the state as the view says."""
        if not self.context.jobs.closed:
            setattr(self.state, name, value)

    def update(self, *, changed: bool = True) -> None:
        """Where what is set differs from what is shown or running: run, or say what it takes.

        `changed`: the user has set something, which ends what was said before.
        """
        last, model = self.runs.running or self.runs.shown, self.context.model
        if last is None or model is None:
            if changed:
                self.say_what_holds()
            return
        with self.context.reporting():
            wanted = self.context.request(self.context.plane())
            if wanted.options in (self.runs.given_up, last.options):
                self.say_what_holds() if changed else self.runs.end_hint()
                return
            computed = wanted.level in self.runs.levels
            cached = computed and wanted.preprocessing == last.preprocessing
            if cached or self.state.live or self.runs.busy:
                self.runs.show(wanted)
            else:
                point = self.readout.costs.point(model, self.state.device_request, self.state.level)
                self.runs.show_hint(results.not_computed(point, level_is=computed))

    def take_limits(self) -> None:
        """As displayed means: when Segment is pressed, and while Live is on."""
        limits = self.layers.limits(self.state.image)
        if self.state.contrast == "displayed" and limits is not None:
            with self.state.events.range.blocked():  # the user did not set it
                self.state.range = limits

    def forget(self) -> None:
        """Nothing is shown, and nothing is segmented by itself."""
        if self.runs.running is not None:
            self._left = None  # the layer holds parts of two results
        elif self.runs.shown is not None:
            self._left = self.runs.shown.plane.image, self.runs.shown.model.name
        self.runs.abandon()
        self.playback.forget()
        self.view.set_message("")

    def say_what_holds(self) -> None:
        """What was said before has ended: say what is shown, or what comes next."""
        if self.runs.shown is not None:
            self.runs.show_outcome()
        else:
            self.view.set_message("")
            self.show_next_step()

    def show_next_step(self) -> None:
        """Say what comes next, or what is under way; once the worker is ready, while nothing is shown."""
        if self.runs.running is not None or self.runs.shown is not None:
            return
        run = self.under_way()
        if run is not None:
            self.view.set_message(*run)
        elif self.runs.ready:
            waiting = common.NO_IMAGE if self.state.image is None else ""
            told, offers = self.readout.channels() or (common.READY + self._still_shown(), [])
            self.view.set_message(told if self.readout.shown is not None else waiting, "info", offers)

    def _still_shown(self) -> str:
        """Whose result the layer shows, where that is not the chosen model's."""
        model = self.context.model
        if model is None or self.readout.shown is None or self._left is None:
            return ""
        if self._left[0] != self.state.image:
            return ""
        here = model.name != self._left[1] and self.layers.result(self.context.plane()) is not None
        return common.STILL.format(self._left[1]) if here else ""

    # ------------------------------------------------------ the state changed

    def _on_image(self, _key: Hashable | None = None) -> None:
        self.forget()
        self.readout.show_circle(False)
        self.view.set_images(self.layers.images(), self.state.image)
        self.readout.describe()
        self.show_next_step()

    def _on_model(self, _key: str | None = None) -> None:
        model = self.context.model
        if model is None:
            self.forget()
            self.readout.describe()
            self.view.set_message(common.NO_MODEL, "error")
            return
        self.forget()
        self.state.threshold, self.state.scale = model.decode.threshold, None
        self.state.min_size = self.state.max_size = None
        levels = levels_of(model)
        default = self.state.preferences.default_level
        self.state.level = default if default in levels else model.recommended_level
        self.context.show_models()
        self.view.set_levels(levels, self.state.level)
        self._on_rule()
        self.readout.describe()
        self.readout.show_costs()
        self.runs.warm(model, self.state.device_request)

    def _on_device(self, _name: str) -> None:
        self.forget()
        self.readout.show_costs()
        if self.context.model is not None:
            self.runs.warm(self.context.model, self.state.device_request)

    def _on_level(self, level: int) -> None:
        if self.context.model is not None:
            self.view.set_levels(levels_of(self.context.model), level)
            self.readout.show_costs()
            self.update()

    def _on_live(self, live: bool) -> None:
        self.view.set_live(live)
        if live:
            self.take_limits()
        self.update()

    def _on_view_scale(self, scale: float | None) -> None:
        """The spin box counts pixels of the displayed level, the state those of the full image."""
        self.set_state("scale", None if scale is None else scale / self.readout.factor)

    def _on_scale(self, _scale: float | None) -> None:
        self.readout.describe()
        self.update()

    def _on_contrast(self, contrast: Contrast) -> None:
        used = self.runs.range or self.layers.limits(self.state.image)
        if contrast == "given" and used is not None:  # begin with what is seen
            self.state.range = used
        self.take_limits()
        self.readout.describe()
        self.update()

    def _on_range(self, _range: Interval) -> None:
        self.readout.describe()
        self.update()

    def _on_rule(self, _value: Any = None) -> None:
        self.readout.show_rule()
        if self.runs.running is None and self.runs.shown is not None:
            self.update()  # during a run the new rule is applied when it ends
