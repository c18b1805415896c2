"""How arrays are read: what labs have, as a table, and shapes of all kinds."""

import numpy as np
import pytest

from napari_unetpp._types import UnetppError
from napari_unetpp.volumes.axes import Axes, axes_from_letters, axes_from_names, axes_from_shape

GUESSES = {
    "plane": ((512, 512), "YX"),
    "a line": ((1, 512), "YX"),
    "RGB": ((512, 512, 3), "YXS"),
    "RGBA": ((512, 512, 4), "YXS"),
    "channels last": ((512, 696, 2), "YXC"),
    "channels first": ((3, 512, 512), "CYX"),
    "stack": ((31, 512, 512), "ZYX"),
    "stack of planes with few columns": ((31, 512, 6), "ZYX"),
    "two channels of a stack": ((2, 31, 512, 512), "CZYX"),
    "stack of two channels (ImageJ)": ((31, 2, 512, 512), "ZCYX"),
    "stack with channels last": ((31, 512, 512, 2), "ZYXC"),
    "film of a stack": ((20, 31, 512, 512), "TZYX"),
    "two planes, three channels": ((2, 3, 512, 512), "CZYX"),
    "video": ((900, 480, 640, 3), "TYXS"),
    "OME order": ((20, 2, 31, 512, 512), "TCZYX"),
    "ImageJ order": ((20, 31, 2, 512, 512), "TZCYX"),
    "five axes, no short one": ((20, 9, 31, 512, 512), "TCZYX"),
    "five axes, all equal": ((7, 7, 7, 512, 512), "TCZYX"),
    "everything": ((20, 2, 31, 512, 512, 3), "TCZYXS"),
    "axes of length one": ((1, 1, 31, 512, 512), "--ZYX"),
    "one plane of five axes": ((1, 1, 1, 512, 512), "---YX"),
    "a tiny image": ((5, 6, 3), "ZYX"),
}


@pytest.mark.parametrize(("shape", "letters"), GUESSES.values(), ids=GUESSES)
def test_guess_from_the_shape(shape, letters):
    assert axes_from_shape(shape).names == letters


@pytest.mark.parametrize(
    ("shape", "colour", "letters"),
    [((31, 512, 3), False, "ZYX"), ((20, 64, 64, 3), True, "TYXS"), ((5, 6, 3), True, "YXS")],
)
def test_a_layer_knows_whether_it_is_colour(shape, colour, letters):
    assert axes_from_shape(shape, colour=colour).names == letters


def test_any_shape_is_read_or_refused():
    rng = np.random.default_rng(0)
    for _ in range(2000):
        shape = tuple(int(n) for n in rng.choice([1, 2, 3, 4, 5, 9, 31, 64, 512], rng.integers(2, 6)))
        axes = axes_from_shape(shape)
        named = axes.names.replace("-", "")
        assert len(axes.names) == len(shape) and set("YX") <= set(named) <= set("TCZYXS")
        assert len(set(named)) == len(named), "each letter once"
        assert all(n == 1 for name, n in zip(axes.names, shape, strict=True) if name == "-")
        assert named.index("Y") < named.index("X")
        assert "S" not in named or axes.size("S") in (3, 4)


LETTERS = {
    "OME": ("TCZYX", (20, 2, 31, 64, 64), "TCZYX"),
    "ImageJ": ("TZCYX", (20, 31, 2, 64, 64), "TZCYX"),
    "small letters": ("zyx", (31, 64, 64), "ZYX"),
    "planar RGB": ("SYX", (3, 64, 64), "SYX"),
    "grey and alpha": ("YXS", (64, 64, 2), "YXC"),
    "spectral": ("EYX", (12, 64, 64), "CYX"),
    "pages of unknown meaning": ("IYX", (40, 64, 64), "ZYX"),
    "few pages of unknown meaning": ("QYX", (3, 64, 64), "CYX"),
    "two unknown axes": ("QQYX", (20, 31, 64, 64), "TZYX"),
    "unknown beside a known one": ("IZYX", (20, 31, 64, 64), "TZYX"),
    "one angle": ("AZYX", (1, 31, 64, 64), "-ZYX"),
    "transposed": ("XYZ", (64, 60, 31), "XYZ"),
}


