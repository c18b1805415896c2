"""Which pixels the user's tools touched, from the history of a Labels layer.

napari announces a stroke by ``events.paint`` and keeps it in a private history; undo removes it from there
without an event. So the history is read when the pixels are needed. Without such a history every announced
stroke counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_unetpp.gui.compat import redo_history, undo_history
from napari_unetpp.gui.planes import PlaneIndex

Atom = Any
"""A part of a stroke: `_MaskedPaintAtom` (brush, fill, polygon) or (indices, old, new) (`data_setitem`)."""


class Strokes:
    """Strokes on one layer since it was made.

    Parameters
    ----------
    layer : Labels
    final : ndarray of bool
        Of the shape of the layer: pixels touched by strokes that can no longer be undone.
    """

    def __init__(self, layer: Labels, final: NDArray[np.bool_]) -> None:
        self._layer = layer
        self.final = final
        self._seen: list[list[Atom]] = []

    def add(self, stroke: list[Atom]) -> None:
        """Note a stroke; the oldest one, dropped by a full history, becomes final."""
        history = self._history()
        if history is None:
            self._finalise(stroke)
            return
        full = len(history) == history.maxlen
        if full and self._seen and not any(item[0] is self._seen[0][0] for item in history):
            self._finalise(self._seen[0])
        self._seen = list(history)

    def touched(self, index: PlaneIndex) -> NDArray[np.bool_]:
        """Pixels of a plane touched by strokes that are not undone."""
        mask = np.array(index.view(self.final))
        for stroke in self._history() or ():
            for atom in stroke:
                _mark(mask, atom, index)
        return mask

    def on_plane(self, index: PlaneIndex) -> bool:
        """Whether undo or redo could change this plane."""
        strokes = [*(self._history() or ()), *redo_history(self._layer)]
        probe = np.zeros(index.view(self.final).shape, bool)
        return any(_mark(probe, atom, index) for stroke in strokes for atom in stroke)

    def make_final(self) -> NDArray[np.bool_]:
        """Make all strokes final: the layer, and its history with it, is replaced or closed."""
        for stroke in self._history() or ():
            self._finalise(stroke)
        return self.final

    def _finalise(self, stroke: list[Atom]) -> None:
        for atom in stroke:
            if hasattr(atom, "slice_key"):
                self.final[atom.slice_key] |= True if atom.mask is None else atom.mask
            else:
                self.final[atom[0]] = True

    def _history(self) -> Any:
        return undo_history(self._layer)


def planes_of(stroke: list[Atom], displayed: PlaneIndex) -> Iterator[PlaneIndex]:
    """Planes that a stroke touched, along the axes that are displayed."""
    for atom in stroke:
        along: list[Iterable[int | None]] = []
        for axis, point in enumerate(displayed.point):
            if point is None:
                along.append([None])
            elif hasattr(atom, "slice_key"):
                along.append(range(atom.slice_key[axis].start, atom.slice_key[axis].stop))
            else:
                along.append(np.unique(atom[0][axis]).tolist())
        for position in product(*along):
            yield replace(displayed, point=position)


def _mark(mask: NDArray[np.bool_], atom: Atom, index: PlaneIndex) -> bool:
    """Set the atom's pixels of a plane in `mask` (as displayed); whether there are any."""
    plane = mask.swapaxes(0, 1) if index.transposed else mask
    if not hasattr(atom, "slice_key"):
        return _mark_points(plane, atom[0], index)
    window, inner = [], []
    for part, point in zip(atom.slice_key, index.point, strict=True):
        if point is None:
            window.append(part)
            inner.append(slice(None))
        elif part.start <= point < part.stop:
            inner.append(point - part.start)
        else:
            return False
    found = True if atom.mask is None else atom.mask[tuple(inner)]
    plane[tuple(window)] |= found
    return bool(np.any(found))


def _mark_points(plane: NDArray[np.bool_], indices: Any, index: PlaneIndex) -> bool:
    arrays = [np.atleast_1d(np.asarray(one)) for one in indices]
    here = np.ones(arrays[0].shape, bool)
    for array, point in zip(arrays, index.point, strict=True):
        if point is not None:
            here &= array == point
    shown = [array[here] for array, point in zip(arrays, index.point, strict=True) if point is None]
    plane[tuple(shown)] = True
    return bool(here.any())
