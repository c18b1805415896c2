"""The result for one plane: its maps, and masks, labels and others computed from them on the image's grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp._types import DecodeRule, ModelInfo, Region, ScaleChoice
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.decode.grids import Grids
from napari_unetpp.engine.decode.holes import mask_without_holes, without_holes
from napari_unetpp.engine.decode.map_store import Maps, MapStore
from napari_unetpp.engine.decode.uncertainty import uncertainty
from napari_unetpp.engine.decode.window import Window
from napari_unetpp.engine.input.sampling import resample_labels
from napari_unetpp.engine.tiles import share_of_deepest

T = TypeVar("T", bound=np.generic)
Result = TypeVar("Result", bound=NDArray[Any])

UNSCALED = ScaleChoice(1.0, "given")

BAND = 1024
"""Rows that are computed at a time where rows are independent."""

BLOCK = 2048
"""Side of the blocks whose objects are decoded at a time in planes larger than one block."""

DIVISORS = (1, 4, 16)
"""Bands and blocks are made smaller by these factors, in this order, while memory runs out."""


@dataclass(frozen=True, eq=False)
class PlaneResult:
    """Maps of one plane; masks, labels and other results are computed when asked for.

    Attributes
    ----------
    store : MapStore
        Working grid.
    info : ModelInfo
    level : int
    shape : (int, int)
        The grid of the image.
    rule : DecodeRule
        Threshold, sizes (px of the working grid), splitting of objects, holes and border.
    invalid : ndarray of bool, shape (Y, X), or None
        Pixels without a value (NaN, infinite): background, whatever the maps say.
    notes : tuple of str
        What was unusual about the image.
    flops : int
        Executed for the maps.
    scale : ScaleChoice
        Working grid = grid of the image times its factor.
    range : (float, float)
        Intensities that were 0 and 1.
    divisor : int
        How many times smaller than usual the bands and blocks are.

    Notes
    -----
    Where memory runs out, smaller bands and blocks are tried; the maps are kept in any case.
    """

    store: MapStore
    info: ModelInfo
    level: int
    shape: tuple[int, int]
    rule: DecodeRule
    invalid: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()
    flops: int = 0
    scale: ScaleChoice = UNSCALED
    range: tuple[float, float] = (0.0, 1.0)
    divisor: int = 1

    def mask(self) -> NDArray[np.bool_]:
        """Thresholded foreground (Y, X)."""
        return self._in_pieces(PlaneResult._mask)

    def probability(self) -> Maps:
        """Probabilities (C, Y, X) of the foreground classes."""
        return self._in_pieces(PlaneResult._probability)

    def uncertainty(self) -> Maps:
        """How likely each pixel is wrong (Y, X), in [0, 1]; see `engine.decode.uncertainty`."""
        return self._in_pieces(PlaneResult._uncertainty)

    def labels(self) -> NDArray[np.uint32]:
        """Labels (Y, X).

        Objects are separated and measured on the working grid; on the grid of the image they fill the mask.
        Large planes are decoded block by block, each by whole connected parts.
        """
        return self._in_pieces(PlaneResult._labels)

    def depth(self) -> NDArray[np.uint8]:
        """The level (Y, X) from which each pixel comes: the same for all, except for `AUTO`."""
        return resample_labels(self.store.depth(self.level), self.shape)

    def share(self) -> float:
        """FLOPs executed, as a share of those of the deepest level for the whole plane."""
        return share_of_deepest(self.flops, self.info.net, self.store.shape)

    def _in_pieces(self, compute: Callable[[PlaneResult], Result]) -> Result:
        """A result, in smaller bands and blocks where memory runs out."""
        *divisors, largest = DIVISORS
        for divisor in divisors:
            with suppress(MemoryError):
                return compute(replace(self, divisor=divisor))
        return compute(replace(self, divisor=largest))

    def _mask(self) -> NDArray[np.bool_]:
        mask = np.empty(self.shape, np.bool_)
        for region, probability in self._probabilities():
            mask[region.slices] = labelling.reaches(probability, self.rule)
        return self._valid(mask_without_holes(mask) if self.rule.fill_holes else mask)

    def _probability(self) -> Maps:
        channels = range(*labelling.foreground_channels(self.info).indices(self.store.outputs))
        out = np.empty((len(channels), *self.shape), np.float32)
        for region, probability in self._probabilities():
            out[:, *region.slices] = probability
        return self._valid(out)

    def _probabilities(self) -> Iterator[tuple[Region, Maps]]:
        """Probabilities (C, h, w) of the foreground classes, band by band of the image."""
        grids, channels = Grids(self.store.shape, self.shape), labelling.foreground_channels(self.info)
        for region in self._rows(self.shape):
            part = grids.under(region)
            yield region, grids.maps(self.store.maps(self.level, part, channels), part, region)

    def _uncertainty(self) -> Maps:
        out = np.empty(self.shape, np.float32)
        for band in self._bands():
            values = uncertainty(band.maps, self.info, self.rule)[None]
            out[band.region.slices] = band.grids.maps(values, band.part, band.region)[0]
        return self._valid(out)

    def _labels(self) -> NDArray[np.uint32]:
        numbers, sizes = self._objects()
        if self.rule.fill_holes:
            numbers = without_holes(numbers)
            sizes = np.where(sizes > 0, np.bincount(numbers.ravel(), minlength=sizes.size), 0)
        label_of = labelling.kept_numbers(sizes, self.rule, labelling.border_numbers(numbers, self.rule))
        out = np.empty(self.shape, np.uint32)
        for band in self._bands():
            own = numbers[band.part.slices]
            out[band.region.slices] = band.relabelled(own, label_of, self.info, self.rule)
        return self._without_gaps(self._valid(without_holes(out) if self.rule.fill_holes else out))

    def _rows(self, shape: tuple[int, int]) -> Iterator[Region]:
        """Bands of rows of a grid."""
        height, width = shape
        rows = max(1, BAND // self.divisor)
        for y0 in range(0, height, rows):
            yield Region(y0, 0, min(y0 + rows, height), width)

    def _bands(self) -> Iterator[Window]:
        """Bands of rows of the image."""
        grids = Grids(self.store.shape, self.shape)
        for region in self._rows(self.shape):
            part = grids.under(region)
            yield Window(self.store.maps(self.level, part), part, region, grids)

    def _objects(self) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
        """All objects of the working grid: their numbers (Y, X), and the pixels of each that is certain."""
        height, width = self.store.shape
        if height * width <= (BLOCK // self.divisor) ** 2:
            numbers, certain = self._objects_in(Region.whole(self.store.shape))
            return numbers, labelling.sizes_of_sure(numbers, certain)
        return self._objects_by_blocks()

    def _maps(self, region: Region) -> Maps:
        """Maps of a part of the working grid; pixels without a value are background."""
        maps = self.store.maps(self.level, region)
        if self.invalid is None:
            return maps
        background = Grids(self.store.shape, self.shape).on_working(self.invalid, region)
        return np.where(background, np.float32(0), maps)

    def _objects_in(
        self, region: Region, within: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.bool_] | None]:
        """Numbers of the objects in a region, and where it is certain; its maps are given up before sizes."""
        maps = self._maps(region)
        certain = labelling.sure(maps, self.info, self.rule)
        return labelling.objects(maps, self.info, self.rule, within=within), certain

    def _objects_by_blocks(self) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
        found = np.empty(self.store.shape, np.bool_)
        for band in self._rows(self.store.shape):
            found[band.slices] = labelling.mask(self._maps(band), self.info, self.rule)
        parts = labelling.connected(found)
        out = np.zeros(self.store.shape, np.int32)
        sizes = [np.zeros(1, np.intp)]
        count = 0
        for numbers, box in _groups(ndimage.find_objects(parts), BLOCK // self.divisor):
            region = box.grown(labelling.REACH, self.store.shape)  # what its objects depend on
            wanted = np.isin(parts[region.slices], numbers)
            own, certain = self._objects_in(region, wanted)
            sizes.append(labelling.sizes_of_sure(own, certain)[1:])
            np.copyto(out[region.slices], own + count, where=wanted)
            count += sizes[-1].size
        return out, np.concatenate(sizes)

    def _without_gaps(self, labels: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Labels renumbered where objects have no pixel on the grid of the image."""
        if self.info.task == "semantic" or self.store.shape == self.shape:
            return labels
        present = np.zeros(int(labels.max(initial=0)) + 1, np.intp)
        for band in self._rows(self.shape):
            present[labels[band.slices]] = 1
        return labelling.new_numbers(present, 1)[labels]

    def _valid(self, result: NDArray[T]) -> NDArray[T]:
        """Zero where the input has no value."""
        if self.invalid is not None:
            result[..., self.invalid] = 0
        return result


def _groups(boxes: list[tuple[slice, slice]], side: int) -> Iterator[tuple[list[int], Region]]:
    """Numbers of the parts whose first corner lies in one block of `side` px, and the box around them."""
    blocks: dict[tuple[int, int], list[int]] = {}
    for number, (rows, columns) in enumerate(boxes, start=1):
        blocks.setdefault((rows.start // side, columns.start // side), []).append(number)
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
