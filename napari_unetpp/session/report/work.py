"""What a report needs of files and libraries, as generators of frozen events (see `session.segment.work`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from napari_unetpp._types import ShouldStop, UnetppError
from napari_unetpp.files.images.as_shown import same_pixels
from napari_unetpp.session.messages import reports as messages
from napari_unetpp.session.report.command import Input, Made, reading_of
from napari_unetpp.session.report.diagnostics import Facts, report
from napari_unetpp.session.report.events import CommandFound, Diagnosed
from napari_unetpp.session.stacks.values import displayed_channel, displayed_position
from napari_unetpp.session.values import Plane
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.inputs.source import ImageSource, open_image
from napari_unetpp.volumes.planes import read_plane
from napari_unetpp.volumes.selection import Position, SelectionRequest, select


def find_command(
    made: Made, plane: Plane, axes: Axes, notes: tuple[str, ...], should_stop: ShouldStop
) -> Iterator[CommandFound]:
    """Look whether the file of an image holds what its layer shows, and how the command has to read it."""
    del should_stop  # one plane is soon read
    image, found = _input(made, plane, axes)
    yield CommandFound(made, image, (*found, *notes))


def diagnose(gather: Callable[[], Facts], should_stop: ShouldStop) -> Iterator[Diagnosed]:
    """Ask libraries for their versions and the machine for what it is."""
    del should_stop  # short
    yield Diagnosed(report(gather()))


def _input(made: Made, plane: Plane, axes: Axes) -> tuple[Input, tuple[str, ...]]:
    if plane.path is None:
        return Input(), (messages.NO_FILE,)
    try:
        with open_image(plane.path) as source:
            reading = reading_of(axes, source.axes, plane.name)
            if reading is None:
                return Input(), (messages.other_axes(source.axes),)
            image = replace(reading, path=plane.path.absolute())
            if plane.level or _same_plane(source, made, plane, axes, image):
                return image, ()
            return image, (messages.OTHER_PIXELS,)
    except UnetppError as error:
        return Input(), (messages.unreadable(error),)


def _same_plane(source: ImageSource, made: Made, plane: Plane, axes: Axes, image: Input) -> bool:
    """Whether the displayed plane has the pixels of the file."""
    at = displayed_position(plane, axes)
    channel = displayed_channel(plane, axes) if image.channel is None else image.channel
    z = at.z or 0
    wanted = SelectionRequest(image.axes, (channel,), t=(at.t, at.t + 1), z=(z, z + 1))
    chosen = select(source.axes, wanted, inputs=made.model.net.in_channels)
    there = read_plane(source.array, chosen, Position(at.t, z))
    return same_pixels(np.asarray(plane.data), np.asarray(there))
