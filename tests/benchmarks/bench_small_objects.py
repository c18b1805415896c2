"""How much of AP50 is small objects?

``python tests/benchmarks/bench_small_objects.py FOLDER --model nuclei [--held-out] [--least 40]`` segments
every image at every level and prints AP50 of all objects, AP50 with those below ``--least`` px left out on
both sides, and a table of the deepest level by area, against the median area of the folder's true objects.
``--held-out``: only what ``train`` holds out of FOLDER. Areas are counted on the grid of the image.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ModelInfo
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.evaluator import Evaluator
from napari_unetpp.files.card_text import number, table
from napari_unetpp.files.folders import Pair, read_label, read_pairs
from napari_unetpp.files.images import read_image
from napari_unetpp.files.model_list import find_model
from napari_unetpp.train.by_area import matches_by_area, matches_from
from napari_unetpp.train.data_sets import HELD_OUT, SPLIT_SEED
from napari_unetpp.train.labels import Truth, read_truth
from napari_unetpp.train.samples import hold_out, load_sample
from napari_unetpp.train.scores import Matches, match_objects

SHARES = (0, 1 / 8, 1 / 4, 1 / 2, 1, 2, np.inf)
"""Edges of the ranges of area, as shares of the median."""


def segmented(
    pairs: list[Pair], info: ModelInfo, scale: float | None
) -> list[tuple[Truth, dict[int, NDArray[np.uint32]]]]:
    """What is true of every image, and its labels at every level."""
    evaluator = Evaluator.load(info)
    out = []
    for pair in pairs:
        chosen = "auto" if scale is None else scale
        maps = predict_maps(
            read_image(pair.image), evaluator, level=info.net.depth, scale=chosen, all_levels=True
        )
        ignore = None if pair.ignore is None else read_label(pair.ignore)
        truth = read_truth(read_label(pair.label), info.task, ignore=ignore, foreground=None)
        out.append((truth, {level: replace(maps, level=level).labels() for level in info.net.levels}))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--least", type=float, default=40)
    parser.add_argument("--scale", type=float)
    args = parser.parse_args()
    info, pairs = find_model(args.model), read_pairs(args.folder)
    if args.held_out:
        samples = [load_sample(pair, info) for pair in pairs]
        _, held = hold_out(samples, HELD_OUT, np.random.default_rng(SPLIT_SEED))
        pairs = [pair for pair in pairs if pair.stem in {sample.stem for sample in held}]
    images = segmented(pairs, info, args.scale)
    areas = np.concatenate([np.unique(t.labels[t.labels > 0], return_counts=True)[1] for t, _ in images])
    median = float(np.median(areas))
    print(
        f"{len(images)} images, {areas.size} objects, median {median:g} px, "
        f"{(areas < args.least).sum()} below {args.least:g} px"
    )
    rows = [("level", "AP50", f"without those below {args.least:g} px")]
    for level in info.net.levels:
        each = [(found[level], t.labels, t.ignore) for t, found in images]
        scores = [
            sum((match_objects(*one) for one in each), Matches()),
            sum((matches_from(*one, least=args.least) for one in each), Matches()),
        ]
        rows.append((f"L{level}", *(number(s.ap50, 3) for s in scores)))
    print(table(rows))
    edges = [share * median for share in SHARES]
    ranges = [matches_by_area(found[info.net.depth], t.labels, t.ignore, edges=edges) for t, found in images]
    rows = [("area / median", "true", "found", "not matched", "AP50")]
    for low, high, counts in zip(SHARES, SHARES[1:], zip(*ranges, strict=True), strict=False):
        s = sum(counts, Matches())
        true = s.true_positive + s.false_negative
        values = (str(true), str(s.true_positive), str(s.false_positive), number(s.ap50, 3))
        rows.append((f"{low:g} to {high:g}", *values))
    print(f"L{info.net.depth} by area")
    print(table(rows))


if __name__ == "__main__":
    main()
