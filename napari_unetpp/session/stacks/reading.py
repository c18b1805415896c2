"""How the axes of an image are read: as it says itself, or as the user corrected it."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress

from napari_unetpp._types import UnetppError
from napari_unetpp.session.context import Context
from napari_unetpp.session.display.readout import Readout
from napari_unetpp.session.messages import stacks as messages
from napari_unetpp.session.stacks import values
from napari_unetpp.session.stacks.ports import StackLayers
from napari_unetpp.session.stacks.request import selected
from napari_unetpp.session.values import Plane
from napari_unetpp.volumes.axes import Axes


class AxesReading:
    """Keeps the user's corrections, and says how the displayed image is read.

    Parameters
    ----------
    context : Context
    readout : Readout
        Shows it.
    layers : StackLayers
    """

    def __init__(self, context: Context, readout: Readout, layers: StackLayers) -> None:
        self.context, self.readout, self.layers = context, readout, layers
        self._corrected: dict[tuple[Hashable, int], Axes] = {}  # of images and versions

    def connect(self) -> None:
        """Listen to the view."""
        self.readout.reading = self.sentence
        signals = self.context.view.signals
        signals.axis_chosen.connect(self._on_axis)
        signals.channel_chosen.connect(self._on_channel)

    def axes(self, plane: Plane) -> Axes | None:
        """How an image is read; None where that is not known."""
        return self._corrected.get((plane.image, plane.version), plane.axes)

    def sentence(self, plane: Plane) -> str:
        """The same in words; empty for an image of one plane, and where the view is turned."""
        axes = self.axes(plane)
        if axes is None or not values.correctable(axes) or values.is_turned(plane, axes):
            return ""
        channel = values.displayed_channel(plane, axes)
        selection = values.selection_of(axes, channel)
        with suppress(UnetppError):  # a range of another reading of the axes
            selection = selected(self.context.state, axes, channel)
        return messages.reading(plane, selection)

    def _on_axis(self, number: int, letter: str) -> None:
        with self.context.reporting():
            plane = self.context.plane()
            axes = self.axes(plane)
            if axes is not None:
                self._corrected[plane.image, plane.version] = values.corrected(axes, number, letter)
                self.readout.describe()

    def _on_channel(self, channel: int) -> None:
        with self.context.reporting():
            plane = self.context.plane()
            axes = self.axes(plane)
            if axes is not None and "C" in axes.names:
                self.layers.go_to(plane.image, axes.names.index("C"), channel)
