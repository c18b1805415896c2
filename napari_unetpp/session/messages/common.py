"""Sentences that several parts of the dock show, errors, and numbers in words."""

from __future__ import annotations

import logging

from napari_unetpp._types import UnetppError
from napari_unetpp.engine.memory import is_out_of_memory

Offer = tuple[str, str]
"""Text of a link and the action it stands for, e.g. ``("threshold 0.20", "threshold:0.2")``."""

GETTING_READY = "getting ready: loading torch and the model"
NO_IMAGE = "Open an image first: drop a file on the window, or File > Open Sample > UNet++ segmentation."
READY = "Ready. Press Segment."
STILL = " Until then the layer shows the result of {}."
"""Follows `READY` where the result of another model is still there."""

REMOVED = "The result layer was removed: press Segment to make it again."
NO_MODEL = "No model was found. Put a .safetensors model into the models folder and reopen this panel."

log = logging.getLogger(__name__)


class Advice(UnetppError):
    """Nothing has failed: the user is told what there is, or what to do first."""


def error(error: BaseException, remedy: str) -> str:
    """What went wrong, for the message line; an error that is not ours also goes to the log.

    `remedy` says what helps where memory runs out.
    """
    if isinstance(error, UnetppError):
        return str(error)
    if is_out_of_memory(error):
        return f"Out of memory: {remedy}."
    log.error("a job of the dock failed", exc_info=error)
    return f"This failed, and should not have: {reason(error)}. Please report it with what the log says."


def reason(error: BaseException) -> str:
    """The text of an exception, or that it has none, and its type."""
    words = " ".join(str(error).split()).rstrip(".")
    return f"{words or 'it gives no reason'}; {type(error).__name__}"


def seconds_text(seconds: float) -> str:
    """Seconds, short: ``0.4 s``, ``12 s``, ``3 min 5 s``."""
    if seconds < 0.05:
        return "< 0.1 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def cost_text(seconds_per_megapixel: float) -> str:
    """Milliseconds per megapixel, or seconds where that is shorter."""
    if seconds_per_megapixel < 0.9995:
        return f"{1000 * seconds_per_megapixel:.0f} ms per megapixel"
    return f"{seconds_per_megapixel:.{0 if seconds_per_megapixel >= 9.95 else 1}f} s per megapixel"
