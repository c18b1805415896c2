"""The corrections layers: full Labels layers on which napari's own tools work."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import QObject
from superqt.utils import qdebounced

from napari_unetpp._types import Outline, Region
from napari_unetpp.gui.grids import level_data
from napari_unetpp.gui.layers.class_colours import set_colours
from napari_unetpp.gui.layers.corrections_layer import STROKES_ONLY, CorrectionsLayer
from napari_unetpp.gui.layers.layers import NapariLayers
from napari_unetpp.gui.layers.open_corrections import OpenCorrections
from napari_unetpp.gui.layers.painter import Painter
from napari_unetpp.gui.layers.strokes import planes_of
from napari_unetpp.gui.planes import PlaneIndex, index_of
from napari_unetpp.gui.tools.features_table import fit_columns_to_few_rows
from napari_unetpp.gui.tools.regions import Regions
from napari_unetpp.session.correct.planes import CorrectedPlane, LabelEncoding
from napari_unetpp.session.correct.ports import CorrectionsSignals
from napari_unetpp.session.values import Plane

REST_MS = 250
"""Corrections are counted when nothing was painted for this long."""


class NapariCorrections(QObject):
    """`CorrectionsLayers` by layers of a napari viewer."""

    def __init__(self, viewer: Any, layers: NapariLayers, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.signals = CorrectionsSignals()
        self.changes = 0
        self._viewer, self._layers = viewer, layers
        self._open = OpenCorrections(viewer, layers, self._on_paint, self._on_refresh)
        self._painter = Painter(self)
        self._regions = Regions(viewer, self._on_regions)
        self._changed: set[Hashable] = set()
        self._rest = qdebounced(self._on_rest, REST_MS, parent=self)
        self._deleted: list[Hashable] = []
        self._deletion_over = qdebounced(self._on_deleted, 0, parent=self)  # of layers deleted together
        self._links: list[tuple[Any, Callable[..., None]]] = [
            (viewer.layers.events.removed, self._on_removed),
            (layers.signals.plane_changed, self._on_image),
        ]
        for emitter, callback in self._links:
            emitter.connect(callback)
        for image in layers.images():
            self._regions.adopt(layers.open.get(image.key))
            self._open.adopt(image)

    # ------------------------------------------------------------------ reading

    def has(self, image: Hashable) -> bool:
        """Whether the image has a corrections layer."""
        return self._open.get(image) is not None

    def corrected(self, plane: Plane) -> CorrectedPlane | None:
        """What the layer holds for a plane that was put or painted on."""
        ours = self._open.get(plane.image)
        index = index_of(plane)
        if ours is None or index.canonical not in ours.known:
            return None
        return ours.snapshot(index, self._regions.outlines(plane.image, index))

    def encoding(self, plane: Plane) -> LabelEncoding | None:
        """What the labels of a plane mean that was put or painted on."""
        ours = self._open.get(plane.image)
        return None if ours is None else ours.known.get(index_of(plane).canonical)

    def labels(self, plane: Plane) -> NDArray[Any] | None:
        """What the layer shows for a plane (a view); None where it is of another level, or there is none."""
        ours, index = self._open.get(plane.image), index_of(plane)
        return None if ours is None or ours.level != index.level else index.view(ours.layer.data)

    def all(self) -> list[CorrectedPlane]:
        """Planes with corrections or regions, and those the user asked to correct."""
        return [drawn for ours in self._open for drawn in self._of(ours)]

    def selected(self, image: Hashable) -> int:
        """The label that the brush paints."""
        ours = self._open.get(image)
        return int(ours.layer.selected_label) if ours is not None else 0

    def _of(self, ours: CorrectionsLayer) -> list[CorrectedPlane]:
        return ours.corrected(lambda index: self._regions.outlines(ours.image, index))

    # ------------------------------------------------------------------ writing

    def put(
        self,
        plane: Plane,
        labels: NDArray[Any],
        certain: NDArray[np.bool_],
        encoding: LabelEncoding,
        *,
        label: int,
    ) -> None:
        """Set the labels of a plane; the pixels of `certain` count as decided by the user.

        Where undo could still change the plane, the history is dropped: it would write old pixels into
        the new result. A new layer would have none either, but takes the window half a second to make.
        """
        index = index_of(plane)
        ours = self._open.get(plane.image)
        if ours is not None and ours.level != index.level:
            self._let_go(ours)
            ours = None
        made = ours is None
        if ours is None:
            ours = self._open.make(index, labels)
        else:
            wide = np.promote_types(ours.layer.data.dtype, labels.dtype)
            reached = ours.strokes.on_plane(index)
            if wide != ours.layer.data.dtype or (reached and not ours.drop_history()):
                self._open.replace(ours, wide)
        ours.set_plane(index, labels, certain, encoding)
        set_colours(ours.layer, classes=not encoding.objects)
        if not made:
            self._painter.paint(ours.layer, index, Region(0, 0, *plane.shape), labels, final=False)
        ours.layer.selected_label = label
        self._layers.lock(plane.image, hide=not encoding.strokes)
        self.signals.labels_put.emit(plane.image)

    def set_features(self, plane: Plane, columns: Mapping[str, NDArray[Any]]) -> None:
        """Give the layer the features of the objects of a plane, one row for each number."""
        ours = self._open.get(plane.image)
        if ours is not None:
            fit_columns_to_few_rows(self._viewer)
            ours.layer.features = dict(columns)

    def begin(self, plane: Plane) -> None:
        """The user corrects this plane."""
        ours = self._open.get(plane.image)
        if ours is not None:
            index = index_of(plane).canonical
            ours.known.setdefault(index, STROKES_ONLY)
            ours.asked.add(index)
            ours.cache.pop(index, None)

    def mark_certain(self, plane: CorrectedPlane) -> None:
        """All that was reviewed of a plane was decided by the user."""
        ours = self._open.get(plane.image)
        if ours is not None:
            assert isinstance(plane.key, PlaneIndex)
            self.changes += 1
            ours.decide(plane.key.canonical, plane.inside)

    def write(
        self,
        plane: Plane,
        region: Region,
        values: NDArray[Any],
        decided: NDArray[np.bool_] | None = None,
    ) -> None:
        """Change labels (h, w) of a plane as one stroke, which undo takes back.

        `decided`: pixels that count as decided by the user also where their label stays. napari notes only
        what changes, so these are 0 in between.
        """
        ours, index = self._open.get(plane.image), index_of(plane)
        if ours is None:
            return
        if values.dtype.itemsize > ours.layer.data.dtype.itemsize:
            self._open.replace(ours, values.dtype)
        same = index.view(ours.layer.data)[region.slices] == values
        touched = ~same if decided is None else ~same | decided
        with ours.layer.block_history():
            _set_pixels(ours.layer, index, region, same & touched, np.zeros_like(values))
            _set_pixels(ours.layer, index, region, touched, values)

    def select(self, image: Hashable, label: int | None = None, tool: str = "paint") -> None:
        """Select the layer, its tool and its label."""
        ours = self._open.get(image)
        if ours is None:
            return
        self._viewer.layers.selection.active = ours.layer
        ours.layer.visible = True
        if label is not None:
            ours.layer.selected_label = label
        ours.layer.mode = tool

    def show_regions(self, plane: Plane) -> None:
        """Make or select the layer in which reviewed regions are drawn."""
        self._regions.show(self._layers.open.get(plane.image), index_of(plane))

    def draw_regions(self, plane: Plane, outlines: Sequence[Outline]) -> None:
        """Draw reviewed regions of a plane."""
        image = self._layers.open.find(plane.image)
        if image is not None:
            self._regions.draw(image, index_of(plane), outlines)

    def drop(self, image: Hashable) -> list[CorrectedPlane]:
        """Delete the layers with corrections and regions of an image; gives what they held."""
        ours = self._open.get(image)
        if ours is None:
            return []
        drawn = self._keepable(ours)
        self._open.release(ours)
        self._regions.remove(image)
        if ours.layer in self._viewer.layers:
            self._viewer.layers.remove(ours.layer)
        return drawn

    def close(self) -> None:
        """Let go of the viewer; the layers stay, and a later dock takes them up again."""
        for emitter, callback in self._links:
            emitter.disconnect(callback)
        self._links.clear()
        self._rest.cancel()
        self._deletion_over.cancel()
        self._painter.close()
        self._regions.close()
        self._open.close()
        self._viewer = None

    # ------------------------------------------------------------------- events

    def _on_paint(self, event: Any) -> None:
        ours = self._open.of(event.source)
        if ours is None:
            return
        ours.strokes.add(event.value)
        for index in planes_of(event.value, ours.displayed(self._viewer.dims)):
            ours.known.setdefault(index, STROKES_ONLY)
            ours.cache.pop(index, None)
        self._note_change(ours.image)

    def _on_refresh(self, event: Any) -> None:
        """Undo and redo cause no other event."""
        ours = self._open.of(event.source)
        if ours is not None and ours.history_changed():
            ours.cache.clear()
            self._note_change(ours.image)

    def _on_regions(self, image: Hashable) -> None:
        ours = self._open.get(image)
        if ours is not None:
            ours.cache.clear()
            self._note_change(image)

    def _on_removed(self, _event: Any = None) -> None:
        for ours in self._open:
            if ours.layer not in self._viewer.layers:
                self._let_go(ours)
                self._deleted.append(ours.image)
        self._deletion_over()

    def _on_deleted(self) -> None:
        """Tell which layers the user deleted while their image stays open: to start over."""
        self._regions.check()
        deleted, self._deleted = self._deleted, []
        for image in deleted:
            if self._layers.open.find(image) is not None and self._open.get(image) is None:
                self.signals.deleted.emit(image)

    def _on_image(self, image: Hashable) -> None:
        """Corrections of data that were replaced stay with the data they were made on."""
        ours, layer = self._open.get(image), self._layers.open.find(image)
        if ours is not None and layer is not None and ours.source is not level_data(layer, ours.level):
            self._let_go(ours)

    def _let_go(self, ours: CorrectionsLayer) -> None:
        drawn = self._keepable(ours)
        self._open.release(ours)
        self.signals.closed.emit(drawn)

    def _keepable(self, ours: CorrectionsLayer) -> list[CorrectedPlane]:
        """What a layer holds, without the rest of the stack."""
        drawn = self._of(ours)
        if isinstance(ours.source, np.ndarray):
            drawn = [replace(one, pixels=np.asarray(one.pixels).copy()) for one in drawn]
        return drawn

    def _note_change(self, image: Hashable) -> None:
        self.changes += 1
        self._changed.add(image)
        self._rest()

    def _on_rest(self) -> None:
        changed, self._changed = self._changed, set()
        for image in changed:
            self.signals.painted.emit(image)


def _set_pixels(
    layer: Labels, index: PlaneIndex, region: Region, where: NDArray[np.bool_], values: NDArray[Any]
) -> None:
    """Set pixels of a region by napari's own call, which notes them in its history."""
    rows, columns = np.nonzero(where)
    at = index.pixel(rows + region.y0, columns + region.x0)
    layer.data_setitem(tuple(np.broadcast_to(one, rows.shape) for one in at), values[where])
