"""Which separating maps let every level part neighbours: short runs from one start.

    python tests/benchmarks/compare_maps.py $UNETPP_DATA ../shared/start/nuclei_local_maps.safetensors \
        --steps 150 --json maps.jsonl

The start is a plain state dict with six outputs a head (see its README); each variant keeps the heads of its
own outputs and goes on with them alone, for the same steps with the same seed. All learn from the four sets
of nuclei (shares 4, 2, 1, 1), a tenth of each held out; there every variant gets its best rule for objects
(`choose_decode`, `choose_shifts`). Printed: AP50 and Dice on held-out images per level, AP50 of every set,
and its mean over the sets. `--only` runs one variant.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy import ndimage
from skimage.measure import regionprops
from skimage.segmentation import find_boundaries
from torch import Tensor

from napari_unetpp._types import ModelInfo, NetConfig, Normalisation, SamplingRule
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train import loss as losses
from napari_unetpp.train.averaging import measure_batch_norms
from napari_unetpp.train.choose.decode_rule import choose_decode
from napari_unetpp.train.choose.head_shifts import choose_shifts, shift_maps
from napari_unetpp.train.choose.levels import at_model_size, mean_dice, pooled_ap50, predict_samples
from napari_unetpp.train.data import targets
from napari_unetpp.train.data.held_out import split_samples
from napari_unetpp.train.data.patches import PatchSource
from napari_unetpp.train.data.samples import Sample, load_sample
from napari_unetpp.train.scratch.loop import TrainingLoop, TrainingOptions

SETS = ("nuclei_dsb2018", "nuclei_tissue", "nuclei_colon", "nuclei_he")
SHARES = (4, 2, 1, 1)
START = ("foreground", "boundary", "distance", "centre", "edge_distance", "object_border")
"""Outputs of the start, in the order of its channels."""

VARIANTS = {
    "old maps": START[:4],
    "border only": ("foreground", "object_border"),
    "distance only": ("foreground", "edge_distance"),
    "both": ("foreground", "edge_distance", "object_border"),
}
DIAMETER = 20.0
NORM_BATCHES = 12

# ------------------------------------------------------- the maps of older models, as they were learned


def old_map(make: Callable[[NDArray[np.int32]], NDArray[np.float32]]) -> Callable[[Tensor], Tensor]:
    """A map of label patches (N, 1, Y, X), made patch by patch."""

    def maps(labels: Tensor) -> Tensor:
        made = [make(patch[0].numpy().astype(np.int32)) for patch in labels]
        return torch.from_numpy(np.stack(made)[:, None])

    return maps


def boundary(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """Pixels of objects that touch another object or the background."""
    return find_boundaries(labels, mode="inner", connectivity=1).astype(np.float32)


def relative_distance(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """Distance to the border, divided by the largest of the object."""
    return object_by_object(labels, lambda inside, peak, diameter: inside / inside.max())


def centre(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """A Gaussian of the distance to the middle, a quarter of the diameter wide."""

    def bump(inside: NDArray[np.float64], peak: NDArray[np.float64], diameter: float) -> NDArray[np.float64]:
        squared = ((np.indices(inside.shape) - peak[:, None, None]) ** 2).sum(axis=0)
        return np.exp(-squared / (2 * max(diameter / 4, 1.0) ** 2))

    return object_by_object(labels, bump)


def object_by_object(labels: NDArray[np.int32], make: Callable[..., NDArray]) -> NDArray[np.float32]:
    """A map (Y, X) that is made of every object by itself."""
    out = np.zeros(labels.shape, np.float32)
    for region in regionprops(labels):
        inside = ndimage.distance_transform_edt(np.pad(region.image, 1))[1:-1, 1:-1]
        peak = np.argwhere(inside == inside.max()).mean(axis=0)
        made = make(inside, peak, region.equivalent_diameter_area)
        out[region.slice][region.image] = made[region.image]
    return out


OLD_MAPS = {
    "boundary": old_map(boundary),
    "distance": old_map(relative_distance),
    "centre": old_map(centre),
}


class OldLoss(losses.DeepSupervisionLoss):
    """Separating maps by plain cross-entropy, as older models learned them."""

    def separating(self, name: str, logits: Tensor, batch: losses.Batch) -> Tensor:
        entropy = F.binary_cross_entropy_with_logits(logits, batch.target, reduction="none")
        return (entropy * batch.certain).sum() / batch.certain.sum().clamp(min=1.0)


# ------------------------------------------------------------------------------------------ the runs


def read_sets(data: Path, every: int) -> tuple[list[Sample], list[Sample]]:
    """(to learn from, held out), each `every`-th image of the sets."""
    info = card(VARIANTS["both"])
    train, held = [], []
    for number, name in enumerate(SETS):
        pairs = read_pairs(data / name / "train")[::every]
        samples = [load_sample(pair, info, folder=number) for pair in pairs]
        learned, kept = split_samples(samples)
        train += learned
        held += [at_model_size(sample, info) for sample in kept]
    return train, held


def card(outputs: Sequence[str]) -> ModelInfo:
    """What is to be learned."""
    return ModelInfo(
        "comparison",
        "instances",
        ("nucleus",),
        tuple(outputs),
        NetConfig(outputs=len(outputs)),
        normalisation=Normalisation(rule="robust"),
        sampling=SamplingRule("object", DIAMETER),
    )


def network(start: Path, outputs: Sequence[str]) -> UNetPlusPlus:
    """The start with the heads of these outputs alone."""
    tensors = {name: t.float() if t.is_floating_point() else t for name, t in load_file(start).items()}
    kept = [START.index(name) for name in outputs]
    heads = {name: t[kept] for name, t in tensors.items() if name.startswith("heads.")}
    net = UNetPlusPlus(NetConfig(outputs=len(outputs)))
    net.load_state_dict(tensors | heads)
    return net


def run(
    variant: str, start: Path, train: list[Sample], held: list[Sample], options: argparse.Namespace
) -> dict[str, object]:
    """Train one variant and measure it."""
    outputs = VARIANTS[variant]
    info, net = card(outputs), network(start, outputs)
    source = PatchSource(train, info, np.random.default_rng(options.seed), shares=SHARES)
    torch.manual_seed(options.seed)
    fit = TrainingLoop(
        net,
        source,
        info,
        TrainingOptions(steps=options.steps, rate=options.rate, grow=False, dtype=options.dtype),
    )
    if variant == "old maps":
        fit.loss = OldLoss(info)
    begun = time.monotonic()
    for event in fit.run():
        last = event
    measure_batch_norms(last.average, (source.batch(8, 256).image for _ in range(NORM_BATCHES)))
    predicted = predict_samples(last.average, held, info)
    info = replace(info, decode=choose_decode(predicted, info))
    predicted = shift_maps(predicted, choose_shifts(predicted, info))
    ap50 = {d: pooled_ap50(predicted, info, d) for d in info.net.levels}
    by_set = {
        name: [pooled_ap50([p for p in predicted if p.sample.folder == n], info, d) for d in info.net.levels]
        for n, name in enumerate(SETS)
    }
    return {
        "variant": variant,
        "steps": options.steps,
        "seconds": round(time.monotonic() - begun),
        "decode": str(info.decode),
        "ap50": ap50,
        "dice": {d: mean_dice(predicted, info, d)[0] for d in info.net.levels},
        "ap50 by set": by_set,
        "mean over sets": [float(np.mean(values)) for values in zip(*by_set.values(), strict=True)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("start", type=Path)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="use each so-manieth image")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--only", choices=tuple(VARIANTS))
    parser.add_argument("--json", type=Path, help="a line per variant is appended")
    options = parser.parse_args()
    targets.SEPARATING_MAPS |= OLD_MAPS
    train, held = read_sets(options.data, options.every)
    print(f"{len(train)} images to learn from, {len(held)} held out", flush=True)
    for variant in [options.only] if options.only else VARIANTS:
        record = run(variant, options.start, train, held, options)
        print(json.dumps(record), flush=True)
        if options.json:
            with options.json.open("a") as file:
                file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
