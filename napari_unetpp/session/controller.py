"""Between the view, the layers and the worker: sets the state and starts runs.

The path of the slider: the view emits a level, `segment.changes` sets the state and decides whether to run,
`segment.resolve` freezes a request, `segment.runs` numbers it and hands it to the worker (`segment.work`),
whose answers `segment.runs` has the layers paint.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_unetpp._types import ModelInfo
from napari_unetpp.session.context import Context
from napari_unetpp.session.devices import Devices
from napari_unetpp.session.display.overlays import Overlays
from napari_unetpp.session.display.readout import Readout
from napari_unetpp.session.events import FasterFormat, Ready, Reduced, Saved
from napari_unetpp.session.messages import common, saving
from napari_unetpp.session.messages import image as image_messages
from napari_unetpp.session.ports import Layers, Runner, View
from napari_unetpp.session.preferences import Preferences
from napari_unetpp.session.segment import work
from napari_unetpp.session.segment.cache import WorkerCache
from napari_unetpp.session.segment.changes import Changes
from napari_unetpp.session.segment.facts import facts_of
from napari_unetpp.session.segment.resolve import range_of
from napari_unetpp.session.segment.runs import Runs
from napari_unetpp.session.segment.save import SaveRequest, save
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import DEFAULTS, Plane, Settings, levels_of, model_key


class Controller:
    """Segmenting in a dock.

    Parameters
    ----------
    view, layers, runner
        The ports; see `session.ports`.
    cache : WorkerCache
        Handed to the jobs, used by the worker only.
    list_models : callable
        Gives the models to choose from.
    settings : Settings

    Attributes
    ----------
    state : SessionState
        May also be set by a program: the view follows.
    corrected : callable
        Gives the corrected labels of a plane, None where there are none.
    segment_all, save_all : callable
        Segments or saves all planes of the image where the user wants that; says whether it does.
    idle : Signal
        Emitted when a run has ended.
    """

    idle = Signal()

    def __init__(
        self,
        view: View,
        layers: Layers,
        runner: Runner,
        cache: WorkerCache,
        *,
        list_models: Callable[[], list[ModelInfo]],
        settings: Settings = DEFAULTS,
    ) -> None:
        self.view, self.layers, self.runner = view, layers, runner
        self.state = SessionState(
            device=settings.device, precision=settings.precision, live=settings.live, preferences=settings
        )
        self.context = Context(view, layers, runner, cache, self.state)
        self.context.list_models = list_models
        self.runs = Runs(self.context)
        self.readout = Readout(self.context)
        self.overlays = Overlays(self.context, self.runs)
        self.changes = Changes(self.context, self.runs, self.readout)
        self.playback = self.changes.playback
        self.devices = Devices(self.context, self.runs)
        self.preferences = Preferences(self.context, self.runs)
        self.corrected: Callable[[Plane], NDArray[Any] | None] = lambda _plane: None
        self.segment_all: Callable[[], bool] = lambda: False
        self.save_all: Callable[[], bool] = lambda: False
        self._faster: set[str] = set()  # keys of models that a faster format was measured for
        self._known: set[Hashable] = set()  # images that are open
        self._offered: Hashable | None = None  # one that was opened beside the chosen one
        self._closed = False

    # ------------------------------------------------------------- life

    def start(self) -> None:
        """Fill the pickers and let the worker get ready."""
        self._connect()
        self.view.set_live(self.state.live)
        self.context.read_models()
        self._on_images()
        if self.context.models:
            self.preferences.choose_model()
        else:
            self.view.set_message(common.NO_MODEL, "error")

    def close(self) -> None:
        """Stop the worker and let go of the layers."""
        self.context.jobs.closed = True
        if not self._closed:
            self._closed = True
            self.runs.running = self.runs.shown = None
            self.runner.close()
            self.layers.close()

    @property
    def busy(self) -> bool:
        """Whether a run is in progress."""
        return self.runs.busy

    @property
    def model(self) -> ModelInfo | None:
        """The chosen model."""
        return self.context.model

    def _connect(self) -> None:
        signals, layers, runs, jobs = self.view.signals, self.layers.signals, self.runs, self.context.jobs
        self.devices.connect()
        self.changes.connect()
        self.preferences.connect()
        for signal, reaction in (
            (signals.segment_pressed, self._on_view_segment),
            (signals.stop_pressed, self.stop),
            (signals.save_pressed, self.save),
            (signals.offer_taken, self._on_view_offer),
            (layers.images_changed, self._on_images),
            (layers.result_removed, self._on_result_removed),
            (layers.limits_changed, self._on_limits),
            (runs.idle, self._on_idle),
        ):
            signal.connect(reaction)
        runs.on_answer(Reduced, self._on_reduced)
        jobs.on(Ready, self._on_ready)
        jobs.on(FasterFormat, lambda event: self._faster.add(event.model))
        jobs.on(Saved, lambda event: self.view.set_message(saving.saved(event)))

    # ---------------------------------------------------- what the user asks for

    def segment(self) -> None:
        """Segment the displayed plane at the chosen depth, with the contrast that is displayed now.

        A weak scale is searched for again on another plane, or on this one with another contrast.
        """
        with self.context.reporting():
            plane = self.context.plane()
            self.changes.take_limits()
            self._renew()
            if self.model is not None:
                scales, limits = self.context.cache.scales, range_of(self.state, plane)
                scales.forget_weak(plane, self.model, limits)
            self.runs.show(self.context.request(plane))

    def _renew(self) -> None:
        """Load the model again where it was measured meanwhile that a faster number format will do."""
        key = self.state.model
        if key in self._faster and self.model is not None:
            self._faster.discard(key)
            self.context.cache.renew(key)
            self.runs.warm(self.model, self.state.device_request)

    def stop(self) -> None:
        """Ask the run to end; it does so within a tile."""
        self.playback.stop()
        self.runner.stop()

    def save(self) -> None:
        """Write what our layer shows, and its table of objects."""
        if self.save_all():
            return
        with self.context.reporting():
            plane = self.context.plane()
            corrected = self.corrected(plane)
            labels = self.layers.result(plane) if corrected is None else corrected
            if self.busy:
                raise common.Advice(saving.NOT_FINISHED)
            if labels is None:
                raise common.Advice(saving.NOTHING)
            path = self.view.ask_path(saving.file_suggestion(plane, self.state.kind))
            if path is not None:
                classes = () if self.model is None else self.model.classes
                objects = self.model is None or self.model.task == "instances"
                instances = objects and self.state.kind == "labels"
                shown, facts = self.runs.shown, {}
                if shown is not None:
                    facts = facts_of(
                        shown, self.runs.range, self.devices.precision, corrected=corrected is not None
                    )
                wanted = self._probability(plane) if self.state.probability else None
                request = SaveRequest(path, labels, self.state.kind, plane, classes, instances, facts, wanted)
                self.runs.submit_other(partial(save, request))

    def _probability(self, plane: Plane) -> Callable[[], NDArray[np.float32] | None]:
        """Gives the probabilities of what is shown of a plane; to be called in the worker."""
        shown = self.runs.shown
        if shown is None or shown.plane.key != plane.key:
            return lambda: None
        return partial(work.probability, self.context.cache, shown)

    def add_model(self, model: ModelInfo) -> None:
        """Add a model that was fine-tuned from another one to the list and choose it.

        Scale, depth and maximum size stay; Auto, where the new model has it.
        """
        scale, level, most = self.state.scale, self.state.level, self.state.max_size
        self.context.models[model_key(model)] = model
        self.context.cache.scales.copy(str(model.provenance.get("parent")), model)
        self.state.model = model_key(model)
        self.state.scale, self.state.max_size = scale, most
        if level in levels_of(model):
            self.state.level = level

    def _on_view_segment(self) -> None:
        if not self.segment_all():
            self.segment()

    def _on_view_offer(self, action: str) -> None:
        name, _, value = action.partition(":")
        if name == "threshold":
            self.state.threshold = float(value)
        elif name == "min_size":
            self.state.min_size = int(value)
        elif name == "max_size":
            self.state.max_size = None
        elif name == "drop_border":
            self.state.drop_border = False
        elif name == image_messages.CHOOSE and self._offered is not None:
            self.state.image = self._offered
        elif name == "circle":
            self.readout.show_circle(True)
        elif name == "colour" and self.state.image is not None:
            with self.context.reporting():
                self.state.image = self.layers.as_colour(self.context.plane())

    # ------------------------------------------------------ the outside changed

    def _on_images(self) -> None:
        images = self.layers.images()
        names = {choice.key: choice.name for choice in images}
        opened = [key for key in names if key not in self._known]
        ended = self._offered is not None and self._offered not in names
        self._known, self._offered = set(names), None if ended else self._offered
        chosen = self.state.image
        if chosen not in names:
            self.state.image = self.layers.preferred()
        elif opened and not self.busy and self.changes.under_way() is None:
            self._offered = opened[-1]
            self.view.set_message(*image_messages.opened(names[opened[-1]], names[chosen]))
        elif ended:
            self.changes.say_what_holds()
        self.view.set_images(images, self.state.image)
        self.readout.describe()

    def _on_result_removed(self, image: Hashable) -> None:
        """Nothing is shown any more: what needs a result asks for one again."""
        last = self.runs.running or self.runs.shown
        if last is not None and last.plane.image == image:
            self.changes.forget()
            self.view.set_message(common.REMOVED)
        elif last is None and image == self.state.image:
            self.changes.show_next_step()

    def _on_limits(self, image: Hashable) -> None:
        """The contrast limits of an image were changed."""
        if image == self.state.image and self.state.contrast == "displayed" and self.state.live:
            self.changes.take_limits()
            self.readout.describe()
            self.changes.update()

    def _on_reduced(self, event: Reduced) -> None:
        """Memory did not suffice for labels: the state becomes what is shown."""
        self.state.kind = event.kind

    def _on_ready(self, event: Ready) -> None:
        if event.wanted == self.state.device_request:
            self.changes.show_next_step()
            self.runs.tell_again()

    def _on_idle(self) -> None:
        if not self.playback.catch_up() and self.runs.shown is not None and not self.playback.speed.playing:
            self.changes.update(changed=False)
        if not self.busy:
            self.idle.emit()
