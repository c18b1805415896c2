"""Which scale and range corrections are learned at: given, or found as for segmenting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("monai")

from napari_unetpp._types import (
    FinetuneDone,
    FinetuneRequest,
    FinetuneStarted,
    LabelledPlane,
    ModelInfo,
    SamplingRule,
    ScaleChoice,
    UsageError,
)
from napari_unetpp.api import load_model
from napari_unetpp.engine.input.normalise import measure
from napari_unetpp.engine.input.sampling import resample, resample_labels
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label, read_pairs
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.train.finetune.data.examples import make_example
from napari_unetpp.train.finetune.data.planes import with_options, with_scale_and_range
from napari_unetpp.train.finetune.run import finetune


def plane_of(side: int = 60, **options: object) -> LabelledPlane:
    rng = np.random.default_rng(0)
    labels = np.zeros((side, side), np.uint8)
    labels[10:30, 10:30] = 1
    image = (labels * 100 + rng.integers(0, 20, labels.shape)).astype(np.uint8)
    return LabelledPlane("a", image, labels, "reviewed", **options)  # type: ignore[arg-type]


def test_a_magnified_image_is_learned_at_the_scale_that_is_found(data_root) -> None:  # type: ignore[no-untyped-def]
    """Nuclei three times larger than the shipped model knows them."""
    pair = read_pairs(data_root / "nuclei_dsb2018" / "train")[138]
    image = resample(read_image(pair.image)[:200, :200], 3.0)
    labels = resample_labels(read_label(pair.label)[:200, :200], image.shape[:2])
    nuclei = find_model("nuclei")
    plane = LabelledPlane("large", image, labels, "reviewed")
    read = with_scale_and_range(plane, load_model("nuclei", device="cpu"))
    assert read.scale is not None and 0.15 < read.scale < 0.4
    stats = measure(image, nuclei.normalisation)
    assert read.range == (stats.low, stats.high)
    example = make_example(read, nuclei)
    assert example.shape == (round(600 * read.scale), round(600 * read.scale))
    started = next(finetune(FinetuneRequest(nuclei, (plane,), seconds=None, steps=1, device="cpu")))
    assert isinstance(started, FinetuneStarted)
    assert f"The labelled images are seen at scale {round(read.scale, 2):g}." in started.notes


def test_each_plane_without_a_scale_is_searched_once(
    tiny_model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = []

    def search(evaluator: object, plane: object, *_: object) -> ScaleChoice:
        searched.append(plane)
        return ScaleChoice(0.5, "found")

    monkeypatch.setattr("napari_unetpp.engine.input.scale.search_scale", search)
    planes = (plane_of(), replace(plane_of(scale=1.5), name="b"), replace(plane_of(), name="c"))
    *_, done = finetune(FinetuneRequest(tiny_model, planes, seconds=None, steps=1, device="cpu"))
    assert isinstance(done, FinetuneDone)
    assert len(searched) == 2


def test_a_given_range_is_learned_with(tiny_model: ModelInfo) -> None:
    evaluator = load_model("tiny", device="cpu")
    given = make_example(with_scale_and_range(plane_of(scale=1.0, range=(0.0, 240.0)), evaluator), tiny_model)
    np.testing.assert_allclose(given.image[0], plane_of().image / 240, atol=1e-6)


def test_options_of_the_command_go_before_what_was_saved(tiny_model: ModelInfo) -> None:
    saved = (plane_of(), plane_of(scale=3.0, range=(1.0, 2.0)))
    assert [p.scale for p in with_options(saved, tiny_model)] == [None, 3.0]
    assert [p.range for p in with_options(saved, tiny_model)] == [None, (1.0, 2.0)]
    assert [p.scale for p in with_options(saved, tiny_model, scale=0.5)] == [0.5, 0.5]
    assert [p.scale for p in with_options(saved, tiny_model, diameter=40)] == [0.5, 0.5]
    assert [p.range for p in with_options(saved, tiny_model, range=(0, 9))] == [(0.0, 9.0)] * 2
    framed = replace(tiny_model, sampling=SamplingRule("frame", 40))
    with pytest.raises(UsageError, match="does not go by the size"):
        with_options(saved, framed, diameter=40)
