"""One corrections layer and what is known about its planes."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_unetpp._types import Outline
from napari_unetpp.gui.layers.grids import TRANSFORMS, Grid
from napari_unetpp.gui.layers.planes import LazyPlane, PlaneIndex
from napari_unetpp.gui.layers.strokes import Strokes
from napari_unetpp.session.correct.merge import inside_outlines
from napari_unetpp.session.correct.planes import CorrectedPlane, LabelEncoding

MARK = "napari_unetpp_corrections"
CERTAIN, PLANES, LEVEL = "napari_unetpp_certain", "napari_unetpp_planes", "napari_unetpp_level"
"""Where a layer keeps what is known about it while no dock is open."""

BARE = LabelEncoding(strokes=True)
"""Of a plane that was painted on before there was a result for it."""


KEPT = (
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
    """The pixels of a corrected plane, kept once they are read: they are saved after every few strokes."""

    def __init__(self, plane: LazyPlane) -> None:
        self.shape = plane.shape
        self._plane = plane
        self._known: NDArray[Any] | None = None

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if self._known is None:
            self._known = np.asarray(self._plane)
        return self._known if dtype is None else self._known.astype(dtype)


class Sheet:
    """A corrections layer.

    The arrays have the shape of the layer; what was never written of them takes no memory.

    Attributes
    ----------
    source : array
        Data of the image, also after its layer is gone.
    level : int
        Of a multiscale image: all planes of the sheet are of it, and so is `source`.
    base : integer ndarray
        The labels as they were handed over: what differs was decided by the user.
    known : dict
        Planes that were handed over or painted on, and how their labels are to be read.
    asked : set of PlaneIndex
        Planes that the user asked to correct.
    cache : dict
        Snapshots of planes that teach something, None for the others.
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

    def hold(
        self, index: PlaneIndex, labels: NDArray[Any], certain: NDArray[np.bool_], encoding: LabelEncoding
    ) -> None:
        """Take over the labels of a plane. The layer's own pixels are written by the painter."""
        self.version = index.version
        if labels.dtype.itemsize > self.base.dtype.itemsize:
            self.base = self.base.astype(labels.dtype)
        index.view(self.base)[...] = labels
        index.view(self.strokes.settled)[...] = certain
        plane = replace(index, transposed=False)
        self.known[plane] = encoding
        self.cache.pop(plane, None)

    def decide(self, index: PlaneIndex, inside: NDArray[np.bool_] | None) -> None:
        """Count a plane, or what is inside of it, as decided by the user."""
        index.view(self.strokes.settled)[...] |= True if inside is None else inside
        self.cache.pop(index, None)

    def drop_history(self) -> bool:
        """Make all strokes final; False where this napari cannot do so."""
        if not hasattr(self.layer, "_reset_history"):
            return False
        self.strokes = Strokes(self.layer, self.strokes.settle_all())
        self.layer._reset_history()
        self._lengths = (0, 0)
        return True

    def renew(self, layer: Labels) -> None:
        """Go on with another layer; the strokes on the old one are final."""
        self.strokes = Strokes(layer, self.strokes.settle_all())
        self.layer = layer
        self._lengths = (0, 0)

    def snapshot(self, index: PlaneIndex, outlines: tuple[Outline, ...]) -> CorrectedPlane:
        """Labels of a plane and what of them the user decided."""
        labels = np.array(index.view(self.layer.data))
        certain = self.strokes.touched(index) | (labels != index.view(self.base))
        plane = replace(index, transposed=False)
        return CorrectedPlane(
            key=plane,
            image=self.image,
            name=self._plane_name(index),
            pixels=self._pixels_of(index, labels.shape),
            labels=labels,
            certain=certain,
            inside=inside_outlines(outlines, (labels.shape[0], labels.shape[1])),
            encoding=self.known.get(plane, BARE),
            outlines=outlines,
        )

    def _pixels_of(self, index: PlaneIndex, shape: tuple[int, ...]) -> ReadOnce:
        if index not in self._pixels:
            channels = self.source.shape[len(index.point) :]
            self._pixels[index] = ReadOnce(LazyPlane(self.source, index, (*shape, *channels)))
        return self._pixels[index]

    def write_down(self) -> None:
        """Keep what is known with the layer."""
        certain = self.strokes.settle_all()
        for index in self.known:
            index.view(certain)[...] |= index.view(self.layer.data) != index.view(self.base)
        self.layer.metadata[CERTAIN] = certain
        self.layer.metadata[LEVEL] = self.level
        self.layer.metadata[PLANES] = [
            (i.point, encoding, i in self.asked) for i, encoding in self.known.items()
        ]

    def read_up(self) -> None:
        """Go on from what is kept with the layer."""
        self.base = np.array(self.layer.data)
        self.strokes.settled = self.layer.metadata.pop(CERTAIN)
        for point, encoding, asked in self.layer.metadata.pop(PLANES):
            index = PlaneIndex(self.image, self.version, point, transposed=False, level=self.level)
            if point.count(None) != 2:  # an older version wrote down what was no plane
                continue
            self.known[index] = encoding
            if asked:
                self.asked.add(index)

    def history_moved(self) -> bool:
        """Whether something was undone or redone since this was last asked."""
        lengths = tuple(len(getattr(self.layer, f"_{kind}_history", ())) for kind in ("undo", "redo"))
        moved, self._lengths = lengths != self._lengths, lengths
        return moved

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


def twin(layer: Labels, dtype: Any) -> Labels:
    """A layer with the same pixels and looks, and no history."""
    other = Labels(
        layer.data.astype(dtype, copy=False),
        name=layer.name,
        metadata=dict(layer.metadata),
        colormap=layer.colormap,
        **{name: getattr(layer, name) for name in TRANSFORMS},
    )
    for name in KEPT:
        with suppress(AttributeError, ValueError):  # an older napari may not know one of them
            setattr(other, name, getattr(layer, name))
    return other
