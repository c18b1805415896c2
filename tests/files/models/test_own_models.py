"""Own models: another name, deleted to where they can be had back; work that has begun keeps its model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.files import atomic
from napari_unetpp.files.models import model_list, own_models
from napari_unetpp.files.models.model_file import read_info, read_tensors
from napari_unetpp.files.models.model_list import find_model, list_models, models_folder, register
from napari_unetpp.files.models.own_models import (
    delete_model,
    deleted_folder,
    file_of,
    free_name,
    name_problem,
    rename_model,
    restore_model,
)


@pytest.fixture(autouse=True)
def nothing_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(model_list, "SHIPPED", folder)
    return folder


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my nuclei-2.1", ""),
        ("Zellkerne größer", ""),
        ("", "No name"),
        ("   ", "No name"),
        ("../up", "has '/'"),
        ("a\\b", "has '\\\\'"),
        ("what?", "has '?'"),
        ("-x", "begin with a letter"),
        (".hidden", "begin with a letter"),
        ("end.", "not end with"),
        ("end ", "not end with"),
        ("x" * 101, "101 characters"),
        ("CON", "something else"),
        ("nul.old", "something else"),
        ("a.safetensors", "something else"),
        ("nuclei", "already"),
        ("NUCLEI", "already"),
    ],
)
def test_names(name: str, said: str) -> None:
    problem = name_problem(name, ["nuclei"])
    assert said in problem and bool(said) == bool(problem)


def test_a_renamed_model_is_the_same_model(tiny_model: ModelInfo) -> None:
    renamed = rename_model(tiny_model, "my cells")
    assert renamed.path == models_folder() / "my cells.safetensors" and not tiny_model.path.exists()
    (listed,) = list_models()
    assert (listed.name, listed.sha256, listed.provenance) == (
        "my cells",
        tiny_model.sha256,
        tiny_model.provenance,
    )
    assert find_model("my cells").sha256 == tiny_model.sha256


def test_no_model_is_overwritten_by_a_rename(tiny_model: ModelInfo) -> None:
    register(tiny_model.path, "other")
    before = (models_folder() / "other.safetensors").read_bytes()
    for name in ("other", "OTHER"):
        with pytest.raises(UnetppError, match="already"):
            rename_model(tiny_model, name)
    assert tiny_model.path.exists() and (models_folder() / "other.safetensors").read_bytes() == before
    assert rename_model(tiny_model, "tiny") == tiny_model


def test_a_name_that_another_process_takes_just_now(
    tiny_model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = models_folder() / "new.safetensors"
    link = atomic.os.link

    def slow(source: Path, path: Path) -> None:
        path.write_text("of another process")
        link(source, path)

    monkeypatch.setattr(atomic.os, "link", slow)
    with pytest.raises(UnetppError, match="exists already"):
        rename_model(tiny_model, "new")
    assert target.read_text() == "of another process" and tiny_model.path.exists()


def test_a_disk_without_hard_links(tiny_model: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(_source: Path, _path: Path) -> None:
        raise PermissionError("not on this disk")

    monkeypatch.setattr(atomic.os, "link", link)
    assert read_info(rename_model(tiny_model, "new").path).sha256 == tiny_model.sha256
    assert [path.name for path in models_folder().iterdir()] == ["new.safetensors"]


def test_a_deleted_model_can_be_had_back(tiny_model: ModelInfo) -> None:
    moved = delete_model(tiny_model)
    assert moved == deleted_folder() / "tiny.safetensors" and list_models() == []
    assert restore_model(moved) == tiny_model.path
    assert [info.sha256 for info in list_models()] == [tiny_model.sha256]


def test_deleting_two_of_one_name_keeps_both(tiny_model: ModelInfo) -> None:
    copy = shutil.copy(tiny_model.path, models_folder().parent / "copy.safetensors")
    first = delete_model(tiny_model)
    second = delete_model(register(copy, "tiny"))
    assert first != second and first.exists() and second.exists()
    register(copy, "tiny")
    assert restore_model(first).name == "tiny-2.safetensors"


def test_shipped_models_stay(tiny_model: ModelInfo, nothing_shipped: Path) -> None:
    path = Path(shutil.copy(tiny_model.path, nothing_shipped / "nuclei.safetensors"))
    shipped = find_model("nuclei")
    for act in (delete_model, lambda info: rename_model(info, "mine")):
        with pytest.raises(UnetppError, match="came with napari-unetpp"):
            act(shipped)
    assert path.exists()


def test_a_file_that_is_gone_is_said(tiny_model: ModelInfo) -> None:
    tiny_model.path.unlink()
    for act in (delete_model, lambda info: rename_model(info, "mine")):
        with pytest.raises(UnetppError, match="no longer there"):
            act(tiny_model)


def test_work_that_has_begun_keeps_its_model(tiny_model: ModelInfo) -> None:
    assert file_of(tiny_model) == tiny_model.path
    renamed = rename_model(tiny_model, "new")
    assert file_of(tiny_model) == renamed.path
    moved = delete_model(renamed)
    assert file_of(tiny_model) == file_of(renamed) == moved
    moved.unlink()
    assert file_of(tiny_model) == tiny_model.path  # whose error says what is missing


@pytest.mark.parametrize("moves", [1, 3])
def test_a_file_that_is_renamed_while_it_is_being_read(
    tiny_model: ModelInfo, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    """A run failed that had found the file, and was about to open it."""
    expected = own_models.tensors_of(tiny_model)
    now = [tiny_model]

    def moved_first(path: Path) -> dict[str, Any]:
        if len(now) <= moves:
            now.append(rename_model(now[-1], f"name {len(now)}"))
        return read_tensors(path)

    monkeypatch.setattr(own_models, "read_tensors", moved_first)
    found = own_models.tensors_of(tiny_model)
    assert len(now) == 1 + moves and found.keys() == expected.keys()
    now[-1].path.unlink()
    with pytest.raises(UnetppError, match=r"tiny\.safetensors"):
        own_models.tensors_of(tiny_model)


def test_another_model_under_the_old_name_is_not_taken_for_it(tiny_model: ModelInfo) -> None:
    content = tiny_model.path.read_bytes()
    renamed = rename_model(tiny_model, "new")
    tiny_model.path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert file_of(tiny_model) == renamed.path


def test_a_given_name_is_taken_exactly(tiny_model: ModelInfo) -> None:
    assert register(tiny_model.path, "my own").name == "my own"
    with pytest.raises(UnetppError, match="stays as it is"):
        register(tiny_model.path, "tiny")
    assert free_name("tiny") == "tiny-2" and free_name("fresh") == "fresh" and free_name("a/b") == "a_b"
