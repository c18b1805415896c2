"""Whole trainings on small real data sets: from folders to a model file."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("monai")
import torch

from napari_unetpp._types import EDGE_CAP, ModelInfo, UnetppError
from napari_unetpp.api import load_model, segment
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models.card_text import card_text
from napari_unetpp.files.models.int8_file import read_int8
from napari_unetpp.files.models.model_file import read_tensors
from napari_unetpp.train.scratch import one_network, plan
from napari_unetpp.train.scratch.data_sets import read_data_sets
from napari_unetpp.train.scratch.progress.checkpoint import checkpoint_path
from napari_unetpp.train.scratch.request import TrainingStopped, TrainRequest
from napari_unetpp.train.scratch.run import train_model

STEP = 2 * 32 * 32 / 1e6
pytestmark = pytest.mark.usefixtures("narrow")

Sets = tuple[Path, Path]


@pytest.fixture
def request_of(small_sets: Sets, tmp_path: Path) -> Callable[..., TrainRequest]:
    """A short training of both sets; ten steps."""

    def make(**options: Any) -> TrainRequest:
        request = TrainRequest(
            small_sets, tmp_path / "m.safetensors", "instances", megapixels=10 * STEP, patch=32, batch=2
        )
        return replace(request, device="cpu", **options)

    return make


@pytest.fixture
def often_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A validation every three steps, however short the run."""
    monkeypatch.setattr(plan, "validation_megapixels", lambda megapixels: 3 * STEP)


def train(request: TrainRequest, *, stop_at: int | None = None) -> tuple[ModelInfo, list[str]]:
    """Train, or stop after so many events."""
    lines: list[str] = []

    def should_stop() -> bool:
        begun = any(line.startswith("training on") for line in lines)
        return begun and stop_at is not None and sum(" % " in line for line in lines) >= stop_at

    return train_model(request, lines.append, should_stop), lines


def read_log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_two_data_sets_become_one_model(
    request_of: Callable[..., TrainRequest], small_sets: Sets, tmp_path: Path, often_validated: None
) -> None:
    log = tmp_path / "log.jsonl"
    request = request_of(shares=(4, 1), credits=("CC0, Caicedo et al. 2019", "Apache-2.0"), json_path=log)
    info, lines = train(replace(request, card_command="python train.py", title="Nuclei", licence="CC BY 4.0"))
    assert info.outputs == ("foreground", "edge_distance") and info.normalisation.rule == "robust"
    assert (info.name, info.title, info.licence) == ("m", "Nuclei", "CC BY 4.0")
    assert 8 < info.sampling.value < 40, "nuclei as they are in the images"
    of, told = info.provenance, [line for line in lines if "held out" in line]
    assert [text.split(": ")[0].split("/")[1] for text in of["data"]] == ["nuclei_dsb2018", "nuclei_tissue"]
    assert "7 images, share 0.8. CC0, Caicedo et al. 2019" in of["data"][0] and len(told) == 2
    assert of["settings"]["shares"] == [4, 1] and of["settings"]["megapixels"] == 10 * STEP
    assert of["steps"] == 10 and of["command"] == "python train.py" and of["device"].startswith("cpu ")
    assert info.validation is not None and info.validation.images == 2
    assert "1 image held out of" in info.validation.data and "nuclei_tissue" in info.validation.data
    assert f"\n      {of['data'][1]}\n" in card_text(info)
    assert not checkpoint_path(request.out).exists()
    assert sum("10 steps in all, fewer than 100, are far too few" in line for line in lines) == 1

    *reports, last = read_log(log)
    assert [r["step"] for r in reports] == [3, 6, 9, 10] and last["step"] == 10
    for report in reports:
        assert set(report["dice"]) == set(report["ap50"]) == {"1", "2", "3", "4"}
        folders = [scores["ap50"]["4"] for scores in report["folders"].values()]
        assert report["ap50"]["4"] == pytest.approx(np.mean(folders)) and len(folders) == 2
    assert reports[1]["megapixels"] == pytest.approx(6 * STEP) and reports[1]["level"] == 4
    assert last["validation"]["4"]["dice"] == info.validation.levels[4].dice
    assert last["best_step"] in (3, 6, 9, 10) and of["best_step"] == last["best_step"]
    image = read_image(sorted((small_sets[0] / "images").iterdir())[0])
    assert segment(image, load_model(request.out), scale=1.0).labels.shape == image.shape[:2]
    if importlib.util.find_spec("openvino"):
        measured = read_int8(info)
        assert measured is not None and set(measured["levels"]) == {"1", "2", "3", "4"}
        assert any(line.startswith("int8: ") for line in lines)


