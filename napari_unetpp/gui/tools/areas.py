"""What of an image is to be segmented: the part that is visible, or what the user drew in a Shapes layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Layer, Shapes
from numpy.typing import NDArray
from skimage.draw import polygon2mask

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.gui.compat import visible_corners
from napari_unetpp.gui.tools import circle, object_mark, regions
from napari_unetpp.session.stacks.values import Area
from napari_unetpp.session.values import ImageChoice
from napari_unetpp.volumes.axes import Axes

ROUND = 64
"""Corners that stand for an ellipse."""

OURS = (circle.NAME, object_mark.NAME)


def user_shapes(viewer: Any) -> list[ImageChoice]:
    """The Shapes layers that we did not make, the topmost first."""
    return [
        ImageChoice(layer.unique_id, layer.name)
        for layer in reversed(viewer.layers)
        if isinstance(layer, Shapes) and layer.name not in OURS and regions.MARK not in layer.metadata
    ]


def visible_area(viewer: Any, image: Image, axes: Axes) -> Area:
    """The rows and columns that the view shows."""
    corners = visible_corners(viewer)
    points = np.tile(np.asarray(viewer.dims.point, float), (4, 1))
    points[:, list(viewer.dims.displayed)] = [(y, x) for y in corners[:, 0] for x in corners[:, 1]]
    return Area(
        "the view", _bounds([_on_image(image, axes, points)], axes, "The view shows nothing of the image.")
    )


def drawn_area(viewer: Any, image: Image, axes: Axes, drawn: Layer) -> Area:
    """What the shapes of a layer cover, on whichever plane they were drawn; lines cover nothing."""
    outlines = [
        _on_image(image, axes, _in_world(viewer, drawn, _outline(kind, np.asarray(corners, float))))
        for kind, corners in zip(drawn.shape_type, drawn.data, strict=True)
        if len(corners) > 2
    ]
    nothing = f"The shapes of ‘{drawn.name}’ cover nothing of the image: draw a rectangle or a polygon."
    region = _bounds(outlines, axes, nothing)
    origin = (region.y0, region.x0)
    masks = [polygon2mask(region.shape, outline - origin) for outline in outlines]
    inside: NDArray[np.bool_] = np.logical_or.reduce(masks)
    if not inside.any():
        raise UnetppError(f"Nothing is segmented. {nothing}")
    return Area(f"‘{drawn.name}’", region, None if inside.all() else inside)


def _outline(kind: str, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """The corners of a shape; an ellipse has those of the box around it."""
    if str(kind) != "ellipse":
        return corners
    turn = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)[:, None]
    across, down = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    return np.asarray(corners.mean(axis=0) + np.cos(turn) * across + np.sin(turn) * down)


def _in_world(viewer: Any, layer: Layer, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of a layer in the world of the viewer, of which a layer may lack the first axes."""
    world = np.tile(np.asarray(viewer.dims.point, float), (len(points), 1))
    world[:, world.shape[1] - layer.ndim :] = [layer.data_to_world(point) for point in points]
    return world


def _on_image(image: Image, axes: Axes, world: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows and columns (N, 2) of points in the world, with their fractions."""
    names = axes.names.replace("S", "")
    points = np.array([image.world_to_data(point[-image.ndim :]) for point in world])
    return points[:, [names.index("Y"), names.index("X")]]


def _bounds(outlines: list[NDArray[np.float64]], axes: Axes, nothing: str) -> Region:
    """The pixels whose middle lies between the outermost points; an error where there are none."""
    points = np.concatenate(outlines) if outlines else np.zeros((1, 2))
    low = np.ceil(np.maximum(points.min(axis=0), 0)).astype(int)
    high = np.floor(np.minimum(points.max(axis=0), [axes.size("Y") - 1, axes.size("X") - 1])).astype(int) + 1
    if (high - low < 2).any():
        raise UnetppError(f"Nothing is segmented. {nothing}")
    return Region(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
