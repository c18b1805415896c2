"""The form of files and caches: sizes are shown, and only what is checked is cleared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_unetpp.files.caches import kept_files


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    (folder / "int8").mkdir(parents=True)
    monkeypatch.setenv("UNETPP_CACHE", str(folder))
    for name in ("training-1.json", "int8/a.json"):
        (folder / name).write_text("x" * 1_500_000)
    return folder


def test_sizes_and_clearing(cache: Path, open_dock: Any, sittings_folder: Path) -> None:
    (sittings_folder / "1" / "save-0001").mkdir(parents=True)
    (sittings_folder / "1" / "save-0001" / "a.tif").write_bytes(b"mine")
    dock = open_dock()
    dock.signals.caches_pressed.emit()
    (form,) = dock._dialogs
    assert form.isVisible() and set(form.boxes) == {"measurements", "int8"}
    assert "MB" in form.sizes["measurements"].text() and form.sizes["int8"].text() == "1 file, 1.5 MB"
    assert form.sizes["models"].text().startswith("1 file")
    form.clear_button.click()
    assert "Freed 1.5 MB" in form.note.text().replace("\u00a0", " ")
    assert form.sizes["measurements"].text() == "0 files, 0 B"
    assert (cache / "int8" / "a.json").exists()  # not checked at first: it takes minutes to make again
    form.boxes["int8"].setChecked(True)
    form.clear_button.click()
    left = {one.name: len(one.files) for one in kept_files(sittings_folder)}
    assert left == {"measurements": 0, "int8": 0, "corrections": 1, "models": 1, "deleted": 0}
    dock.close_session()
