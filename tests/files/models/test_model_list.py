"""The list of models: shipped and own ones, and what is wrong with the rest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.files.models import model_list
from napari_unetpp.files.models.model_file import read_info
from napari_unetpp.files.models.model_list import (
    find_model,
    list_models,
    models_folder,
    register,
    scan_models,
)


@pytest.fixture(autouse=True)
def nothing_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(model_list, "SHIPPED", folder)
    return folder


def test_no_folder_is_no_error() -> None:
    assert not models_folder().exists()
    assert list_models() == []


def test_the_folder_is_the_users_unless_the_variable_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("UNETPP_MODELS")
    assert "napari-unetpp" in str(models_folder())


def test_found_by_name_and_by_path(tiny_model: ModelInfo) -> None:
    assert [info.name for info in list_models()] == ["tiny"]
    assert tiny_model.path is not None
    assert find_model("tiny") == find_model(tiny_model.path) == find_model(str(tiny_model.path)) == tiny_model


def test_an_unknown_name_is_refused_with_the_nearest_one(tiny_model: ModelInfo) -> None:
    with pytest.raises(UnetppError, match="Did you mean tiny"):
        find_model("tinny")


def test_an_unreadable_own_file_is_skipped_and_named(tiny_model: ModelInfo) -> None:
    (models_folder() / "broken.safetensors").write_bytes(b"nonsense")
    (models_folder() / "notes.txt").write_text("not a model")
    found = scan_models()
    assert [info.name for info in found.models] == ["tiny"]
    assert len(found.problems) == 1 and "broken.safetensors" in found.problems[0]


def test_a_copy_is_called_as_its_file(tiny_model: ModelInfo) -> None:
    assert tiny_model.path is not None
    shutil.copy(tiny_model.path, models_folder() / "renamed.safetensors")
    assert [info.name for info in list_models()] == ["renamed", "tiny"]


def test_a_shipped_model_is_not_hidden_by_an_own_one(nothing_shipped: Path, tiny_model: ModelInfo) -> None:
    assert tiny_model.path is not None
    shutil.copy(tiny_model.path, nothing_shipped / "tiny.safetensors")
    found = scan_models()
    assert [info.path for info in found.models] == [nothing_shipped / "tiny.safetensors"]
    assert "rename" in found.problems[0]


def test_the_list_begins_with_nuclei(nothing_shipped: Path, tiny_model: ModelInfo) -> None:
    assert tiny_model.path is not None
    for name in ("cells", "nuclei", "polyps"):
        shutil.copy(tiny_model.path, nothing_shipped / f"{name}.safetensors")
    assert [info.name for info in list_models()] == ["nuclei", "cells", "polyps", "tiny"]


def test_registering_copies_under_a_free_name(tmp_path: Path, tiny_model: ModelInfo) -> None:
    assert tiny_model.path is not None
    source = tmp_path / "elsewhere.safetensors"
    tiny_model.path.rename(source)
    assert [register(source).name for _ in range(3)] == ["tiny", "tiny-2", "tiny-3"]
    assert [info.name for info in list_models()] == ["tiny", "tiny-2", "tiny-3"]


def test_a_name_does_not_lead_out_of_the_folder() -> None:
    for name in ("../../escape", "/etc/passwd", "..", ""):
        stem = model_list.file_stems(name)[0]
        assert (Path("folder") / stem).parent == Path("folder") and stem.strip(".")


def test_a_model_is_found_without_reading_the_others(
    models_folder: Path, tiny_model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def recorded(path: Path) -> ModelInfo:
        opened.append(path)
        return read_info(path)

    monkeypatch.setattr(model_list, "read_info", recorded)
    assert model_list.find_model("tiny").name == "tiny"
    assert opened == [models_folder / "tiny.safetensors"]
