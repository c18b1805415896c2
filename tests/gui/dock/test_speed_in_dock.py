"""The time on this machine, as the dock shows it: learned from real runs, known to the next dock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache folder of this test's own, where nothing was learned."""
    monkeypatch.setenv("UNETPP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def hollow(dock: Any) -> list[int]:
    """Levels whose dot is hollow."""
    spots = dock.form.chart._dots.points()
    return [spot.data() for spot in spots if spot.brush().style().name == "NoBrush"]


def axis(dock: Any) -> str:
    return str(dock.form.chart.getPlotItem().getAxis("bottom").labelText)


def test_a_real_run_replaces_the_estimate_and_the_next_dock_knows(
    viewer: Any, open_dock: Callable[[], Any], wait: Any, image: np.ndarray
) -> None:
    viewer.add_image(np.tile(image, (3, 3)), name="cells")
    dock = open_dock()
    readout = dock.form.head.level_readout
    assert dock.form.head.levels.slider.value() == 2 and "about" in readout.text()
    assert hollow(dock) == [1, 2, 3, 4] and axis(dock).endswith("per megapixel, estimated")
    dock.form.head.segment_button.click()
    wait(dock)
    assert "about" not in readout.text() and hollow(dock) == [1, 3, 4]
    assert axis(dock).endswith("hollow: estimated")
    dock.form.head.levels.slider.setValue(4)
    wait(dock)
    assert "about" not in readout.text(), "L4 is what L2 took and what was added to it"
    assert hollow(dock) == [1, 3]
    dock.close_session()
    again = open_dock()
    assert "about" not in again.form.head.level_readout.text() and hollow(again) == [1, 3]
