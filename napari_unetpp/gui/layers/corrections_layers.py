"""The corrections layers: full Labels layers on which napari's own tools work."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

from napari_unetpp._types import Outline, Region, UnetppError
from napari_unetpp.gui.layers.class_colours import dress
from napari_unetpp.gui.layers.corrections_layer import BARE, CERTAIN, LEVEL, MARK, Sheet, new_layer, twin
from napari_unetpp.gui.layers.grids import level_data
from napari_unetpp.gui.layers.layers import NapariLayers
from napari_unetpp.gui.layers.painter import Painter
from napari_unetpp.gui.layers.planes import PlaneIndex, grid_under, shown_axes
from napari_unetpp.gui.layers.regions import Regions
from napari_unetpp.gui.layers.strokes import planes_of
from napari_unetpp.gui.tools.new_label import give_new_labels
from napari_unetpp.session.correct.planes import CorrectedPlane, LabelEncoding
from napari_unetpp.session.correct.ports import CorrectionsSignals
from napari_unetpp.session.values import Plane

REST_MS = 250
"""Counting waits until the brush rests this long."""


class NapariCorrections(QObject):
    """`CorrectionsLayers` by layers of a napari viewer."""

    def __init__(self, viewer: Any, layers: NapariLayers, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.signals = CorrectionsSignals()
        self._viewer, self._layers = viewer, layers
        self._sheets: dict[Hashable, Sheet] = {}
        self._painter = Painter(self)
        self._regions = Regions(viewer, self._on_regions)
        self._stirred: set[Hashable] = set()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._on_rest)
        self._deleted: list[Hashable] = []
        self._sort_out = QTimer(self)  # once all layers that are deleted together are gone
        self._sort_out.setSingleShot(True)
        self._sort_out.setInterval(0)
        self._sort_out.timeout.connect(self._on_deleted)
        self._links: list[tuple[Any, Callable[..., None]]] = [
            (viewer.layers.events.removed, self._on_removed),
            (layers.signals.plane_changed, self._on_image),
        ]
        for emitter, callback in self._links:
            emitter.connect(callback)
        self._adopt()

    # ------------------------------------------------------------------ reading

    def has(self, image: Hashable) -> bool:
        """Whether the image has a corrections layer."""
        return image in self._sheets

    def corrected(self, plane: Plane) -> CorrectedPlane | None:
        """What the layer holds for a plane that it was given or that was painted on."""
        sheet = self._sheets.get(plane.image)
        if sheet is None or _canonical(plane.key) not in sheet.known:
            return None
        return sheet.snapshot(plane.key, self._regions.outlines(plane.image, plane.key))

    def all(self) -> list[CorrectedPlane]:
        """Planes with corrections or regions, and those the user asked to correct."""
        return [drawn for sheet in self._sheets.values() for drawn in self._of(sheet)]

    def selected(self, image: Hashable) -> int:
        """The label that the brush paints."""
        sheet = self._sheets.get(image)
        return int(sheet.layer.selected_label) if sheet is not None else 0

    def _of(self, sheet: Sheet) -> list[CorrectedPlane]:
        found = []
        for index in sheet.known:
            if index not in sheet.cache:
                drawn = sheet.snapshot(index, self._regions.outlines(sheet.image, index))
                wanted = index in sheet.asked or drawn.inside is not None or drawn.certain.any()
                sheet.cache[index] = drawn if wanted else None
            one = sheet.cache[index]
            if one is not None:
                found.append(one)
        return found

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
        """Hold these labels for a plane, as if `certain` had been decided.

        Where undo could still change the plane, the history is dropped: it would write old pixels into
        the new result. A new layer would have none either, but takes the window half a second to make.
        """
        index = plane.key
        assert isinstance(index, PlaneIndex)
        sheet = self._sheets.get(plane.image)
        if sheet is not None and sheet.level != index.level:
            self._let_go(sheet)
            sheet = None
        if sheet is None:
            sheet = self._make(plane, labels)
        else:
            wide = np.promote_types(sheet.layer.data.dtype, labels.dtype)
            reached = sheet.strokes.on_plane(index)
            if wide != sheet.layer.data.dtype or (reached and not sheet.drop_history()):
                self._replace(sheet, wide)
        sheet.hold(index, labels, certain, encoding)
        dress(sheet.layer, classes=not encoding.objects)
        self._painter.paint(sheet.layer, index, Region(0, 0, *plane.shape), labels, final=False)
        sheet.layer.selected_label = label
        self._layers.cover(plane.image, hide=not encoding.strokes)

    def begin(self, plane: Plane) -> None:
        """The user corrects this plane."""
        sheet = self._sheets.get(plane.image)
        if sheet is not None:
            index = _canonical(plane.key)
            sheet.known.setdefault(index, BARE)
            sheet.asked.add(index)
            sheet.cache.pop(index, None)

    def mark_certain(self, plane: CorrectedPlane) -> None:
        """All that was reviewed of a plane was decided by the user."""
        sheet = self._sheets.get(plane.image)
        if sheet is not None:
            sheet.decide(_canonical(plane.key), plane.inside)

    def write(self, plane: Plane, region: Region, values: NDArray[Any]) -> None:
        """Change labels (h, w) of a plane as one stroke, which undo takes back."""
        sheet, index = self._sheets.get(plane.image), plane.key
        if sheet is None:
            return
        assert isinstance(index, PlaneIndex)
        if values.dtype.itemsize > sheet.layer.data.dtype.itemsize:
            self._replace(sheet, values.dtype)
        layer = sheet.layer
        changed = index.view(layer.data)[region.slices] != values
        rows, columns = np.nonzero(changed)
        at = index.pixel(rows + region.y0, columns + region.x0)
        layer.data_setitem(tuple(np.broadcast_to(one, rows.shape) for one in at), values[changed])

    def select(self, image: Hashable, label: int | None = None, tool: str = "paint") -> None:
        """Select the layer, its tool and its label."""
        sheet = self._sheets.get(image)
        if sheet is None:
            return
        self._viewer.layers.selection.active = sheet.layer
        sheet.layer.visible = True
        if label is not None:
            sheet.layer.selected_label = label
        sheet.layer.mode = tool

    def show_regions(self, plane: Plane) -> None:
        """Make or select the layer in which reviewed regions are drawn."""
        image = self._layers.layer(plane.image)
        if image is None:
            raise UnetppError("This image is no longer open: choose another one.")
        assert isinstance(plane.key, PlaneIndex)
        self._regions.show(image, plane.key)

    def draw_regions(self, plane: Plane, outlines: Sequence[Outline]) -> None:
        """Draw reviewed regions of a plane."""
        image = self._layers.layer(plane.image)
        if image is not None:
            assert isinstance(plane.key, PlaneIndex)
            self._regions.draw(image, plane.key, outlines)

    def drop(self, image: Hashable) -> list[CorrectedPlane]:
        """Delete the layers with corrections and regions of an image; gives what they held."""
        sheet = self._sheets.get(image)
        if sheet is None:
            return []
        drawn = self._keepable(sheet)
        self._release(sheet)
        self._regions.remove(image)
        if sheet.layer in self._viewer.layers:
            self._viewer.layers.remove(sheet.layer)
        return drawn

    def close(self) -> None:
        """Let go of the viewer; the layers stay, and a later dock takes them up again."""
        for emitter, callback in self._links:
            emitter.disconnect(callback)
        self._links.clear()
        self._rest.stop()
        self._sort_out.stop()
        self._painter.close()
        self._regions.close()
        for sheet in self._sheets.values():
            self._deafen(sheet)
            sheet.write_down()
        self._sheets.clear()
        self._viewer = None

    # ------------------------------------------------------------------- layers

    def _make(self, plane: Plane, labels: NDArray[Any]) -> Sheet:
        image = self._layers.layer(plane.image)
        if image is None:
            raise UnetppError("This image is no longer open: choose another one.")
        assert isinstance(plane.key, PlaneIndex)
        grid = grid_under(image, plane.key)
        layer = new_layer(grid, labels.dtype)
        sheet = Sheet(plane.image, image.name, grid.data, layer, plane.key.level)
        self._sheets[plane.image] = sheet
        self._layers.hold_level(plane.image, sheet.level)
        selected = self._viewer.layers.selection.active
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = selected
        self._listen(sheet)
        return sheet

    def _adopt(self) -> None:
        """Take up layers of an earlier dock of this viewer."""
        for image in self._layers.images():
            source = self._layers.layer(image.key)
            self._regions.adopt(source)
            for layer in self._viewer.layers:
                known = layer.metadata
                if known.get(MARK) != str(image.key) or image.key in self._sheets or CERTAIN not in known:
                    continue
                level = known.get(LEVEL, 0)
                data = level_data(source, level)
                if data is not None and layer.data.shape == data.shape[: source.ndim]:
                    sheet = self._sheets[image.key] = Sheet(image.key, image.name, data, layer, level)
                    sheet.version = self._layers.version(image.key)
                    sheet.read_up()
                    self._layers.hold_level(image.key, level)
                    self._listen(sheet)

    def _replace(self, sheet: Sheet, dtype: Any) -> None:
        """A new layer with the same pixels and no history."""
        old = sheet.layer
        layer = twin(old, dtype)
        layers = self._viewer.layers
        active = layers.selection.active is old
        self._deafen(sheet)
        sheet.renew(layer)
        layers.insert(layers.index(old) + 1, layer)
        layers.remove(old)
        layer.name = old.name
        if active:
            layers.selection.active = layer
        self._listen(sheet)

    def _listen(self, sheet: Sheet) -> None:
        sheet.layer.events.paint.connect(self._on_paint)
        sheet.layer.events.set_data.connect(self._on_refresh)
        give_new_labels(sheet.layer)

    def _deafen(self, sheet: Sheet) -> None:
        sheet.layer.events.paint.disconnect(self._on_paint)
        sheet.layer.events.set_data.disconnect(self._on_refresh)

    def _release(self, sheet: Sheet) -> None:
        self._sheets.pop(sheet.image, None)
        self._deafen(sheet)
        sheet.layer.metadata.pop(MARK, None)
        self._layers.free_level(sheet.image)
        self._layers.uncover(sheet.image)

    # ------------------------------------------------------------------- events

    def _sheet_of(self, layer: Any) -> Sheet | None:
        return next((sheet for sheet in self._sheets.values() if sheet.layer is layer), None)

    def _on_paint(self, event: Any) -> None:
        sheet = self._sheet_of(event.source)
        if sheet is None:
            return
        sheet.strokes.add(event.value)
        for index in planes_of(event.value, self._displayed(sheet)):
            sheet.known.setdefault(index, BARE)
            sheet.cache.pop(index, None)
        self._stir(sheet.image)

    def _on_refresh(self, event: Any) -> None:
        """Undo and redo say no more than this."""
        sheet = self._sheet_of(event.source)
        if sheet is not None and sheet.history_moved():
            sheet.cache.clear()
            self._stir(sheet.image)

    def _on_regions(self, image: Hashable) -> None:
        if image in self._sheets:
            self._sheets[image].cache.clear()
            self._stir(image)

    def _on_removed(self, _event: Any = None) -> None:
        for sheet in list(self._sheets.values()):
            if sheet.layer not in self._viewer.layers:
                self._let_go(sheet)
                self._deleted.append(sheet.image)
        self._sort_out.start()

    def _on_deleted(self) -> None:
        """Deleting the layer of an image that stays open is starting over; else an image was closed."""
        self._regions.check()
        deleted, self._deleted = self._deleted, []
        for image in deleted:
            if self._layers.layer(image) is not None and image not in self._sheets:
                self.signals.deleted.emit(image)

    def _on_image(self, image: Hashable) -> None:
        """Corrections of data that were replaced stay with the data they were made on."""
        sheet, layer = self._sheets.get(image), self._layers.layer(image)
        if sheet is not None and layer is not None and sheet.source is not level_data(layer, sheet.level):
            self._let_go(sheet)

    def _let_go(self, sheet: Sheet) -> None:
        drawn = self._keepable(sheet)
        self._release(sheet)
        self.signals.closed.emit(drawn)

    def _keepable(self, sheet: Sheet) -> list[CorrectedPlane]:
        """What a layer holds, without the rest of the stack."""
        drawn = self._of(sheet)
        if isinstance(sheet.source, np.ndarray):
            drawn = [replace(one, pixels=np.asarray(one.pixels).copy()) for one in drawn]
        return drawn

    def _displayed(self, sheet: Sheet) -> PlaneIndex:
        ndim = sheet.layer.ndim
        shown = shown_axes(self._viewer.dims, ndim)
        point = tuple(None if axis in shown else 0 for axis in range(ndim))
        return PlaneIndex(sheet.image, sheet.version, point, transposed=False, level=sheet.level)

    def _stir(self, image: Hashable) -> None:
        self._stirred.add(image)
        self._rest.start()

    def _on_rest(self) -> None:
        stirred, self._stirred = self._stirred, set()
        for image in stirred:
            self.signals.painted.emit(image)


def _canonical(key: Hashable) -> PlaneIndex:
    """One identity for a plane, whichever way round it is displayed."""
    assert isinstance(key, PlaneIndex)
    return replace(key, transposed=False)