@pytest.mark.parametrize("stop_at", [0, 2])
def test_a_stopped_training_ends_in_the_same_file(
    request_of: Callable[..., TrainRequest], tmp_path: Path, often_validated: None, stop_at: int
) -> None:
    """Weights, scores and log; only the clock differs."""

    def of(name: str) -> TrainRequest:
        return request_of(out=tmp_path / f"{name}.safetensors", json_path=tmp_path / f"{name}.jsonl")

    whole, stopped = of("whole"), of("stopped")
    expected, _ = train(whole)
    with pytest.raises(TrainingStopped, match=r"stopped at step \d, after .* --resume.*checkpoint"):
        train(stopped, stop_at=stop_at)
    with pytest.raises(UnetppError, match="add --resume"):
        train(stopped)
    for other in ({"megapixels": 1.0}, {"rate": 1e-3}, {"batch": 1}, {"folders": stopped.folders[:1]}):
        with pytest.raises(UnetppError, match=next(iter(other))):
            train(replace(stopped, resume=True, **other))
    info, lines = train(replace(stopped, resume=True))
    assert any(line.startswith("resumed at step") for line in lines)
    assert replace(info, name="", sha256=None, path=None, provenance={}) == replace(
        expected, name="", sha256=None, path=None, provenance={}
    )
    one, other = read_tensors(whole.out), read_tensors(stopped.out)
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    logs = [
        [{k: v for k, v in line.items() if k != "seconds"} for line in read_log(request.json_path)]
        for request in (whole, stopped)
        if request.json_path
    ]
    assert logs[0] == logs[1]


