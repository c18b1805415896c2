"""Scores with the range of intensities by percentiles, and by what stands out of the background.

    python tests/benchmarks/bench_range.py $UNETPP_DATA/nuclei_dsb2018/train --model nuclei --every 9

Prints Dice and AP50 of every level with both rules on the same images, how the width of the range changes,
and what both cost. Choices are made on training images; a test folder is for reporting.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_unetpp._types import Normalisation
from napari_unetpp.api import load_model
from napari_unetpp.engine.input.normalise import clean_plane, measure
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.train.choose.evaluation import evaluate_pairs

RULES = ("percentile", "robust")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--every", type=int, default=1, help="use each so-manieth image")
    options = parser.parse_args()
    pairs = read_pairs(options.folder)[:: options.every]
    planes = [clean_plane(read_image(pair.image))[0] for pair in pairs]
    widths, seconds = [], dict.fromkeys(RULES, 0.0)
    for plane in planes:
        found = {}
        for rule in RULES:
            begun = time.process_time()
            found[rule] = measure(plane, Normalisation(rule=rule))
            seconds[rule] += time.process_time() - begun
        widths.append(np.divide(*(found[rule].high - found[rule].low for rule in reversed(RULES))))
    megapixels = sum(plane.shape[0] * plane.shape[1] for plane in planes) / 1e6
    print(f"width, robust over percentile: {np.percentile(widths, [0, 5, 50, 95, 100]).round(2)}")
    print({rule: f"{1000 * seconds[rule] / megapixels:.0f} ms/MPx" for rule in RULES})
    for rule in RULES:
        model = load_model(options.model)
        model.info = replace(model.info, normalisation=replace(model.info.normalisation, rule=rule))
        scores = evaluate_pairs(model, pairs, scale=1.0)
        levels = scores["levels"].values()
        dice = " ".join(f"{level['dice']:.3f}" for level in levels)
        ap50 = " ".join("-" if level["ap50"] is None else f"{level['ap50']:.3f}" for level in levels)
        print(f"{rule}: {len(pairs)} images, Dice {dice}, AP50 {ap50}", flush=True)


if __name__ == "__main__":
    main()
