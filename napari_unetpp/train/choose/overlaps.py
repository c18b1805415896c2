"""How right decode rules are, without decoding: which basins overlap which true objects is counted once.

Every object is a union of basins (see `engine.decode.watershed`), so many rules are tried in the time of one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import DecodeRule, ModelInfo
from napari_unetpp.engine.decode import labelling
from napari_unetpp.train.choose.scores import Matches, common_pixels, count_matches


class Overlaps:
    """The basins of one image at one level, and the true objects under them.

    Parameters
    ----------
    maps : ndarray of float32, shape (K, Y, X)
    info : ModelInfo
        Its rule says which landscape, and what is foreground.
    labels, ignore : ndarray of int and bool, shape (Y, X)
        What is true; ignored pixels count nowhere.
    """

    def __init__(
        self,
        maps: NDArray[np.float32],
        info: ModelInfo,
        labels: NDArray[np.int32],
        ignore: NDArray[np.bool_],
    ) -> None:
        found = labelling.mask(maps, info)
        self._basins = labelling.basins_of(maps, info, found, found)
        true, counts = np.where(ignore, 0, labels).ravel(), ~ignore.ravel()[self._basins.pixels]
        basin = self._basins.basin
        self._true_size = np.bincount(true)
        self._area = np.bincount(basin, minlength=len(self._basins.peaks))
        self._counted = np.bincount(basin[counts], minlength=len(self._basins.peaks))
        self._common = common_pixels(basin[counts], true[self._basins.pixels][counts])

    def matches(self, rule: DecodeRule, min_sizes: Sequence[int]) -> list[Matches]:
        """What the prominence of a rule gives with each of these minimum sizes."""
        number = self._basins.objects(rule)
        area, counted = (np.bincount(number, of) for of in (self._area, self._counted))
        basin, true, pixels = self._common
        found, true, pixels = common_pixels(number[basin], true, pixels)
        matches = []
        for size in min_sizes:
            kept = area >= size
            there = kept[found]
            sizes = np.where(kept, counted, 0), self._true_size
            matches.append(count_matches(found[there], true[there], pixels[there], *sizes))
        return matches
