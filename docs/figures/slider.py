"""Draw the animated picture of the slider: the real dock on a sample, at L1 to L4 and at Auto.

xvfb-run -a -s "-screen 0 1366x768x24" python docs/figures/slider.py docs/images/slider.gif
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication

from napari_unetpp.gui.compat import main_window
from napari_unetpp.gui.dock.dock import UnetppDock
from napari_unetpp.gui.samples import dense_fluorescence

LEVELS = (1, 2, 3, 4, 5, 4, 3, 2)
"""In the order in which they are shown, again and again; 5 is Auto."""

SIZE, WIDTH, COLOURS = (1180, 700), 900, 256
SHOWN_MS, LIMIT = 1300, 600


def wait(condition: Callable[[], bool]) -> None:
    """Let Qt work until the condition holds."""
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("the dock did not finish")
        QApplication.processEvents()
        time.sleep(0.01)


def rest(seconds: float) -> None:
    """Let Qt work for a while."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end)


def frames() -> list[Image.Image]:
    """The window at each level."""
    viewer = napari.Viewer(title="napari")
    window = main_window(viewer)
    assert window is not None
    window.resize(*SIZE)
    for data, options, _ in dense_fluorescence():
        viewer.add_image(data[100:400, 100:400], **options)
    dock = UnetppDock(viewer)
    viewer.window.add_dock_widget(dock, name="UNet++", area="right")
    controller = dock.controller
    wait(lambda: controller.model is not None)
    pictures = []
    try:
        controller.state.level = 4
        controller.segment()
        for level in (4, *LEVELS):
            controller.state.level = level
            wait(lambda: not controller.busy and controller.runs.shown is not None)
            wait(lambda wanted=level: controller.runs.shown.level == wanted)
            rest(1.5)  # the object features come after the labels
            pictures.append(viewer.screenshot(canvas_only=False, flash=False))
    finally:
        dock.close_session()
        viewer.close()
    return [Image.fromarray(np.asarray(picture)).convert("RGB") for picture in pictures[1:]]


def write(path: Path, pictures: list[Image.Image]) -> None:
    """All frames in one palette, so that what stands still takes no room."""
    height = round(WIDTH * pictures[0].height / pictures[0].width)
    small = [picture.resize((WIDTH, height), Image.Resampling.LANCZOS) for picture in pictures]
    every = Image.fromarray(np.concatenate([np.asarray(picture) for picture in small]))
    palette = every.quantize(COLOURS, dither=Image.Dither.NONE)
    first, *others = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in small]
    first.save(path, save_all=True, append_images=others, duration=SHOWN_MS, loop=0, optimize=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]), frames())
