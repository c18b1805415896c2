"""All that is private to napari, or differs between its versions; the rest of it is used as documented.

Checked against napari 0.9.2 unless it is said otherwise. Where a version lacks something, the answer is None
or False, and the caller does without.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtWidgets import QWidget

Slices = tuple[slice, ...]
NUMBERED = re.compile(r"(axis )?-?\d*")

# ------------------------------------------------------------------- the viewer


def unwrapped(viewer: Any) -> Any:
    """The viewer itself.

    Where napari makes a plugin's widget (menu, ``napari -w``, `add_plugin_dock_widget`) it hands out a proxy.
    The proxy refuses private attributes, and its layers are not the same objects as those in events.
    """
    return getattr(viewer, "__wrapped__", viewer)


def main_window(viewer: Any) -> QWidget | None:
    """The main window; None where the viewer is part of another program."""
    return getattr(getattr(viewer, "window", None), "_qt_window", None)


def canvas_widget(viewer: Any) -> QWidget | None:
    """What the layers are drawn on; None where the viewer has no window."""
    viewer_widget = getattr(getattr(viewer, "window", None), "_qt_viewer", None)
    return getattr(getattr(viewer_widget, "canvas", None), "native", None)


def camera_of(viewer: Any) -> Any:
    """The camera, which napari 0.9 moved from the viewer to its scene."""
    return getattr(viewer, "scene", viewer).camera


def visible_corners(viewer: Any) -> NDArray[np.float64]:
    """Two corners of what a 2D view shows, along the displayed axes of the world: of shape (2, 2)."""
    camera, canvas = camera_of(viewer), getattr(viewer, "canvas", None)  # until 0.8 there is no canvas
    size = np.asarray(canvas.size if canvas is not None else viewer._canvas_size, float)
    centre, half = np.asarray(camera.center, float)[-2:], size / 2 / camera.zoom
    return np.stack([centre - half, centre + half])


def read_from(path: str) -> AbstractContextManager[object]:
    """Layers that are made meanwhile have this file as their source, where this napari can be told so."""
    try:
        from napari.layers._source import layer_source
    except ImportError:
        return nullcontext()
    return layer_source(path=path)  # type: ignore[no-any-return]


def is_given_label(label: str) -> bool:
    """Whether somebody gave an axis this label; napari's own are numbers, in 0.6 after the word axis."""
    return NUMBERED.fullmatch(label.strip()) is None


# ----------------------------------------------------------------- the settings


def plugin_settings(plugin: str) -> Any:
    """The plugin's page of the preferences; None where this napari has no such pages (before 0.9)."""
    try:
        from napari.settings import get_plugin_settings

        return get_plugin_settings(plugin)
    except (ImportError, AttributeError, KeyError, TypeError, ValueError):
        return None


def keys_of(action: str) -> list[Any] | None:
    """The keys that the user chose for one of napari's actions; None where the settings do not tell."""
    try:
        from napari.settings import get_settings

        return list(get_settings().shortcuts.shortcuts[action])
    except (ImportError, AttributeError, KeyError, TypeError):
        return None


# ---------------------------------------------------------------- labels layers


def undo_history(layer: Labels) -> Any:
    """The strokes that can be undone, a deque with a maximal length; None where there is no such history.

    A stroke is a list of atoms. An atom has a `slice_key` and a `mask` (brush, fill, polygon), or it is
    (indices, old values, new values) (`data_setitem`).
    """
    return getattr(layer, "_undo_history", None)


def redo_history(layer: Labels) -> Any:
    """The strokes that can be done again."""
    return getattr(layer, "_redo_history", ())


def drop_history(layer: Labels) -> bool:
    """Forget all strokes, so that undo and redo change nothing; False where that cannot be done."""
    if not hasattr(layer, "_reset_history"):
        return False
    layer._reset_history()
    return True


def update_thumbnail(layer: Labels) -> None:
    """Draw the thumbnail anew, which `refresh_part` leaves as it was."""
    if hasattr(layer, "_update_thumbnail"):
        layer._update_thumbnail()


def refresh_part(layer: Labels, plane: NDArray[Any], part: Slices, whole: Slices) -> bool:
    """Send one rectangle of a layer to the screen; False where that cannot be done: then refresh the layer.

    Parameters
    ----------
    layer : Labels
    plane : ndarray of shape (Y, X)
        A view of the plane of its data that was written to.
    part, whole : tuple of slice
        The rectangle, in `plane` and in the data of the layer.
    """
    try:
        raw, shown = layer._slice.image.raw, layer._slice.image.view
        if not layer._slicing_state.loaded:
            return False
        if raw.shape != plane.shape or raw.__array_interface__["data"] != plane.__array_interface__["data"]:
            return True  # another plane is displayed: nothing to show now
        if layer.contour == 0 and not np.shares_memory(shown, raw):
            shown[part] = layer.colormap._data_to_texture(raw[part])
        layer._updated_slice = whole
        layer._partial_labels_refresh()
    except (AttributeError, TypeError, ValueError, IndexError, KeyError):
        return False
    return True
