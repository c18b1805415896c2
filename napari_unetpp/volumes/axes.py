"""How an array is read: which of its axes are time, channel, depth, row, column and colour. Pure functions.

The axes that a file or a layer names are used (`volumes.metadata`). Where it names none they are guessed from
the shape, and the description says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_unetpp._types import UnetppError

ORDER = "TCZYXS"
"""Time, channel, depth, row, column, and the red, green and blue samples of a pixel."""

UNUSED = "-"
"""The letter of an axis of length 1 that means nothing."""

UNKNOWN = "?"
"""The letter of an axis whose meaning is not known."""

GUESSED = "the shape"
"""The source of axes that were guessed."""

USER = "--axes"
"""The source of axes that the user gave, on the command line or in Python."""

FEW = 4
"""A leading axis of at most this length is guessed to be channels: a longer one is depth or time."""

FEW_LAST, SIDE = 8, 16
"""A last axis of at most this length is guessed to be channels, if rows and columns have this many pixels."""

COLOURS = {3: "RGB", 4: "RGBA"}

MEANT = {
    **dict.fromkeys(("time", "t", "frame", "frames", "timepoint"), "T"),
    **dict.fromkeys(("channel", "channels", "c", "ch", "band", "wavelength", "e"), "C"),
    **dict.fromkeys(("depth", "z", "slice", "slices", "plane", "plane number"), "Z"),
    **dict.fromkeys(("y", "row", "rows", "height"), "Y"),
    **dict.fromkeys(("x", "column", "columns", "col", "width"), "X"),
    **dict.fromkeys(("s", "sample", "samples", "rgb", "rgba", "colour", "color"), "S"),
}
"""Which axis each name means, in small letters."""


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes of an array.

    Attributes
    ----------
    names : str
        A letter of `ORDER` for each axis, or `UNUSED`.
    shape : tuple of int
    source : str
        Who says so: ``"OME metadata"``, ``"ImageJ metadata"``, ``"axis labels"``, ``"--axes"``, ...
    channels : tuple of str
        Names of the channels; empty where they have none.
    spacing : tuple of three floats or None
        Micrometres between planes, rows and columns; None where nobody says.
    interval : float or None
        Seconds between frames.
    """

    names: str
    shape: tuple[int, ...]
    source: str = GUESSED
    channels: tuple[str, ...] = ()
    spacing: tuple[float | None, float | None, float | None] = (None, None, None)
    interval: float | None = None

    def size(self, name: str) -> int:
        """Length of an axis; 1 where there is none."""
        return self.shape[self.names.index(name)] if name in self.names else 1

    @property
    def colour(self) -> bool:
        """Whether pixels have red, green and blue."""
        return "S" in self.names

    @property
    def pixel_size(self) -> float | None:
        """Micrometres per pixel where pixels are square, else None."""
        _, y, x = self.spacing
        return y if y and x and abs(y - x) <= 0.01 * max(y, x) else None

    def __str__(self) -> str:
        lengths = dict(zip(self.names, self.shape, strict=True))
        shown = [f"{name} {n}" for name, n in lengths.items() if name in "YX" or (name in "TCZ" and n > 1)]
        shown += [COLOURS[lengths["S"]]] if self.colour else []
        return ", ".join(shown) + (" (guessed from the shape)" if self._guess_counts else "")

    @property
    def _guess_counts(self) -> bool:
        return self.source == GUESSED and any(self.size(name) > 1 for name in "TCZ")


def axes_from_shape(shape: Sequence[int], *, colour: bool | None = None) -> Axes:
    """Guess the axes of an array of which only the shape is known.

    Parameters
    ----------
    shape : sequence of int
    colour : bool, optional
        Whether the last axis is red, green and blue; None: guessed too.
    """
    shape = tuple(shape)
    if colour:
        return axes_from_letters(UNKNOWN * (len(shape) - 1) + "S", shape, GUESSED)
    letters = _guess(UNKNOWN * len(shape), shape, last_may_be_channels=colour is None)
    return Axes(letters, shape)


def axes_from_names(names: Sequence[str | None], shape: Sequence[int], source: str = "axis labels") -> Axes:
    """The axes as somebody named them: letters or words; names that say nothing are guessed.

    Examples
    --------
    >>> str(axes_from_names(("time", "channel", "y", "x"), (20, 2, 512, 512)))
    'T 20, C 2, Y 512, X 512'
    """
    letters = "".join(MEANT.get(str(name).strip().lower(), UNKNOWN) for name in names)
    return axes_from_letters(letters, shape, source)


