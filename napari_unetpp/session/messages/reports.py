"""What the dock says of the command of a result, and of diagnostics."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unetpp.session.report.command import OUT, PLACEHOLDER
from napari_unetpp.volumes.axes import Axes

NOTHING = "Nothing is segmented yet: the command repeats a result. Press Segment first."
NOT_FINISHED = "A run is in progress: the command repeats a finished result."
TURNED = (
    "The view is turned: the command segments planes of rows and columns. Show them as the file has them."
)
NO_FILE = f"The layer was opened from no file: save the image and put its name in place of {PLACEHOLDER}."
OTHER_PIXELS = "The layer shows other pixels than its file, which the command reads."
COARSER = "A coarser level of the image was segmented; the command segments the full one."
CORRECTED = "Your corrections are not part of it."
SHAPE = "It segments the rectangle around the shapes, not the shapes alone."
DIAGNOSTICS = "Copied diagnostics, without names of files and people. Read them before you send them."


def other_axes(axes: Axes) -> str:
    """The file cannot be read as its layer is."""
    return (
        f"The file holds {axes}, which is not what the layer shows: save the layer and put its name in place"
        f" of {PLACEHOLDER}."
    )


def unreadable(error: Exception) -> str:
    """The file of a layer is gone or damaged."""
    return f"Put the name of the image in place of {PLACEHOLDER}: its file could not be read. {error}"


def copied(notes: Sequence[str]) -> str:
    """The command is on the clipboard."""
    return " ".join(["Copied the command of this result.", *(notes or [f"It writes into the folder {OUT}."])])
