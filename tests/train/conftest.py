"""Small real data sets in folders of their own, and a network that trains in a moment."""

from __future__ import annotations

from pathlib import Path

import pytest
import tifffile

from napari_unetpp._types import NetConfig
from napari_unetpp.engine.device import DeviceChoice
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label, read_pairs
from napari_unetpp.net.baselines import BASELINES

NARROW = NetConfig(widths=(4, 8, 8, 16, 16))
SIDE = 112


@pytest.fixture(scope="session")
def small_sets(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders of corners of real images: eight of cultured nuclei, five of sections of tissue."""
    root = tmp_path_factory.mktemp("sets")
    for name, step, count in (("nuclei_dsb2018", 20, 8), ("nuclei_tissue", 10, 5)):
        for kind in ("images", "labels"):
            (root / name / kind).mkdir(parents=True)
        for pair in read_pairs(data_root / name / "train")[::step][:count]:
            image, labels = read_image(pair.image)[:SIDE, :SIDE], read_label(pair.label)[:SIDE, :SIDE]
            tifffile.imwrite(root / name / "images" / f"{pair.stem}.tif", image)
            tifffile.imwrite(root / name / "labels" / f"{pair.stem}.tif", labels)
    return root / "nuclei_dsb2018", root / "nuclei_tissue"


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """``--arch unetpp`` with few channels."""
    monkeypatch.setitem(BASELINES, "unetpp", lambda: NARROW)


@pytest.fixture
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fine-tune in float32, whatever this machine is faster in: bounds on a few steps hold for one format."""
    choice = DeviceChoice("cpu", "float32")
    monkeypatch.setattr("napari_unetpp.train.finetune.run.choose_device", lambda _device, _precision: choice)
