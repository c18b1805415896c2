"""The camera of a viewer, and the part of the world that it shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def camera_of(viewer: Any) -> Any:
    """The camera, which napari 0.9 moved."""
    return getattr(viewer, "scene", viewer).camera


def window_of(viewer: Any) -> NDArray[np.float64]:
    """Two corners of what a 2D view shows, along the displayed axes of the world: of shape (2, 2)."""
    camera = camera_of(viewer)
    canvas = getattr(viewer, "canvas", None)
    size = np.asarray(canvas.size if canvas is not None else viewer._canvas_size, float)
    centre, half = np.asarray(camera.center, float)[-2:], size / 2 / camera.zoom
    return np.stack([centre - half, centre + half])
