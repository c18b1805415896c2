"""The command of a result as pure functions: quoting, how a file is read, which options are given."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unetpp import cli
from napari_unetpp._types import AUTO, ModelInfo, Region
from napari_unetpp.session.report.command import (
    Input,
    Made,
    arguments,
    command_line,
    number,
    reading_of,
)
from napari_unetpp.session.values import DeviceRequest, Rule
from napari_unetpp.volumes.axes import Axes


def windows_words(line: str) -> list[str]:
    """What a program gets of a command line on Windows (the rules of CommandLineToArgvW)."""
    words, word, quoted, n, begun = [], "", False, 0, False
    while n < len(line):
        run = re.match(r"\\*", line[n:])[0]
        if run and line[n + len(run) : n + len(run) + 1] == '"':
            word += "\\" * (len(run) // 2)
            if len(run) % 2:
                word += '"'
                n += 1
            n += len(run)
            begun = True
            if len(run) % 2:
                continue
        if run and line[n : n + 1] == "\\":
            word, n, begun = word + run, n + len(run), True
            continue
        c = line[n]
        n += 1
        if c == '"':
            quoted, begun = not quoted, True
        elif c == " " and not quoted:
            words, word, begun = [*words, word] if begun else words, "", False
        else:
            word, begun = word + c, True
    return [*words, word] if begun else words


PARTS = [
    "plain",
    "with space",
    "it's",
    'say "x"',
    "$HOME `ls`",
    "a&b|c;d>e<f",
    "100% (1)",
    "C:\\cells\\a.tif",
    "C:\\my cells\\",
    "back\\slash\\\\",
    "ünïcode 細胞",
    "",
    "!x^y",
    "-5.0",
    "0:5,1:3",
]


@pytest.mark.parametrize("part", PARTS)
def test_every_word_arrives_as_it_is(part: str) -> None:
    parts = ["segment", part, "end"]
    assert shlex.split(command_line(parts, windows=False))[1:] == parts
    line = command_line(parts, windows=True)
    assert windows_words(line)[1:] == parts
    outside = re.sub(r'"[^"]*"', "", line.replace('\\"', ""))
    assert not set(outside) & set("&|;<>^()%,'$`")  # which mean something to cmd or PowerShell


@pytest.mark.parametrize("value", [1.0, 0.7123456789012345, 1e-5, -1e-5, 1e22, np.float64(0.1), 255])
def test_numbers_are_read_back_exactly(value: float) -> None:
    assert float(number(value)) == value and "e" not in number(value)


def axes(names: str, *shape: int, channels: tuple[str, ...] = ()) -> Axes:
    return Axes(names, shape, channels=channels)


@pytest.mark.parametrize(
    ("layer", "file", "expected"),
    [
        (axes("YX", 9, 8), axes("YX", 9, 8), Input()),
        (axes("YXS", 9, 8, 3), axes("YXS", 9, 8, 3), Input()),
        (axes("YXS", 9, 8, 4), axes("YXS", 9, 8, 3), Input()),
        (axes("ZYX", 5, 9, 8), axes("ZYX", 5, 9, 8), Input()),
        (axes("ZYX", 5, 9, 8), axes("TYX", 5, 9, 8), Input(axes="ZYX")),
        (axes("ZYX", 5, 9, 8), axes("TZCYX", 1, 5, 1, 9, 8), Input()),
        (axes("TYX", 5, 9, 8), axes("TZCYX", 1, 5, 1, 9, 8), Input(axes="QTCYX")),
        (axes("ZYX", 5, 9, 8), axes("ZYX", 6, 9, 8), None),
        (axes("YX", 9, 8), axes("CYX", 2, 9, 8), None),
        (axes("YX", 9, 8), axes("CYX", 2, 9, 8, channels=("DAPI", "GFP")), Input(channel=1)),
        (axes("ZYX", 5, 9, 8), axes("CZYX", 2, 5, 9, 8, channels=("a", "G")), None),
    ],
)
def test_a_file_is_read_as_its_layer(layer: Axes, file: Axes, expected: Input | None) -> None:
    assert reading_of(layer, file, "cells GFP") == (
        expected if file.channels != ("a", "G") else Input(channel=1)
    )


def test_two_channels_in_the_name_say_nothing() -> None:
    file = axes("CYX", 2, 9, 8, channels=("DAPI", "GFP"))
    assert reading_of(axes("YX", 9, 8), file, "DAPI and GFP") is None


@pytest.fixture
def made(tiny_info: ModelInfo, tmp_path: Path) -> Made:
    model = replace(tiny_info, path=tmp_path / "own models" / "tiny.safetensors")
    return Made(model, 2, Rule(threshold=0.65), 0.5, (0.0, 200.0), DeviceRequest("cpu", "float32"))


def test_what_is_the_models_own_is_left_out(made: Made) -> None:
    path = Path("/data/a b.tif")
    assert command_line(arguments(made, Input(path)), windows=False) == (
        f"napari-unetpp segment '/data/a b.tif' --out results --model '{made.model.path}' --level 2"
        " --kind labels --scale 0.5 --range 0 200 --threshold 0.65 --device cpu --precision float32"
    )


def test_everything(made: Made) -> None:
    full = replace(
        made,
        level=AUTO,
        rule=Rule("labels", 0.3, 40, split=False),
        range=None,
        planes={"channel": "1", "z": "2:5", "project": "max"},
        stitch=0.25,
        track=0.3,
        region=Region(1, 2, 30, 40),
    )
    parts = arguments(full, Input(Path("a.tif"), "TZCYX", None))
    options = " ".join(parts[parts.index("--level") :])
    assert options == (
        "--level auto --kind labels --scale 0.5 --threshold 0.3 --axes TZCYX"
        " --channel 1 --z 2:5 --project max --stitch 0.25 --track 0.3 --region 1:30,2:40"
        " --device cpu --precision float32 --min-size 40 --no-split"
    )
    args = cli.build_parser().parse_args(parts)
    assert cli.COMMANDS["segment"].problem(args) is None
    mask = replace(full, rule=replace(full.rule, kind="mask"), stitch=None, track=None)
    args = cli.build_parser().parse_args(arguments(mask, Input(Path("a.tif"), None, 3)))
    assert cli.COMMANDS["segment"].problem(args) is None and args.channel == ("3",)


def test_shipped_models_are_named(made: Made) -> None:
    from napari_unetpp.files.models.model_list import find_model

    parts = arguments(replace(made, model=find_model("nuclei")), Input())
    assert parts[parts.index("--model") + 1] == "nuclei"
