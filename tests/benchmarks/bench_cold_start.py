"""Cold start: a fresh process, from opening the plugin to the first pixels and to the final result.

    xvfb-run -a python tests/benchmarks/bench_cold_start.py [--side 1024] [--level 2]

Segment is pressed as soon as the dock is there; the scale is 1. Run it several times: the first run of a
version on a machine also times number formats, and reads files that are not in memory yet.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from skimage.io import imread

import napari_unetpp

LIMIT = 60.0
"""Seconds after which something is taken to hang."""

SAMPLE = Path(napari_unetpp.__file__).parent / "samples" / "dense_fluorescence.png"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--level", type=int, default=2)
    args = parser.parse_args()
    import napari
    from qtpy.QtWidgets import QApplication

    app = QApplication.instance() or QApplication([])
    viewer = napari.Viewer()
    sample = np.asarray(imread(SAMPLE))
    times = -(-args.side // min(sample.shape[:2]))
    viewer.add_image(np.tile(sample, (times, times))[: args.side, : args.side], name="cells")
    for _ in range(20):
        app.processEvents()
    start = time.perf_counter()
    from napari_unetpp.gui.dock.dock import UnetppDock

    dock = UnetppDock(viewer)
    viewer.window.add_dock_widget(dock, name="UNet++")
    app.processEvents()
    shown = time.perf_counter() - start
    painted: list[float] = []
    paint = dock._layers.paint

    def noted(*given: Any, final: bool) -> bool:
        done = paint(*given, final=final)
        painted.append(time.perf_counter() - start)
        return bool(done)

    dock._layers.paint = noted  # type: ignore[method-assign]
    controller = dock.controller
    while controller.model is None or controller.state.image is None:
        app.processEvents()
    controller.state.scale = 1.0
    controller.state.level = args.level
    controller.segment()
    while controller.runs.shown is None:
        app.processEvents()
        time.sleep(0.002)
        if time.perf_counter() - start > LIMIT:
            raise TimeoutError(dock.form.head.message_label.text())
    total = time.perf_counter() - start
    chosen = dock.form.head.device_combo.currentText()
    print(f"{args.side} x {args.side}, L{args.level}, {chosen}: dock {shown:.2f} s, ", end="")
    print(f"first pixels {painted[0]:.2f} s, result {total:.2f} s")
    dock.close_session()
    viewer.close()
    app.processEvents()


if __name__ == "__main__":
    main()
