"""The list of models in the dock: shipped ones are always there, and what cannot be used is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt

from napari_unetpp.files.models import model_list
from napari_unetpp.files.models.model_list import models_folder


@pytest.fixture
def shipped(tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny model as the shipped ``nuclei``."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(model_list, "SHIPPED", folder)
    tiny_model.path.rename(folder / "nuclei.safetensors")
    return folder / "nuclei.safetensors"


def test_a_copy_that_is_removed_does_not_take_the_shipped_model_with_it(
    shipped: Path, dock_opener: Callable[[], Any]
) -> None:
    models_folder().mkdir(exist_ok=True)
    shutil.copy(shipped, models_folder() / "a copy.safetensors")
    dock = dock_opener()
    assert dock.form.head.model_combo.itemText(0) == "nuclei – instances"
    shutil.rmtree(models_folder())
    assert dock.controller.model.path == shipped


@pytest.mark.parametrize("usable", [True, False])
def test_files_that_cannot_be_used_are_named_and_cannot_be_chosen(
    usable: bool, shipped: Path, dock_opener: Callable[[], Any]
) -> None:
    models_folder().mkdir(exist_ok=True)
    (models_folder() / "broken.safetensors").write_bytes(shipped.read_bytes()[:5000])
    if not usable:
        shipped.unlink()
    dock = dock_opener()
    combo = dock.form.head.model_combo
    row = combo.count() - 1
    assert combo.itemText(row) == "broken.safetensors – not usable"
    assert "is truncated" in combo.itemData(row, Qt.ItemDataRole.ToolTipRole)
    assert not combo.model().item(row).isEnabled()
    assert combo.currentIndex() == (0 if usable else -1)
    assert (dock.controller.model is not None) == usable
