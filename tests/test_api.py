"""The public functions: lazy names, segmentation on the input grid, scores of a folder."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import bright_network
from skimage.io import imsave

import napari_unetpp
from napari_unetpp import UnetppError, evaluate, finetune, list_models, load_model, segment
from napari_unetpp._types import (
    EDGE_CAP,
    DecodeRule,
    LevelScores,
    ModelInfo,
    NetConfig,
    SamplingRule,
    ScaleChoice,
    StoppingRule,
    UsageError,
)
from napari_unetpp.engine.device import DeviceChoice
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.models.model_file import save_model
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose.evaluation import best_level

CONFIG = NetConfig(outputs=2, widths=(4, 4, 6, 6, 8))
INFO = ModelInfo(
    "small",
    "instances",
    ("nucleus",),
    ("foreground", "distance"),
    CONFIG,
    decode=DecodeRule(threshold=0.5, seeds="distance", min_size=4),
    recommended_level=3,
)
FLOAT32 = DeviceChoice("cpu", "float32")
SCORES = {"dice", "iou", "ap50", "parameters", "seconds_per_megapixel"}


def bright_means_object(info=INFO):
    return LoadedModel(info, bright_network(info.net).state_dict(), FLOAT32)


@pytest.fixture(scope="module")
def model():
    return bright_means_object()


@pytest.fixture
def squares():
    """Three bright squares on a dark ground, and their labels."""
    labels = np.zeros((60, 80), np.uint16)
    for number, (y, x) in enumerate([(5, 5), (5, 40), (35, 20)], start=1):
        labels[y : y + 15, x : x + 15] = number
    image = np.where(labels > 0, 3000, 100).astype(np.uint16)
    return image, labels


def write_folder(folder: Path, image, labels, *, stems=("a", "b"), ignore=None):
    for name, array in (("images", image), ("labels", labels), ("ignore", ignore)):
        if array is None:
            continue
        (folder / name).mkdir(parents=True)
        for stem in stems:
            imsave(folder / name / f"{stem}.tif", array, check_contrast=False)
    return folder


# ------------------------------------------------------------------- the package


def test_public_names():
    assert set(napari_unetpp.__all__) <= set(dir(napari_unetpp))
    for name in napari_unetpp.__all__:
        assert getattr(napari_unetpp, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        napari_unetpp.no_such_name  # noqa: B018


def test_import_loads_neither_torch_nor_qt_nor_numpy_code_of_ours():
    code = (
        "import sys, napari_unetpp, napari_unetpp.api; "
        "assert napari_unetpp.list_models() is not None; "
        "print([m for m in ('torch', 'monai', 'qtpy', 'napari') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---------------------------------------------------------------------- segment


def test_a_model_of_local_maps_counts_on_the_grid_that_it_saw(squares, tmp_path):
    image, labels = squares
    outputs = ("foreground", "edge_distance", "object_border")
    rule = DecodeRule(0.5, "edge_distance", 0.0, 300, 1 / EDGE_CAP)
    net = bright_network(replace(CONFIG, outputs=3))
    with torch.no_grad():
        for head in net.heads.values():
            head.weight[2] = 0  # no borders
    info = replace(INFO, outputs=outputs, net=net.config, decode=rule)
    model = load_model(save_model(tmp_path / "new.safetensors", net.state_dict(), info).path, device="cpu")
    assert segment(image, model, scale=1.0).labels.max() == 0, "15 x 15 px are too small"
    magnified = segment(image, model, scale=2.0)
    assert magnified.labels.max() == 3, "30 x 30 px are not"
    np.testing.assert_array_equal(magnified.labels > 0, magnified.mask)
    assert (magnified.mask == (labels > 0)).mean() > 0.97


def test_segment_finds_the_squares(model, squares):
    image, labels = squares
    result = segment(image, model)
    assert result.level == 3, "auto is the recommended level"
    np.testing.assert_array_equal(result.mask, labels > 0)
    assert result.labels.dtype == np.uint32
    assert result.labels.max() == 3
    np.testing.assert_array_equal(result.labels > 0, labels > 0)
    assert result.probability.shape == (1, 60, 80)
    assert result.uncertainty.shape == (60, 80)
    assert result.notes == ()


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_levels(model, squares, level):
    result = segment(squares[0], model, level=level)
    assert result.level == level
    assert 0 <= result.uncertainty.min() <= result.uncertainty.max() <= 1


def test_colour_and_alpha(model, squares):
    grey = (squares[0] // 16).astype(np.uint8)
    rgba = np.dstack([grey, grey, grey, np.full_like(grey, 255)])
    result = segment(rgba, model)
    np.testing.assert_array_equal(result.mask, squares[1] > 0)
    assert any("alpha" in note for note in result.notes)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_scaled_results_return_on_the_input_grid(model, squares, scale):
    image, labels = squares
    result = segment(image, model, scale=scale)
    assert result.labels.shape == image.shape
    assert (result.mask == (labels > 0)).mean() > 0.9


def test_auto_scale_follows_the_sampling_rule(squares):
    framed = bright_means_object(replace(INFO, sampling=SamplingRule("frame", 40)))
    events = []
    from napari_unetpp.engine.collect import predict_maps

    predict_maps(squares[0], framed, on_event=events.append)
    assert events[0].shape == (30, 40)


def test_the_result_says_scale_and_range(model, squares):
    given = segment(squares[0], model, scale=2, range=(100, 3000))
    assert (given.scale, given.scale_reason, given.range) == (2.0, "given", (100.0, 3000.0))
    by_size = segment(squares[0], model, diameter=40)
    assert (by_size.scale, by_size.scale_reason) == (0.5, "objects of 40 px")
    found = segment(squares[0], model)
    assert found.scale == 1.0 and found.scale_reason == "objects of about 18 px"
    assert found.range == (100.0, 3000.0)


def test_a_given_range_decides_what_is_bright(model, squares):
    assert not segment(squares[0], model, range=(0, 60000)).mask.any()
    assert segment(squares[0], model, range=(0, 100)).mask.all()


def test_one_search_for_an_image_that_is_predicted_twice(squares, tmp_path, monkeypatch):
    """`evaluate` predicts all levels and Auto; all of them, and what is timed, see one scale."""
    searched = []

    def search(evaluator, plane, stats, should_stop):
        searched.append(plane)
        return ScaleChoice(0.5, "found")

    monkeypatch.setattr("napari_unetpp.engine.input.scale.search_scale", search)
    row = LevelScores(0.9, 0.8, 0.7, 1000)
    rule = StoppingRule((1.0,) * 3, (0.0, 1.0, 1.0), 0.1, 0.003, 0.5, row)
    folder = write_folder(tmp_path / "set", *squares)
    scores = evaluate(folder, bright_means_object(replace(INFO, stopping=rule)))
    assert scores["auto"] is not None
    assert len(searched) == scores["images"] == 2
    assert scores["scales"] == {"lowest": 0.5, "median": 0.5, "highest": 0.5}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 1.0, "diameter": 30}, "one of them"),
        ({"range": (5, 5)}, "the lower one first"),
        ({"diameter": -1}, "diameter -1"),
    ],
)
def test_what_contradicts_itself_is_a_usage_error_everywhere(model, squares, tmp_path, options, message):
    image, labels = squares
    folder = write_folder(tmp_path / "set", image, labels)
    for call in (
        lambda: segment(image, model, **options),
        lambda: evaluate(folder, model, **options),
        lambda: finetune(model, [image], [labels], **options),
    ):
        with pytest.raises(UsageError, match=message):
            call()


def test_a_diameter_means_nothing_to_a_model_of_frames(squares):
    framed = bright_means_object(replace(INFO, sampling=SamplingRule("frame", 40)))
    with pytest.raises(UnetppError, match="does not go by the size of objects"):
        segment(squares[0], framed, diameter=30)


def test_constant_image_is_empty(model):
    result = segment(np.full((40, 50), 7, np.uint8), model)
    assert not result.mask.any()
    assert any("constant" in note for note in result.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 5}, "levels 1 to 4"),
        ({"level": "deep"}, "levels 1 to 4"),
        ({"scale": "big"}, "scale 'big'"),
        ({"scale": 0.0}, "scale 0.0"),
    ],
)
def test_wrong_options_are_refused(model, squares, options, message):
    with pytest.raises(UnetppError, match=message):
        segment(squares[0], model, **options)


def test_load_by_path_and_by_name(squares, models_folder, tmp_path):
    net = UNetPlusPlus(CONFIG)
    file = tmp_path / "small.safetensors"
    save_model(file, net.state_dict(), INFO)
    loaded = load_model(file, device="cpu")
    assert loaded.info.name == "small"
    assert loaded.choice.device == "cpu"
    models_folder.mkdir()
    file.rename(models_folder / "mine.safetensors")
    assert "mine" in [info.name for info in list_models()]
    assert segment(squares[0], "mine", device="cpu", level=1).labels.shape == (60, 80)


def test_unknown_model():
    with pytest.raises(UnetppError, match="no_such_model"):
        load_model("no_such_model")


# --------------------------------------------------------------------- evaluate


def test_evaluate_is_the_documented_json(model, squares, tmp_path):
    folder = write_folder(tmp_path / "set", *squares)
    told = []
    scores = evaluate(folder, model, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
    assert json.loads(json.dumps(scores)) == scores
    known = {"model", "device", "images", "recommended_level", "best_level_here", "levels", "auto", "scales"}
    assert set(scores) == known and scores["auto"] is None
    assert (scores["model"], scores["images"], scores["recommended_level"]) == ("small", 2, 3)
    assert scores["best_level_here"] == 1, "all are equal, so the shallowest"
    assert list(scores["levels"]) == ["1", "2", "3", "4"]
    for level, row in scores["levels"].items():
        assert set(row) == SCORES
        assert (row["dice"], row["iou"], row["ap50"]) == (1.0, 1.0, 1.0)
        assert row["parameters"] == graph.parameters(int(level), CONFIG)
        assert row["seconds_per_megapixel"] > 0


def test_scores_are_undefined_where_they_are(model, squares, tmp_path):
    image, labels = squares
    folder = write_folder(tmp_path / "set", image, labels)
    row = evaluate(folder, model, foreground=[1, 3])["levels"]["4"]
    assert row["ap50"] is None, "what --foreground maps has no objects"
    assert row["dice"] == pytest.approx(2 * 450 / (450 + 675))


def test_ignored_pixels_count_nowhere(model, squares, tmp_path):
    image, labels = squares
    wrong, ignore = labels.copy(), np.zeros(labels.shape, np.uint8)
    wrong[labels == 2] = 0
    ignore[labels == 2] = 1
    row = evaluate(write_folder(tmp_path / "set", image, wrong, ignore=ignore), model)["levels"]["4"]
    assert (row["dice"], row["ap50"]) == (1.0, 1.0)


def test_empty_truth_and_prediction_agree(model, tmp_path):
    image = np.full((40, 40), 5, np.uint8)
    row = evaluate(write_folder(tmp_path / "set", image, np.zeros_like(image)), model)["levels"]["1"]
    assert (row["dice"], row["iou"], row["ap50"]) == (1.0, 1.0, None)


def test_semantic_model_with_one_class(squares, tmp_path):
    image, labels = squares
    info = replace(INFO, task="semantic", outputs=("nucleus",), net=replace(CONFIG, outputs=1))
    folder = write_folder(tmp_path / "set", image, (labels > 0).astype(np.uint8))
    row = evaluate(folder, bright_means_object(info))["levels"]["2"]
    assert (row["dice"], row["ap50"]) == (1.0, None)


def test_labels_of_another_size_are_refused(model, squares, tmp_path):
    image, labels = squares
    with pytest.raises(UnetppError, match="height and width"):
        evaluate(write_folder(tmp_path / "set", image, labels[:-1]), model)


@pytest.mark.parametrize(
    ("ap50", "dice", "expected"),
    [
        ((0.1, 0.5, 0.5, 0.4), (1, 0, 0, 0), 2),
        ((None,) * 4, (0.1, 0.2, 0.3, 0.2), 3),
        ((None,) * 4, (None,) * 4, None),
        ((0.0, None, 0.2, None), (1, 1, 1, 1), 3),
    ],
)
def test_best_level(ap50, dice, expected):
    scores = {n: {"ap50": a, "dice": d} for n, a, d in zip((1, 2, 3, 4), ap50, dice, strict=True)}
    assert best_level(scores) == expected
