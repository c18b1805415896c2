"""Dice on test images after so many steps of fine-tuning: the same whatever the speed of the machine.

Run: ``python tests/benchmarks/bench_finetune_steps.py SET KIND [--seed 0] [--steps 40]``. SET is
vessels_chase, axons_sem, cells_phase or nuclei_dsb2018. KIND: ``reviewed``, a labelled window as in
`bench_finetune`; or ``corrections``, a prediction of the shipped `nuclei` of which one half was corrected. At
most 11 test images, the middle 640 px of each, scale 0.5 for cells and axons, bf16. Needs UNETPP_DATA.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import bench_finetune as bench
import numpy as np

from napari_unetpp import api
from napari_unetpp._types import LEVELS, FinetuneDone, FinetuneRequest, LabelledPlane, ModelInfo
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label, read_pairs
from napari_unetpp.files.models.model_file import save_model
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.train.choose.scores import dice_iou
from napari_unetpp.train.finetune.run import finetune

SCALE = {"cells_phase": 0.5, "axons_sem": 0.5}
SIDE = 640


def planes(name: str, kind: str, rng: np.random.Generator, seed: int) -> list[LabelledPlane]:
    """What is learned from."""
    if kind == "reviewed":
        return bench.labelled_planes(name, 1, kind, rng)
    if name == "nuclei_dsb2018":
        pair = read_pairs(bench.root() / name / "train")[7 + 40 * seed]
        image, labels = read_image(pair.image)[:256, :256], read_label(pair.label)[:256, :256]
        plane, certain = LabelledPlane("a", image, labels, "reviewed"), np.zeros(labels.shape, bool)
        certain[:, : labels.shape[1] // 2] = True
    else:
        (plane,) = bench.labelled_planes(name, 1, "reviewed", rng)
        assert plane.ignore is not None
        certain = ~plane.ignore
        certain[:, int(np.flatnonzero(certain.any(axis=0)).mean()) :] = False
    found = api.segment(plane.image, "nuclei", scale=SCALE.get(name, 1.0)).labels
    copy = np.where(certain, plane.labels, found + (found > 0) * int(plane.labels.max()))
    return [replace(plane, labels=copy, labels_as="corrections", certain=certain, ignore=None)]


def dice(name: str, model: ModelInfo) -> dict[int, float]:
    """Mean over the test images, by level."""
    found: dict[int, list[float]] = {level: [] for level in LEVELS}
    loaded = api.load_model(model.path)
    pairs = read_pairs(bench.root() / name / "test")
    for pair in pairs[:: max(1, len(pairs) // 6)]:
        image, labels = read_image(pair.image), read_label(pair.label)
        starts = [max(0, (n - SIDE) // 2) for n in labels.shape]
        part = tuple(slice(start, start + SIDE) for start in starts)
        truth = bench.foreground(name, labels)[part]
        deepest = predict_maps(image[part], loaded, level=4, all_levels=True, scale=SCALE.get(name, 1.0))
        for level in LEVELS:
            found[level].append(dice_iou(replace(deepest, level=level).mask(), truth)[0])
    return {level: round(float(np.mean(values)), 3) for level, values in found.items()}


def main() -> None:
    """Fine-tune once and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set")
    parser.add_argument("kind", choices=("reviewed", "corrections"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=40)
    args = parser.parse_args()
    bench.FOREGROUND.setdefault(args.set, None)
    learned = planes(args.set, args.kind, np.random.default_rng(args.seed), args.seed)
    learned = [replace(plane, scale=SCALE.get(args.set, 1.0)) for plane in learned]
    request = FinetuneRequest(
        find_model("nuclei"),
        tuple(learned),
        seconds=None,
        steps=args.steps,
        seed=args.seed,
        device="cpu",
        precision="bfloat16",
    )
    *_, done = finetune(request)
    assert isinstance(done, FinetuneDone)
    with tempfile.TemporaryDirectory() as folder:
        model = save_model(Path(folder) / "m.safetensors", done.tensors, done.info, half=True)
        print(json.dumps({**vars(args), "dice": dice(args.set, model)}))


if __name__ == "__main__":
    main()
