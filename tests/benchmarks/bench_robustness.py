"""Scores of a model on changed copies of labelled images: magnified, shrunk, dim, noisy, inverted.

    python tests/benchmarks/bench_robustness.py FOLDER [FOLDER ...] [--model nuclei] [--images 20]
        [--levels 2 4] [--json FILE]

FOLDER holds images/ and labels/; of each so many images are taken, evenly spread, of large ones the middle
512 px. Scale and range are found as for a user. Dice is the mean over all images, AP50 is pooled over them.
The model is not changed, and nothing is chosen here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from bench_scale import spread
from numpy.typing import NDArray

from napari_unetpp.api import load_model
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.input.normalise import clean_plane
from napari_unetpp.engine.input.sampling import resample, resample_labels
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import Pair, read_pairs
from napari_unetpp.files.notes import Notes
from napari_unetpp.train.choose.scores import Matches, dice_iou, match_objects
from napari_unetpp.train.data.labels import Truth, read_pair_truth

SIDE = 512
DIM, NOISE = 0.1, 0.1
"""Contrast that is left of a dim copy, and standard deviation of the noise, as shares of the range
of the image (percentiles 1 to 99.8)."""

Plane = NDArray[np.float32]
Change = Callable[[Plane, np.random.Generator], Plane]


def span(image: Plane) -> tuple[float, float]:
    """The range of an image."""
    low, high = np.percentile(image, [1, 99.8])
    return float(low), float(max(high, low + 1e-6))


def dim(image: Plane, rng: np.random.Generator) -> Plane:
    """A tenth of the contrast, in whole steps of an 8-bit camera."""
    low, high = span(image)
    return np.round(20 + DIM * 255 * (image - low) / (high - low)).clip(0, 255).astype(np.float32)


def noisy(image: Plane, rng: np.random.Generator) -> Plane:
    """Independent noise in every pixel."""
    low, high = span(image)
    return (image + NOISE * (high - low) * rng.standard_normal(image.shape)).astype(np.float32)


def inverted(image: Plane, rng: np.random.Generator) -> Plane:
    """Bright becomes dark."""
    return image.max() - image


COPIES: dict[str, tuple[float, Change]] = {
    "as it is": (1.0, lambda image, rng: image),
    "magnified 3 times": (3.0, lambda image, rng: image),
    "shrunk to a half": (0.5, lambda image, rng: image),
    "dim": (1.0, dim),
    "noisy": (1.0, noisy),
    "inverted": (1.0, inverted),
}


def read(pair: Pair, task: Any) -> tuple[Plane, Truth]:
    """The middle of an image, and its labels."""
    image = clean_plane(read_image(pair.image))[0]
    truth = read_pair_truth(pair, image.shape[:2], task, None, Notes())
    y, x = (max(0, (side - SIDE) // 2) for side in image.shape[:2])
    part = np.s_[y : y + SIDE, x : x + SIDE]
    return image[part].astype(np.float32), replace(
        truth, labels=truth.labels[part], ignore=truth.ignore[part]
    )


def copies(image: Plane, truth: Truth) -> Iterator[tuple[str, Plane, NDArray[Any], NDArray[np.bool_]]]:
    """All copies of an image with their labels."""
    rng = np.random.default_rng(0)
    for name, (factor, change) in COPIES.items():
        changed = change(image if factor == 1 else resample(image, factor), rng)
        shape = changed.shape[:2]
        yield name, changed, resample_labels(truth.labels, shape), resample_labels(truth.ignore, shape)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--images", type=int, default=20, help="of each folder")
    parser.add_argument("--levels", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    model = load_model(args.model)
    objects = model.info.task == "instances"
    report: dict[str, Any] = {}
    for folder in args.folders:
        dice: dict[tuple[str, int], list[float]] = {}
        matches: dict[tuple[str, int], Matches] = {}
        pairs = spread(read_pairs(folder), args.images)
        for pair in pairs:
            for name, image, labels, ignore in copies(*read(pair, model.info.task)):
                scale: Any = "auto"
                for level in args.levels:
                    found = predict_maps(image, model, level=level, scale=scale)
                    scale, key = found.scale.scale, (name, level)
                    dice.setdefault(key, []).append(dice_iou(found.mask(), labels > 0, ignore)[0])
                    if objects:
                        new = match_objects(found.labels(), labels, ignore)
                        matches[key] = matches.get(key, Matches()) + new
        print(f"{args.model} {model.choice.label}: {folder.parent.name}/{folder.name}, {len(pairs)} images")
        rows = report.setdefault(f"{folder.parent.name}/{folder.name}", {})
        for key, values in dice.items():
            ap50 = matches[key].ap50 if objects else None
            rows[f"{key[0]}, L{key[1]}"] = {"dice": float(np.mean(values)), "ap50": ap50}
            text = "" if ap50 is None else f"   AP50 {ap50:.3f}"
            print(f"{key[0]:18} L{key[1]}   Dice {np.mean(values):.3f}{text}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