@pytest.mark.parametrize(("letters", "shape", "found"), LETTERS.values(), ids=LETTERS)
def test_letters_are_believed(letters, shape, found):
    assert axes_from_letters(letters, shape, "OME metadata").names == found


WORDS = {
    "napari, nothing said": (("axis -3", "axis -2", "axis -1"), (31, 64, 64), "ZYX"),
    "words": (("time", "channel", "depth", "row", "column"), (20, 2, 31, 64, 64), "TCZYX"),
    "only the first": (("t", "axis -2", "axis -1"), (2, 64, 64), "TYX"),
    "xarray, nothing said": (("dim_0", "dim_1"), (64, 64), "YX"),
    "missing names": ((None, "", "y", "x"), (2, 31, 64, 64), "CZYX"),
}


@pytest.mark.parametrize(("names", "shape", "found"), WORDS.values(), ids=WORDS)
def test_axis_labels(names, shape, found):
    assert axes_from_names(names, shape).names == found


def test_what_was_guessed_is_said():
    assert "guessed" in str(axes_from_names(("axis -3", "axis -2", "axis -1"), (31, 64, 64)))
    assert "guessed" in str(axes_from_letters("IYX", (31, 64, 64), "TIFF"))
    assert "guessed" not in str(axes_from_names(("z", "axis -2", "axis -1"), (31, 64, 64)))


WRONG = {
    "too few letters": (("YX", (31, 64, 64)), r"'YX'.*\(31, 64, 64\).*each of its 3 axes"),
    "twice": (("ZZYX", (2, 31, 64, 64)), "'Z' is there twice"),
    "no rows": (("ZCX", (31, 2, 64)), "expected a Y and an X"),
    "angles": (("AZYX", (5, 31, 64, 64)), "'A' is none of TCZYXS.*--axes TZYX"),
    "samples beside channels": (("CYXS", (2, 64, 64, 2)), "'C' is there twice"),
    "nothing left to guess": (("QTCZYX", (5, 2, 2, 2, 64, 64)), "name its axes with --axes"),
}


@pytest.mark.parametrize(("given", "message"), WRONG.values(), ids=WRONG)
def test_letters_that_do_not_fit(given, message):
    with pytest.raises(UnetppError, match=message):
        axes_from_letters(*given, "OME metadata")


@pytest.mark.parametrize("letter", "QI?")
def test_a_letter_that_says_nothing_is_no_answer_of_the_user(letter):
    """``--axes QYX`` read three planes as channels and segmented one of them, without a word."""
    with pytest.raises(UnetppError, match=r"axis of length 3 is\. Say it, for example --axes ZYX"):
        axes_from_letters(f"{letter}YX", (3, 64, 64), "--axes")
    with pytest.raises(UnetppError, match="for example --axes ZTYX"):
        axes_from_letters(f"Z{letter}YX", (5, 3, 64, 64), "--axes")
    assert axes_from_letters(f"{letter}YX", (1, 64, 64), "--axes").names == "-YX"


@pytest.mark.parametrize("shape", [(), (512,), (2, 3, 4, 5, 64, 64), (5, 6, 7, 8, 9, 64, 64)])
def test_shapes_that_cannot_be_read(shape):
    with pytest.raises(UnetppError, match=r"shape .* was given"):
        axes_from_shape(shape)


def test_the_sentence():
    assert str(Axes("TCZYX", (20, 2, 31, 1024, 1024), "OME metadata")) == "T 20, C 2, Z 31, Y 1024, X 1024"
    assert str(axes_from_shape((480, 640, 3))) == "Y 480, X 640, RGB"
    assert str(axes_from_shape((31, 64, 64))) == "Z 31, Y 64, X 64 (guessed from the shape)"
    assert str(axes_from_shape((1, 1, 64, 64))) == "Y 64, X 64"


def test_pixels_that_are_not_square_have_no_size():
    assert Axes("YX", (8, 8), spacing=(None, 0.5, 0.5)).pixel_size == 0.5
    assert Axes("YX", (8, 8), spacing=(None, 0.5, 0.7)).pixel_size is None
    assert Axes("YX", (8, 8)).pixel_size is None
