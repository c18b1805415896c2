"""Decisions that are measured once on a machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_unetpp.files import machine_cache
from napari_unetpp.files.machine_cache import cache_folder, this_machine

HERE = {"processor": "A", "torch": "2"}


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("UNETPP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


ANSWERS = ("one", "two", "three", "four", "five", "first", "second")


def ask(answer: str, machine: dict[str, str] = HERE) -> str:
    return machine_cache.measured_once("format", machine, ANSWERS, lambda: answer)


def test_the_first_answer_counts_for_this_machine_and_version() -> None:
    assert [ask("one"), ask("two")] == ["one", "one"]
    assert ask("three", HERE | {"torch": "3"}) == "three"
    assert ask("four", HERE | {"processor": "B"}) == "four"
    assert ask("five") == "one"


def test_of_two_processes_that_measure_at_once_both_use_the_first_answer(
    folder: Path,
) -> None:
    def late() -> str:
        assert ask("first") == "first"
        return "second"

    assert machine_cache.measured_once("format", HERE, ANSWERS, late) == "first"


@pytest.mark.parametrize(
    "content", ["", "[]", '{"answer": "faster", "machine": []}', '{"answer": 3}', "{", "\x00"]
)
def test_a_damaged_file_asks_anew(folder: Path, content: str) -> None:
    ask("one")
    (file,) = folder.iterdir()
    file.write_text(content)
    assert [ask("two"), ask("three")] == ["two", "two"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_no_error(folder: Path) -> None:
    folder.mkdir(mode=0o500)
    assert [ask("one"), ask("two")] == ["one", "two"]


def test_a_file_in_place_of_the_folder_is_no_error(folder: Path) -> None:
    folder.write_text("")
    assert [ask("one"), ask("two")] == ["one", "two"]


def test_the_machine_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = this_machine()
    assert all(machine.values()) and set(machine) == {"processor", "instructions", "torch", "napari-unetpp"}
    monkeypatch.delenv("UNETPP_CACHE")
    assert cache_folder().name == "napari-unetpp"
