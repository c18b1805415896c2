"""The maps of one predicted plane, and every result that follows from them on the input grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp._types import ModelInfo, Region, ScaleChoice
from napari_unetpp.engine import decode
from napari_unetpp.engine.maps import Maps, MapStore
from napari_unetpp.engine.sampling import resample_labels, resample_maps
from napari_unetpp.engine.tiles import padded_shape
from napari_unetpp.engine.uncertainty import uncertainty
from napari_unetpp.net import graph

T = TypeVar("T", bound=np.generic)

UNSCALED = ScaleChoice(1.0, "given")

BAND = 1024
"""Rows that are decoded at a time where rows are independent."""

BLOCK = 2048
"""Side of the blocks whose objects are decoded at a time in planes larger than one block."""


@dataclass(frozen=True, eq=False)
class PlaneMaps:
    """Maps of one plane; results are computed when asked for.

    Attributes
    ----------
    store : MapStore
        Working grid.
    info : ModelInfo
    level : int
    invalid : ndarray of bool, shape (Y, X), or None
        Pixels without a value (NaN, infinite): background, whatever the maps say.
    shape : (int, int)
        The input grid.
    notes : tuple of str
    split : bool
        Split touching objects.
    flops : int
        Executed for them.
    scale : ScaleChoice
        Input grid to working grid, and why.
    range : (float, float)
        Intensities that were 0 and 1.
    """

    store: MapStore
    info: ModelInfo
    level: int
    shape: tuple[int, int]
    invalid: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()
    split: bool = True
    flops: int = 0
    scale: ScaleChoice = UNSCALED
    range: tuple[float, float] = (0.0, 1.0)

    def mask(self) -> NDArray[np.bool_]:
        """Thresholded foreground (Y, X)."""
        mask = np.empty(self.shape, np.bool_)
        for band, maps in self._bands():
            mask[band.slices] = decode.mask(maps, self.info)
        return self._valid(mask)

    def probability(self) -> Maps:
        """Probabilities (C, Y, X) of the foreground classes."""
        classes = decode.foreground(self.store.maps(self.level, Region(0, 0, 1, 1)), self.info).shape[0]
        out = np.empty((classes, *self.shape), np.float32)
        for band, maps in self._bands():
            out[(slice(None), *band.slices)] = decode.foreground(maps, self.info)
        return self._valid(out)

    def uncertainty(self) -> Maps:
        """How likely each pixel is wrong (Y, X), in [0, 1]; see `engine.uncertainty`."""
        out = np.empty(self.store.shape, np.float32)
        for band in self._rows():
            out[band.slices] = uncertainty(self.store.maps(self.level, band), self.info)
        return self._valid(resample_maps(out[None], self.shape)[0])

    def depth(self) -> NDArray[np.uint8]:
        """The level from which each pixel comes (Y, X): one for all of them, but for `AUTO`."""
        return resample_labels(self.store.depth(self.level), self.shape)

    def share(self) -> float:
        """FLOPs executed, as a share of those of the deepest level for the whole plane."""
        config = self.info.net
        padded = padded_shape(self.store.shape, config.multiple)
        return self.flops / graph.flops(config.depth, config, *padded)

    def labels(self) -> NDArray[np.uint32]:
        """Labels (Y, X); large planes are decoded by whole connected components, block by block."""
        height, width = self.shape
        if height * width <= BLOCK * BLOCK or not self._same_grid:
            maps = resample_maps(self.store.maps(self.level), self.shape)
            return self._valid(decode.labels(self._background(maps), self.info, split=self.split))
        return self._labels_by_blocks()

    @property
    def _same_grid(self) -> bool:
        return self.store.shape == self.shape

    def _rows(self) -> Iterator[Region]:
        """Bands of rows of the working grid."""
        height, width = self.store.shape
        for y0 in range(0, height, BAND):
            yield Region(y0, 0, min(y0 + BAND, height), width)

    def _bands(self) -> Iterator[tuple[Region, Maps]]:
        """Maps on the input grid, a band of rows at a time where no resampling is needed."""
        if not self._same_grid:
            whole = Region(0, 0, *self.shape)
            yield whole, resample_maps(self.store.maps(self.level), self.shape)
            return
        for band in self._rows():
            yield band, self.store.maps(self.level, band)

    def _labels_by_blocks(self) -> NDArray[np.uint32]:
        components, _ = ndimage.label(self.mask())
        boxes = ndimage.find_objects(components)
        out = np.zeros(self.shape, np.uint32)
        count = 0
        for numbers, box in _groups(boxes):
            region = self._with_surroundings(box)
            part = np.isin(components[region.slices], numbers)
            maps = self.store.maps(self.level, region)
            if self.invalid is not None:
                maps = np.where(self.invalid[region.slices], np.float32(0), maps)
            found = decode.labels(maps, self.info, split=self.split, within=part)
            if self.info.task == "instances":
                found[found > 0] += np.uint32(count)
                count = max(count, int(found.max(initial=0)))
            np.copyto(out[region.slices], found, where=part)
        return out

    def _with_surroundings(self, box: Region) -> Region:
        """The box, and around it what its objects depend on."""
        height, width = self.shape
        reach = decode.REACH
        return Region(
            max(0, box.y0 - reach),
            max(0, box.x0 - reach),
            min(height, box.y1 + reach),
            min(width, box.x1 + reach),
        )

    def _background(self, maps: Maps) -> Maps:
        return maps if self.invalid is None else np.where(self.invalid, np.float32(0), maps)

    def _valid(self, result: NDArray[T]) -> NDArray[T]:
        """Zero where the input has no value."""
        if self.invalid is not None:
            result[..., self.invalid] = 0
        return result


def _groups(boxes: list[tuple[slice, slice]]) -> Iterator[tuple[list[int], Region]]:
    """Components by the block that holds their first corner, with the box around them all."""
    blocks: dict[tuple[int, int], list[int]] = {}
    for number, (rows, columns) in enumerate(boxes, start=1):
        blocks.setdefault((rows.start // BLOCK, columns.start // BLOCK), []).append(number)
    for numbers in blocks.values():
        rows, columns = zip(*(boxes[number - 1] for number in numbers), strict=True)
        yield (
            numbers,
            Region(
                min(r.start for r in rows),
                min(c.start for c in columns),
                max(r.stop for r in rows),
                max(c.stop for c in columns),
            ),
        )