def test_a_training_that_was_killed_while_it_measured_tells_everything_once(
    request_of: Callable[..., TrainRequest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    request = request_of(json_path=tmp_path / "log.jsonl")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(one_network, "_network_of", killed)
        train(request)
    assert [line["step"] for line in read_log(tmp_path / "log.jsonl")] == [10]
    train(replace(request, resume=True))
    assert [("validation" in line, line["step"]) for line in read_log(tmp_path / "log.jsonl")] == [
        (False, 10),
        (True, 10),
    ]


def test_the_best_average_becomes_the_model(
    request_of: Callable[..., TrainRequest],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    often_validated: None,
) -> None:
    """Not the last; also when the run was stopped and resumed after its best."""
    from napari_unetpp.train.scratch.progress import monitor
    from napari_unetpp.train.scratch.progress.validation import ValidationScores

    seen: dict[float, torch.Tensor] = {}
    qualities = iter([0.1, 0.7, 0.3, 0.2])

    def validate(net: torch.nn.Module, *_: object, **__: object) -> ValidationScores:
        quality = next(qualities)
        seen[quality] = net.state_dict()["nodes.x_0_0.first.conv.weight"].clone()
        return ValidationScores({}, {1: quality}, {})

    monkeypatch.setattr(monitor, "validate", validate)
    request = request_of()
    with pytest.raises(TrainingStopped):
        train(request, stop_at=2)
    info, _ = train(replace(request, resume=True))
    kept = read_tensors(request.out)["nodes.x_0_0.first.conv.weight"]
    assert info.provenance["best_step"] == 6
    assert torch.equal(kept, seen[0.7].half().float()) and not torch.equal(kept, seen[0.2].half().float())


def test_a_model_of_older_outputs_learns_the_new_ones(
    request_of: Callable[..., TrainRequest], tiny_model: ModelInfo
) -> None:
    """Its foreground and its diameter are kept; a second run goes on with what the first one made."""
    request = request_of(task=None, start=str(tiny_model.path), megapixels=STEP)
    info, _ = train(request)
    assert info.outputs == ("foreground", "edge_distance") and info.net.widths == tiny_model.net.widths
    assert info.sampling == tiny_model.sampling and info.normalisation.rule == "robust"
    assert info.provenance["parent"] == tiny_model.sha256
    again = replace(request, out=request.out.with_name("n.safetensors"), start=str(info.path), seed=1)
    more, _ = train(again)
    assert more.outputs == info.outputs and more.sampling == info.sampling
    assert more.provenance["megapixels_in_all"] >= more.provenance["megapixels"]
    both = ("edge_distance", "object_border")
    third, _ = train(replace(again, out=request.out.with_name("o.safetensors"), maps=both))
    assert third.outputs == ("foreground", *both)


def test_images_of_larger_objects_are_measured_at_the_size_of_the_model(
    request_of: Callable[..., TrainRequest],
) -> None:
    info, _ = train(request_of(diameter=8.0, megapixels=STEP))
    assert info.sampling.value == 8.0 and info.validation is not None
    assert "of them brought to objects of about 8 px" in info.validation.data


def test_what_is_held_out_depends_on_its_folder_alone(
    request_of: Callable[..., TrainRequest], small_sets: Sets, tiny_info: ModelInfo
) -> None:
    def held_out(**options: Any) -> list[tuple[int, str]]:
        data = read_data_sets(request_of(**options), tiny_info, lambda line: None, lambda: False)
        assert {s.stem for s in data.train}.isdisjoint(s.stem for s in data.held_out)
        return [(s.folder, s.stem) for s in data.held_out]

    both = held_out()
    assert both == held_out(seed=1)
    assert [stem for folder, stem in both if folder == 1] == [s for _, s in held_out(folders=small_sets[1:])]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shares": (1, 2, 3)}, "3 share.*2 folder"),
        ({"credits": ("one",)}, "1 credit.*2 folder"),
        ({"val": Path("x")}, "held-out images were given for 2 folders"),
        ({"maps": ("boundary",)}, "expected one or more of edge_distance, object_border"),
        ({"task": "semantic", "maps": ("edge_distance",)}, "only instance models"),
        ({"frame": 96, "diameter": 20.0}, "goes by frame"),
        ({"resume": True}, "no checkpoint"),
        ({"foreground": (77_777,)}, "nothing to learn"),
    ],
)
def test_what_does_not_fit_together_is_said(
    request_of: Callable[..., TrainRequest], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnetppError, match=message):
        train(request_of(**options))


def test_a_stop_while_images_are_read_is_no_training(request_of: Callable[..., TrainRequest]) -> None:
    request = request_of()
    with pytest.raises(TrainingStopped, match="nothing was trained"):
        train_model(request, lambda line: None, lambda: True)
    assert not checkpoint_path(request.out).exists() and not request.out.exists()


def test_a_folder_is_not_learned_twice(request_of: Callable[..., TrainRequest], small_sets: Sets) -> None:
    with pytest.raises(UnetppError, match="given twice"):
        train(request_of(folders=(small_sets[0], small_sets[0] / ".." / small_sets[0].name)))


def test_a_new_instance_model_is_decoded_by_its_distance(request_of: Callable[..., TrainRequest]) -> None:
    from napari_unetpp.train.scratch.cards import first_card

    rule = first_card(request_of(), None).decode
    assert rule.seeds == "edge_distance" and rule.prominence == pytest.approx(1 / EDGE_CAP)
