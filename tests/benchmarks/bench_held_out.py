"""Scores of models on the images that the training of a shipped model holds out, for each data set.

    python tests/benchmarks/bench_held_out.py nuclei --data $UNETPP_DATA MODEL [MODEL ...] [--json FILE]

Decides whether a model is better than its predecessor. Images are brought to the size of objects that each
model expects, by the median diameter of their labels; the decode rule is that of each model.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_unetpp.engine.device import choose_device
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.train.choose.levels import at_model_size, mean_dice, pooled_ap50, predict_samples
from napari_unetpp.train.parent import load_network
from napari_unetpp.train.scratch.data_sets import read_data_sets

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", choices=["nuclei", "cells-phase", "polyps"])
    parser.add_argument("models", nargs="+", help="names or files")
    parser.add_argument("--data", required=True)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    spec = importlib.util.spec_from_file_location("train_models", DOCS / "train_models.py")
    assert spec is not None and spec.loader is not None
    recipes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipes)
    request = recipes.parse([args.recipe, "--data", args.data]).request
    dtype = getattr(torch, choose_device("cpu").dtype)
    report: dict[str, Any] = {}
    for name in args.models:
        info = find_model(name)
        data = read_data_sets(request, info, lambda _line: None, lambda: False)
        samples = [at_model_size(sample, info) for sample in data.held_out]
        predicted = predict_samples(load_network(info), samples, info, dtype=dtype)
        report[name] = {}
        for number, folder in enumerate(data.held_out_from):
            own = [each for each in predicted if each.sample.folder == number]
            dice = [mean_dice(own, info, level)[0] for level in info.net.levels]
            ap50 = [pooled_ap50(own, info, level) for level in info.net.levels]
            report[name][folder] = {"images": len(own), "dice": dice, "ap50": ap50}
            tell(name, folder, len(own), dice, ap50)
        tell(name, "mean over the sets", len(samples), *(mean(report[name], key) for key in ("dice", "ap50")))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


def mean(folders: dict[str, Any], key: str) -> list[Any]:
    rows = [folder[key] for folder in folders.values()]
    return [None] * len(rows[0]) if None in rows[0] else list(np.mean(rows, axis=0))


def tell(name: str, folder: str, images: int, dice: list[float], ap50: list[Any]) -> None:
    scores = "  ".join(f"{value:.3f}" for value in dice)
    objects = "" if None in ap50 else "   AP50 " + "  ".join(f"{value:.3f}" for value in ap50)
    print(f"{name:28} {folder:24} {images:3} images   Dice {scores}{objects}", flush=True)


if __name__ == "__main__":
    main()
