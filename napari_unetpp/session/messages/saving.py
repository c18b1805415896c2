"""Names of files that the dock writes, and what it says of them."""

from __future__ import annotations

import errno
from pathlib import Path

from napari_unetpp.session.events import Saved
from napari_unetpp.session.values import Plane, ResultKind, Step

NO_PROBABILITY = "No probability: it is not in memory any more. Press Segment, then save again."
NO_PROBABILITIES = "No probability of all planes: napari-unetpp segment --probability writes it."

STEM_BYTES = 120
"""Of a file name made from the name of a layer."""

NAME_BYTES = 255
"""Most file systems take no longer name."""

NOTHING = "There is nothing to save for this image yet: press Segment first."
NOT_FINISHED = "This image is being segmented: it can be saved when that has ended."
PLANES_NOT_FINISHED = "All planes are being segmented: they can be saved when that has ended."


def file_suggestion(plane: Plane, kind: ResultKind) -> Path:
    """Where the result would be saved: beside the image if that is known; each plane by its own name."""
    stem = "_".join((file_stem(plane.name), *map(_step_name, plane.position)))
    return (plane.folder or Path.home()) / f"{stem}_{kind}.tif"


def _step_name(step: Step) -> str:
    """``t003``."""
    label = file_stem(step.axis)
    return f"{label}{'_' if label[-1].isdigit() else ''}{step.index:03d}"


def file_stem(name: str) -> str:
    """A layer's name as a file name that every system takes, with room for what is added to it."""
    plain = "".join(c if c.isalnum() or c in "-_. " else "_" for c in name).strip(" .")
    whole = plain.encode()
    if len(whole) > STEM_BYTES:  # the end often says which plane it is
        head, tail = whole[: STEM_BYTES * 3 // 4], whole[-STEM_BYTES // 4 :]
        plain = "_".join(part.decode(errors="ignore").strip(" .") for part in (head, tail))
    return plain or "image"


def saved(event: Saved) -> str:
    """Which files were written, and where."""
    *before, last = (path.name for path in event.paths)
    names = f"{', '.join(before)} and {last}" if before else last
    return "\n".join((f"Saved {names} in {event.paths[0].parent}", *event.notes))


def no_area(missing: str) -> str:
    """Why a table of objects has no column in square micrometres."""
    return f"No areas in µm²: {missing}."


def not_written(path: Path, error: OSError) -> str:
    """Why a file could not be written, and what to do."""
    if error.errno in (errno.ENAMETOOLONG, errno.EINVAL) and len(path.name.encode()) > NAME_BYTES // 2:
        return (
            f"The name {path.name[:24]}… has {len(path.name)} characters, which is too long for this disk:"
            " choose a shorter one."
        )
    return f"{path.parent} could not be written: {error.strerror or error}. Choose another folder."
