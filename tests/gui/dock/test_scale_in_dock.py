"""Scale and contrast as a user finds them: the shipped model on real nuclei, in a real viewer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gestures import Hand
from skimage.transform import downscale_local_mean, rescale

from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models.model_list import SHIPPED
from napari_unetpp.gui.samples import FOLDER
from napari_unetpp.session.segment import engine

pytestmark = pytest.mark.skipif(not (SHIPPED / "nuclei.safetensors").exists(), reason="no model is shipped")


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The speed is not measured, which takes long."""
    monkeypatch.setattr(engine, "time_levels", lambda *_: iter(()))


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the searches for the scale found; they are the real ones."""
    found: list[Any] = []
    search = engine.decide_scale

    def counted(*args: Any) -> Any:
        found.append(search(*args))
        return found[-1]

    monkeypatch.setattr(engine, "decide_scale", counted)
    return found


@pytest.fixture
def nuclei() -> np.ndarray:
    """About 30 real nuclei of about 24 px, 8 bit."""
    return np.asarray(read_image(FOLDER / "dense_fluorescence.png"))[:200, :260]


def magnified(image: np.ndarray, factor: float) -> np.ndarray:
    return np.asarray(rescale(image, factor, order=1, preserve_range=True)).astype(image.dtype)


@pytest.fixture
def dock(dock_opener: Callable[[], Any]) -> Any:
    dock = dock_opener()
    dock.controller.state.level = 2
    return dock


def segment(dock: Any, wait: Any) -> np.ndarray:
    dock.form.head.segment_button.click()
    wait(dock)
    return labels(dock)


def labels(dock: Any) -> np.ndarray:
    result = dock._layers.result(dock.controller.context.plane())
    return np.array(result)


def count(found: np.ndarray) -> int:
    return len(np.unique(found[found > 0]))


def test_magnified_nuclei_are_found_and_the_reason_is_told(
    viewer: Any, nuclei: np.ndarray, dock: Any, searches: list[Any], wait: Any
) -> None:
    viewer.add_image(nuclei, name="nuclei")
    dock.form.input.scale_spin.setValue(1.0)
    there = count(segment(dock, wait))
    assert there > 20
    layer = viewer.add_image(magnified(nuclei, 3), name="magnified")
    dock.controller.state.image = layer.unique_id
    unscaled = count(segment(dock, wait))
    assert abs(unscaled - there) > 0.4 * there, "at scale 1 it is of no use"
    dock.form.input.scale_spin.setValue(0)  # Live is on
    wait(dock)
    assert abs(count(labels(dock)) - there) <= 0.2 * there
    (choice,) = searches
    assert 1 / 3 / 1.4 < choice.scale < 1 / 3 * 1.4
    told = re.search(r"objects of about (\d+)\spx", dock.form.head.image_note.text())
    assert told and 3 * 24 / 1.5 < int(told[1]) < 3 * 24 * 1.5
    assert f"auto: ×\u00a0{choice.scale:.2f}, {told[0]}" in dock.form.input.scale_note.text()
    assert dock.controller.runs.shown.choice.scale == choice.scale
    for level in (1, 3):
        dock.form.head.levels.slider.setValue(level)
        wait(dock)
    dock.form.result.threshold_slider.setValue(0.6)
    wait(dock)
    segment(dock, wait)
    assert len(searches) == 1, "found once"
    spin = dock.form.result.min_size_spin
    assert spin.value() == round(dock.controller.model.decode.min_size / choice.scale**2)
    areas = np.unique(labels(dock), return_counts=True)[1][1:]  # numbers stay, so some are not used
    spin.setValue(int(np.median(areas)))
    wait(dock)
    assert 0.3 * len(areas) < count(labels(dock)) < 0.7 * len(areas), "it counts pixels of the image"


def test_a_click_before_segment_looks_first(
    viewer: Any, nuclei: np.ndarray, dock: Any, searches: list[Any], wait: Any, qtbot: Any
) -> None:
    big = magnified(nuclei, 3)
    viewer.add_image(big, name="cells", scale=(0.5, 0.5))
    smooth = downscale_local_mean(big.astype(float), (12, 12))[3:-3, 3:-3]
    y, x = 12 * (np.array(np.unravel_index(smooth.argmax(), smooth.shape)) + 3) + 6  # the brightest place
    dock.form.result.click_tool_button.click()
    Hand(viewer).click(y, x)
    qtbot.waitUntil(lambda: "cells corrections" in viewer.layers, timeout=60_000)
    sheet = viewer.layers["cells corrections"]
    qtbot.waitUntil(lambda: bool(sheet.data[y, x]), timeout=60_000)
    clicked = sheet.data > 0
    (choice,) = searches
    (lesson,) = dock.correcting.editor.usable()
    plane = lesson.labelled("cells")
    assert plane.scale == choice.scale and plane.range is None
    found = segment(dock, wait)
    assert len(searches) == 1 and dock.controller.runs.shown.choice.scale == choice.scale
    same = found == found[y, x]
    assert np.sum(same & clicked) > 0.8 * np.sum(same | clicked), "the nucleus that Segment finds, too"


def test_another_level_of_a_pyramid_takes_over_the_choice(
    viewer: Any, nuclei: np.ndarray, dock: Any, searches: list[Any], wait: Any
) -> None:
    big = magnified(nuclei, 3)
    layer = viewer.add_image([big, downscale_local_mean(big, (2, 2)).astype(big.dtype)], name="cells")
    found = {}
    for level in (1, 0):
        dock._layers.open.hold_level(layer.unique_id, level)
        dock._layers.signals.plane_changed.emit(layer.unique_id)
        found[level] = count(segment(dock, wait))
        assert dock.controller.runs.shown.plane.level == level
        scale = dock.controller.runs.shown.choice.scale
        assert scale == pytest.approx(searches[0].scale * (1 if level else 0.5))
        assert f"×\u00a0{scale:.2f}" in dock.form.head.image_note.text()
    assert len(searches) == 1
    assert abs(found[0] - found[1]) <= 0.2 * found[1]


def test_narrower_limits_show_the_network_dim_nuclei(
    viewer: Any, nuclei: np.ndarray, dock: Any, wait: Any, qtbot: Any
) -> None:
    """Beside bright ones, some that are 20 times dimmer."""
    dark = 12.0
    dim = dark + (nuclei[:, ::-1] - dark) / 20
    both = (100 * np.hstack([nuclei, dim])).astype(np.uint16)
    layer = viewer.add_image(both, name="both", contrast_limits=(1200, 12000))
    dock.form.input.scale_spin.setValue(1.0)
    dock.form.input.contrast_combo.setCurrentIndex(1)
    dock.form.input.contrast_combo.activated.emit(1)
    right = np.s_[:, nuclei.shape[1] :]
    wide = segment(dock, wait)
    bright = count(wide[:, : nuclei.shape[1]])
    assert bright > 20 and count(wide[right]) < 0.3 * bright
    layer.contrast_limits = (1200, 1200 + (12000 - 1200) // 20)
    qtbot.waitUntil(lambda: dock.controller.runs.shown.range == tuple(layer.contrast_limits), timeout=60_000)
    wait(dock)
    assert abs(count(labels(dock)[right]) - bright) <= 0.25 * bright
    assert "intensities 1200 to 1740" in dock.form.input.contrast_note.text()
    dock.form.input.contrast_combo.setCurrentIndex(2)
    dock.form.input.contrast_combo.activated.emit(2)
    dock.form.input.contrast_row.high.setValue(12000)
    wait(dock)
    np.testing.assert_array_equal(labels(dock), wide)
