"""Objects from basins against a watershed by flooding: time, quality, and how straight borders are.

``python tests/benchmarks/bench_decoding.py FOLDER --model nuclei [--held-out] [--level 4]`` segments every
image and gives its objects three ways from the same maps: by `engine.decode.watershed`, and by scikit-image's
watershed from the summits of the same objects, with eight and with four neighbours. Printed: AP50, borders
between touching objects that run straight along an axis for 8 px or more, the pixels that are equal to the
first way, and the seconds. Those of basins include finding the seeds; flooding is given them, and the time
that reconstruction takes to find them (Soille 2004, section 6.3.4; scikit-image) is a row of its own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from held_out_pairs import held_out_pairs
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import reconstruction
from skimage.segmentation import watershed

from napari_unetpp._types import ModelInfo
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.decode.watershed import find_basins
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import Pair, read_label, read_pairs
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.files.text import number, table
from napari_unetpp.train.choose.scores import Matches, match_objects
from napari_unetpp.train.data.labels import read_truth

STRAIGHT = 8
"""A border counts from so many px on."""

Labels = NDArray[Any]


@dataclass
class Row:
    """One way, over all images."""

    matches: Matches = field(default_factory=Matches)
    straight: int = 0
    equal: int = 0
    pixels: int = 0
    seconds: float = 0.0


def straight_borders(labels: Labels, length: int = STRAIGHT) -> int:
    """Runs of `length` px or more along an axis where two objects (Y, X) touch."""
    count = 0
    for grid in (labels.astype(np.int64), labels.astype(np.int64).T):
        one, other = grid[:, :-1], grid[:, 1:]
        pair = np.where((one != other) & (one > 0) & (other > 0), one * (labels.max() + 1) + other, 0)
        for line in pair.T[pair.any(axis=0)]:
            edges = np.flatnonzero(np.diff(line, prepend=0, append=0))
            long = np.diff(edges) >= length
            count += int(np.count_nonzero(long & (line[edges[:-1]] > 0)))
    return count


def timed(work: Callable[[], Any], row: Row) -> Any:
    start = time.process_time()
    result = work()
    row.seconds += time.process_time() - start
    return result


def one_image(maps: NDArray[np.float32], info: ModelInfo, truth: Any, rows: dict[str, Row]) -> None:
    """Add what the ways give for the maps (K, Y, X) of an image."""
    rule = info.decode
    found = labelling.mask(maps, info)
    height = labelling.landscape(maps, info, found)

    def by_basins() -> Labels:
        basins = find_basins(height, found)
        return basins.image(basins.objects(rule))

    def seeds_by_reconstruction() -> Any:
        low = np.where(found, height - rule.prominence, 0)
        return reconstruction(low, np.where(found, height, 0), footprint=np.ones((3, 3)))

    first = timed(by_basins, rows["basins"])
    timed(seeds_by_reconstruction, rows["seeds by reconstruction"])
    summits = ndimage.maximum_position(height, first, np.arange(1, first.max() + 1))
    seeds = np.zeros(first.shape, np.int32)
    for n, summit in enumerate(summits, start=1):
        seeds[summit] = n
    ways = {"basins": first}
    for name, neighbours in (("flooding, 8 neighbours", 2), ("flooding, 4 neighbours", 1)):
        ways[name] = timed(
            lambda neighbours=neighbours: watershed(-height, seeds, mask=found, connectivity=neighbours),
            rows[name],
        )
    for name, labels in ways.items():
        row = rows[name]
        kept = labelling.new_numbers(np.bincount(labels.ravel()), rule.min_size)[labels]
        row.matches += match_objects(kept, truth.labels, truth.ignore)
        row.straight += straight_borders(kept)
        row.equal += int(np.count_nonzero((labels == first) & found))
        row.pixels += int(np.count_nonzero(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--level", type=int, default=4)
    parser.add_argument("--held-out", action="store_true")
    args = parser.parse_args()
    info, pairs = find_model(args.model), read_pairs(args.folder)
    if args.held_out:
        pairs = held_out_pairs(pairs, info)
    names = ("basins", "seeds by reconstruction", "flooding, 8 neighbours", "flooding, 4 neighbours")
    rows = {name: Row() for name in names}
    evaluator = LoadedModel.load(info)
    for pair in pairs:
        truth = _truth(pair, info)
        maps = predict_maps(read_image(pair.image), evaluator, level=args.level, scale=1.0)
        one_image(maps.store.maps(args.level), info, truth, rows)
    print(f"{len(pairs)} images, L{args.level} of {info.name}")
    lines = [("", "AP50", "objects", f"straight for {STRAIGHT} px", "equal pixels", "seconds")]
    for name, row in rows.items():
        found = row.matches.true_positive + row.matches.false_positive
        equal = number(row.equal / row.pixels, 4) if row.pixels else "-"
        lines.append(
            (name, number(row.matches.ap50, 4), str(found), str(row.straight), equal, f"{row.seconds:.2f}")
        )
    print(table(lines))


def _truth(pair: Pair, info: ModelInfo) -> Any:
    ignore = None if pair.ignore is None else read_label(pair.ignore)
    return read_truth(read_label(pair.label), info.task, ignore=ignore, foreground=None)


if __name__ == "__main__":
    main()