def axes_from_letters(letters: str, shape: Sequence[int], source: str) -> Axes:
    """The axes by their letters, as OME and tifffile write them.

    Unknown axes (``I``, ``Q``, ``?``) are guessed, unless it is the user who gives such a letter. Other
    letters than those of `ORDER` are accepted for axes of length 1 only.

    Raises
    ------
    UnetppError
        The letters do not fit the shape, one is given twice, or an axis is of a kind that is not read.
    """
    shape, letters = tuple(shape), letters.upper().replace("E", "C")
    if set(letters[: -len(shape)]) <= set("TCZ"):
        letters = letters[-len(shape) :]  # leading axes of length 1, which files do not keep
    given = f"axes {letters!r} ({source}) were given for an array of shape {shape}"
    if len(letters) != len(shape):
        raise UnetppError(f"{given}; expected one letter of {ORDER} for each of its {len(shape)} axes.")
    named = "".join(map(_usable, letters, shape))
    strange = [letter for letter in named if letter not in ORDER + UNUSED + UNKNOWN]
    if strange:
        raise UnetppError(
            f"{given}; {strange[0]!r} is none of {ORDER} (time, channel, depth, row, column, colour). Say "
            f"how that axis is to be read, for example --axes {letters.replace(strange[0], _free(named)[0])}."
        )
    doubled = [letter for letter in ORDER if named.count(letter) > 1]
    if doubled:
        raise UnetppError(f"{given}; {doubled[0]!r} is there twice. Name each axis once, with --axes.")
    if UNKNOWN in named and source == USER:
        number = named.index(UNKNOWN)
        raise UnetppError(
            f"{given}; {letters[number]!r} does not say what the axis of length {shape[number]} is. Say it, "
            f"for example --axes {letters.replace(letters[number], _free(named)[0])}, or leave --axes out: "
            "then axes are guessed where the file does not name them."
        )
    if UNKNOWN in named:
        source = GUESSED if UNKNOWN in named[:-2] else source
        named = _guess(named, shape, last_may_be_channels=set(named) <= {UNKNOWN, UNUSED})
    if not set("YX") <= set(named):
        raise UnetppError(f"{given}; expected a Y and an X among them. Name the axes with --axes.")
    return Axes(named, shape, source)


def _usable(letter: str, length: int) -> str:
    """A letter as it is used here, of an axis of some length."""
    if letter in "IQ?":
        return UNUSED if length == 1 else UNKNOWN
    if letter == "S" and length not in COLOURS:
        return "C"
    return letter if letter in ORDER or length > 1 else UNUSED


def _free(letters: str) -> str:
    """Letters for leading axes that are not used, the likeliest first."""
    return "".join(letter for letter in "ZTC" if letter not in letters) or "?"


def _guess(letters: str, shape: tuple[int, ...], *, last_may_be_channels: bool) -> str:
    """Give the unknown axes the letters that are likeliest for their lengths."""
    if 0 in shape:
        raise UnetppError(f"the image is empty, of shape {shape}; expected at least one plane.")
    found = list(letters)
    if last_may_be_channels and len(shape) >= 3 and min(shape[-3:-1]) >= SIDE:
        if shape[-1] in COLOURS:
            found[-1] = "S"
        elif 1 < shape[-1] <= FEW_LAST and shape[-1] * SIDE <= min(shape[-3:-1]):
            found[-1] = "C"
    for letter in "XY":
        unknown = [n for n, name in enumerate(found) if name in (UNKNOWN, UNUSED) and letter not in found]
        if unknown:
            found[unknown[-1]] = letter
    _guess_leading(found, shape)
    if UNKNOWN in found or not set("YX") <= set(found):
        raise UnetppError(
            f"an array of shape {shape} was given; expected rows and columns, and at most time, channels and "
            f"depth beside them. Take a part of the array, or name its axes with --axes (letters of {ORDER})."
        )
    return "".join(found)


def _guess_leading(found: list[str], shape: tuple[int, ...]) -> None:
    """Time, channel, depth: the shortest axis is channels if it is short, the others are time and depth."""
    left = [n for n, name in enumerate(found) if name == UNKNOWN and shape[n] > 1]
    found[:] = [UNUSED if name == UNKNOWN and shape[n] == 1 else name for n, name in enumerate(found)]
    if len(left) > 3:
        return
    shortest = min(left, key=lambda n: (shape[n], n != left[len(left) // 2]), default=None)
    # pixels of colour images have their channels already
    few = shortest is not None and shape[shortest] <= FEW and "S" not in found
    if shortest is not None and "C" not in found and (few or len(left) == 3):
        found[shortest] = "C"
        left.remove(shortest)
    free = [letter for letter in "TZ" if letter not in found]
    if len(left) == 1 and len(free) == 2:
        free = ["T"] if "S" in found else ["Z"]  # a film in colour is a video; a grey one is rather a stack
    for n, letter in zip(left, free, strict=False):
        found[n] = letter
