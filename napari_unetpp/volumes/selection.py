"""Which channels, frames and planes of an image are segmented; checks the request. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Literal, get_args

from napari_unetpp._types import UnetppError
from napari_unetpp.volumes.axes import USER, Axes, axes_from_letters

Span = tuple[int | None, int | None]
"""First index, and the one after the last; None: from the start, to the end."""

Combine = Literal["inputs", "mean"]
Projection = Literal["max", "mean"]

ALL: Span = (None, None)


@dataclass(frozen=True, slots=True)
class SelectionRequest:
    """What the user says of the axes; what is left out is decided.

    Attributes
    ----------
    axes : str or None
        Letters of TCZYXS, one for each axis of the array.
    channels : tuple of int or str
        Numbers, from 0, or names. Empty: the first channel.
    combine : {"inputs", "mean"}
        Several channels are the inputs of the model, or their mean is segmented.
    t, z : (int or None, int or None)
        Frames and planes; negative numbers count from the end.
    project : {"max", "mean"} or None
        Segment the projection along Z instead of every plane.
    """

    axes: str | None = None
    channels: tuple[int | str, ...] = ()
    combine: Combine = "inputs"
    t: Span = ALL
    z: Span = ALL
    project: Projection | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Which plane of an image: frame, and depth (None: the projection along it)."""

    t: int
    z: int | None


