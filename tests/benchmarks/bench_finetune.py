"""What a minute of fine-tuning gives on other images, beside a random forest and training from scratch.

Run: ``python tests/benchmarks/bench_finetune.py [--sets A,B] [--crops 1,3] [--labels reviewed,sparse]
[--methods before,unetpp,scratch,forest] [--seconds 60] [--seed 0] [--json FILE]`` or, for what is forgotten,
``... bench_finetune.py --forgetting``.
Needs UNETPP_DATA (or the labelled images next to the checkout), and scikit-learn for the forest.

The labels are 1 or 3 windows of 512 x 512 px, those richest in foreground, one per image at most: fully
labelled (``reviewed``), or five strokes of 40 px in it (``sparse``). Images are given whole and nothing is
said outside the window, so that intensities are measured as they are when the test images are segmented.
Dice is the mean over the images of the set's ``test`` folder. The forest is the usual one of interactive
pixel classification: scikit-image's ``multiscale_basic_features`` (sigma 1 to 16) and 100 trees, from the
same pixels. ``before`` is the model as it is.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import multiscale_basic_features
from skimage.morphology import skeletonize

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import find_data

from napari_unetpp import api
from napari_unetpp._types import LEVELS, FinetuneDone, FinetuneRequest, LabelledPlane, ModelInfo
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import Pair, read_label, read_pairs
from napari_unetpp.files.models.model_file import save_model
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose.scores import dice_iou
from napari_unetpp.train.finetune import result
from napari_unetpp.train.finetune.run import finetune

FOREGROUND: dict[str, tuple[int, ...] | None] = {
    "cells_phase": None,
    "axons_sem": (2,),
    "vessels_chase": None,
    "yeast_phase": None,
}
OBJECTS = ("cells_phase", "yeast_phase")
"""Sets whose labels tell objects apart."""

SIDE = 512
STROKES = (1, 0, 1, 0, 1)
"""Foreground or background, in the order they are drawn."""

STROKE = 40
UNLABELLED, BACKGROUND = 0, 2

Mask = NDArray[np.bool_]


def root() -> Path:
    """The labelled images."""
    found = find_data()
    assert found is not None, "set UNETPP_DATA"
    return found


# ------------------------------------------------------------------------ labels


def foreground(name: str, labels: NDArray[Any]) -> Mask:
    """What counts as foreground in a set."""
    values = FOREGROUND[name]
    return labels > 0 if values is None else np.isin(labels, values)


def richest(mask: Mask) -> tuple[int, slice, slice]:
    """Foreground pixels and place of the SIDE x SIDE window that has most, on a grid of 16 px."""
    sums = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = sums[SIDE:, SIDE:] - sums[:-SIDE, SIDE:] - sums[SIDE:, :-SIDE] + sums[:-SIDE, :-SIDE]
    inside = inside[::16, ::16]
    y, x = (16 * int(n) for n in np.unravel_index(inside.argmax(), inside.shape))
    return int(inside.max()), slice(y, y + SIDE), slice(x, x + SIDE)


def _richness(name: str, pair: Pair) -> int:
    return richest(foreground(name, read_label(pair.label)))[0]


def labelled_planes(name: str, crops: int, kind: str, rng: np.random.Generator) -> list[LabelledPlane]:
    """Crops of training images, labelled wholly or by strokes."""
    pairs = read_pairs(root() / name / "train")
    ranked = sorted(pairs, key=lambda pair: -_richness(name, pair))
    return [_crop(name, pair, kind, rng) for pair in ranked[:crops]]


def _crop(name: str, pair: Pair, kind: str, rng: np.random.Generator) -> LabelledPlane:
    image, labels = read_image(pair.image), read_label(pair.label)
    mask = foreground(name, labels)
    window = richest(mask)[1:]
    outside = np.ones(mask.shape, bool)
    outside[window] = False
    if kind == "sparse":
        drawn = np.zeros(mask.shape, np.uint8)
        drawn[window] = strokes(mask[window], rng)
        return LabelledPlane(pair.stem, image, drawn, "sparse", background=BACKGROUND, objects=False)
    objects = name in OBJECTS
    known = labels if objects else mask.astype(np.uint8)
    return LabelledPlane(pair.stem, image, known, "reviewed", ignore=outside, objects=objects)


def strokes(mask: Mask, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Five strokes along the middles of foreground and background, as a hand would draw them."""
    out = np.full(mask.shape, UNLABELLED, np.uint8)
    for inside in STROKES:
        middles = skeletonize(mask if inside else ~mask)
        parts, _ = ndimage.label(middles, np.ones((3, 3)))
        long = np.bincount(parts.ravel()) >= STROKE
        long[0] = False
        middles &= long[parts] & (out == UNLABELLED)
        out[_stroke(middles, rng)] = 1 if inside else BACKGROUND
    return out


