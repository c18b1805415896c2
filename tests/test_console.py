"""What a terminal shows: nothing is glued to the live line, and it never wraps."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unetpp import cli
from napari_unetpp._types import ModelInfo
from napari_unetpp.commands.console import CLEAR, Console
from napari_unetpp.engine import row_stream, tiles


class Terminal(io.StringIO):
    """A terminal for both streams."""

    def isatty(self) -> bool:
        return True

    @property
    def lines(self) -> list[str]:
        """What is seen in the end."""
        return [line.rsplit(CLEAR, 1)[-1] for line in self.getvalue().split("\n")]


def a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put in place within the test: pytest changes the streams between fixtures and tests."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "60")
    return terminal


def test_results_and_notes_take_the_place_of_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = a_terminal(monkeypatch)
    console = Console()
    console.progress(0, 2, "a.tif")
    console.progress(0.5, 2, "a.tif, tile 1 of 2")
    assert terminal.lines == ["[#######                       ] 0/2 a.tif, tile 1 of 2"]
    console.tell("a: 3 objects")
    console.say("note: b")
    console.progress(2, 2)
    console.tell("the end")
    assert terminal.lines == ["a: 3 objects", "note: b", f"[{'#' * 30}] 2/2", "the end", ""]


def test_a_long_name_does_not_wrap(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = a_terminal(monkeypatch)
    Console().progress(1, 2, "n" * 200)
    assert len(terminal.lines[-1]) == 59


def test_without_a_terminal_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.progress(1, 2, "a")
    console.live("b")
    console.progress(2, 2)
    console.tell("c")
    assert capsys.readouterr() == ("c\n", "")


def test_one_large_image_counts_its_tiles(
    tiny_model: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = a_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(tiles, "WHOLE_PIXELS", tiles.CELL**2 - 1)
    monkeypatch.setattr(row_stream, "MOST_STRIPE_PIXELS", 256 * 2 * tiles.CELL)
    image = np.random.default_rng(0).integers(0, 255, (tiles.CELL, 2 * tiles.CELL), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image)
    options = ["--out", str(tmp_path / "out"), "--model", "tiny", "--level", "1", "--scale", "1"]
    assert cli.main(["segment", str(tmp_path / "a.tif"), *options]) == 0
    shown = terminal.getvalue()
    count = int(re.findall(r"a\.tif, tile 1 of (\d+)", shown)[0])
    assert count >= 2 and all(f"a.tif, tile {n} of {count}" in shown for n in range(1, count + 1))
    assert not any("[" in line for line in terminal.lines if "a_labels.tif" in line)