@dataclass(frozen=True, slots=True)
class Selection:
    """The planes of an image that are segmented.

    Attributes
    ----------
    axes : Axes
        Of the whole image.
    channels : tuple of int
    combine : {"inputs", "mean"}
    t, z : (int, int)
        First frame and plane, and the one after the last.
    project : {"max", "mean"} or None
    """

    axes: Axes
    channels: tuple[int, ...]
    combine: Combine
    t: tuple[int, int]
    z: tuple[int, int]
    project: Projection | None = None

    def positions(self) -> Iterator[Position]:
        """All planes, those of the first frame first."""
        for t in range(*self.t):
            for z in (None,) if self.project else range(*self.z):
                yield Position(t, z)

    @property
    def frames(self) -> int:
        """Frames that are segmented."""
        return self.t[1] - self.t[0]

    @property
    def depth(self) -> int:
        """Planes of each frame that are segmented; 1 for a projection."""
        return 1 if self.project else self.z[1] - self.z[0]

    @property
    def count(self) -> int:
        """Number of planes."""
        return self.frames * self.depth

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Rows and columns of a plane."""
        return self.axes.size("Y"), self.axes.size("X")

    @property
    def stack_shape(self) -> tuple[int, ...]:
        """Shape (T, Z, Y, X) of the result for all planes, without T or Z where there is but one."""
        return (*(n for n in (self.frames, self.depth) if n > 1), *self.plane_shape)

    @property
    def stack_axes(self) -> str:
        """The letters of these axes."""
        return ("T" if self.frames > 1 else "") + ("Z" if self.depth > 1 else "") + "YX"

    def __str__(self) -> str:
        parts = [part for part in (self._channels(), *self._spans()) if part]
        return f"{self.axes}; segmenting {', '.join(parts)}" if parts else str(self.axes)

    def _channels(self) -> str:
        if self.axes.size("C") == 1:
            return ""
        names = [channel_name(self.axes, number) for number in self.channels]
        if len(names) == 1:
            return names[0]
        return f"{'the mean of ' if self.combine == 'mean' else ''}{', '.join(names[:-1])} and {names[-1]}"

    def _spans(self) -> Iterator[str]:
        if self.t != (0, self.axes.size("T")):
            yield f"T {_span_text(self.t)}"
        part = "" if self.z == (0, self.axes.size("Z")) else f" {_span_text(self.z)}"
        if self.project:
            yield f"the {'maximum' if self.project == 'max' else 'mean'} over Z{part}"
        elif part:
            yield f"Z{part}"


def select(axes: Axes, request: SelectionRequest = SelectionRequest(), *, inputs: int = 3) -> Selection:
    """What is segmented of an image, after the user's corrections.

    Parameters
    ----------
    axes : Axes
        As the image says, or its shape.
    request : SelectionRequest
    inputs : int
        Channels that the model reads; one channel alone is given to all of them.

    Raises
    ------
    UnetppError
        For a channel, frame or plane that is not there, and for what the model cannot take.
    """
    if request.axes is not None:
        named = axes_from_letters(request.axes, axes.shape, USER)
        channel_names = axes.channels if len(axes.channels) == named.size("C") else ()
        axes = replace(axes, names=named.names, source=USER, channels=channel_names)
    _check(axes, request)
    channels = _channels(axes, request, inputs)
    if request.project and axes.size("Z") == 1:
        raise UnetppError(
            f"a {request.project} projection was asked for, but the image has no depth: {axes}. Leave "
            "--project out, or say with --axes which axis is Z."
        )
    t, z = (_span(name, span, axes) for name, span in (("T", request.t), ("Z", request.z)))
    return Selection(axes, channels, request.combine, t, z, request.project)


def _check(axes: Axes, request: SelectionRequest) -> None:
    """Raise UnetppError for values that are none of the known ones, and for an image without pixels."""
    for what, given, known in (
        ("combine", request.combine, get_args(Combine)),
        ("project", request.project, (*get_args(Projection), None)),
    ):
        if given not in known:
            raise UnetppError(f"{what} {given!r} was given; expected one of {', '.join(map(str, known))}.")
    if 0 in axes.shape:
        raise UnetppError(f"the image is empty, of shape {axes.shape}; expected at least one plane.")


def as_span(name: str, given: object) -> Span:
    """A range of frames or planes as Python code gives it: None, one number, or first and one after last."""
    if given is None:
        return ALL
    if isinstance(given, Integral) and not isinstance(given, bool):
        first = int(given)
        return first, None if first == -1 else first + 1
    if isinstance(given, (tuple, list)) and len(given) == 2:
        first, end = given
        if all(n is None or (isinstance(n, Integral) and not isinstance(n, bool)) for n in (first, end)):
            return first, end
    raise UnetppError(
        f"{name}={given!r} was given; expected a number, or (FIRST, END) with the end excluded, such as "
        "(3, 10)."
    )


def channel_name(axes: Axes, number: int) -> str:
    """A channel in words: ``C 1``, ``C 1 (GFP)``."""
    return f"C {number} ({axes.channels[number]})" if number < len(axes.channels) else f"C {number}"


def parse_span(text: str) -> Span:
    """``3:10``, ``3:``, ``:10`` or ``3`` as a range; the end is excluded."""
    first, colon, last = text.strip().partition(":")
    try:
        start, stop = (int(n) if n.strip() else None for n in (first, last))
    except ValueError:
        start = stop = None
        colon = ""
    if not colon:
        if start is None:
            raise UnetppError(f"the range {text!r} was given; expected FIRST:END as in 3:10, or one number.")
        return start, start + 1 if start != -1 else None
    return start, stop


def span_text(span: Span) -> str:
    """A range as `parse_span` reads it; empty: everything."""
    start, stop = span
    if span == ALL:
        return ""
    if start is not None and stop == start + 1:
        return str(start)
    return ":".join("" if n is None else str(n) for n in span)


def _channels(axes: Axes, request: SelectionRequest, inputs: int) -> tuple[int, ...]:
    count = axes.size("C")
    numbers = tuple(_channel(axes, wanted) for wanted in request.channels or (0,))
    if len(set(numbers)) < len(numbers):
        raise UnetppError(f"channels {numbers} were given; expected each of the {count} at most once.")
    if len(numbers) == 1 or request.combine == "mean":
        return numbers
    if axes.colour or len(numbers) != inputs:
        problem = "each has red, green and blue" if axes.colour else f"the model reads {inputs}"
        raise UnetppError(
            f"{len(numbers)} channels were given as the inputs of the model, but {problem}. Choose one "
            "channel, or the mean of several (--combine mean)."
        )
    return numbers


def _channel(axes: Axes, wanted: int | str) -> int:
    """The number of a channel: a name comes first, so that a channel may be called 488."""
    count = axes.size("C")
    if wanted in axes.channels:
        return axes.channels.index(str(wanted))
    names = [name.lower() for name in axes.channels]
    if str(wanted).lower() in names and not isinstance(wanted, int):
        return names.index(str(wanted).lower())
    try:
        number = int(wanted)
    except ValueError:
        number = count
    if not -count <= number < count:
        known = f" ({', '.join(axes.channels)})" if axes.channels else ""
        raise UnetppError(
            f"channel {wanted!r} was given; this image has {_upto(count)}{known}. It was read as {axes}; if "
            "that is wrong, say it with --axes."
        )
    return number % count


def _upto(count: int) -> str:
    return f"channels 0 to {count - 1}" if count > 1 else "one channel, 0"


def _span(name: str, span: Span, axes: Axes) -> tuple[int, int]:
    length = axes.size(name)
    start, stop = (None if n is None else n + length if n < 0 else n for n in span)
    start, stop = 0 if start is None else start, length if stop is None else stop
    if not 0 <= start < stop <= length:
        given = ":".join("" if n is None else str(n) for n in span)
        raise UnetppError(
            f"{name} {given} was given; expected a range within {name} 0:{length} that is not empty. The "
            f"image was read as {axes}."
        )
    return start, stop


def _span_text(span: tuple[int, int]) -> str:
    return str(span[0]) if span[1] == span[0] + 1 else f"{span[0]}:{span[1]}"