def _stroke(middles: Mask, rng: np.random.Generator) -> Mask:
    """STROKE connected pixels from a random start."""
    start = rng.choice(np.flatnonzero(middles))
    stroke = np.zeros(middles.shape, bool)
    stroke.flat[start] = True
    while np.count_nonzero(stroke) < STROKE:
        grown = ndimage.binary_dilation(stroke, np.ones((3, 3))) & middles
        if np.array_equal(grown, stroke):
            break
        spare = np.flatnonzero(grown & ~stroke)[: STROKE - np.count_nonzero(stroke)]
        stroke.flat[spare] = True
    return stroke


# ------------------------------------------------------------------------ methods


def untrained(parent: ModelInfo, folder: Path, seed: int) -> ModelInfo:
    """A model file with the parent's card and random weights."""
    torch.manual_seed(seed)
    path = folder / "scratch.safetensors"
    if path.exists():
        path.unlink()
    return save_model(path, UNetPlusPlus(parent.net).state_dict(), replace(parent, name="scratch"))


def tuned(model: ModelInfo, planes: list[LabelledPlane], seconds: float, seed: int) -> FinetuneDone:
    """The fine-tuning of the button."""
    *_, done = finetune(FinetuneRequest(model, tuple(planes), seconds=seconds, seed=seed))
    assert isinstance(done, FinetuneDone)
    return done


def untuned(model: ModelInfo) -> FinetuneDone:
    """The model as it is."""
    card = replace(result.card(model, "before"), decode=model.decode)
    return FinetuneDone(card, _weights(model), None, None, None, steps=0, seconds=0.0, stopped=False)


def dice_on_test(done: FinetuneDone, name: str, folder: Path) -> dict[str, float]:
    """Mean Dice of every level on a set's test images, as `api.evaluate` gives it."""
    path = folder / "tuned.safetensors"
    path.unlink(missing_ok=True)
    evaluator = api.load_model(save_model(path, done.tensors, done.info, half=True).path or path)
    scores: dict[str, list[float]] = {}
    for pair in read_pairs(root() / name / "test"):
        truth = foreground(name, read_label(pair.label))
        deepest = predict_maps(read_image(pair.image), evaluator, level=4, all_levels=True)
        for level in LEVELS:
            dice, _ = dice_iou(replace(deepest, level=level).mask(), truth)
            scores.setdefault(f"L{level}", []).append(dice)
    return {level: float(np.mean(values)) for level, values in scores.items()}


def by_network(
    model: ModelInfo, name: str, planes: list[LabelledPlane], seconds: float, seed: int, folder: Path
) -> dict[str, Any]:
    """Fine-tune and measure; without planes the model as it is."""
    done = tuned(model, planes, seconds, seed) if planes else untuned(model)
    dice = dice_on_test(done, name, folder)
    recommended = f"L{done.info.recommended_level}"
    return {
        **dice,
        "best": max(dice.values()),
        "recommended": recommended,
        "held out": None if done.after is None else {f"L{k}": v.dice for k, v in done.after.levels.items()},
        "steps": done.steps,
        "seconds": done.seconds,
        "notes": list(done.notes),
    }


def features(image: NDArray[Any]) -> NDArray[np.float32]:
    """Intensity, edges and texture at five scales: (Y * X, F)."""
    axis = -1 if image.ndim == 3 else None
    maps = multiscale_basic_features(
        image.astype(np.float32) / float(np.percentile(image, 99.8)),
        sigma_min=1,
        sigma_max=16,
        channel_axis=axis,
    )
    return maps.reshape(-1, maps.shape[-1])  # type: ignore[no-any-return]


