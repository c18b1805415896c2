"""Training on whole frames of a camera, on real endoscopy images."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("monai")

from napari_unetpp._types import ModelInfo, NetConfig, SamplingRule, UnetppError
from napari_unetpp.api import load_model, segment
from napari_unetpp.files.folders import read_pairs
from napari_unetpp.files.images import read_image
from napari_unetpp.files.model_file import read_tensors
from napari_unetpp.train import frames
from napari_unetpp.train.patches import PatchSource
from napari_unetpp.train.run import TrainRequest, train_folder
from napari_unetpp.train.samples import Sample, load_sample

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


def test_patches_of_frames(samples: list[Sample]) -> None:
    first, again = (
        PatchSource(samples, "semantic", 1, np.random.default_rng(5), frames.FRAMES).batch(24, FRAME)
        for _ in range(2)
    )
    assert (first.image == again.image).all() and (first.target == again.target).all()
    assert first.image.shape == (24, 3, FRAME, FRAME) and first.target.shape == (24, 1, FRAME, FRAME)
    shown = [bool(t.any()) for t in first.target]
    assert any(shown) and not all(shown), "some frames show no polyp"


@pytest.mark.parametrize("seed", range(12))
def test_a_border_is_black_and_holds_no_polyp(seed: int) -> None:
    outside = frames.border(FRAME, np.random.default_rng(seed))
    assert outside.shape == (FRAME, FRAME) and outside.dtype == bool
    assert 0 <= outside.mean() < 0.5
    assert not outside[FRAME // 2 - 5 : FRAME // 2 + 5, FRAME // 2 - 5 : FRAME // 2 + 5].any()


def test_disturbing_hides_nothing_but_behind_a_border(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HIGHLIGHTS", "INTERLACED", "BORDERED", "LETTERED"):
        monkeypatch.setattr(frames, name, 1.0)
    image = samples[0].image.astype(np.float32)
    before = image.copy()
    labels = np.stack([samples[0].labels, np.zeros_like(samples[0].labels)])
    frames.disturb(image, labels, np.random.default_rng(0))
    hidden = (samples[0].labels > 0) & (labels[0] == 0)
    assert not np.array_equal(image, before) and np.isfinite(image).all()
    assert np.array_equal(labels[0][~hidden], samples[0].labels[~hidden])
    assert (image[:, hidden] == 0).mean() > 0.8 or not hidden.any(), "only text may lie on it"


def test_folding_makes_frames_without_polyps(samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of them lose the polyp, half keep it: being mirrored tells nothing."""
    monkeypatch.setattr(frames, "FOLDED", 1.0)
    found = list(frames.folded(samples, np.random.default_rng(0)))
    assert found, "some of these frames have a free side"
    assert not any(s.labels.any() for s in found[::2]) and all(s.labels.any() for s in found[1::2])
    for sample in found:
        original = next(s for s in samples if s.stem == sample.stem)
        assert sample.image.shape == original.image.shape and sample.image.dtype == original.image.dtype
        kept = (sample.image == original.image).all(axis=0)
        assert kept.mean() >= frames.FREE
        assert np.array_equal(sample.labels[kept], original.labels[kept])


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("last", [False, True])
def test_thefree_side_is_mirrored_from_the_cut(axis: int, last: bool, samples: list[Sample]) -> None:
    labels = np.zeros((FRAME, FRAME), np.int32)
    labels[40:50, 45:55] = 1
    turned = np.rot90(labels, 2 * last) if axis == 0 else np.rot90(labels, 1 + 2 * last)
    side, cut, first = frames.free_side(turned)
    free = np.take(turned, range(cut) if first else range(cut, FRAME), axis=side)
    assert not free.any() and free.shape[side] == FRAME - 50


def test_interlacing_moves_every_other_row(samples: list[Sample]) -> None:
    image = samples[0].image.astype(np.float32)
    torn = image.copy()
    frames.interlace(torn, np.random.default_rng(0))
    assert np.array_equal(torn[:, ::2], image[:, ::2])
    assert not np.array_equal(torn[:, 1::2], image[:, 1::2])
    assert np.array_equal(np.sort(torn[:, 1::2], axis=2), np.sort(image[:, 1::2], axis=2))


@pytest.mark.parametrize("add", [frames.add_highlights, frames.add_text])
def test_highlights_and_text_are_light_and_small(add, samples: list[Sample]) -> None:  # type: ignore[no-untyped-def]
    changed = []
    for seed in range(10):
        image = np.full_like(samples[0].image, 0.3, np.float32)
        add(image, np.random.default_rng(seed))
        assert image.min() >= 0.3 - 1e-6 and image.max() <= 1.2
        changed.append(float((image > 0.31).mean()))
    assert 0 < np.mean(changed) < 0.2


def test_a_model_of_frames_from_a_model_of_objects(
    folder: Path, tmp_path: Path, tiny_model: ModelInfo
) -> None:
    """Another task takes over the network but not the heads; results have the size of the frame."""
    out = tmp_path / "polyps.safetensors"
    request = TrainRequest(
        *(folder, out, "semantic"), start="tiny", frame=FRAME, classes=("polyp",), epochs=1, batch=2
    )
    info = train_folder(request, lambda _line: None)
    assert (info.task, info.classes, info.outputs) == ("semantic", ("polyp",), ("polyp",))
    assert info.sampling == SamplingRule("frame", FRAME)
    assert info.net.widths == tiny_model.net.widths and info.net.outputs == 1
    assert info.provenance["parent"] == tiny_model.sha256
    assert read_tensors(out)["heads.0.weight"].shape[0] == 1
    image = read_image(sorted((folder / "images").iterdir())[0])[:, :300]
    found = segment(image, load_model(out))
    assert found.mask.shape == image.shape[:2]


def test_names_that_do_not_fit_the_classes_are_refused(folder: Path, tmp_path: Path) -> None:
    request = TrainRequest(folder, tmp_path / "m.safetensors", "semantic", classes=("polyp", "tool"))
    with pytest.raises(UnetppError, match="--classes gives 2 name"):
        train_folder(request, lambda _line: None)
