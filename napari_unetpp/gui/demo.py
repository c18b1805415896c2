"""The demo: napari on a sample, the dock beside it, segmented at L1 to L4; with a folder, as pictures."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import UnetppError
from napari_unetpp.files.models.model_list import list_models
from napari_unetpp.session.messages.common import NO_MODEL

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from PIL.Image import Image as Picture

    from napari_unetpp.gui.dock.dock import UnetppDock

TIMEOUT = 600.0
"""Seconds that one level may take."""

SIZE = (1400, 900)
MARGIN, CAPTION = 8, 26

DEPTHS, WINDOW = "depths.png", "window.png"
MAKER = "napari-unetpp demo"
"""The text "Software" in the pictures: what has it may be replaced."""


def run_demo(out: Path | None = None) -> None:
    """Open napari on a sample, dock the widget and segment at all depths.

    Parameters
    ----------
    out : Path or None
        A folder: writes ``depths.png`` and ``window.png`` there and returns. None: leaves the window open.

    Raises
    ------
    UnetppError
        There is no model, or a file of these names that is no picture of the demo.
    """
    import napari
    from PIL import Image

    from napari_unetpp.gui.compat import main_window
    from napari_unetpp.gui.dock.dock import UnetppDock
    from napari_unetpp.gui.samples import dense_fluorescence

    if not list_models():
        raise UnetppError(NO_MODEL)
    if out is not None:
        _check(out / DEPTHS)
        _check(out / WINDOW)
    viewer = napari.Viewer(title="napari-unetpp demo")
    window = main_window(viewer)
    assert window is not None
    window.resize(*SIZE)
    for data, options, _ in dense_fluorescence():
        viewer.add_image(data, **options)
    dock = UnetppDock(viewer)
    try:
        viewer.window.add_dock_widget(dock, name="UNet++", area="right")
        panels = [_segment(dock, viewer, level) for level in _levels(dock)]
        if out is None:
            napari.run()
            return
        out.mkdir(parents=True, exist_ok=True)
        _write_depths(out / DEPTHS, panels)
        _settle(1.0)
        _save(Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)), out / WINDOW)
    finally:
        if out is not None:
            dock.close_session()
            viewer.close()


def _levels(dock: UnetppDock) -> tuple[int, ...]:
    _wait(lambda: dock.controller.model is not None, "the model could not be read")
    model = dock.controller.model
    assert model is not None
    return model.net.levels


def _segment(dock: UnetppDock, viewer: Viewer, level: int) -> tuple[str, NDArray[np.uint8]]:
    """Slide to a level, wait for the result; its caption and picture."""
    controller = dock.controller
    controller.state.level = level
    if controller.runs.shown is None:
        controller.segment()
    message = dock.form.head.message_label.text
    _wait(lambda: not controller.busy and _shows(dock, level), message)
    image, labels = viewer.layers[0].data, viewer.layers[1].data
    caption = message().replace("\u00a0", " ")  # Pillow's font has no glyph for spaces that do not break
    return caption, _overlay(image, np.array(labels))


def _shows(dock: UnetppDock, level: int) -> bool:
    shown = dock.controller.runs.shown
    return shown is not None and shown.level == level


def _wait(condition: Any, problem: Any) -> None:
    """Let Qt work until the condition holds."""
    end = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > end:
            text = problem() if callable(problem) else problem
            raise UnetppError(f"The demo did not finish: {text}.")
        _settle(0.02)


def _settle(seconds: float) -> None:
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def _overlay(image: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.uint8]:
    """Objects in colours over the image, with outlines."""
    from skimage.color import label2rgb
    from skimage.segmentation import mark_boundaries

    low, high = np.percentile(image, (1, 99.8))
    grey = np.clip((image.astype(float) - low) / max(high - low, 1e-9), 0, 1)
    coloured = label2rgb(labels, grey, alpha=0.35, bg_label=0)
    outlined = mark_boundaries(coloured, labels, color=(1, 1, 1), mode="inner")
    return np.asarray(255 * outlined, np.uint8)


def _write_depths(path: Path, panels: list[tuple[str, NDArray[np.uint8]]]) -> None:
    """Panels side by side, two in a row, each with its caption above."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = panels[0][1].shape[:2]
    rows = -(-len(panels) // 2)
    size = (2 * width + 3 * MARGIN, rows * (height + CAPTION) + (rows + 1) * MARGIN)
    canvas = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=16)
    for number, (caption, picture) in enumerate(panels):
        x = MARGIN + (number % 2) * (width + MARGIN)
        y = MARGIN + (number // 2) * (height + CAPTION + MARGIN)
        draw.text((x, y + 3), f"L{number + 1}:  {caption}", fill="black", font=font)
        canvas.paste(Image.fromarray(picture), (x, y + CAPTION))
    _save(canvas, path)


def _check(path: Path) -> None:
    """Raise UnetppError where a picture would replace something else than an earlier one of the demo."""
    from PIL import Image

    if not path.exists():
        return
    try:
        with Image.open(path) as picture:
            ours = picture.info.get("Software") == MAKER
    except (OSError, ValueError):
        ours = False
    if not ours:
        raise UnetppError(f"{path} exists and is no picture of the demo; give another folder for --out.")


def _save(picture: Picture, path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    about = PngInfo()
    about.add_text("Software", MAKER)
    picture.save(path, "PNG", pnginfo=about)
