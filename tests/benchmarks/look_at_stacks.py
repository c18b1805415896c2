"""Screenshots of stacks, films and channels in the dock, and the pauses of the window meanwhile.

    xvfb-run -a -s "-screen 0 1366x768x24" python tests/benchmarks/look_at_stacks.py OUT [stack film ...]
    xvfb-run ... python tests/benchmarks/look_at_stacks.py docs/images --pages

Writes OUT/KIND_1_opened.png, _2_all, _3_running, _4_done, _5_alone; with --pages the pictures of the pages:
OUT/dock-KIND.png and OUT/window.png. The film needs
UNETPP_DATA. `large` is a stack of five planes of 2048 x 2048 px.

For each phase, in ms: the longest gap of a timer of 5 ms, and the longest in processor time of the window's
thread, in which other programs do not count.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import tifffile
from bench_heartbeat import Heartbeat
from napari.layers._source import layer_source
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models.model_list import SHIPPED
from napari_unetpp.gui.dock.dock import UnetppDock

ZARR = Path(__file__).parents[1] / "volumes" / "inputs" / "data" / "nuclei.ome.zarr"
MOST_BYTES = 290_000
"""Of a picture; a larger one has 256 colours."""

LIMIT = 300
"""Seconds that are waited for anything."""


def nuclei() -> np.ndarray:
    """520 x 696 px."""
    return np.asarray(read_image(SHIPPED.parent / "samples" / "dense_fluorescence.png"))


def open_stack(viewer: Any, _out: Path) -> None:
    """Of which nobody says what its first axis is."""
    viewer.add_image(
        np.stack([nuclei()[3 * n : 3 * n + 400, 2 * n : 2 * n + 400] for n in range(12)]), name="stack"
    )


def open_film(viewer: Any, _out: Path) -> None:
    """A part of ten frames of yeast."""
    paths = sorted(
        (Path(os.environ["UNETPP_DATA"]) / "yeast_phase").glob("*/images/*.png"), key=lambda p: p.name
    )
    frames = np.stack([np.asarray(read_image(p)) for p in paths])
    viewer.add_image(frames[:, 90:330, 60:400], name="film", axis_labels=tuple("tyx"))


def open_channels(viewer: Any, out: Path) -> None:
    """An OME-TIFF of two frames, four planes, two channels."""
    planes = np.stack([nuclei()[3 * n : 3 * n + 300, :300] for n in range(8)])
    both = np.stack([planes, 255 - planes], axis=1).reshape(2, 4, 2, 300, 300)
    path = out / "channels.ome.tif"
    tifffile.imwrite(path, both, ome=True, metadata={"axes": "TZCYX", "Channel": {"Name": ["DAPI", "GFP"]}})
    viewer.open(str(path), plugin="napari")


def open_zarr(viewer: Any, _out: Path) -> None:
    """As napari-ome-zarr opens it: a layer for each channel, lazy, multiscale."""
    import dask.array as da
    import zarr

    group = zarr.open(str(ZARR), mode="r")
    levels = [da.from_array(group[name], chunks=group[name].chunks) for name in ("s0", "s1")]
    with layer_source(path=str(ZARR)):
        viewer.add_image(levels, channel_axis=0, name=["empty", "DAPI"], multiscale=True)


def open_large(viewer: Any, _out: Path) -> None:
    """Five planes of 2048 x 2048 px."""
    plane = np.tile(nuclei(), (4, 3))[:2048, :2048]
    viewer.add_image(
        np.stack([np.roll(plane, 3 * n, 0) for n in range(5)]), name="large", axis_labels=tuple("zyx")
    )


def open_plane(viewer: Any, _out: Path) -> None:
    """One plane."""
    viewer.add_image(nuclei(), name="nuclei")


KINDS: dict[str, Callable[[Any, Path], None]] = {
    "stack": open_stack,
    "film": open_film,
    "channels": open_channels,
    "zarr": open_zarr,
    "large": open_large,
}


class Window:
    """A viewer of 1366 x 768 px with the dock."""

    def __init__(self, kind: str, out: Path) -> None:
        self.app = QApplication.instance() or QApplication([])
        self.kind, self.out = kind, out
        self.viewer = napari.Viewer()
        self.main = self.viewer.window._qt_window
        self.main.resize(1366, 768)
        KINDS[kind](self.viewer, out)
        self.dock = UnetppDock(self.viewer)
        self.viewer.window.add_dock_widget(self.dock, name="UNet++")
        self.wait(lambda: self.dock.controller.runs.ready)
        self.wait(lambda: not self.dock.controller.runs.warming)
        self.dock.controller.state.level = 1

    def wait(self, condition: Callable[[], bool], least: float = 0.3) -> None:
        """Let the window work until something holds, and a moment more."""
        start = time.monotonic()
        while not condition() and time.monotonic() - start < LIMIT:
            self.app.processEvents()
            time.sleep(0.0005)
        end = time.monotonic() + least
        while time.monotonic() < end:
            self.app.processEvents()
            time.sleep(0.0005)

    def shoot(self, name: str) -> None:
        self.wait(lambda: True, 0.5)
        self.main.grab().save(str(self.out / f"{self.kind}_{name}.png"))


def look(kind: str, out: Path) -> dict[str, Any]:
    """Open, choose all planes, segment, then try a threshold on the displayed plane."""
    window = Window(kind, out)
    dock, head = window.dock, window.dock.form.head
    window.shoot("1_opened")
    head.planes_combo.setCurrentIndex(1)
    head.planes_combo.activated.emit(1)
    if head.track_checkbox.isVisible():
        head.track_checkbox.click()
    window.shoot("2_all")
    heart = Heartbeat()
    heart.enter("press")  # napari makes a Labels layer
    head.segment_button.click()
    window.wait(lambda: True)
    heart.enter("running")
    stacks = dock.stacks
    if kind != "large":
        window.wait(lambda: stacks.running is None or head.progress_bar.format().startswith("plane 3"), 0)
        window.shoot("3_running")
        heart.enter("running, after the picture")
    window.wait(lambda: stacks.running is None, 0)
    heart.enter("end")
    window.shoot("4_done")
    dock.controller.state.threshold = 0.8
    window.wait(lambda: not dock.controller.busy)
    window.shoot("5_alone")
    message = head.message_label.text()
    dock.close_session()
    window.viewer.close()
    longest = {
        phase: (round(max(gaps), 1), round(max(heart.work[phase]), 1)) for phase, gaps in heart.gaps.items()
    }
    return {"message": message, **longest}


def picture(kind: str, out: Path) -> Path:
    """A picture of the window after all planes, or the only one, were segmented as a user does it."""
    page = "window" if kind == "plane" else f"dock-{kind}"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        window = Window(kind, Path(folder))
        dock, head = window.dock, window.dock.form.head
        if kind == "film":
            combo = head.model_combo
            combo.setCurrentIndex(combo.findText("cells-phase", Qt.MatchFlag.MatchStartsWith))
            combo.activated.emit(combo.currentIndex())
            window.wait(lambda: not dock.controller.runs.warming)
        if kind == "zarr":
            row = head.image_combo.findText("DAPI")
            head.image_combo.setCurrentIndex(row)
            head.image_combo.activated.emit(row)
        dock.controller.state.level = dock.controller.model.recommended_level
        if kind == "film":  # as the circle would set it: the search takes the colonies for cells
            dock.controller.state.scale = 2.0
        if not head.planes_combo.isHidden():
            head.planes_combo.setCurrentIndex(1)
            head.planes_combo.activated.emit(1)
        if head.track_checkbox.isVisible():
            head.track_checkbox.click()
        head.segment_button.click()
        window.wait(lambda: dock.stacks.running is None and not dock.controller.busy)
        if kind == "film":
            window.viewer.dims.set_point(0, 9)
        window.wait(lambda: True, 2.0)
        path = out / f"{page}.png"
        window.main.grab().save(str(path))
        dock.close_session()
        window.viewer.close()
    with Image.open(path) as shot:
        whole = shot.convert("RGB")
    whole.save(path, optimize=True)
    if path.stat().st_size > MOST_BYTES:
        whole.quantize(256).save(path, optimize=True)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("kinds", nargs="*", default=list(KINDS), metavar="KIND")
    parser.add_argument("--pages", action="store_true", help="make the pictures of docs/stacks.md")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.pages:
        KINDS["plane"] = open_plane
        for kind in [kind for kind in ("plane", *options.kinds) if kind != "large"]:
            path = picture(kind, options.out)
            print(path, path.stat().st_size, flush=True)
        return
    for kind in options.kinds:
        print(kind, json.dumps(look(kind, options.out)), flush=True)


if __name__ == "__main__":
    main()
