"""Jobs run in a worker; their events go, on the window's thread, to whoever listens to their type."""

from __future__ import annotations

import traceback
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from napari_unetpp.session.events import Event, Job
from napari_unetpp.session.messages import common
from napari_unetpp.session.ports import Runner, View

E = TypeVar("E")
Then = Callable[[BaseException | None], object]


class Jobs:
    """Hands jobs to runners, and each of their events to the listeners of its type.

    Parameters
    ----------
    view : View
        Shows the errors of jobs.

    Attributes
    ----------
    closed : bool
        The dock is closed: no event is handed on.
    last_error : str
        The traceback of the last error; as text, since an exception would keep images alive.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._listeners: dict[type, list[Callable[[Any], object]]] = defaultdict(list)
        self.closed = False
        self.last_error = ""

    def remember(self, error: BaseException) -> None:
        """Keep the traceback of an error."""
        self.last_error = "".join(traceback.format_exception(error)).strip()

    def on(self, kind: type[E], listener: Callable[[E], object]) -> None:
        """Call `listener` with every event of this type."""
        self._listeners[kind].append(listener)

    def submit(self, runner: Runner, job: Job, then: Then, *, remedy: str | None) -> None:
        """Run a job.

        Parameters
        ----------
        then : callable
            Called with the error, or None, after the last event.
        remedy : str or None
            What the user can do where memory runs out; None: `then` shows the error itself.
        """
        runner.submit(job, self.deliver, partial(self._end, then, remedy))

    def deliver(self, event: Event) -> None:
        """Hand an event on."""
        if not self.closed:
            for listener in self._listeners[type(event)]:
                listener(event)

    def _end(self, then: Then, remedy: str | None, error: BaseException | None) -> None:
        if error is not None:
            self.remember(error)
        if self.closed:
            return
        if error is not None and remedy is not None:
            self._view.set_message(common.error(error, remedy), "error")
        then(error)
