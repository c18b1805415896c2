"""Two viewers with a dock each, and two programs: nothing of one gets into the other, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import bright_network
from test_learn import CRASH

from napari_unetpp.files.models.model_file import save_model
from napari_unetpp.files.models.model_list import list_models
from napari_unetpp.session.correct.saving.autosave_folder import SessionFolder, left_behind

LONG = 120_000


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    """One of its own for each test."""
    return make_napari_viewer()


@pytest.fixture
def images(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two of one shape."""
    return image, np.where(image, 0, 200).astype(np.uint8)


@pytest.fixture
def bright(only_tiny_model: Any) -> Any:
    """A model that finds what is bright, in place of the untrained one."""
    net = bright_network(only_tiny_model.net)
    return save_model(only_tiny_model.path, net.state_dict(), only_tiny_model)


@pytest.fixture
def docks(
    make_napari_viewer: Any, only_tiny_model: Any, images: Any, qtbot: Any, wait: Callable[[Any], None]
) -> Iterator[list[Any]]:
    """A dock in each of two viewers, over images of one name; at different depths."""
    from napari_unetpp.gui.dock.dock import UnetppDock

    made = []
    for level, image in zip((2, 4), images, strict=True):
        viewer = make_napari_viewer()
        viewer.add_image(image, name="cells")
        dock = UnetppDock(viewer)
        dock._started, dock.viewer = True, viewer
        viewer.window.add_dock_widget(dock, name="UNet++")
        dock.start()
        qtbot.waitUntil(lambda dock=dock: not dock.controller.runs.warming, timeout=LONG)
        state = dock.controller.state
        state.level, state.scale, state.threshold, state.min_size = level, 1.0, 0.3, 0
        made.append(dock)
    yield made
    for dock in made:
        dock.close_session()
        for runner in (dock._runner, dock.correcting.finetune_runner, dock.correcting.file_runner):
            runner._executor.shutdown(wait=True)


def segment(docks: list[Any], wait: Callable[[Any], None]) -> list[np.ndarray]:
    """Press Segment in all, then wait; what is shown."""
    for dock in docks:
        dock.form.head.segment_button.click()
    for dock in docks:
        wait(dock)
    return [dock.viewer.layers["cells prediction"].data.copy() for dock in docks]


def test_both_segment_at_once_as_each_alone(bright: Any, docks: list[Any], wait: Any) -> None:
    for dock in docks:
        state = dock.controller.state
        state.kind = "mask"  # this model finds borders in the same places
        state.range, state.contrast = (0.0, 200.0), "given"
    both = segment(docks, wait)
    assert [dock.controller.runs.shown.level for dock in docks] == [2, 4]
    for dock in docks:
        dock.viewer.layers.remove("cells prediction")
    alone = [segment([dock], wait)[0] for dock in docks]
    for at_once, one in zip(both, alone, strict=True):
        assert at_once.any()
        np.testing.assert_array_equal(at_once, one)
    assert not np.array_equal(*alone)


@pytest.mark.slow
def test_both_learn_at_once_and_keep_both_models(
    docks: list[Any], wait: Any, qtbot: Any, sittings_folder: Path
) -> None:
    segment(docks, wait)
    for number, dock in enumerate(docks, 1):
        dock.form.correct.correct_button.click()
        layer = dock.viewer.layers["cells corrections"]
        for stroke in range(number):
            layer.paint((20 + 30 * stroke, 50), 40000 + 10 * number + stroke)
        dock.form.correct.budget_spin.setValue(5)
    certain = {dock: sum(int(one.certain.sum()) for one in dock.correcting.editor.usable()) for dock in docks}
    assert len(set(certain.values())) == 2
    for dock in docks:
        dock.form.correct.finetune_button.click()
    for dock in docks:
        learning = dock.correcting.finetuning
        qtbot.waitUntil(lambda learning=learning: learning.done is not None, timeout=LONG)
        qtbot.waitUntil(lambda learning=learning: not learning.busy, timeout=LONG)
    assert len(list(sittings_folder.glob("*/save-*"))) == 2, "each has saved its corrections"
    for dock in docks:
        dock.form.correct.keep_button.click()
    for dock in docks:
        qtbot.waitUntil(lambda dock=dock: dock.controller.model.name != "tiny", timeout=LONG)
        wait(dock)
    kept = [dock.controller.model for dock in docks]
    assert len({model.sha256 for model in kept}) == 2
    assert sorted(model.name for model in list_models()) == sorted(["tiny", *(one.name for one in kept)])
    for number, (dock, model) in enumerate(zip(docks, kept, strict=True), 1):
        assert model.provenance["certain_pixels"] == certain[dock]
        painted = dock.viewer.layers["cells corrections"].data
        assert set(painted[painted >= 40000]) == {40000 + 10 * number + n for n in range(number)}
    docks[0].viewer.window.remove_dock_widget(docks[0])
    docks[0].correcting.file_runner._executor.shutdown(wait=True)
    assert len(list(sittings_folder.glob("*/save-*"))) == 1, "the other's corrections are still on disk"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
def test_two_programs_that_crash_lose_no_label(
    open_dock: Any, viewer: Any, images: Any, qtbot: Any, tmp_path: Path, sittings_folder: Path
) -> None:
    (tmp_path / "crash.py").write_text(CRASH)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    running = []
    for number, image in enumerate(images):
        np.save(tmp_path / f"{number}.npy", image)
        command = [sys.executable, str(tmp_path / "crash.py"), str(tmp_path / f"{number}.npy")]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
    for process in running:
        assert process.stdout is not None and process.stdout.readline() == "saved\n"
    assert left_behind(sittings_folder) == [], "both are alive"
    for process in running:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert len(left_behind(sittings_folder)) == 2
    dock = open_dock()
    message, label = dock.form.head.message_label, dock.form.correct.correction_count_label
    for words in ("1 correction, 1 image", "2 corrections, 2 images"):
        qtbot.waitUntil(lambda: "Restore corrections of" in message.text(), timeout=LONG)
        message.linkActivated.emit("restore:1")
        qtbot.waitUntil(lambda words=words: label.text() == words, timeout=LONG)
    restored = [layer.data for layer in viewer.layers if layer.name.endswith("corrections")]
    assert [labels[80, 100] for labels in restored] == [40000, 40000]
    opened = [layer.data for layer in viewer.layers if type(layer).__name__ == "Image"]
    assert {one.tobytes() for one in opened} == {one.tobytes() for one in images}


def test_docks_that_save_for_the_first_time_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    """Of two with one name, the second said that corrections could not be saved."""
    together, errors = threading.Barrier(8), []
    folders = [SessionFolder(tmp_path / "sittings") for _ in range(8)]

    def save(folder: SessionFolder) -> None:
        together.wait()
        try:
            folder.write(lambda path: path.mkdir())
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=save, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and len({folder.path for folder in folders}) == 8
    assert left_behind(tmp_path / "sittings") == []
    for folder in folders:
        folder.close()
