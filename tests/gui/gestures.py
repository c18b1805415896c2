"""What the user does: mouse gestures on the canvas, as napari hands them to its callbacks, and choices."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QApplication

SCALE = 0.5
"""Of the image that is clicked on."""


class Hand:
    """A mouse over the canvas of a viewer."""

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.canvas = viewer.window._qt_viewer.canvas

    def click(self, y: float, x: float, *modifiers: str, to: tuple[float, float] | None = None) -> None:
        """Press at a pixel of the sample, release there or at another one."""
        emit = self.canvas._scene_canvas.events
        emit.mouse_press(pos=self._pos(y, x), modifiers=modifiers, button=1)
        if to is not None:
            emit.mouse_move(pos=self._pos(*to), modifiers=modifiers, button=1, press_event=None)
        emit.mouse_release(pos=self._pos(*(to or (y, x))), modifiers=modifiers, button=1)

    def _pos(self, y: float, x: float) -> tuple[float, float]:
        view = self.canvas.view
        right, down = (view.transform * view.scene.transform).map([SCALE * x, SCALE * y])[:2]
        return float(right), float(down)


def choose(combo: Any, value: Any) -> None:
    """Choose the row of a combo box with this value."""
    combo.setCurrentIndex(combo.findData(value))
    combo.activated.emit(combo.currentIndex())


def is_active(window: Any) -> bool:
    """Whether a window has the focus; it is given to it.

    Without a window manager a window that is shown again does not always get it from the screen.
    """
    window.activateWindow()
    QApplication.setActiveWindow(window)
    return bool(window.isActiveWindow())
