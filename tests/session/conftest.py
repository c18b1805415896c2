"""A started sitting with stand-ins for everything around it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
from stand_ins import FakeEngine, FakeLayers, HandRunner, Sitting, model_info

from napari_unetpp.session.controller import Controller
from napari_unetpp.session.ports import View, ViewSignals
from napari_unetpp.session.segment.cache import Workshop
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


@pytest.fixture
def sitting(view: Any, blobs: np.ndarray) -> Sitting:
    """A started sitting on one image; jobs run inline."""
    layers, runner, engine = FakeLayers(), HandRunner(), FakeEngine()
    layers.arrays["cells"] = blobs
    models = [model_info(), replace(model_info("other"), recommended_level=2)]
    controller = Controller(
        view, layers, runner, Workshop(engine), models=lambda: models, settings=Settings()
    )
    controller.start()
    return Sitting(controller, view, layers, runner, engine)


@pytest.fixture
def free_name(tmp_path: Path) -> Path:
    """Where to save."""
    return tmp_path / "cells_labels.tif"
