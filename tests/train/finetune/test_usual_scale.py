"""The scale at which a model learns what it does not know, and the usual scale of the new model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("monai")

from napari_unetpp._types import (
    FinetuneDone,
    FinetuneRequest,
    LabelledPlane,
    ModelInfo,
    SamplingRule,
    ScaleChoice,
)
from napari_unetpp.api import load_model
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.input.sampling import resample, resample_labels
from napari_unetpp.engine.input.scale import choose_scale
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label, read_pairs
from napari_unetpp.files.models.model_file import save_model
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.train.finetune.budget import Budget
from napari_unetpp.train.finetune.data import planes
from napari_unetpp.train.finetune.data.examples import Example
from napari_unetpp.train.finetune.data.planes import with_scale_and_range
from napari_unetpp.train.finetune.result import with_usual_scale
from napari_unetpp.train.finetune.run import finetune
from napari_unetpp.train.scratch.cards import first_card
from napari_unetpp.train.scratch.request import TrainRequest

LABELS_AS = ("reviewed", "corrections", "sparse")


@pytest.fixture
def misled(monkeypatch: pytest.MonkeyPatch) -> ScaleChoice:
    """Every search says 0.5."""
    found = ScaleChoice(0.5, "objects of about 40 px", searched=True)
    monkeypatch.setattr("napari_unetpp.engine.input.scale.search_scale", lambda *_: found)
    return found


def discs(radius: int, labels_as: Any = "reviewed", **options: Any) -> LabelledPlane:
    """Nine bright discs with labels."""
    y, x = np.mgrid[:180, :180]
    labels = np.zeros((180, 180), np.uint16)
    for n in range(9):
        inside = (y - 30 - 60 * (n // 3)) ** 2 + (x - 30 - 60 * (n % 3)) ** 2 < radius**2
        labels[inside] = n + 1
    noise = np.random.default_rng(0).integers(0, 20, labels.shape)
    image = ((labels > 0) * 100 + noise).astype(np.uint8)
    certain = np.ones(labels.shape, bool) if labels_as == "corrections" else None
    if labels_as == "sparse":
        labels = np.where(labels > 0, 1, 2).astype(np.uint16)
        options = {"background": 2, "objects": False, **options}
    return LabelledPlane("discs", image, labels, labels_as, certain=certain, **options)


def tuned(model: ModelInfo, *planes: LabelledPlane) -> FinetuneDone:
    request = FinetuneRequest(model, planes, seconds=None, steps=1, device="cpu")
    *_, done = finetune(request)
    assert isinstance(done, FinetuneDone)
    return done


@pytest.mark.parametrize("labels_as", LABELS_AS)
def test_what_the_model_does_not_know_is_learned_at_scale_1(
    tiny_model: ModelInfo, misled: ScaleChoice, labels_as: str
) -> None:
    """The untrained network finds nothing at any scale, whatever the search says."""
    read = with_scale_and_range(discs(20, labels_as), load_model("tiny", device="cpu"))
    assert (read.scale, read.scale_searched) == (1.0, False)


@pytest.mark.parametrize("labels_as", LABELS_AS)
def test_a_scale_that_the_dock_has_searched_for_is_doubted_too(tiny_model: ModelInfo, labels_as: str) -> None:
    model = load_model("tiny", device="cpu")
    plane = discs(10, labels_as, scale=0.5, scale_searched=True)
    assert with_scale_and_range(plane, model).scale == 1.0
    assert with_scale_and_range(replace(plane, scale_searched=False), model).scale == 0.5


def test_the_new_model_sees_other_images_as_those_it_learned_from(
    tiny_model: ModelInfo, misled: ScaleChoice, tmp_path: Any
) -> None:
    plane = discs(10)
    done = tuned(tiny_model, plane)
    assert done.info.sampling.usual == 1.0
    saved = save_model(tmp_path / "tuned.safetensors", done.tensors, done.info)
    assert predict_maps(plane.image, load_model(str(saved.path), device="cpu"), level=1).scale.scale == 1.0
    assert predict_maps(plane.image, load_model("tiny", device="cpu"), level=1).scale == misled


@pytest.mark.parametrize("scale", [0.75, 1 / 16, 8.0])
def test_a_scale_that_the_user_gave_becomes_the_usual_one(
    tiny_model: ModelInfo, tmp_path: Any, scale: float
) -> None:
    plane = discs(20, scale=scale)
    if scale > 1:
        cut = slice(10, 50)
        plane = replace(plane, image=plane.image[cut, cut], labels=plane.labels[cut, cut])
    done = tuned(tiny_model, plane)
    saved = save_model(tmp_path / "tuned.safetensors", done.tensors, done.info)
    assert saved.sampling.usual == scale


@pytest.mark.parametrize("labels_as", LABELS_AS)
def test_a_diameter_refers_to_the_objects_that_were_labelled(tiny_model: ModelInfo, labels_as: str) -> None:
    """So that giving their true size gives the scale at which they were learned."""
    rule = tuned(tiny_model, discs(20, labels_as, scale=0.5)).info.sampling
    assert rule.value == (tiny_model.sampling.value if labels_as == "sparse" else pytest.approx(20, rel=0.05))
    if labels_as != "sparse":
        assert choose_scale(rule, (180, 180), diameter=40) == pytest.approx(0.5, rel=0.05)


def test_fine_tuned_again_with_strokes_it_keeps_its_scale(tiny_model: ModelInfo, tmp_path: Any) -> None:
    done = tuned(tiny_model, discs(10, scale=0.75))
    once = save_model(tmp_path / "tuned.safetensors", done.tensors, done.info)
    again = with_scale_and_range(discs(10, "sparse"), load_model(str(once.path), device="cpu"))
    assert again.scale == 0.75


def test_a_model_of_frames_is_not_doubted(tiny_model: ModelInfo, tmp_path: Any) -> None:
    framed = replace(tiny_model, sampling=SamplingRule("frame", 90.0))
    tensors = tuned(tiny_model, discs(10)).tensors
    saved = save_model(tmp_path / "framed.safetensors", tensors, framed)
    assert with_scale_and_range(discs(10), load_model(str(saved.path), device="cpu")).scale == 0.5


def _example(scale: float, *, searched: bool) -> Example:
    nothing = np.zeros((4, 4), bool)
    return Example(
        "a", np.zeros((1, 4, 4), np.float32), nothing.astype(np.int32), *[nothing] * 4, False, scale, searched
    )


@pytest.mark.parametrize(
    ("scales", "searched", "familiar", "usual"),
    [
        ((0.5, 0.5), True, True, None),
        ((0.5, 0.5), False, True, 0.5),
        ((0.5, 1.0), False, True, None),  # no scale at which both were learned
        ((0.5, 0.5, 1.0), False, False, 0.5),  # the search is of no use
        ((1.0, 1.0), True, False, 1.0),
    ],
)
def test_when_the_search_ends(
    tiny_info: ModelInfo, scales: tuple[float, ...], searched: bool, familiar: bool, usual: float | None
) -> None:
    examples = [_example(scale, searched=searched) for scale in scales]
    assert with_usual_scale(tiny_info, examples, familiar).sampling.usual == usual


def test_a_model_trained_on_goes_by_the_size_of_objects_again(tiny_model: ModelInfo, tmp_path: Any) -> None:
    parent = replace(tiny_model, sampling=replace(tiny_model.sampling, usual=0.5))
    request = TrainRequest([tmp_path], tmp_path / "m.safetensors", start="tiny")
    assert first_card(request, parent).sampling == tiny_model.sampling


# ---------------------------------------------------------------- with the shipped model


@pytest.fixture(scope="module")
def large_nuclei(data_root) -> LabelledPlane:  # type: ignore[no-untyped-def]
    """Nuclei three times larger than the shipped model knows them."""
    pair = read_pairs(data_root / "nuclei_dsb2018" / "train")[138]
    image = resample(read_image(pair.image)[:200, :200], 3.0)
    return LabelledPlane(
        "large", image, resample_labels(read_label(pair.label)[:200, :200], image.shape[:2]), "reviewed"
    )


def test_labelled_objects_tell_the_scale_of_what_the_model_knows(
    large_nuclei: LabelledPlane, misled: ScaleChoice
) -> None:
    read = with_scale_and_range(large_nuclei, load_model("nuclei", device="cpu"))
    assert read.scale is not None and 0.25 < read.scale < 0.45
    assert tuned(find_model("nuclei"), large_nuclei).info.sampling.usual is None, "the search would find it"


def test_a_search_that_was_right_goes_on_in_the_new_model(large_nuclei: LabelledPlane) -> None:
    """Corrections of a prediction: the model knows these images at the scale that is found."""
    copy = replace(large_nuclei, labels_as="corrections", certain=large_nuclei.labels > 0)
    read = with_scale_and_range(copy, load_model("nuclei", device="cpu"))
    assert read.scale is not None and 0.2 < read.scale < 0.5
    assert read.scale_searched
    assert tuned(find_model("nuclei"), copy).info.sampling.usual is None


def test_erasing_alone_leaves_the_scale_of_what_the_model_knows(large_nuclei: LabelledPlane) -> None:
    """The user decided background only; the rest of the copy shows that the scale is right."""
    copy = replace(
        large_nuclei,
        labels_as="corrections",
        certain=large_nuclei.labels == 0,
        scale=0.35,
        scale_searched=True,
    )
    assert with_scale_and_range(copy, load_model("nuclei", device="cpu")).scale == 0.35


@pytest.mark.parametrize(("trusted", "scales"), [(True, [0.5, 0.25, 0.375]), (False, [1.0, 1.0, 1.0])])
def test_without_time_only_the_first_scale_is_checked(
    tiny_model: ModelInfo, misled: ScaleChoice, monkeypatch: pytest.MonkeyPatch, trusted: bool, scales: Any
) -> None:
    checked = []

    def recognised(plane: LabelledPlane, model: object) -> bool:
        checked.append(plane.name)
        return trusted

    monkeypatch.setattr(planes, "_is_recognised", recognised)
    given = [
        replace(discs(10, "corrections"), name="a"),
        replace(discs(10, "corrections", scale=0.25, scale_searched=True), name="b"),
        replace(discs(10, "corrections"), name="c"),
    ]
    model, rng = load_model("tiny", device="cpu"), np.random.default_rng(0)
    examples, notes = planes.read_examples(given, tiny_model, model, Budget(1e-6), rng)
    assert checked == ["a"] and [each.scale for each in examples] == scales
    assert all(each.scale_searched == trusted for each in examples)
    assert any("is the median of the other" in note for note in notes)
