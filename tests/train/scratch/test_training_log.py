"""The log of a training: whole lines, each on disk at once, none of them twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_unetpp._types import UnetppError
from napari_unetpp.train.scratch.progress.log import JsonLines, check_log


def steps(path: Path) -> list[int]:
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def test_lines_are_on_disk_as_soon_as_they_are_told(tmp_path: Path) -> None:
    path = tmp_path / "new" / "log.jsonl"
    lines = JsonLines(path)
    for step in (10, 20):
        lines.append({"step": step, "loss": 0.5})
        assert steps(path)[-1] == step
    JsonLines(path)
    assert steps(path) == [], "a training that begins anew does not go on with another's log"


def test_a_resumed_run_drops_what_it_will_tell_again(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = JsonLines(path)
    for step in (10, 20, 30):
        lines.append({"step": step})
    with path.open("a") as file:
        file.write('{"step": 4')  # killed here
    JsonLines(path, 20).append({"step": 30})
    assert steps(path) == [10, 20, 30]


def test_a_file_of_something_else_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("notes\n")
    with pytest.raises(UnetppError, match="line 1, is not of a training's log"):
        JsonLines(path, 20)
    assert path.read_text() == "notes\n"
    for content in ("notes\n", "notes", "\u00ff", "{}", '{"step": 1}\nnotes'):
        path.write_text(content, encoding="latin-1")
        before = path.read_bytes()
        for use in (check_log, JsonLines):
            with pytest.raises(UnetppError, match="is not of a training's log"):
                use(path)
        assert path.read_bytes() == before
    check_log(None)
    check_log(tmp_path / "new.jsonl")
    JsonLines(None).append({"step": 1})
