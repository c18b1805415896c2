"""A stopped run of all planes: the next Segment goes on with what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nuclei_stacks import TIMEOUT, stack_of

from napari_unetpp.files.models.model_list import SHIPPED
from napari_unetpp.volumes.series import run as series

pytestmark = pytest.mark.skipif(not (SHIPPED / "nuclei.safetensors").exists(), reason="no model is shipped")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where planes of unfinished runs are kept."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The planes that the network was run on."""
    planes: list[int] = []
    real = series.predict_plane

    def predict(request: Any, position: Any, should_stop: Any) -> Any:
        planes.append(position.z)
        return real(request, position, should_stop)

    monkeypatch.setattr(series, "predict_plane", predict)
    return planes


def message(dock: Any) -> str:
    return str(dock.form.head.message_label.text())


def segment(dock: Any, qtbot: Any) -> None:
    dock.form.head.segment_button.click()
    qtbot.waitUntil(lambda: dock.stacks.running is None, timeout=TIMEOUT)


def test_segment_goes_on_where_a_run_was_stopped(
    viewer: Any, dock: Any, halt: Any, computed: list[int], all_planes: Any, temporary: Path, qtbot: Any
) -> None:
    viewer.add_image(stack_of(5), name="cells", axis_labels=tuple("zyx"))
    opened = dock()
    all_planes(opened)
    layer = viewer.layers["cells all planes"]
    expected = layer.data.copy()
    computed.clear()
    go = halt(opened)
    opened.form.head.stop_button.click()
    qtbot.waitUntil(lambda: opened.stacks.running is None, timeout=TIMEOUT)
    assert "Stopped after" in message(opened) and "Segment goes on with the others." in message(opened)
    done = list(computed)
    assert 1 <= len(done) < 5
    go.set()
    opened.form.head.segment_button.click()
    there = len(done) - 1 if f": {len(done) - 1} of them" in message(opened) else len(done)
    assert f": {there} of them" in message(opened) and "there already" in message(opened)
    qtbot.waitUntil(lambda: opened.stacks.running is None, timeout=TIMEOUT)
    assert sorted(set(computed)) == list(range(5)) and len(computed) <= 6, "one plane was cut off at most"
    np.testing.assert_array_equal(layer.data, expected)
    assert "5 planes, " in message(opened) and opened.form.result.save_button.isEnabled()
    assert not list(temporary.glob("unetpp-*"))


def test_other_settings_begin_anew(
    viewer: Any, dock: Any, halt: Any, computed: list[int], temporary: Path, qtbot: Any
) -> None:
    viewer.add_image(stack_of(3), name="cells", axis_labels=tuple("zyx"))
    opened = dock()
    go = halt(opened)
    opened.form.head.stop_button.click()
    qtbot.waitUntil(lambda: opened.stacks.running is None, timeout=TIMEOUT)
    go.set()
    computed.clear()
    opened.controller.state.live = False
    opened.controller.state.threshold = 0.7
    segment(opened, qtbot)
    assert computed == [0, 1, 2]
    assert not list(temporary.glob("unetpp-*"))


def test_a_run_that_failed_goes_on_when_the_plane_can_be_read(
    viewer: Any, dock: Any, all_planes: Any, computed: list[int], qtbot: Any
) -> None:
    import dask.array as da

    broken = [True]

    def read(block: np.ndarray) -> np.ndarray:
        if broken[0] and block.size:
            raise OSError("the disk is gone")
        return block

    planes = [da.from_array(plane) for plane in stack_of(4)]
    planes[2] = planes[2].map_blocks(read, dtype=np.uint8, meta=np.zeros((0, 0), np.uint8))
    opened = dock()
    viewer.add_image(da.stack(planes), name="cells", axis_labels=tuple("zyx"), contrast_limits=(0, 255))
    viewer.dims.set_point(0, 0)
    opened.controller.state.contrast, opened.controller.state.range = "given", (0.0, 255.0)
    all_planes(opened)
    assert "the disk is gone" in message(opened) and "Segment goes on there." in message(opened)
    broken[0] = False
    computed.clear()
    segment(opened, qtbot)
    assert computed == [2, 3] and "4 planes, " in message(opened)
    assert viewer.layers["cells all planes"].data.any(axis=(1, 2)).all()


def test_labels_on_disk_go_on_without_asking_again(
    viewer: Any, dock: Any, computed: list[int], tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("zarr")
    from gestures import choose

    from napari_unetpp.gui.layers import stack_layers

    viewer.add_image(stack_of(4), name="cells", axis_labels=tuple("zyx"))
    opened = dock()
    asked: list[Path] = []
    monkeypatch.setattr(stack_layers, "MAX_BYTES", 1000)
    monkeypatch.setattr(
        type(opened), "ask_zarr", lambda _self, path, _size: asked.append(path) or tmp_path / path.name
    )
    choose(opened.form.head.planes_combo, "all")
    refresh = opened.stacks.layers.refresh

    def stopping(image: Any) -> bool:
        opened.form.head.stop_button.click()
        return bool(refresh(image))

    opened.stacks.layers.refresh = stopping
    segment(opened, qtbot)
    assert "Segment goes on" in message(opened)
    opened.stacks.layers.refresh = refresh
    segment(opened, qtbot)
    assert len(asked) == 1 and "4 planes, " in message(opened)
    data = viewer.layers["cells all planes"].data
    assert np.asarray(data).any(axis=(1, 2)).all()
    assert not list(tmp_path.glob("unetpp-*"))
