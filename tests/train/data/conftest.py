"""Real samples of several kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_unetpp._types import ModelInfo, NetConfig
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.train.data.samples import Sample, load_sample

OUTPUTS = ("foreground", "edge_distance", "object_border")
NUCLEI = ModelInfo("", "instances", ("nucleus",), OUTPUTS, NetConfig(outputs=3))


@pytest.fixture(scope="session")
def nuclei(data_root: Path) -> list[Sample]:
    """Grey on dark, colour on bright, and crowded; of two data sets."""
    chosen = [
        *((0, pair) for pair in read_pairs(data_root / "nuclei_dsb2018" / "train")[:240:20]),
        *((1, pair) for pair in read_pairs(data_root / "nuclei_colon" / "train")[:2]),
    ]
    return [load_sample(pair, NUCLEI, folder=folder) for folder, pair in chosen]
