"""The labelled images that training holds out of a folder, for benchmarks."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unetpp._types import ModelInfo
from napari_unetpp.files.labels.folders import Pair
from napari_unetpp.train.data.held_out import split_samples
from napari_unetpp.train.data.samples import load_sample


def held_out_pairs(pairs: Sequence[Pair], info: ModelInfo) -> list[Pair]:
    """Those of the pairs of one folder that training holds out."""
    _, held_out = split_samples([load_sample(pair, info) for pair in pairs])
    stems = {sample.stem for sample in held_out}
    return [pair for pair in pairs if pair.stem in stems]
