"""Which map finds the wrong pixels best: disagreement of the levels, or the entropy of one probability?

``python tests/benchmarks/bench_uncertainty.py FOLDER --model nuclei [--held-out]`` predicts all levels of
every image, marks the pixels at which the mask of the deepest level is wrong, and reports for every
candidate the area under the ROC curve, and the share of the wrong pixels that lie among the 5 % most
uncertain pixels of their image. ``--held-out``: only what ``train`` holds out of FOLDER.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from held_out_pairs import held_out_pairs
from numpy.typing import NDArray
from scipy.stats import rankdata

from napari_unetpp._types import ModelInfo
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import Pair, read_label, read_pairs
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.train.data.labels import read_truth

TOP = 0.05
Maps = NDArray[np.float32]


def entropy(p: Maps) -> Maps:
    """In bits, of a foreground probability."""
    q = np.clip(p, 1e-6, 1 - 1e-6)
    return -(q * np.log2(q) + (1 - q) * np.log2(1 - q))


def centred(p: Maps, threshold: float) -> Maps:
    """The probability, moved on the logit scale so that the threshold becomes one half."""
    q = np.clip(p, 1e-6, 1 - 1e-6)
    odds = q / (1 - q) * (1 - threshold) / threshold
    return odds / (1 + odds)


CANDIDATES: dict[str, Callable[[list[Maps], float], Maps]] = {
    "range of all levels": lambda p, t: np.max(p, axis=0) - np.min(p, axis=0),
    "range of the last three": lambda p, t: np.max(p[-3:], axis=0) - np.min(p[-3:], axis=0),
    "last two levels apart": lambda p, t: np.abs(p[-1] - p[-2]),
    "entropy of the deepest": lambda p, t: entropy(p[-1]),
    "entropy of the mean of all": lambda p, t: entropy(np.mean(p, axis=0)),
    "entropy of the mean of the last three": lambda p, t: entropy(np.mean(p[-3:], axis=0)),
    "entropy of the mean of the last two": lambda p, t: entropy(np.mean(p[-2:], axis=0)),
    "entropy of the deepest about the threshold": lambda p, t: entropy(centred(p[-1], t)),
    "the same for the mean of the last two": lambda p, t: entropy(centred(np.mean(p[-2:], axis=0), t)),
    "the same for the mean of the last three": lambda p, t: entropy(centred(np.mean(p[-3:], axis=0), t)),
    "mean of the entropies about the threshold, last two": lambda p, t: np.mean(
        [entropy(centred(q, t)) for q in p[-2:]], axis=0
    ),
    "mean of the entropies about the threshold, all": lambda p, t: np.mean(
        [entropy(centred(q, t)) for q in p], axis=0
    ),
    "entropy about the threshold + half the range": lambda p, t: (
        entropy(centred(p[-1], t)) + 0.5 * (np.max(p[-3:], axis=0) - np.min(p[-3:], axis=0))
    ),
}


def auroc(values: NDArray[np.float64], wrong: NDArray[np.bool_]) -> float:
    """Chance that a wrong pixel has a higher value than a right one."""
    ranks = rankdata(values)
    positive, negative = int(wrong.sum()), int((~wrong).sum())
    return float((ranks[wrong].sum() - positive * (positive + 1) / 2) / (positive * negative))


def caught(values: Maps, wrong: NDArray[np.bool_]) -> tuple[int, int]:
    """Wrong pixels among the most uncertain ones of an image, and all wrong pixels."""
    count = max(1, int(TOP * values.size))
    most = np.argpartition(values.ravel(), -count)[-count:]
    return int(wrong.ravel()[most].sum()), int(wrong.sum())


def measure(pairs: list[Pair], info: ModelInfo, rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """AUROC on a sample of pixels of all images, and errors caught, for every candidate."""
    evaluator = LoadedModel.load(info)
    values: dict[str, list[NDArray[np.float64]]] = {name: [] for name in CANDIDATES}
    found = {name: [0, 0] for name in CANDIDATES}
    wrongs = []
    for pair in pairs:
        maps = predict_maps(read_image(pair.image), evaluator, level=info.net.depth, all_levels=True)
        truth = read_truth(read_label(pair.label), info.task, ignore=None, foreground=None)
        p = [replace(maps, level=d).probability().sum(axis=0) for d in info.net.levels]
        wrong = (p[-1] >= info.decode.threshold) != (truth.labels > 0)
        pixels = rng.choice(wrong.size, min(wrong.size, 20_000), replace=False)
        wrongs.append(wrong.ravel()[pixels])
        for name, candidate in CANDIDATES.items():
            u = candidate(p, info.decode.threshold)
            values[name].append(u.ravel()[pixels].astype(np.float64))
            hit, total = caught(u, wrong)
            found[name][0] += hit
            found[name][1] += total
    everything = np.concatenate(wrongs)
    return {
        name: {
            "auroc": auroc(np.concatenate(values[name]), everything),
            "caught": found[name][0] / max(1, found[name][1]),
        }
        for name in CANDIDATES
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--held-out", action="store_true", help="only what train holds out of FOLDER")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    info = find_model(args.model)
    pairs = read_pairs(args.folder)
    if args.held_out:
        pairs = held_out_pairs(pairs, info)
    result = measure(pairs, info, np.random.default_rng(0))
    print(f"{info.name}, {len(pairs)} images of {args.folder}")
    for name, scores in result.items():
        print(f"{name:52s} AUROC {scores['auroc']:.3f}   {scores['caught']:.3f} of the errors in the top 5 %")
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
