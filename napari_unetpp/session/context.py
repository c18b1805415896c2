"""What all parts of the dock share: the ports, the state, the models, and how errors are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.session.events import Job
from napari_unetpp.session.jobs import Jobs, Then
from napari_unetpp.session.messages import common
from napari_unetpp.session.ports import Layers, Runner, View
from napari_unetpp.session.segment.cache import WorkerCache
from napari_unetpp.session.segment.resolve import SegmentRequest, resolve
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import Plane, model_key


class Context:
    """The ports and the state of one dock.

    Parameters
    ----------
    view, layers, runner
        The ports; see `session.ports`.
    cache : WorkerCache
        Handed to the jobs, used by the worker only.
    state : SessionState

    Attributes
    ----------
    jobs : Jobs
    models : dict
        The models to choose from, by their key.
    list_models : callable
        Gives them.
    as_series : callable
        Gives a request for a plane of a series what holds for all its planes.
    """

    def __init__(
        self, view: View, layers: Layers, runner: Runner, cache: WorkerCache, state: SessionState
    ) -> None:
        self.view, self.layers, self.runner, self.cache, self.state = view, layers, runner, cache, state
        self.jobs = Jobs(view)
        self.models: dict[str, ModelInfo] = {}
        self.list_models: Callable[[], list[ModelInfo]] = list
        self.as_series: Callable[[SegmentRequest], SegmentRequest] = lambda request: request

    @property
    def model(self) -> ModelInfo | None:
        """The chosen model."""
        return self.models.get(self.state.model or "")

    def read_models(self) -> None:
        """Read anew which models there are, and show them."""
        self.models.clear()
        with self.reporting():
            for model in self.list_models():
                # A copy has the key of what it was copied from. The first stays: shipped ones come first.
                self.models.setdefault(model_key(model), model)
        self.show_models()

    def show_models(self) -> None:
        """Show the models to choose from, and which is chosen."""
        self.view.set_models(list(self.models.values()), self.state.model)

    def needed_model(self) -> ModelInfo:
        """The chosen model; UnetppError where there is none."""
        if self.model is None:
            raise UnetppError(common.NO_MODEL)
        return self.model

    def plane(self) -> Plane:
        """The displayed plane of the chosen image; UnetppError says why there is none."""
        if self.state.image is None:
            raise UnetppError(common.NO_IMAGE)
        return self.layers.read(self.state.image)

    def request(self, plane: Plane) -> SegmentRequest:
        """The request for a plane as everything is set; UnetppError says why there is none."""
        return self.as_series(resolve(self.state, plane, self.needed_model(), self.cache.scales))

    def submit(self, job: Job, then: Then, *, remedy: str) -> None:
        """Run a job of segmenting; the one before it is asked to stop."""
        self.jobs.submit(self.runner, job, then, remedy=remedy)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Show errors that are meant for the user in the message line."""
        try:
            yield
        except common.Advice as advice:
            self.view.set_message(str(advice), "info")
        except UnetppError as error:
            self.jobs.remember(error)
            self.view.set_message(str(error), "error")
