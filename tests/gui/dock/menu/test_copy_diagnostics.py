"""*Copy diagnostics*: versions, device, model, image, settings and the last error, but no names."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from PIL import Image
from qtpy import API_NAME
from qtpy.QtWidgets import QApplication

import napari_unetpp


def copied(dock: Any, qtbot: Any) -> str:
    QApplication.clipboard().clear()
    (action,) = [
        one for one in dock.form.head.model_menu.menu().actions() if one.objectName() == "copy_diagnostics"
    ]
    action.trigger()
    qtbot.waitUntil(lambda: QApplication.clipboard().text() != "", timeout=60_000)
    return QApplication.clipboard().text()


@pytest.fixture
def path(tmp_path: Path, image: np.ndarray) -> Path:
    path = tmp_path / "patient Miller" / "biopsy 4711.png"
    path.parent.mkdir()
    Image.fromarray(image).save(path)
    return path


def test_what_is_told(viewer: Any, open_dock: Any, wait: Any, path: Path, qtbot: Any) -> None:
    viewer.open(str(path), plugin="napari")
    dock = open_dock()
    dock.controller.segment()
    wait(dock)
    text = copied(dock, qtbot)
    model = dock.controller.model
    for part in (
        f"napari-unetpp {napari_unetpp.__version__}",
        f"napari {napari.__version__}",
        API_NAME,
        "torch ",
        "cpu:",
        "gpu:",
        "asked for: auto, auto; used: cpu, ",
        f"an own one (instances, unetpp), sha256 {model.sha256}",
        "numpy.ndarray of uint8, shape (96, 128), grey, read as Y 96, X 128",
        "opened from a file",
        "level=2, kind='labels', threshold=0.5",
        "level 2, scale ",
        "memory_budget_gb=2.0",
        "last error:\nnone",
    ):
        assert part in text, part
    assert "without names" in dock.form.head.message_label.text()


def test_nothing_to_tell_of(open_dock: Any, qtbot: Any) -> None:
    text = copied(open_dock(), qtbot)
    assert "image:        none" in text and "shown:        nothing" in text


def test_the_last_error_without_names(
    viewer: Any, open_dock: Any, path: Path, qtbot: Any, monkeypatch: Any
) -> None:
    (layer,) = viewer.open(str(path), plugin="napari")
    dock = open_dock()

    def broken(*_: Any) -> Any:
        raise ValueError(f"{path} and '{path.parent}' of {layer.name} by {getpass.getuser()} are odd: 42")

    monkeypatch.setattr("napari_unetpp.session.segment.work.with_scale", broken)
    monkeypatch.setattr("napari_unetpp.session.messages.common.log.error", lambda *_args, **_how: None)
    dock.controller.segment()
    qtbot.waitUntil(lambda: "should not have" in dock.form.head.message_label.text(), timeout=60_000)
    text = copied(dock, qtbot)
    assert "ValueError: " in text and "are odd: 42" in text
    assert 'File "…/napari_unetpp/session/segment/work.py"' in text
    for name in ("Miller", "biopsy", "4711", str(Path.home())):
        assert name not in text, name
    assert f"by {getpass.getuser()}" not in text
