"""What a user does to a napari with the dock, at random: one method of `Sitting` for each gesture."""

from __future__ import annotations

import faulthandler
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtWidgets import QApplication

from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models.model_list import SHIPPED
from napari_unetpp.gui.compat import camera_of
from napari_unetpp.gui.dock.dock import UnetppDock

SAMPLES = SHIPPED.parent / "samples"
MOST_IMAGES = 4
LIMIT = 600.0
"""Seconds after which the dock must have come to rest."""


class NotAtRest(Exception):
    """The dock went on working."""


def crop(rng: random.Random, name: str) -> np.ndarray:
    """A part of a sample: 256 to 512 px."""
    image = np.asarray(read_image(SAMPLES / f"{name}.png"))
    height, width = (min(side, rng.choice((256, 320, 384, 512))) for side in image.shape[:2])
    y, x = rng.randint(0, image.shape[0] - height), rng.randint(0, image.shape[1] - width)
    return image[y : y + height, x : x + width]


class Sitting:
    """A viewer with the dock, and a user who acts at random.

    Parameters
    ----------
    viewer : napari.Viewer
    seed : int
    folder : Path
        Where results are saved.
    """

    def __init__(self, viewer: Any, seed: int, folder: Path) -> None:
        self.viewer, self.random, self.folder = viewer, random.Random(seed), folder
        self.app = QApplication.instance()
        self.dock: UnetppDock | None = None
        self.saved = self.layers_made = 0
        viewer.layers.events.inserted.connect(self._count)
        self.gestures: dict[Callable[[], bool], int] = {
            self.slide: 10,
            self.segment: 8,
            self.stop: 4,
            self.add_image: 3,
            self.delete_layer: 3,
            self.rename_layer: 1,
            self.choose_image: 3,
            self.choose_layer: 2,
            self.hide_layer: 1,
            self.choose_model: 3,
            self.correct: 6,
            self.paint: 10,
            self.draw: 4,
            self.undo: 5,
            self.redo: 3,
            self.click_tool: 2,
            self.click_canvas: 6,
            self.go_to_next: 3,
            self.threshold: 4,
            self.kind: 2,
            self.min_size: 2,
            self.split: 1,
            self.overlay: 3,
            self.live: 1,
            self.labels_as: 2,
            self.finetune: 3,
            self.decide: 4,
            self.take_offer: 3,
            self.forget: 1,
            self.save: 1,
            self.save_corrections: 1,
            self.next_image: 1,
            self.plane: 5,
            self.planes: 2,
            self.zoom: 2,
            self.in_3d: 1,
            self.close_dock: 1,
        }

    def _count(self, _event: Any = None) -> None:
        self.layers_made += 1

    # ------------------------------------------------------------- the event loop

    def spin(self, seconds: float) -> None:
        """Let Qt work."""
        end = time.monotonic() + seconds
        while True:
            self.app.processEvents()
            if time.monotonic() >= end:
                return
            time.sleep(0.002)

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Let Qt work until something holds."""
        end = time.monotonic() + LIMIT
        while not condition():
            self.spin(0.02)
            if time.monotonic() > end:
                raise NotAtRest(f"{what} after {LIMIT:.0f} s")

    def rest(self) -> None:
        """Wait until the dock has nothing to do."""
        self.spin(0.05)
        try:
            self.wait(lambda: not self.busy(), "the dock is busy")
        except NotAtRest as error:
            faulthandler.dump_traceback()
            message = self.form.head.message_label.text()
            raise NotAtRest(f"{error}: {', '.join(self.busy())}; it says: {message}") from error

    def busy(self) -> list[str]:
        """What the dock's workers do."""
        dock = self.dock
        if dock is None:
            return []
        correcting = dock.correcting
        works = {
            "segmenting": dock.controller.busy,
            "warming up": dock.controller.runs.warming,
            "all planes": dock.stacks.running is not None,
            "merging": correcting.editor.merging.busy,
            "fine-tuning": correcting.finetuning.busy,
        }
        return [name for name, at_work in works.items() if at_work]

    def act(self) -> str:
        """Do one gesture that is possible now; gives its name."""
        names, weights = list(self.gestures), list(self.gestures.values())
        while True:
            (gesture,) = self.random.choices(names, weights)
            if gesture():
                return gesture.__name__

    # ------------------------------------------------------------- the dock

    def open_dock(self) -> None:
        """Dock the widget; where it asks for a path, it gets one."""
        dock = self.dock = UnetppDock(self.viewer)
        for name in ("ask_path", "ask_zarr", "ask_folder"):
            setattr(dock, name, self._path)
        self.viewer.window.add_dock_widget(dock, name="UNet++")
        dock.start()
        for fold in (dock.form.result_fold, dock.form.correct_fold):
            fold.button.setChecked(True)

    def close_dock(self) -> bool:
        """Close it, whatever it does, and open a new one."""
        self.remove_dock()
        self.spin(self.random.choice((0.0, 0.2)))
        self.open_dock()
        return True

    def remove_dock(self) -> None:
        """Close it."""
        dock, self.dock = self.dock, None
        self.viewer.window.remove_dock_widget(dock)

    def _path(self, suggestion: Path, *_rest: Any) -> Path:
        self.saved += 1
        return self.folder / f"{self.saved}-{suggestion.name}"

    @property
    def form(self) -> Any:
        """The forms of the dock."""
        return self.dock.form

    def _press(self, button: Any) -> bool:
        if button.isHidden() or not button.isEnabled():
            return False
        button.click()
        return True

    def _choose(self, combo: Any) -> bool:
        rows = [row for row in range(combo.count()) if combo.model().item(row).isEnabled()]
        if not rows or combo.isHidden():
            return False
        combo.setCurrentIndex(self.random.choice(rows))
        combo.activated.emit(combo.currentIndex())
        return True

    # ------------------------------------------------------------- segmenting

    def slide(self) -> bool:
        slider = self.form.head.levels.slider
        slider.setValue(self.random.randint(slider.minimum(), slider.maximum()))
        return True

    def segment(self) -> bool:
        return self._press(self.form.head.segment_button)

    def stop(self) -> bool:
        return self._press(self.form.head.stop_button)

    def choose_model(self) -> bool:
        return self._choose(self.form.head.model_combo)

    def choose_image(self) -> bool:
        return self._choose(self.form.head.image_combo)

    def planes(self) -> bool:
        return self._choose(self.form.head.planes_combo)

    def live(self) -> bool:
        return self._press(self.form.head.live_checkbox)

    def threshold(self) -> bool:
        self.form.result.threshold_slider.setValue(self.random.uniform(0.05, 0.95))
        return True

    def kind(self) -> bool:
        return self._choose(self.form.result.kind_combo)

    def min_size(self) -> bool:
        self.form.result.min_size_spin.setValue(self.random.choice((0, 10, 100)))
        return True

    def split(self) -> bool:
        return self._press(self.form.result.split_checkbox)

    def overlay(self) -> bool:
        result = self.form.result
        return self._press(self.random.choice((result.uncertainty_checkbox, result.depth_checkbox)))

    def go_to_next(self) -> bool:
        return self._press(self.form.result.next_button)

    def save(self) -> bool:
        return self._press(self.form.result.save_button)

    def take_offer(self) -> bool:
        """Click a link of the message."""
        label = self.form.head.message_label
        offers = re.findall('href="([^"]+)"', label.text())
        if not offers:
            return False
        label.linkActivated.emit(self.random.choice(offers))
        return True

    # ------------------------------------------------------------- correcting

    def correct(self) -> bool:
        return self._press(self.form.correct.correct_button)

    def labels_as(self) -> bool:
        return self._choose(self.form.correct.labels_as_combo)

    def finetune(self) -> bool:
        """With the smallest budget."""
        self.form.correct.budget_spin.setValue(self.form.correct.budget_spin.minimum())
        return self._press(self.form.correct.finetune_button)

    def decide(self) -> bool:
        """Keep or Discard."""
        correct = self.form.correct
        return self._press(self.random.choice((correct.keep_button, correct.discard_button)))

    def forget(self) -> bool:
        return self._press(self.form.correct.forget_button)

    def save_corrections(self) -> bool:
        return self._press(self.form.correct.save_corrections_button)

    def next_image(self) -> bool:
        return self._press(self.form.correct.next_image_button)

    def _painted_on(self) -> Labels | None:
        layers = [one for one in self.viewer.layers if isinstance(one, Labels) and one.editable]
        return self.random.choice(layers) if layers else None

    def paint(self) -> bool:
        """Brush, eraser or fill, by what napari's tools call."""
        layer = self._painted_on()
        if layer is None or self.viewer.dims.ndisplay == 3:
            return False
        point = list(layer.world_to_data(self.viewer.dims.point)[-layer.ndim :])
        for axis in self.viewer.dims.displayed:
            own = axis - self.viewer.dims.ndim + layer.ndim
            point[own] = self.random.uniform(0, layer.data.shape[own] - 1)
        label = self.random.choice((0, layer.selected_label, self.random.randint(1, 500)))
        layer.selected_label, layer.brush_size = label, self.random.randint(1, 25)
        act = layer.fill if self.random.random() < 0.2 else layer.paint
        act(tuple(round(at) for at in point), label)
        return True

    def draw(self) -> bool:
        """Drag the mouse with one of napari's tools."""
        layer = self._painted_on()
        if layer is None:
            return False
        self.viewer.layers.selection.active = layer
        layer.mode = self.random.choice(("paint", "erase", "fill", "pick", "pan_zoom"))
        return self.click_canvas()

    def undo(self) -> bool:
        return self._history("undo")

    def redo(self) -> bool:
        return self._history("redo")

    def _history(self, name: str) -> bool:
        layer = self._painted_on()
        if layer is None:
            return False
        getattr(layer, name)()
        return True

    def click_tool(self) -> bool:
        return self._press(self.form.result.click_tool_button)

    def click_canvas(self) -> bool:
        """Press, perhaps drag, release."""
        canvas = self.viewer.window._qt_viewer.canvas
        width, height = canvas.native.width(), canvas.native.height()
        first, last = ((self.random.randrange(width), self.random.randrange(height)) for _ in range(2))
        last = self.random.choice((first, last))
        emit = canvas._scene_canvas.events
        held = {"modifiers": self.random.choice(((), (), ("Shift",))), "button": 1}
        emit.mouse_press(pos=first, **held)
        if last != first:
            emit.mouse_move(pos=last, press_event=None, **held)
        emit.mouse_release(pos=last, **held)
        return True

    # ------------------------------------------------------------- the viewer

    def add_image(self) -> bool:
        """Grey, colour, or a stack."""
        if sum(isinstance(one, Image) for one in self.viewer.layers) >= MOST_IMAGES:
            return False
        name = self.random.choice(("dense_fluorescence", "phase_contrast", "histology", "stack"))
        if name == "stack":
            plane = crop(self.random, "dense_fluorescence")[:256, :256]
            self.viewer.add_image(np.stack([np.roll(plane, 5 * n, 0) for n in range(4)]), name=name)
        else:
            self.viewer.add_image(crop(self.random, name), name=name)
        return True

    def only_one_image(self) -> None:
        """Delete all layers but a new image, always the same."""
        before = list(self.viewer.layers)
        self.viewer.add_image(np.asarray(read_image(SAMPLES / "dense_fluorescence.png"))[:256, :256])
        for layer in before:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)

    def _any_layer(self) -> Any:
        return self.random.choice(list(self.viewer.layers)) if self.viewer.layers else None

    def delete_layer(self) -> bool:
        layer = self._any_layer()
        if layer is None:
            return False
        self.viewer.layers.remove(layer)
        return True

    def choose_layer(self) -> bool:
        self.viewer.layers.selection.active = self._any_layer()
        return True

    def hide_layer(self) -> bool:
        layer = self._any_layer()
        if layer is None:
            return False
        layer.visible = not layer.visible
        return True

    def rename_layer(self) -> bool:
        layer = self._any_layer()
        if layer is None:
            return False
        layer.name = self.random.choice(("mine", "cells", f"{layer.name} prediction"))
        return True

    def plane(self) -> bool:
        dims = self.viewer.dims
        if not dims.not_displayed:
            return False
        axis = self.random.choice(dims.not_displayed)
        dims.set_current_step(axis, self.random.randint(0, max(0, dims.nsteps[axis] - 1)))
        return True

    def zoom(self) -> bool:
        camera_of(self.viewer).zoom *= self.random.choice((0.5, 0.8, 1.25, 2))
        if self.random.random() < 0.3:
            self.viewer.reset_view()
        return True

    def in_3d(self) -> bool:
        """For a moment."""
        self.viewer.dims.ndisplay = 3
        self.spin(0.1)
        self.viewer.dims.ndisplay = 2
        return True
