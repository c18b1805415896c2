"""One corrections layer and what is known about its planes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_unetpp._types import Outline
from napari_unetpp.gui.compat import drop_history, redo_history, undo_history
from napari_unetpp.gui.grids import TRANSFORMS, Grid
from napari_unetpp.gui.layers.strokes import Strokes
from napari_unetpp.gui.planes import LazyPlane, PlaneIndex, shown_axes
from napari_unetpp.session.correct.merge import inside_outlines
from napari_unetpp.session.correct.planes import CorrectedPlane, LabelEncoding

MARK = "napari_unetpp_corrections"
CERTAIN, PLANES, LEVEL = "napari_unetpp_certain", "napari_unetpp_planes", "napari_unetpp_level"
"""Where a layer keeps what is known about it while no dock is open."""

STROKES_ONLY = LabelEncoding(strokes=True)
"""Of a plane that was painted on before there was a result for it."""


COPIED = (
    "opacity",
    "blending",
    "visible",
    "brush_size",
    "contour",
    "contiguous",
    "preserve_labels",
    "n_edit_dimensions",
    "show_selected_label",
    "selected_label",
    "mode",
)
"""What a new layer takes over from the one it replaces."""


class ReadOnce:
    """The pixels of a corrected plane, read once: they are saved after every few strokes."""

    def __init__(self, plane: LazyPlane) -> None:
        self.shape = plane.shape
        self._plane = plane
        self._read: NDArray[Any] | None = None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if self._read is None:
            self._read = np.asarray(self._plane)
        return self._read if dtype is None else self._read.astype(dtype)


class CorrectionsLayer:
    """A corrections layer of an image.

    The arrays have the shape of the layer; what was never written of them takes no memory.

    Attributes
    ----------
    source : array
        Data of the image, also after its layer is gone.
    level : int
        Of a multiscale image: all planes are of it, and so is `source`.
    base : integer ndarray
        The labels as they were set by `set_plane`: what differs was decided by the user.
    known : dict
        Planes that were set or painted on, and how their labels are to be read.
    asked : set of PlaneIndex
        Planes that the user asked to correct.
    cache : dict
        Snapshots of planes that hold corrections, None for the others.
    """

    def __init__(self, image: Hashable, name: str, source: Any, layer: Labels, level: int = 0) -> None:
        self.image, self.name, self.source, self.layer, self.level = image, name, source, layer, level
        self.version = 0
        self.base = np.zeros(layer.data.shape, layer.data.dtype)
        self.strokes = Strokes(layer, np.zeros(layer.data.shape, bool))
        self.known: dict[PlaneIndex, LabelEncoding] = {}
        self.asked: set[PlaneIndex] = set()
        self.cache: dict[PlaneIndex, CorrectedPlane | None] = {}
        self._pixels: dict[PlaneIndex, ReadOnce] = {}
        self._lengths = (0, 0)

    def set_plane(
        self, index: PlaneIndex, labels: NDArray[Any], certain: NDArray[np.bool_], encoding: LabelEncoding
    ) -> None:
        """Start anew from these labels of a plane. The layer's own pixels are written by the painter."""
        self.version = index.version
        if labels.dtype.itemsize > self.base.dtype.itemsize:
            self.base = self.base.astype(labels.dtype)
        index.view(self.base)[...] = labels
        index.view(self.strokes.final)[...] = certain
        plane = index.canonical
        self.known[plane] = encoding
        self.cache.pop(plane, None)

    def decide(self, index: PlaneIndex, inside: NDArray[np.bool_] | None) -> None:
        """Count a plane, or what is inside of it, as decided by the user."""
        index.view(self.strokes.final)[...] |= True if inside is None else inside
        self.cache.pop(index, None)

    def drop_history(self) -> bool:
        """Make all strokes final; False where this napari cannot do so."""
        self.strokes = Strokes(self.layer, self.strokes.make_final())
        if not drop_history(self.layer):
            return False
        self._lengths = (0, 0)
        return True

    def move_to(self, layer: Labels) -> None:
        """Continue with another layer; the strokes on the old one are final."""
        self.strokes = Strokes(layer, self.strokes.make_final())
        self.layer = layer
        self._lengths = (0, 0)

    def snapshot(self, index: PlaneIndex, outlines: tuple[Outline, ...]) -> CorrectedPlane:
        """Labels of a plane and what of them the user decided."""
        labels = np.array(index.view(self.layer.data))
        certain = self.strokes.touched(index) | (labels != index.view(self.base))
        plane = index.canonical
        return CorrectedPlane(
            key=plane,
            image=self.image,
            name=self._plane_name(index),
            pixels=self._pixels_of(index, labels.shape),
            labels=labels,
            certain=certain,
            inside=inside_outlines(outlines, (labels.shape[0], labels.shape[1])),
            encoding=self.known.get(plane, STROKES_ONLY),
            outlines=outlines,
        )

    def corrected(self, outlines: Callable[[PlaneIndex], tuple[Outline, ...]]) -> list[CorrectedPlane]:
        """Planes with corrections or regions, and those the user asked to correct.

        `outlines` gives the regions that are drawn on a plane.
        """
        found = []
        for index in self.known:
            if index not in self.cache:
                drawn = self.snapshot(index, outlines(index))
                wanted = index in self.asked or drawn.inside is not None or drawn.certain.any()
                self.cache[index] = drawn if wanted else None
            one = self.cache[index]
            if one is not None:
                found.append(one)
        return found

    def displayed(self, dims: Any) -> PlaneIndex:
        """A plane along the axes that are displayed, the first one."""
        ndim = self.layer.ndim
        shown = shown_axes(dims, ndim)
        point = tuple(None if axis in shown else 0 for axis in range(ndim))
        return PlaneIndex(self.image, self.version, point, transposed=False, level=self.level)

    def _pixels_of(self, index: PlaneIndex, shape: tuple[int, ...]) -> ReadOnce:
        if index not in self._pixels:
            channels = self.source.shape[len(index.point) :]
            self._pixels[index] = ReadOnce(LazyPlane(self.source, index, (*shape, *channels)))
        return self._pixels[index]

    def save(self) -> None:
        """Write what is known into the metadata of the layer, for a later dock."""
        certain = self.strokes.make_final()
        for index in self.known:
            index.view(certain)[...] |= index.view(self.layer.data) != index.view(self.base)
        self.layer.metadata[CERTAIN] = certain
        self.layer.metadata[LEVEL] = self.level
        self.layer.metadata[PLANES] = [
            (i.point, encoding, i in self.asked) for i, encoding in self.known.items()
        ]

    def restore(self) -> None:
        """Continue from the metadata of the layer."""
        self.base = np.array(self.layer.data)
        self.strokes.final = self.layer.metadata.pop(CERTAIN)
        for point, encoding, asked in self.layer.metadata.pop(PLANES):
            index = PlaneIndex(self.image, self.version, point, transposed=False, level=self.level)
            if point.count(None) != 2:  # an older version saved what was no plane
                continue
            self.known[index] = encoding
            if asked:
                self.asked.add(index)

    def history_changed(self) -> bool:
        """Whether something was undone or redone since this was last asked."""
        lengths = len(undo_history(self.layer) or ()), len(redo_history(self.layer))
        changed, self._lengths = lengths != self._lengths, lengths
        return changed

    def _plane_name(self, index: PlaneIndex) -> str:
        return "_".join([self.name, *(f"{point:03d}" for point in index.point if point is not None)])


def new_layer(grid: Grid, dtype: Any) -> Labels:
    """An empty corrections layer over an image."""
    return Labels(
        np.zeros(grid.shape, dtype),
        name=f"{grid.image.name} corrections",
        metadata={MARK: str(grid.image.unique_id)},
        **grid.transforms,
    )


def copy_without_history(layer: Labels, dtype: Any) -> Labels:
    """A layer with the same pixels and settings, and no history."""
    other = Labels(
        layer.data.astype(dtype, copy=False),
        name=layer.name,
        metadata=dict(layer.metadata),
        colormap=layer.colormap,
        **{name: getattr(layer, name) for name in TRANSFORMS},
    )
    for name in COPIED:
        with suppress(AttributeError, ValueError):  # an older napari may not know one of them
            setattr(other, name, getattr(layer, name))
    return other
