"""The device and the number format in use: what the worker found, and what becomes of a wish it refuses."""

from __future__ import annotations

from napari_unetpp.session.context import Context
from napari_unetpp.session.events import Ready
from napari_unetpp.session.messages import models as messages
from napari_unetpp.session.segment.runs import Runs
from napari_unetpp.session.values import DeviceRequest


class Devices:
    """Follows the worker, and shows the devices to choose from.

    Attributes
    ----------
    ready : Ready or None
        What the worker said when it was ready last; None before.
    usable : DeviceRequest
        The last wish that could be fulfilled.
    """

    def __init__(self, context: Context, runs: Runs) -> None:
        self.context, self.runs, self.state = context, runs, context.state
        self.ready: Ready | None = None
        self.usable = DeviceRequest()
        self._refusal = ""

    def connect(self) -> None:
        """Listen to the worker, before others do who show what comes next."""
        self.context.view.set_devices(messages.devices(("cpu",), None), self.state.device, "")
        self.context.jobs.on(Ready, self._on_ready)
        self.runs.refused.connect(self._on_refused)

    @property
    def precision(self) -> str | None:
        """Number format of the network; None before it is ready."""
        return None if self.ready is None else self.ready.dtype

    def used(self, asked: DeviceRequest) -> DeviceRequest:
        """What a wish stands for on this machine, where that is known."""
        ready = self.ready
        return DeviceRequest(ready.device, ready.dtype) if ready and ready.wanted == asked else asked

    def _on_ready(self, event: Ready) -> None:
        if event.wanted == self.state.device_request:
            self.ready, self.usable = event, event.wanted
            note = " ".join(part for part in (self._refusal, event.note) if part)
            self.context.view.set_devices(messages.devices(event.devices, event), self.state.device, note)
            self._refusal = ""

    def _on_refused(self, wanted: DeviceRequest, why: str) -> None:
        """A device or number format that this machine has not: the last one that worked stays.

        With a device that is refused, its number format is tried on the last one; else both stay.
        """
        if wanted == self.state.device_request != self.usable:
            other = wanted.name != self.usable.name
            instead = DeviceRequest(self.usable.name, wanted.precision if other else self.usable.precision)
            self._refusal = messages.refused(why, instead)
            self.state.precision = instead.precision
            self.state.device = instead.name
