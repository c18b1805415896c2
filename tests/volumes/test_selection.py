"""What the user says of channels, ranges and projections, and what is said back."""

import pytest

from napari_unetpp._types import UnetppError
from napari_unetpp.volumes.axes import Axes, axes_from_shape
from napari_unetpp.volumes.selection import Position, SelectionRequest, parse_span, select

FILM = Axes("TCZYX", (20, 2, 31, 1024, 1024), "OME metadata", channels=("DAPI", "488"))
PLAIN = Axes("CZYX", (3, 31, 64, 64), "ImageJ metadata")

SENTENCES = {
    "the first channel": (PLAIN, {}, "C 3, Z 31, Y 64, X 64; segmenting C 0"),
    "by number": (PLAIN, {"channels": (1,)}, "C 3, Z 31, Y 64, X 64; segmenting C 1"),
    "from the end": (PLAIN, {"channels": (-1,)}, "C 3, Z 31, Y 64, X 64; segmenting C 2"),
    "inputs": (PLAIN, {"channels": (2, 0, 1)}, "C 3, Z 31, Y 64, X 64; segmenting C 2, C 0 and C 1"),
    "mean": (
        PLAIN,
        {"channels": (0, 2), "combine": "mean"},
        "C 3, Z 31, Y 64, X 64; segmenting the mean of C 0 and C 2",
    ),
    "by name": (
        FILM,
        {"channels": ("dapi",)},
        "T 20, C 2, Z 31, Y 1024, X 1024; segmenting C 0 (DAPI)",
    ),
    "a name that is a number": (
        FILM,
        {"channels": ("488",)},
        "T 20, C 2, Z 31, Y 1024, X 1024; segmenting C 1 (488)",
    ),
    "a number as the command line gives it": (
        FILM,
        {"channels": ("1",)},
        "T 20, C 2, Z 31, Y 1024, X 1024; segmenting C 1 (488)",
    ),
    "ranges": (
        FILM,
        {"t": (5, 6), "z": (3, None)},
        "T 20, C 2, Z 31, Y 1024, X 1024; segmenting C 0 (DAPI), T 5, Z 3:31",
    ),
    "projection": (
        FILM,
        {"z": (-8, -1), "project": "max"},
        "T 20, C 2, Z 31, Y 1024, X 1024; segmenting C 0 (DAPI), the maximum over Z 23:30",
    ),
    "corrected axes": (
        axes_from_shape((31, 64, 64)),
        {"axes": "TYX", "t": (0, 4)},
        "T 31, Y 64, X 64; segmenting T 0:4",
    ),
    "a plane": (axes_from_shape((64, 64)), {}, "Y 64, X 64"),
    "RGB": (axes_from_shape((64, 64, 3)), {}, "Y 64, X 64, RGB"),
}


@pytest.mark.parametrize(("axes", "wish", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_sentences(axes, wish, sentence):
    assert str(select(axes, SelectionRequest(**wish))) == sentence


WRONG = {
    "no such channel": (FILM, {"channels": (2,)}, r"channel 2 was given.*0 to 1 \(DAPI, 488\).*--axes"),
    "no such name": (FILM, {"channels": ("GFP",)}, "channel 'GFP' was given"),
    "no channels": (axes_from_shape((64, 64)), {"channels": (1,)}, "one channel, 0"),
    "a channel twice": (PLAIN, {"channels": (1, 1, 0)}, "at most once"),
    "two inputs of three": (FILM, {"channels": (0, 1)}, "the model reads 3.*mean"),
    "colour as inputs": (
        Axes("CYXS", (3, 64, 64, 3)),
        {"channels": (0, 1, 2)},
        "red, green and blue.*mean",
    ),
    "beyond the end": (FILM, {"z": (0, 32)}, "Z 0:32 was given.*within Z 0:31"),
    "empty": (FILM, {"t": (7, 7)}, "T 7:7 was given.*not empty"),
    "no such axis": (axes_from_shape((64, 64)), {"t": (1, 2)}, "T 1:2 was given.*within T 0:1"),
    "no depth": (axes_from_shape((64, 64)), {"project": "max"}, "has no depth.*--axes"),
    "axes that do not fit": (FILM, {"axes": "ZYX"}, "each of its 5 axes"),
}


@pytest.mark.parametrize(("axes", "wish", "message"), WRONG.values(), ids=WRONG)
def test_wishes_that_cannot_be_met(axes, wish, message):
    with pytest.raises(UnetppError, match=message):
        select(axes, SelectionRequest(**wish))


def test_planes_frame_by_frame():
    chosen = select(FILM, SelectionRequest(t=(1, 3), z=(0, 2)))
    assert list(chosen.positions()) == [Position(t, z) for t in (1, 2) for z in (0, 1)]
    assert chosen.count == 4 and chosen.stack_shape == (2, 2, 1024, 1024)
    projected = select(FILM, SelectionRequest(project="mean"))
    assert projected.count == 20 and projected.stack_shape == (20, 1024, 1024)
    assert next(projected.positions()) == Position(0, None)


def test_channel_names_are_dropped_when_the_axes_are_corrected():
    chosen = select(FILM, SelectionRequest(axes="CTZYX", channels=(3,)))
    assert str(chosen).endswith("segmenting C 3") and chosen.axes.source == "--axes"


@pytest.mark.parametrize(
    ("text", "span"),
    [("3:10", (3, 10)), ("3:", (3, None)), (":10", (None, 10)), ("3", (3, 4)), ("-1", (-1, None))],
)
def test_ranges_as_text(text, span):
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["", "a:b", "3-10", "x"])
def test_ranges_that_are_none(text):
    with pytest.raises(UnetppError, match="FIRST:END"):
        parse_span(text)
