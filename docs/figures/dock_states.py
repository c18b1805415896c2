"""Draw the dock in each of its states: a real napari, the dock's own buttons, the shipped models.

    xvfb-run -a -s "-screen 0 1400x900x24" python docs/figures/dock_states.py docs/images/dock
    xvfb-run -a -s "-screen 0 2800x1800x24" python docs/figures/dock_states.py OUT --scale 2
    xvfb-run ... dock_states.py OUT [--theme light] [--width 300] [--screen 1366x768] [--only film ...]

Writes OUT/STATE.png, the dock alone (with ``--whole`` the window), and prints what moved from its place.
The film needs UNETPP_DATA. The screen of Xvfb must be as large as the window times the scale.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

LIMIT = 300
"""Seconds that are waited for anything."""

MOST_BYTES, COLOURS = 120_000, (256, 128, 64, 32)
BUDGET = 40
"""Seconds of fine-tuning."""

STAY = ("level_slider", "segment_button", "progress_bar", "message_label")
"""What has its place, whatever is shown."""


class Window:
    """A viewer with the dock.

    Parameters
    ----------
    options : argparse.Namespace
        Of the command.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        from napari_unetpp.gui.dock.dock import UnetppDock

        self.options, self.places = options, dict[str, int]()
        self.viewer = napari.Viewer(title="napari")
        self.app, self.main = QApplication.instance(), self.viewer.window._qt_window
        self.viewer.theme = options.theme
        self.main.setGeometry(0, 0, *map(int, options.screen.split("x")))
        self.dock = UnetppDock(self.viewer)
        self.form, self.controller = self.dock.form, self.dock.controller
        self.area = self.viewer.window.add_dock_widget(self.dock, name="UNet++")
        self.wait(lambda: self.controller.runs.ready and not self.controller.runs.warming)
        if options.width:
            from qtpy.QtCore import Qt

            self.main.resizeDocks([self.area], [options.width], Qt.Orientation.Horizontal)
        self.rest(0.5)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Let the window work until something holds."""
        end = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > end:
                raise SystemExit(f"the dock did not finish: {self.form.head.message_label.text()}")
            self.app.processEvents()
            time.sleep(0.002)

    def rest(self, seconds: float) -> None:
        """Let the window work for a while."""
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() > end)

    def idle(self) -> None:
        """Until nothing is segmented any more."""
        self.wait(lambda: not self.controller.busy and self.dock.stacks.running is None)
        self.rest(1.0)

    def shoot(self, name: str, *, settle: float = 0.5, more: Any = None) -> None:
        """Save a picture of the dock, and of a widget over it."""
        self.rest(settle)
        widget = self.main if self.options.whole else self.area
        rect = _on_screen(widget) if more is None else _on_screen(widget).united(_on_screen(more))
        corner = rect.x(), rect.y(), rect.width(), rect.height()
        path = self.options.out / f"{name}.png"
        self.app.primaryScreen().grabWindow(0, *corner).save(str(path))
        print(path, _shrink(path), *self._moved(), flush=True)

    def close(self) -> None:
        """End it."""
        self.dock.close_session()
        self.viewer.close()

    def _moved(self) -> list[str]:
        from qtpy.QtCore import QPoint
        from qtpy.QtWidgets import QWidget

        moved = []
        for name in STAY:
            y = self.dock.findChild(QWidget, name).mapTo(self.dock, QPoint(0, 0)).y()
            if y != self.places.setdefault(name, y):
                moved.append(f"{name}: {self.places[name]} -> {y} px")
        return moved


def _on_screen(widget: Any) -> Any:
    from qtpy.QtCore import QPoint, QRect

    return QRect(widget.mapToGlobal(QPoint(0, 0)), widget.size())


def _shrink(path: Path) -> int:
    """As many colours as fit into the size; gives the bytes."""
    with Image.open(path) as shot:
        whole = shot.convert("RGB")
    whole.save(path, optimize=True)
    for colours in COLOURS:  # a palette changes rare colours, as those of the curves
        if path.stat().st_size <= MOST_BYTES:
            break
        whole.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
    return path.stat().st_size


def choose(combo: Any, row: int) -> None:
    """Choose a row as the user does."""
    combo.setCurrentIndex(row)
    combo.activated.emit(row)


def show_results(window: Window) -> None:
    """Before an image is open, open, running, at L2, at Auto."""
    from napari_unetpp.gui.samples import dense_fluorescence

    head, form = window.form.head, window.form
    window.shoot("empty")
    for data, more, _ in dense_fluorescence():
        window.viewer.add_image(data, **more)
    window.shoot("open")
    head.levels.slider.setValue(4)
    head.segment_button.click()
    window.wait(lambda: 0 < head.progress_bar.value() < head.progress_bar.maximum() == 1000)
    window.shoot("running", settle=0.05)
    window.idle()
    head.levels.slider.setValue(2)
    window.idle()
    window.shoot("result")
    head.levels.slider.setValue(5)
    window.idle()
    form.result.depth_checkbox.click()
    window.shoot("auto")
    form.result.depth_checkbox.click()
    head.levels.slider.setValue(3)
    window.idle()


def show_folds(window: Window) -> None:
    """The folds and the menu."""
    from qtpy.QtCore import QPoint

    form, menu = window.form, window.form.head.model_menu
    form.chart_fold.button.setChecked(False)
    form.input_fold.button.setChecked(True)
    window.shoot("input")
    form.input_fold.button.setChecked(False)
    form.chart_fold.button.setChecked(True)
    menu.menu().popup(menu.mapToGlobal(QPoint(0, menu.height())))
    window.shoot("menu", more=menu.menu())
    menu.menu().close()
    form.correct.correct_button.click()
    window.idle()
    window.shoot("correct")


def show_correcting(window: Window) -> None:
    """Corrections drawn, fine-tuning, scores."""
    form, correct = window.form, window.form.correct
    (layer,) = [layer for layer in window.viewer.layers if layer.name.endswith("corrections")]
    for label, (y, x) in enumerate(((60, 80), (200, 300), (330, 500)), start=900):
        layer.selected_label = label
        layer.paint((y, x), label)
    window.wait(lambda: correct.correction_count_label.text().startswith("3 "))
    window.shoot("corrections")
    choose(correct.labels_as_combo, correct.labels_as_combo.findData("reviewed"))
    correct.budget_spin.setValue(BUDGET)
    correct.finetune_button.click()
    learning = window.dock.correcting.finetuning
    window.wait(lambda: len(learning._points) >= 2 or learning.done is not None)
    form.area.ensureWidgetVisible(correct.training_chart)
    window.shoot("fine-tuning", settle=0.05)
    window.wait(lambda: learning.done is not None)
    window.shoot("scores")
    correct.discard_button.click()
    form.correct_fold.button.setChecked(False)
    window.idle()


def show_error(window: Window) -> None:
    """Two numbers that are in the wrong order."""
    form = window.form
    form.input_fold.button.setChecked(True)
    choose(form.input.contrast_combo, 2)
    form.input.contrast_row.low.setValue(200)
    form.input.contrast_row.high.setValue(100)
    window.idle()
    form.head.segment_button.click()
    window.shoot("error")


def show_film(window: Window) -> None:
    """All frames of a film, with the objects linked."""
    from napari_unetpp.files.images.image_file import read_image

    folder = Path(os.environ["UNETPP_DATA"]) / "yeast_phase"
    paths = sorted(folder.glob("*/images/*.png"), key=lambda path: path.name)[:6]
    frames = np.stack([np.asarray(read_image(path))[90:330, 60:400] for path in paths])
    window.viewer.add_image(frames, name="film", axis_labels=tuple("tyx"))
    head = window.form.head
    choose(head.model_combo, next(n for n in range(9) if head.model_combo.itemText(n).startswith("cells")))
    window.wait(lambda: not window.controller.runs.warming)
    window.controller.state.scale = 2.0
    head.levels.slider.setValue(2)
    choose(head.planes_combo, 1)
    head.track_checkbox.click()
    head.segment_button.click()
    window.idle()
    window.shoot("film")


PARTS: dict[str, tuple[Callable[[Window], None], ...]] = {
    "image": (show_results, show_folds, show_correcting, show_error),
    "film": (show_film,),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scale", default="1", help="of the screen: 2 is 200 %%")
    parser.add_argument("--theme", default="dark", choices=["dark", "light"])
    parser.add_argument("--width", type=int, default=0, help="of the dock, px; 0: as it opens")
    parser.add_argument("--screen", default="1400x900", help="size of the window, px")
    parser.add_argument("--whole", action="store_true", help="the window, not the dock alone")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ |= {  # a first visit, whoever runs this; before Qt and napari are imported
            "QT_SCALE_FACTOR": options.scale,
            "NAPARI_CONFIG": f"{folder}/settings.yaml",
            "UNETPP_SITTINGS": f"{folder}/sittings",
            "UNETPP_MODELS": f"{folder}/models",
            "UNETPP_CACHE": f"{folder}/cache",
        }
        for name in options.only:
            window = Window(options)
            for part in PARTS[name]:
                part(window)
            window.close()


if __name__ == "__main__":
    main()
