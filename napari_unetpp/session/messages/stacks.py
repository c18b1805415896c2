"""What the dock says of all planes of an image: what a run needs, how far it is, what it gave."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_unetpp.files.models.card_text import level_name
from napari_unetpp.files.text import counted
from napari_unetpp.session.messages.common import Offer, seconds_text
from napari_unetpp.session.messages.image import times
from napari_unetpp.session.messages.saving import file_stem
from napari_unetpp.session.stacks.events import StackDone, StackProgress
from napari_unetpp.session.stacks.request import StackRequest
from napari_unetpp.session.values import Plane
from napari_unetpp.volumes.selection import Selection

RESTART: Offer = ("stop and begin anew with it", "restart:1")
NOT_ASKED = "Nothing is segmented: the labels of all planes do not fit into memory and need a place on disk."
SHORT = 16
"""Letters of a name for which the bar has room beside ``plane 12 of 31, 40 s left``."""

LABEL_BYTES = 4
"""Of a pixel of the layer."""

A_PIXEL = 40
"""Bytes for each pixel of the plane under way: itself, its maps, numbers and labels."""


def reading(plane: Plane, selection: Selection) -> str:
    """How an image of several planes is read: ``T 20, C 2, Y 96, X 128; segmenting C 1 (DAPI); at T 3``."""
    letters = selection.axes.names
    at = [f"{letters[one.number]} {one.index}" for one in plane.position if letters[one.number] in "TZ"]
    level = "" if not plane.level else f"; level {plane.level}"
    return f"{selection}{'; at ' if at else ''}{', '.join(at)}{level}"


def file_suggestion(plane: Plane, made: StackRequest) -> Path:
    """Where all planes would be saved: beside the image if that is known."""
    return (plane.folder or Path.home()) / f"{file_stem(plane.name)}_{made.rule.kind}.tif"


def need(selection: Selection, *, fits: bool) -> str:
    """What a run makes, and what it takes beyond what is taken now; `fits`: the labels fit into memory."""
    labels = "" if fits else f", {size_text(label_bytes(selection))} of disk"
    memory = memory_bytes(selection) - (0 if fits else label_bytes(selection))
    return f"{planes_text(selection)}; about {size_text(memory)} of memory{labels}"


def planes_text(selection: Selection) -> str:
    """``31 planes of 1024 × 1024 px``."""
    height, width = selection.plane_shape
    return f"{counted(selection.count, _noun(selection))} of {height} × {width} px"


def _noun(selection: Selection) -> str:
    return "projection" if selection.project else "plane"


def memory_bytes(selection: Selection) -> int:
    """For the labels of all planes, and for the plane under way."""
    height, width = selection.plane_shape
    return label_bytes(selection) + A_PIXEL * height * width


def label_bytes(selection: Selection) -> int:
    """For the labels of all planes."""
    height, width = selection.plane_shape
    return LABEL_BYTES * selection.count * height * width


def zarr_suggestion(plane: Plane) -> Path:
    """Where labels that do not fit into memory would be kept: beside the image if that is known."""
    return (plane.folder or Path.home()) / f"{file_stem(plane.name)}_labels.ome.zarr"


def size_text(count: float) -> str:
    """Bytes, short: ``130 MB``, ``2.4 GB``."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(1, count / 1e6):.0f} MB"


def under_way(request: StackRequest) -> str:
    """What is being segmented, without a full stop."""
    name, count = request.source.name, request.selection.count
    if request.area is not None:
        return f"A region of ‘{name}’ is being segmented"
    if request.whole:
        return f"All {count} planes of ‘{name}’ are being segmented"
    what = counted(count, _noun(request.selection))
    return f"{what} of ‘{name}’ {'is' if count == 1 else 'are'} being segmented"


def going_on(request: StackRequest, before: int) -> str:
    """The same; `before` planes are there of a run that was stopped."""
    there = f": {before} of them {'is' if before == 1 else 'are'} there already" if before else ""
    return f"{under_way(request)}{there}."


def elsewhere(request: StackRequest) -> str:
    """The same while another image is chosen."""
    return f"{under_way(request)}; the bar and Stop are theirs. This image can be segmented meanwhile."


def unchanged(request: StackRequest, changed: Sequence[str]) -> str:
    """What the user set since a run began does not change it."""
    what = " and ".join((", ".join(changed[:-1]), changed[-1])) if len(changed) > 1 else changed[0]
    holds = "hold" if len(changed) > 1 else "holds"
    return f"{under_way(request)}; that goes on as it began. The new {what} {holds} for the next run."


def of_image(request: StackRequest, text: str) -> str:
    """What is said of a run, where another image is chosen."""
    name = request.source.name
    return f"‘{name if len(name) <= SHORT else name[: SHORT - 1] + '…'}’: {text}"


def busy(request: StackRequest) -> str:
    """Why no other run can begin."""
    return f"{under_way(request)}: press Stop first, or wait."


def closed(request: StackRequest) -> str:
    """The image was closed during its run."""
    return f"‘{request.source.name}’ was closed: its planes are not segmented further."


def replaced(request: StackRequest) -> str:
    """The pixels of the image were replaced during its run."""
    return f"‘{request.source.name}’ has other pixels now: press Segment to begin anew."


def removed(request: StackRequest) -> str:
    """Our layer was deleted during the run."""
    return f"The result layer of ‘{request.source.name}’ was removed: press Segment to make it again."


def progress(event: StackProgress, elapsed: float) -> str:
    """``plane 12 of 31, 40 s left``."""
    text = f"plane {event.plane + 1} of {event.planes}"
    done = event.plane + event.fraction
    if elapsed < 2 or event.plane < 1:
        return text
    return f"{text}, {seconds_text(elapsed * (event.planes - done) / done)} left"


def done(event: StackDone, request: StackRequest, layer: str, scale: float | None) -> str:
    """What came of a run: ``31 planes, 2310 objects, L3, × 0.35, 12 s``."""
    planes = counted(event.of, _noun(request.selection))
    goes_on = ""
    if event.planes < event.of:
        planes = f"Stopped after {event.planes} of {planes}"
        goes_on = " Segment goes on with the others."
    objects = "" if event.objects is None else f", {counted(event.objects, 'object')}"
    linked = _linked(request)
    at = "" if scale is None else f", {times(scale)}"
    line = f"{planes}{objects}{linked}, {level_name(request.level)}{at}, {seconds_text(event.seconds)}"
    where = "" if request.area is None else f" within {request.area.name}"
    return f"{line}{where}. They are in ‘{layer}’.{goes_on}" if event.planes else line


HOLDS_NEXT = "Press Segment to make the projection so."
NO_TRACKS = "napari shows no tracks of images of five axes."


def _linked(request: StackRequest) -> str:
    if request.objects and request.selection.count > 1:
        through = [
            word for word, iou in (("depth", request.stitch), ("time", request.track)) if iou is not None
        ]
        return f" linked through {' and '.join(through)}" if through else ", numbered anew in each plane"
    return ""


def shown(layer: str, request: StackRequest) -> str:
    """Which layer holds the planes, and how they were made."""
    selection = request.selection
    return f"‘{layer}’: {counted(selection.count, _noun(selection))}, {level_name(request.level)}"


def shown_alone(plane_layer: str) -> str:
    """The displayed plane is shown as it is set now, not as in the layer of all planes."""
    return f"This plane alone is shown, in ‘{plane_layer}’. Segment does all planes so."
