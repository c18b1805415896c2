"""Training on whole frames of a camera, on real endoscopy images."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("monai")

from napari_unetpp._types import ModelInfo, NetConfig, SamplingRule, UnetppError
from napari_unetpp.api import load_model, segment
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.files.models.model_file import read_tensors
from napari_unetpp.train.data.samples import Sample, load_sample
from napari_unetpp.train.scratch.request import TrainRequest
from napari_unetpp.train.scratch.run import train_model

FRAME = 96
POLYPS = ModelInfo("", "semantic", ("polyp",), ("polyp",), NetConfig(), sampling=SamplingRule("frame", FRAME))


@pytest.fixture(scope="module")
def folder(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames, one of them with a native aspect."""
    folder = tmp_path_factory.mktemp("polyps")
    for pair in read_pairs(data_root / "polyps_kvasir" / "train")[:60:10]:
        for path, kind in ((pair.image, "images"), (pair.label, "labels")):
            (folder / kind).mkdir(exist_ok=True)
            shutil.copy(path, folder / kind / path.name)
    return folder


@pytest.fixture(scope="module")
def samples(folder: Path) -> list[Sample]:
    return [load_sample(pair, POLYPS) for pair in read_pairs(folder)]


def test_a_frame_is_brought_to_its_size(samples: list[Sample]) -> None:
    assert {s.image.shape for s in samples} == {(3, FRAME, FRAME)}
    assert {s.labels.shape for s in samples} == {(FRAME, FRAME)}
    assert all(set(np.unique(s.labels)) == {0, 1} for s in samples)


def test_a_model_of_frames_from_a_model_of_objects(
    folder: Path, tmp_path: Path, tiny_model: ModelInfo
) -> None:
    """Another task takes over the network but not the heads; results have the size of the frame."""
    out = tmp_path / "polyps.safetensors"
    request = TrainRequest(
        *((folder,), out, "semantic"), start="tiny", frame=FRAME, classes=("polyp",), epochs=1, batch=2
    )
    info = train_model(request, lambda _line: None)
    assert (info.task, info.classes, info.outputs) == ("semantic", ("polyp",), ("polyp",))
    assert info.sampling == SamplingRule("frame", FRAME)
    assert info.net.widths == tiny_model.net.widths and info.net.outputs == 1
    assert info.provenance["parent"] == tiny_model.sha256
    assert read_tensors(out)["heads.0.weight"].shape[0] == 1
    image = read_image(sorted((folder / "images").iterdir())[0])[:, :300]
    found = segment(image, load_model(out))
    assert found.mask.shape == image.shape[:2]


def test_names_that_do_not_fit_the_classes_are_refused(folder: Path, tmp_path: Path) -> None:
    request = TrainRequest((folder,), tmp_path / "m.safetensors", "semantic", classes=("polyp", "tool"))
    with pytest.raises(UnetppError, match="--classes gives 2 name"):
        train_model(request, lambda _line: None)
