"""How much of AP50 is small objects?

``python tests/benchmarks/bench_small_objects.py FOLDER --model nuclei [--held-out] [--least 40]`` segments
every image at every level and prints AP50 of all objects, AP50 with those below ``--least`` px left out on
both sides, and a table of the deepest level by area, against the median area of the folder's true objects.
``--min-sizes 0,30,100`` adds AP50 with other minimum sizes than the model's. ``--held-out``: only what
``train`` holds out of FOLDER. Areas are counted on the grid of the image.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from held_out_pairs import held_out_pairs

from napari_unetpp._types import ModelInfo
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import Pair, read_label, read_pairs
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.files.text import number, table
from napari_unetpp.train.choose.scores import Matches, match_objects, matches_by_area, matches_from
from napari_unetpp.train.data.labels import Truth, read_truth

SHARES = (0, 1 / 8, 1 / 4, 1 / 2, 1, 2, np.inf)
"""Edges of the ranges of area, as shares of the median."""


Tally = defaultdict[tuple[str, int], Matches]
"""Matches by what is counted and level."""


def count(
    maps: PlaneResult, truth: Truth, edges: Sequence[float], least: float, sizes: Sequence[int], tally: Tally
) -> None:
    """Add what one image gives at every level."""
    info = maps.info
    for level in info.net.levels:
        found = replace(maps, level=level).labels()
        tally["all", level] += match_objects(found, truth.labels, truth.ignore)
        tally["large", level] += matches_from(found, truth.labels, truth.ignore, least=least)
        for n, each in enumerate(matches_by_area(found, truth.labels, truth.ignore, edges=edges)):
            tally[f"range {n}", level] += each
        for size in sizes:
            labels = replace(maps, level=level, rule=replace(maps.rule, min_size=size)).labels()
            tally[f"{size} px", level] += match_objects(labels, truth.labels, truth.ignore)


def by_level(tally: Tally, names: Sequence[str], info: ModelInfo) -> str:
    """AP50: a row for each name, a column for each level."""
    levels = info.net.levels
    rows = [(name, *(number(tally[name, level].ap50, 3) for level in levels)) for name in names]
    return table([("", *(f"L{level}" for level in levels)), *rows])


def by_area(tally: Tally, level: int) -> str:
    rows = [("area / median", "true", "found", "not matched", "AP50")]
    for n, (low, high) in enumerate(pairwise(SHARES)):
        s = tally[f"range {n}", level]
        true = s.true_positive + s.false_negative
        values = (str(true), str(s.true_positive), str(s.false_positive), number(s.ap50, 3))
        rows.append((f"{low:g} to {high:g}", *values))
    return table(rows)


def truth_of(pair: Pair, info: ModelInfo) -> Truth:
    ignore = None if pair.ignore is None else read_label(pair.ignore)
    return read_truth(read_label(pair.label), info.task, ignore=ignore, foreground=None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--least", type=float, default=40)
    parser.add_argument("--min-sizes", default="")
    parser.add_argument("--scale", type=float, default=1.0)
    args = parser.parse_args()
    info, pairs = find_model(args.model), read_pairs(args.folder)
    if args.held_out:
        pairs = held_out_pairs(pairs, info)
    truths = [truth_of(pair, info) for pair in pairs]
    areas = np.concatenate([np.bincount(t.labels.ravel())[1:] for t in truths])
    areas = areas[areas > 0]
    median = float(np.median(areas))
    small = np.count_nonzero(areas < args.least)
    print(f"{len(pairs)} images, {areas.size} objects, median {median:g} px, {small} below {args.least:g} px")
    sizes = [int(size) for size in args.min_sizes.split(",") if size]
    tally: Tally = defaultdict(Matches)
    evaluator, edges = LoadedModel.load(info), [share * median for share in SHARES]
    for pair, truth in zip(pairs, truths, strict=True):
        image = read_image(pair.image)
        maps = predict_maps(image, evaluator, level=info.net.depth, scale=args.scale, all_levels=True)
        count(maps, truth, edges, args.least, sizes, tally)
    print(by_level(tally, ("all", "large", *(f"{size} px" for size in sizes)), info))
    print(f"L{info.net.depth} by area")
    print(by_area(tally, info.net.depth))


if __name__ == "__main__":
    main()
