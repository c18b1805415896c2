"""A part of a plane with its maps, predicted for this part alone or taken from stored maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import DecodeRule, ModelInfo, Node, Region
from napari_unetpp.engine import tiles
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.decode.grids import Grids
from napari_unetpp.engine.decode.holes import without_holes
from napari_unetpp.engine.decode.map_store import MapStore, as_stored
from napari_unetpp.engine.input.normalise import NormStats
from napari_unetpp.engine.input.plane import PlaneReader
from napari_unetpp.net import graph

if TYPE_CHECKING:
    from napari_unetpp.engine.loaded_model import LoadedModel

Maps = NDArray[np.float32]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a plane and the maps under it.

    Attributes
    ----------
    maps : ndarray of float32, shape (K, h, w)
        Of `part`.
    part : Region
        Of the working grid: where `region` lies, with a margin on which its objects depend.
    region : Region
        Of the image.
    grids : Grids
        Of the whole plane.
    """

    maps: Maps
    part: Region
    region: Region
    grids: Grids

    def at(self, y: int, x: int) -> tuple[int, int]:
        """The pixel of `maps` at a pixel of the region."""
        below = self.grids.at(y + self.region.y0, x + self.region.x0)
        return below[0] - self.part.y0, below[1] - self.part.x0

    def probability(self, info: ModelInfo) -> Maps:
        """Probabilities (C, Y, X) of the foreground classes in the region."""
        return self.grids.maps(labelling.foreground(self.maps, info), self.part, self.region)

    def objects(self, numbers: Numbers, info: ModelInfo, rule: DecodeRule) -> Numbers:
        """Numbers of the pixels of `maps`, grown to the mask of the region on the image's grid (Y, X)."""
        mask = labelling.reaches(self.probability(info), rule)
        return self.grids.objects(numbers, self.part, self.region, mask)

    def labels(self, info: ModelInfo, rule: DecodeRule) -> NDArray[np.uint32]:
        """Labels (Y, X) of the region."""
        numbers = labelling.objects(self.maps, info, rule)
        numbers = without_holes(numbers) if rule.fill_holes else numbers
        sizes = labelling.sizes_of_sure(numbers, labelling.sure(self.maps, info, rule))
        dropped = self._border_numbers(numbers, rule)
        found = self.relabelled(numbers, labelling.kept_numbers(sizes, rule, dropped), info, rule)
        return without_holes(found) if rule.fill_holes else found

    def _border_numbers(self, numbers: Numbers, rule: DecodeRule) -> NDArray[np.integer[Any]]:
        """Numbers that the rule drops because they touch the border of the plane."""
        (height, width), part = self.grids.working, self.part
        sides = (
            (part.y0 == 0, numbers[0]),
            (part.x0 == 0, numbers[:, 0]),
            (part.y1 == height, numbers[-1]),
            (part.x1 == width, numbers[:, -1]),
        )
        touching = [side for at_border, side in sides if at_border and rule.drop_border]
        return np.unique(np.concatenate(touching)) if touching else np.zeros(0, np.intp)

    def relabelled(
        self, numbers: Numbers, label_of: NDArray[np.uint32], info: ModelInfo, rule: DecodeRule
    ) -> NDArray[np.uint32]:
        """Labels (Y, X) of the region from numbers of the pixels of `maps` and the label of each number."""
        found = label_of[self.objects(numbers, info, rule)]
        return labelling.class_numbers(found, self.probability(info)) if info.task == "semantic" else found


def predict_window(
    model: LoadedModel, image: NDArray[Any], window: Region, level: int, scale: float, stats: NormStats
) -> Window:
    """Maps of `window`, equal to those of the whole plane (see `engine.tiles`).

    Parameters
    ----------
    image : ndarray of shape (Y, X) or (Y, X, C)
        The whole plane.
    window : Region
        Part of the plane, on its own grid.
    stats : NormStats
        Measured on the whole plane.
    """
    config = model.info.net
    reader = PlaneReader(image, scale, stats, config.in_channels)
    grids = Grids(reader.shape, (image.shape[0], image.shape[1]))
    part = _under(grids, window)
    padded = tiles.padded_shape(reader.shape, config.multiple)
    core = _aligned(part, config.multiple, padded)
    read = core.grown(graph.aligned_halo(level, config), padded)
    known: dict[Node, Any] = {}
    model.nodes(model.tensor(reader.read(read)), level, known)
    maps = model.maps(level, known, part.relative_to(read))
    return Window(as_stored(maps), part, window, grids)


def stored_window(store: MapStore, level: int, window: Region, shape: tuple[int, int]) -> Window:
    """A window (on the plane's own grid) with stored maps of a level; `shape` is that of the plane."""
    grids = Grids(store.shape, shape)
    part = _under(grids, window)
    return Window(store.maps(level, part), part, window, grids)


def _under(grids: Grids, window: Region) -> Region:
    return grids.under(window).grown(labelling.REACH, grids.working)


def _aligned(region: Region, multiple: int, within: tuple[int, int]) -> Region:
    y0, x0 = region.y0 // multiple * multiple, region.x0 // multiple * multiple
    y1, x1 = -(-region.y1 // multiple) * multiple, -(-region.x1 // multiple) * multiple
    return Region(y0, x0, min(y1, within[0]), min(x1, within[1]))
