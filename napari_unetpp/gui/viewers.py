"""The viewer as the dock was given it: napari may wrap it, and it need not have a window of its own."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QWidget


def bare(viewer: Any) -> Any:
    """The viewer itself.

    Where napari makes a plugin's widget (menu, ``napari -w``, `add_plugin_dock_widget`) it hands out a proxy.
    The proxy refuses private attributes, and its layers are not the same objects as those in events.
    """
    return getattr(viewer, "__wrapped__", viewer)


def window_around(viewer: Any) -> QWidget | None:
    """The main window, to which shortcuts belong; None where the viewer is part of another program."""
    return getattr(getattr(viewer, "window", None), "_qt_window", None)
