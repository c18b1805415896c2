"""A started sitting with stand-ins for everything around it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from stand_ins import (
    REPLACED,
    FakeCache,
    FakeEngine,
    FakeLayers,
    HandRunner,
    Sitting,
    choose_engine,
    model_info,
)

from napari_unetpp.session.controller import Controller
from napari_unetpp.session.ports import View, ViewSignals
from napari_unetpp.session.segment import engine as session_engine
from napari_unetpp.session.segment import work
from napari_unetpp.session.values import Settings


@pytest.fixture
def blobs() -> np.ndarray:
    """Four bright squares of 10 px on black, float in [0, 1]."""
    image = np.zeros((64, 96), np.float32)
    for y in (10, 40):
        for x in (10, 60):
            image[y : y + 10, x : x + 10] = 0.9
    return image


@pytest.fixture
def view() -> Any:
    """A view that remembers what it was told."""
    mock = MagicMock(spec=View)
    mock.signals = ViewSignals()
    mock.ask_path.return_value = None
    return mock


@pytest.fixture(autouse=True)
def stand_ins_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine of a `FakeCache` is its stand-in."""
    for name in REPLACED:
        monkeypatch.setattr(session_engine, name, choose_engine(name))


@pytest.fixture
def sitting(view: Any, blobs: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Sitting:
    """A started sitting on one image; jobs run inline."""
    layers, runner, engine = FakeLayers(), HandRunner(), FakeEngine()
    monkeypatch.setattr(session_engine, "range_notes", lambda *args, **how: engine.range_notes(*args, **how))
    monkeypatch.setattr(session_engine, "devices", lambda: ("cpu",))
    monkeypatch.setattr(
        work, "release_free_memory", lambda: setattr(engine, "gave_back", engine.gave_back + 1)
    )
    layers.arrays["cells"] = blobs
    models = [model_info(), replace(model_info("other"), recommended_level=2)]
    controller = Controller(
        view, layers, runner, FakeCache(engine), list_models=lambda: models, settings=Settings()
    )
    controller.start()
    return Sitting(controller, view, layers, runner, engine)


@pytest.fixture
def free_name(tmp_path: Path) -> Path:
    """Where to save."""
    return tmp_path / "cells_labels.tif"
