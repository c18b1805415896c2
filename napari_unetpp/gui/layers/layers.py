"""All that is read from and written to napari's layers. Layers we did not make are never touched."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.gui.compat import camera_of, visible_corners
from napari_unetpp.gui.layer_axes import axes_of
from napari_unetpp.gui.layers.images import OpenImages
from napari_unetpp.gui.layers.overlay import DEPTH, UNCERTAINTY, Overlay
from napari_unetpp.gui.layers.results import Results
from napari_unetpp.gui.planes import grid_under, index_of, plane_of, shown_axes
from napari_unetpp.gui.tools.circle import Circle
from napari_unetpp.gui.tools.mouse import Mouse
from napari_unetpp.gui.tools.object_mark import ObjectMark
from napari_unetpp.session.ports import LayerSignals
from napari_unetpp.session.values import ImageChoice, Interval, MouseTool, Plane
from napari_unetpp.volumes.axes import Axes

LARGE_ENOUGH = 60.0
"""Screen px that an object measures at least when the view goes to it."""


class NapariLayers(QObject):
    """`Layers` by a napari viewer. Layers that we did not make are never changed.

    Attributes
    ----------
    open : OpenImages
        Also for the corrections layers, which work on the same version and level.
    """

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.signals = LayerSignals()
        self._viewer = viewer
        self._results = Results(viewer, self.signals.tool_picked.emit, self)
        self._circle = Circle(viewer, self.signals)
        self._uncertainty, self._depth = Overlay(viewer, UNCERTAINTY), Overlay(viewer, DEPTH)
        self._axes: dict[Hashable, tuple[int, tuple[str, ...], Axes]] = {}
        self._mouse = Mouse(viewer, self.signals, self.read)
        self.open = OpenImages(viewer, self.signals, self._is_overlay, self)
        self.open.signals.list_changed.connect(self._on_list_changed)
        self.open.signals.closed.connect(self._results.forget)
        self.open.signals.displayed.connect(self._circle.check_level)

    @property
    def mark(self) -> ObjectMark:
        """Marks the selected object of a layer of ours."""
        return self._results.mark

    # ------------------------------------------------------------------ reading

    def images(self) -> list[ImageChoice]:
        """Image layers, the topmost first. Labels and other layers are not offered."""
        return [ImageChoice(layer.unique_id, layer.name) for layer in reversed(self.open.all())]

    def preferred(self) -> Hashable | None:
        """The selected image, else the topmost one."""
        active = self._viewer.layers.selection.active
        found = self.open.all()
        if active in found:
            return active.unique_id  # type: ignore[no-any-return]
        return found[-1].unique_id if found else None

    def read(self, image: Hashable) -> Plane:
        """The displayed plane of an image."""
        layer = self.open.get(image)
        corners = visible_corners(self._viewer) if layer.multiscale else None
        version = self.open.version(image)
        plane = plane_of(layer, self._viewer.dims, version, self.open.level(layer), corners)
        return replace(plane, axes=self.axes(layer, version))

    def axes(self, layer: Image, version: int) -> Axes:
        """How the axes of a layer are read; the last answer for each image is kept."""
        key = layer.unique_id
        known = self._axes.get(key)
        labels = tuple(getattr(layer, "axis_labels", ()))
        if known is None or known[:2] != (version, labels):
            known = self._axes[key] = (version, labels, axes_of(layer))
        return known[2]

    def limits(self, image: Hashable) -> Interval | None:
        """The contrast limits of an image; None for colour, which is displayed without."""
        layer = self.open.find(image)
        if not isinstance(layer, Image) or layer.rgb:
            return None
        low, high = layer.contrast_limits
        return float(low), float(high)

    def as_colour(self, plane: Plane) -> Hashable:
        """Open the three planes of an image as one colour image beside it."""
        image = self.open.find(plane.image)
        if image is None or image.multiscale:
            raise UnetppError("Only a single image of three planes can become a colour image.")
        (axis,) = (axis for axis, point in enumerate(index_of(plane).point) if point is not None)
        shown = [one for one in range(image.ndim) if one != axis]
        own = {name: [getattr(image, name)[one] for one in shown] for name in ("scale", "translate", "units")}
        colour = self._viewer.add_image(
            np.moveaxis(np.asarray(image.data), axis, -1),
            name=f"{image.name} colour",
            rgb=True,
            affine=image.affine.set_slice(shown),
            **own,
        )
        image.visible = False
        return colour.unique_id  # type: ignore[no-any-return]

    def result(self, plane: Plane) -> NDArray[Any] | None:
        """What our result layer holds for this plane (a view)."""
        layer = self._results.layer_of(index_of(plane))
        return None if layer is None else index_of(plane).view(layer.data)

    # ------------------------------------------------------------------ writing

    def prepare(self, plane: Plane, *, classes: bool = False) -> None:
        """Find our result layer for the image, or make it; its transforms follow the image's."""
        self._results.prepare(self.open.get(plane.image), index_of(plane), classes=classes)

    def paint(self, plane: Plane, region: Region, values: NDArray[Any], *, final: bool) -> bool:
        """Write a rectangle; False when the image or our layer was closed or replaced."""
        index = index_of(plane)
        if self.open.find(plane.image) is None or index.version != self.open.version(plane.image):
            return False
        return self._results.paint(index, region, values, final=final)

    def set_features(self, plane: Plane, columns: Mapping[str, NDArray[Any]]) -> None:
        """Give our result layer the features of the objects of a plane, one row for each number."""
        if self._viewer is not None:
            self._results.set_features(index_of(plane), columns)

    def show_result(self, image: Hashable, *, shown: bool) -> None:
        """Show or hide our result layer, unless another one is corrected in its place."""
        self._results.show(image, shown=shown)

    def lock(self, image: Hashable, *, hide: bool) -> None:
        """Lock our result layer while another one is corrected, and hide it if asked."""
        self._results.lock(image, hide=hide)

    def unlock(self, image: Hashable) -> None:
        """Undo `lock`."""
        self._results.unlock(image)

    def show_circle(self, plane: Plane, diameter: float) -> None:
        """Draw a circle that can be resized over the image."""
        image = self.open.find(plane.image)
        if image is not None:
            self._circle.show(image, plane, diameter)

    def hide_circle(self) -> None:
        """Remove the circle."""
        self._circle.hide()

    def set_mouse_tool(self, image: Hashable | None, tool: MouseTool = "click") -> None:
        """Let the mouse be a tool on an image; None: let it do what it does otherwise."""
        self._mouse.set(image, tool)

    def show_uncertainty(self, plane: Plane, values: NDArray[np.uint8]) -> None:
        """Lay the uncertainty (Y, X) over the image."""
        image = self.open.find(plane.image)
        if image is not None:
            self._uncertainty.show(image, index_of(plane), values)

    def hide_uncertainty(self) -> None:
        """Remove it."""
        self._uncertainty.hide()

    def show_depth(self, plane: Plane, values: NDArray[np.uint8]) -> None:
        """Lay the depth of each place (Y, X) over the image."""
        image = self.open.find(plane.image)
        if image is not None:
            self._depth.show(image, index_of(plane), values)

    def hide_depth(self) -> None:
        """Remove it."""
        self._depth.hide()

    def go_to(self, plane: Plane, y: int, x: int, diameter: float) -> None:
        """Bring a pixel to the middle of the view, an object of this diameter large enough to see."""
        image = self.open.find(plane.image)
        if image is None:
            return
        camera = camera_of(self._viewer)
        index = index_of(plane)
        grid = grid_under(image, index)
        here, beside = (grid.to_world(index.pixel(y, at)) for at in (x, x + 1))
        size = diameter * float(np.linalg.norm(np.subtract(beside, here)))
        camera.center = tuple(here[axis] for axis in shown_axes(self._viewer.dims, image.ndim))
        camera.zoom = max(camera.zoom, LARGE_ENOUGH / max(size, 1e-9))

    def close(self) -> None:
        """Let go of the viewer; the results stay."""
        if self._viewer is None:
            return
        self._results.close()
        self._circle.hide()  # before the images are let go of: the layer it removes is announced
        self.open.close()
        for part in (self._circle, self._uncertainty, self._depth, self._mouse):
            part.close()
        self._viewer = None

    # ------------------------------------------------------------------ helpers

    def _is_overlay(self, layer: Layer) -> bool:
        return self._uncertainty.is_ours(layer) or self._depth.is_ours(layer)

    def _on_list_changed(self) -> None:
        self._circle.check()
        for image in self._results.deleted():
            self.signals.result_removed.emit(image)
