"""Scores with and without the mean of eight orientations, on images that training holds out.

    python tests/benchmarks/bench_orientations.py FOLDER [--model nuclei] [--images 30] [--levels 2 4]

FOLDER holds images/ and labels/. The scale is 1. For each level: AP50, mean Dice, and seconds for all images.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from held_out_pairs import held_out_pairs

from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.files.notes import Notes
from napari_unetpp.train.choose.scores import Matches, dice_iou, match_objects
from napari_unetpp.train.data.labels import read_pair_truth


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--images", type=int, default=30)
    parser.add_argument("--levels", type=int, nargs="+", default=[2, 4])
    args = parser.parse_args()
    model = LoadedModel.load(find_model(args.model))
    pairs = held_out_pairs(read_pairs(args.folder), model.info)[: args.images]
    print(f"{args.model} {model.choice.label}, {len(pairs)} images of {args.folder}")
    for level in args.levels:
        for augment in (False, True):
            matches, dice, start = Matches(), [], time.perf_counter()
            for pair in pairs:
                image = read_image(pair.image)
                truth = read_pair_truth(pair, image.shape[:2], model.info.task, None, Notes())
                found = predict_maps(image, model, level=level, scale=1.0, augment=augment)
                matches += match_objects(found.labels(), truth.labels, truth.ignore)
                dice.append(dice_iou(found.mask(), truth.labels > 0, truth.ignore)[0])
            seconds = time.perf_counter() - start
            what = "mean of eight" if augment else "one"
            print(f"L{level} {what:14} AP50 {matches.ap50:.3f}  Dice {np.mean(dice):.3f}  {seconds:.1f} s")


if __name__ == "__main__":
    main()
