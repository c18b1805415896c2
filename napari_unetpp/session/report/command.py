"""The command ``napari-unetpp segment`` that repeats a shown result: pure functions."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from napari_unetpp._types import AUTO, ModelInfo, Region
from napari_unetpp.files.models.own_models import is_shipped
from napari_unetpp.session.batch import number, object_arguments
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.stacks.request import StackRequest
from napari_unetpp.session.values import DeviceRequest, Interval, Rule
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.selection import span_text

PLACEHOLDER = "IMAGE.tif"
"""Stands for an image that was read from no file."""

OUT = "results"

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:\\/")
"""Characters that mean nothing else to a shell of Windows."""


@dataclass(frozen=True)
class Made:
    """How a shown result was made.

    Attributes
    ----------
    scale : float
        Of the full image.
    range : (float, float) or None
        None: to be measured again.
    device : DeviceRequest
    planes : mapping from str to str
        What is segmented of the axes that the image has, by option: ``{"channel": "1", "z": "3:7"}``.
    stitch, track : float or None
    region : Region or None
    """

    model: ModelInfo
    level: int
    rule: Rule
    scale: float
    range: Interval | None
    device: DeviceRequest
    planes: Mapping[str, str] = field(default_factory=dict)
    stitch: float | None = None
    track: float | None = None
    region: Region | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """Where the command finds the image.

    Attributes
    ----------
    path : Path or None
        None: the image is no file, or not as its layer shows it.
    axes : str or None
        Letters for its axes, where those of the file are wrong.
    channel : int or None
        Of a file that the viewer opened as one layer for each channel.
    """

    path: Path | None = None
    axes: str | None = None
    channel: int | None = None


def made_of_plane(
    shown: SegmentRequest, axes: Axes | None, range: Interval | None, device: DeviceRequest
) -> Made:
    """How the result of one plane was made; `axes` are those of its image as it is read."""
    at = {} if axes is None else {axes.names[one.number]: one.index for one in shown.plane.position}
    sizes = {} if axes is None else dict(zip(axes.names, axes.shape, strict=True))
    planes = {OPTIONS[name]: str(at[name]) for name in "CTZ" if name in at and sizes[name] > 1}
    scale = shown.scale / shown.plane.factor
    return Made(shown.model, shown.level, shown.rule, scale, range, device, planes)


def made_of_stack(request: StackRequest, scale: float, range: Interval | None, device: DeviceRequest) -> Made:
    """How the result of all planes was made, or that of a region."""
    chosen = request.selection
    sizes = {name: chosen.axes.size(name) for name in "CTZ"}
    planes = {}
    if sizes["C"] > 1:
        planes["channel"] = ",".join(map(str, chosen.channels))
    for name, span in (("T", chosen.t), ("Z", chosen.z)):
        if span != (0, sizes[name]):
            planes[OPTIONS[name]] = span_text(span)
    if chosen.project:
        planes["project"] = chosen.project
    region = None if request.area is None else request.area.region
    return Made(
        request.model,
        request.level,
        request.rule,
        scale,
        range,
        device,
        planes,
        request.stitch,
        request.track,
        region,
    )


OPTIONS = {"C": "channel", "T": "t", "Z": "z"}


def reading_of(layer: Axes, file: Axes, name: str) -> Input | None:
    """How a file is read as its layer is; None where it has other axes. No path is given.

    Parameters
    ----------
    layer, file : Axes
        Readers of the viewer drop axes of length 1, or open each channel as a layer of its own.
    name : str
        Of the layer, in which such a reader puts the name of the channel.
    """
    shown = [(letter, n) for letter, n in zip(layer.names, layer.shape, strict=True) if n > 1]
    there = [
        (letter, number, n) for number, (letter, n) in enumerate(zip(file.names, file.shape, strict=True))
    ]
    long = [one for one in there if one[2] > 1]
    if _same_lengths(shown, [(letter, n) for letter, _, n in long]):
        letters = list(file.names)
        for (letter, _), (_, number, _) in zip(shown, long, strict=True):
            letters[number] = letter
        for _, number, n in there:
            if n == 1 and letters.count(letters[number]) > 1:
                letters[number] = UNNAMED
        asked = "".join(letters)
        return Input(axes=None if asked == file.names else asked)
    if _same_lengths(shown, [(letter, n) for letter, _, n in long if letter != "C"]):
        known = [number for number, channel in enumerate(file.channels) if channel and channel in name]
        return Input(channel=known[0]) if len(known) == 1 else None
    return None


UNNAMED = "Q"
"""The letter of an axis of length 1 whose own letter another axis has."""


def _same_lengths(shown: list[tuple[str, int]], there: list[tuple[str, int]]) -> bool:
    """Whether two lists of axes have equal lengths; a colour may have alpha in one of them."""
    pairs = zip(shown, there, strict=False)
    return len(shown) == len(there) and all(one == other or a == b == "S" for (a, one), (b, other) in pairs)


def arguments(made: Made, image: Input) -> list[str]:
    """The arguments of ``napari-unetpp``."""
    model = made.model
    rule = made.rule
    channel = {} if image.channel is None else {"channel": str(image.channel)}
    options: list[tuple[str, ...]] = [
        ("out", OUT),
        ("model", model.name if is_shipped(model) or model.path is None else str(model.path)),
        ("level", "auto" if made.level == AUTO else str(made.level)),
        ("kind", rule.kind),
        ("scale", number(made.scale)),
        *([] if made.range is None else [("range", *map(number, made.range))]),
        ("threshold", number(rule.threshold)),
        *([] if image.axes is None else [("axes", image.axes)]),
        *{**made.planes, **channel}.items(),
        *([] if made.stitch is None else [("stitch", number(made.stitch))]),
        *([] if made.track is None else [("track", number(made.track))]),
        *([] if made.region is None else [("region", region_text(made.region))]),
        ("device", made.device.name),
        ("precision", made.device.precision),
    ]
    flags = [[f"--{name}", *values] for name, *values in options]
    given = rule.given(model.decode)
    given.pop("threshold", None)  # it is always named
    objects = object_arguments(given)
    return ["segment", str(image.path or PLACEHOLDER), *(part for flag in flags for part in flag), *objects]


def region_text(region: Region) -> str:
    """Rows and columns as ``--region`` has them."""
    return f"{region.y0}:{region.y1},{region.x0}:{region.x1}"


def command_line(parts: list[str], *, windows: bool) -> str:
    """The command, quoted for a POSIX shell, or for those of Windows (cmd and PowerShell)."""
    quote = _quoted_on_windows if windows else shlex.quote
    return " ".join(["napari-unetpp", *map(quote, parts)])


def _quoted_on_windows(part: str) -> str:
    """In double quotes where anything but letters needs them; a backslash before a quote is doubled."""
    if part and set(part) <= PLAIN:
        return part
    body = part.replace('"', '\\"')
    trailing = len(body) - len(body.rstrip("\\"))
    return f'"{body}{chr(92) * trailing}"'
