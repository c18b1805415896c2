"""Types of command-line arguments: each reads a text, or raises an error that says what was expected."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from napari_unetpp._types import LARGEST_SCALE, LEVELS, SMALLEST_SCALE, Region, UnetppError
from napari_unetpp.files.objects.formats import FORMATS
from napari_unetpp.volumes.selection import Span, parse_span

T = TypeVar("T")

SMALLEST_SIDE = 16

LONGEST_NAME = 255

LARGEST_SEED = 2**32 - 1
"""Largest seed of the generators of both numpy and torch."""

SPACINGS = 1e-4, 1e5
"""Smallest and largest distance of pixels or planes, micrometres: from electron microscopes to tomographs."""

AXES = "TCZYXS"
UNKNOWN_AXES = "?IQ"
"""Letters of axes whose meaning is guessed, as tifffile has them."""


def _parsed(text: str, read: Callable[[str], T], expected: str, holds: Callable[[T], bool]) -> T:
    """A value read from a text; raises ArgumentTypeError if it is not valid."""
    try:
        value = read(text)
        good = holds(value)
    except ValueError:
        good = False
    if not good:
        raise argparse.ArgumentTypeError(f"{text!r} was given; expected {expected}")
    return value


def positive(text: str) -> float:
    """A finite number above 0."""
    return _parsed(text, float, "a number above 0", lambda value: 0 < value < math.inf)


def finite(text: str) -> float:
    """A finite number."""
    return _parsed(text, float, "a number", math.isfinite)


def count(text: str) -> int:
    """A whole number from 1."""
    return _parsed(text, int, "a whole number from 1", lambda value: value >= 1)


def side(text: str) -> int:
    """Side of a patch or frame, px: the deepest level halves it four times."""
    return _parsed(text, int, f"a whole number from {SMALLEST_SIDE}", lambda value: value >= SMALLEST_SIDE)


def index(text: str) -> int:
    """A whole number from 0."""
    return _parsed(text, int, "a whole number from 0", lambda value: value >= 0)


def seed(text: str) -> int:
    """A seed of random numbers."""
    return _parsed(
        text, int, f"a whole number from 0 to {LARGEST_SEED}", lambda value: 0 <= value <= LARGEST_SEED
    )


def share(text: str) -> float:
    """A number above 0 and at most 1."""
    return _parsed(text, float, "a number above 0 and at most 1", lambda value: 0 < value <= 1)


def threshold(text: str) -> float:
    """A number between 0 and 1."""
    return _parsed(text, float, "a number between 0 and 1", lambda value: 0 < value < 1)


def area(text: str) -> float:
    """A finite number from 0."""
    return _parsed(text, float, "a number from 0", lambda value: 0 <= value < math.inf)


def shares(text: str) -> tuple[float, ...]:
    """Positive numbers with commas between them."""
    return tuple(positive(value) for value in text.split(","))


def scale(text: str) -> float | str:
    """``auto`` or a scale within the limits."""
    expected = f"auto or a number from {SMALLEST_SCALE} to {LARGEST_SCALE}"
    if text == "auto":
        return text
    return _parsed(text, float, expected, lambda value: SMALLEST_SCALE <= value <= LARGEST_SCALE)


def level(text: str) -> int | str:
    """``auto`` or one of the levels."""
    expected = f"auto or a level from {LEVELS[0]} to {LEVELS[-1]}"
    return text if text == "auto" else _parsed(text, int, expected, lambda value: value in LEVELS)


def values(text: str) -> tuple[int, ...]:
    """Label values with commas between them."""
    return tuple(index(value) for value in text.split(","))


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them, at least one."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} was given; expected names with commas between them")
    return found


def formats(text: str) -> tuple[str, ...]:
    """Formats for other programs with commas between them, each once."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in found if name not in FORMATS]
    if unknown or not found:
        raise argparse.ArgumentTypeError(f"{text!r}: expected some of {','.join(FORMATS)}")
    return tuple(dict.fromkeys(found))


def model_path(text: str) -> Path:
    """A file name that ends in ``.safetensors``."""
    expected = "a file name that ends in .safetensors"
    return _parsed(text, file_path, expected, lambda path: path.suffix == ".safetensors")


def some_path(text: str) -> Path:
    """A path; an empty text, such as a shell makes of a variable without a value, is none."""
    path = _parsed(text, Path, "a file or folder", lambda _: bool(text.strip()) and "\0" not in text)
    if any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
        raise argparse.ArgumentTypeError(
            f"{text!r} has a name of more than {LONGEST_NAME} bytes; no disk takes it"
        )
    return path


def some_name(text: str) -> str:
    """The name or file of a model; not empty."""
    return _parsed(text, str, "the name or the file of a model", lambda _: bool(text.strip()))


def file_path(text: str) -> Path:
    """A file that is there or can be made."""
    path = some_path(text)
    if os.path.isdir(path):
        raise argparse.ArgumentTypeError(f"{text} is a folder; expected the name of a file")
    folder_path(str(path.parent))
    return path


def folder_path(text: str) -> Path:
    """A folder that is there or can be made."""
    path = some_path(text)
    there = (part for part in (path, *path.parents) if os.path.exists(part))  # no error where all is closed
    file = next((part for part in there if not os.path.isdir(part)), None)
    if file is not None:
        raise argparse.ArgumentTypeError(f"{file} is a file; expected a folder")
    return path


def axes(text: str) -> str:
    """A letter for each axis."""
    letters = text.upper()
    known = [letter for letter in letters if letter not in UNKNOWN_AXES]
    if set(known) - {*AXES, "E"} or len(set(known)) < len(known) or not {"Y", "X"} <= set(known):
        raise argparse.ArgumentTypeError(
            f"{text!r} was given; expected letters of {AXES}, each once, with Y and X"
        )
    return text


def span(text: str) -> Span:
    """``A:B``, ``A:``, ``:B`` or one number."""
    try:
        return parse_span(text)
    except UnetppError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def region(text: str) -> Region:
    """``Y0:Y1,X0:X1``."""
    expected = "Y0:Y1,X0:X1, such as 0:512,100:300, the ends excluded"
    return _parsed(text, _region, expected, lambda r: 0 <= r.y0 < r.y1 and 0 <= r.x0 < r.x1)


def _region(text: str) -> Region:
    (y0, y1), (x0, x1) = ((int(end) for end in side.split(":")) for side in text.split(","))
    return Region(y0, x0, y1, x1)


def spacing(text: str) -> tuple[float, float, float]:
    """Micrometres between planes, rows and columns."""
    low, high = SPACINGS
    expected = f"three numbers with commas between them, Z,Y,X, each from {low:g} to {high:g} micrometres"
    return _parsed(text, _three, expected, lambda lengths: all(low <= length <= high for length in lengths))


def _three(text: str) -> tuple[float, float, float]:
    z, y, x = (float(length) for length in text.split(","))
    return z, y, x
