"""How whole frames of a camera are varied in training, on real endoscopy images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_unetpp._types import ModelInfo, NetConfig, SamplingRule
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.train.data import frames
from napari_unetpp.train.data.patches import PatchSource
from napari_unetpp.train.data.samples import Sample, load_sample

FRAME = 96
POLYPS = ModelInfo("", "semantic", ("polyp",), ("polyp",), NetConfig(), sampling=SamplingRule("frame", FRAME))


@pytest.fixture(scope="module")
def samples(data_root: Path) -> list[Sample]:
    return [load_sample(pair, POLYPS) for pair in read_pairs(data_root / "polyps_kvasir" / "train")[:60:10]]


def test_patches_of_frames(samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MIRRORED", 1.0)
    samples = [*samples, *frames.mirrored_frames(samples, np.random.default_rng(0))]
    first, again = (
        PatchSource(samples, POLYPS, np.random.default_rng(5), frames.FRAMES).batch(24, FRAME)
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


def test_an_overlay_hides_nothing_but_behind_a_border(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HIGHLIGHTS", "INTERLACED", "BORDERED", "LETTERED"):
        monkeypatch.setattr(frames, name, 1.0)
    before = torch.from_numpy(samples[0].image.astype(np.float32))
    labels = torch.from_numpy(samples[0].labels)
    image, left = frames.disturb(
        before[None].clone(), labels[None, None].clone(), np.random.default_rng(0), torch.Generator()
    )
    hidden = (labels > 0) & (left[0, 0] == 0)
    assert not torch.equal(image[0], before) and image.isfinite().all()
    assert torch.equal(left[0, 0][~hidden], labels[~hidden])
    assert not hidden.any() or (image[0][:, hidden] == 0).float().mean() > 0.8, "only text may lie on it"


def test_mirroring_makes_frames_without_polyps(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of them lose the polyp, half keep it: being mirrored tells nothing."""
    monkeypatch.setattr(frames, "MIRRORED", 1.0)
    found = list(frames.mirrored_frames(samples, np.random.default_rng(0)))
    assert found, "some of these frames have a free side"
    assert not any(s.labels.any() for s in found[::2]) and all(s.labels.any() for s in found[1::2])
    for sample in found:
        original = next(s for s in samples if s.stem == sample.stem)
        assert sample.image.shape == original.image.shape and sample.image.dtype == original.image.dtype
        kept = (sample.image == original.image).all(axis=0)
        assert kept.mean() >= frames.FREE_SIDE
        assert np.array_equal(sample.labels[kept], original.labels[kept])


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("last", [False, True])
def test_the_free_side_is_mirrored_from_the_cut(axis: int, last: bool, samples: list[Sample]) -> None:
    labels = np.zeros((FRAME, FRAME), np.int32)
    labels[40:50, 45:55] = 1
    turned = np.rot90(labels, 2 * last) if axis == 0 else np.rot90(labels, 1 + 2 * last)
    side, cut, first = frames.free_side(turned)
    free = np.take(turned, range(cut) if first else range(cut, FRAME), axis=side)
    assert not free.any() and free.shape[side] == FRAME - 50


def test_interlacing_moves_every_other_row(samples: list[Sample]) -> None:
    image = torch.from_numpy(samples[0].image.astype(np.float32))
    torn = frames.interlaced(image, 3)
    assert torch.equal(torn[:, ::2], image[:, ::2])
    assert torch.equal(torn[:, 1::2, 3:], image[:, 1::2, :-3])


@pytest.mark.parametrize("make", [frames.highlights, frames.text])
def test_highlights_and_text_are_small(make) -> None:  # type: ignore[no-untyped-def]
    shares = []
    for seed in range(10):
        plane = make(FRAME, np.random.default_rng(seed))
        assert plane.shape == (FRAME, FRAME) and plane.min() >= 0 and plane.max() <= 1
        shares.append(float((plane > 0.01).mean()))
    assert 0 < np.mean(shares) < 0.2