def by_forest(name: str, planes: list[LabelledPlane], seed: int) -> dict[str, Any]:
    """A random forest on the same pixels."""
    from sklearn.ensemble import RandomForestClassifier

    begun = time.monotonic()
    xs, ys = [], []
    for plane in planes:
        known = plane.labels != UNLABELLED if plane.ignore is None else ~plane.ignore
        truth = plane.labels == 1 if plane.labels_as == "sparse" else plane.labels > 0
        xs.append(features(plane.image)[known.ravel()])
        ys.append(truth[known])
    forest = RandomForestClassifier(
        100, n_jobs=-1, random_state=seed, max_samples=min(1.0, 100_000 / sum(map(len, ys)))
    )
    forest.fit(np.concatenate(xs), np.concatenate(ys))
    seconds = time.monotonic() - begun
    scores = []
    for pair in read_pairs(root() / name / "test"):
        truth = foreground(name, read_label(pair.label))
        found = forest.predict(features(read_image(pair.image))).reshape(truth.shape)
        scores.append(dice_iou(found, truth)[0])
    return {"best": float(np.mean(scores)), "seconds": seconds}


# ------------------------------------------------------------------------ runs


def cells(args: argparse.Namespace, parent: ModelInfo, folder: Path) -> Iterator[dict[str, Any]]:
    """Every set, kind of labels, number of crops and method."""
    for name in args.sets:
        for kind in args.labels:
            for crops in args.crops if kind == "reviewed" else (1,):
                planes = labelled_planes(name, crops, kind, np.random.default_rng(args.seed))
                for method, run in methods(args, parent, name, planes, folder).items():
                    yield {"set": name, "labels": kind, "crops": crops, "method": method, **run()}


def methods(
    args: argparse.Namespace, parent: ModelInfo, name: str, planes: list[LabelledPlane], folder: Path
) -> dict[str, Callable[[], dict[str, Any]]]:
    """What is to be compared, by name."""
    scratch = untrained(parent, folder, args.seed)
    as_it_is = partial(by_network, parent, name, [], 0.0, args.seed, folder)
    known = {
        "before": as_it_is,
        "unetpp": partial(by_network, parent, name, planes, args.seconds, args.seed, folder),
        "scratch": partial(by_network, scratch, name, planes, args.seconds, args.seed, folder),
        "forest": partial(by_forest, name, planes, args.seed),
    }
    return {method: known[method] for method in args.methods}


def forgetting(args: argparse.Namespace, parent: ModelInfo, folder: Path) -> Iterator[dict[str, Any]]:
    """Nuclei and phase cells, before and after learning from the corrected left half of a window of cells.

    With the parent's word for the rest of the image (``corrections``), and with nothing said about it.
    """
    (plane,) = labelled_planes("cells_phase", 1, "reviewed", np.random.default_rng(args.seed))
    assert plane.ignore is not None
    certain = ~plane.ignore
    certain[:, int(np.flatnonzero(certain.any(axis=0)).mean()) :] = False
    said = api.segment(plane.image, parent.path or parent.name).labels
    copy = np.where(certain, plane.labels, said + (said > 0) * int(plane.labels.max()))
    kinds = {
        "distilled": replace(plane, labels=copy, labels_as="corrections", certain=certain, ignore=None),
        "alone": replace(plane, ignore=~certain),
    }
    for set_name in ("nuclei_dsb2018", "cells_phase"):
        FOREGROUND.setdefault(set_name, None)
    for kind in ("before", *kinds):
        done = untuned(parent) if kind == "before" else tuned(parent, [kinds[kind]], args.seconds, args.seed)
        for set_name in ("nuclei_dsb2018", "cells_phase"):
            yield {
                "method": kind,
                "set": set_name,
                "steps": done.steps,
                **dice_on_test(done, set_name, folder),
            }


def _weights(info: ModelInfo) -> dict[str, torch.Tensor]:
    from napari_unetpp.train import parent

    return result.weights(parent.load_network(info))


def main() -> None:
    """Print every run as it ends."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words = partial(str.split, sep=",")
    parser.add_argument("--sets", type=words, default=list(FOREGROUND))
    parser.add_argument("--crops", type=lambda text: [int(n) for n in text.split(",")], default=[1, 3])
    parser.add_argument("--labels", type=words, default=["reviewed", "sparse"])
    parser.add_argument("--methods", type=words, default=["before", "unetpp", "scratch", "forest"])
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--forgetting", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    parent = find_model(args.model)
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for run in (forgetting if args.forgetting else cells)(args, parent, Path(folder)):
            runs.append(run)
            print({k: round(v, 3) if isinstance(v, float) else v for k, v in run.items()}, flush=True)
            if args.json:
                args.json.write_text(
                    json.dumps({"model": parent.sha256, "seconds": args.seconds, "runs": runs}, indent=1)
                )


if __name__ == "__main__":
    main()
