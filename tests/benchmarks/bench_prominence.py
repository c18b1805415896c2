"""Which prominence of the edge distance suits which level, and what the scale has to do with it.

    python tests/benchmarks/bench_prominence.py $UNETPP_DATA ../shared/start/nuclei_local_maps.safetensors

The weights are a plain state dict with six outputs a head (see their README). Of every set of nuclei some
held-out training images are predicted, at scale 1 and brought to the model's diameter by the median diameter
of their labels. Printed: AP50 at L1 to L4 of each set, its mean over the sets, for L2 to L4 and for L1.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.torch import load_file

from napari_unetpp._types import EDGE_CAP, DecodeRule, ModelInfo, NetConfig, SamplingRule
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.files.text import table
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose.decode_rule import ap50_of_rules
from napari_unetpp.train.choose.levels import Predicted, at_model_size, predict_samples
from napari_unetpp.train.data.held_out import split_samples
from napari_unetpp.train.data.samples import Sample, load_sample

SETS = ("nuclei_dsb2018", "nuclei_tissue", "nuclei_colon", "nuclei_he")
OUTPUTS = ("foreground", "boundary", "distance", "centre", "edge_distance", "object_border")
DIAMETER, IMAGES, MIN_SIZE = 20.0, 6, 20
RULES = [(0.5, 0), (1, 0), (1.5, 0), (2, 0), (0, 0.06), (0, 0.12), (0, 0.2), (0.5, 0.2), (1, 0.12), (1, 0.2)]
"""Prominence in px, and as a share of the height."""


def samples_of(folder: Path, info: ModelInfo) -> list[Sample]:
    """Held-out images of a set, spread evenly: an eighth, of DSB2018 a tenth, as the weights were trained."""
    pairs = read_pairs(folder)
    if folder.parent.name != SETS[0]:
        return [load_sample(pair, info) for pair in pairs[: max(2, len(pairs) // 8)]][:IMAGES]
    held = split_samples([load_sample(p, info) for p in pairs])[1]
    return held[:: max(1, len(held) // (3 * IMAGES))]


def rules(threshold: float) -> list[DecodeRule]:
    base = DecodeRule(threshold, "edge_distance", 0.0, MIN_SIZE)
    return [replace(base, prominence=max(px / EDGE_CAP, 0.01), prominence_share=share) for px, share in RULES]


def lines(predicted: list[list[Predicted]], info: ModelInfo, threshold: float) -> Iterator[tuple[str, ...]]:
    """A row for every rule."""
    yield "px", "share", *SETS, "mean of L2-L4", "L1"
    scores = np.array(
        [
            [
                ap50_of_rules(images, info, (d,), rules(threshold), (MIN_SIZE,))[:, 0, 0]
                for d in info.net.levels
            ]
            for images in predicted
        ]
    )  # (sets, levels, rules)
    for n, (px, share) in enumerate(RULES):
        cells = [" ".join(f"{value:.3f}" for value in row) for row in scores[:, :, n]]
        yield (
            f"{px:g}",
            f"{share:g}",
            *cells,
            f"{scores[:, 1:, n].mean():.3f}",
            f"{scores[:, 0, n].mean():.3f}",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--threshold", type=float, default=0.5)
    args = parser.parse_args()
    config = NetConfig(outputs=len(OUTPUTS))
    info = ModelInfo(
        "start", "instances", ("nucleus",), OUTPUTS, config, sampling=SamplingRule("object", DIAMETER)
    )
    net = UNetPlusPlus(config)
    net.load_state_dict({name: tensor.float() for name, tensor in load_file(args.weights).items()})
    sets = [samples_of(args.data / name / "train", info) for name in SETS]
    for fitted, border in itertools.product((True, False), (False, True)):
        shown = [[at_model_size(s, info) if fitted else s for s in samples] for samples in sets]
        predicted = [predict_samples(net.eval(), samples, info) for samples in shown]
        model = info if border else replace(info, outputs=(*OUTPUTS[:5], "unused"))
        print(
            f"{'scale that fits' if fitted else 'scale 1'}, {'with' if border else 'without'} object_border"
        )
        print(table(lines(predicted, model, args.threshold)))


if __name__ == "__main__":
    main()
