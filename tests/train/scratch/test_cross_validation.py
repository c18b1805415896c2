"""Cross-validation: every image is judged by a network without it; the model learns from all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("monai")
import torch

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.files.models.model_file import read_tensors
from napari_unetpp.train.data.held_out import parts_of
from napari_unetpp.train.data.samples import read_samples
from napari_unetpp.train.scratch import cross_validation
from napari_unetpp.train.scratch.request import TrainingStopped, TrainRequest
from napari_unetpp.train.scratch.run import train_model

STEP = 2 * 32 * 32 / 1e6
pytestmark = pytest.mark.usefixtures("narrow")


@pytest.fixture
def request_of(small_sets: tuple[Path, Path], tmp_path: Path) -> Callable[..., TrainRequest]:
    """Eight images of nuclei in two parts; four steps for each of the three networks."""

    def make(**options: Any) -> TrainRequest:
        request = TrainRequest(
            small_sets[:1], tmp_path / "m.safetensors", "instances", megapixels=4 * STEP, patch=32, batch=2
        )
        return replace(request, device="cpu", **{"folds": 2, **options})

    return make


def train(request: TrainRequest, *, stop_at: str = "") -> tuple[ModelInfo, list[str]]:
    """Train, or stop once a line begins like this."""
    lines: list[str] = []
    stopped = lambda: bool(stop_at) and any(line.startswith(stop_at) for line in lines)  # noqa: E731
    return train_model(request, lines.append, stopped), lines


def test_near_identical_images_are_in_one_part(small_sets: tuple[Path, Path], tiny_info: ModelInfo) -> None:
    samples = read_samples(small_sets[0], tiny_info, lambda line: None)
    twins = [*samples, *(replace(s, image=s.image + np.float16(0.01)) for s in samples)]
    parts = parts_of(twins, 3)
    assert sorted(len(part) for part in parts)[0] >= 4 and sum(map(len, parts)) == len(twins)
    for part in parts:
        assert {s.stem for s in part}.isdisjoint(
            s.stem for other in parts if other is not part for s in other
        )
    again = parts_of(twins, 3)
    assert [[s.stem for s in part] for part in again] == [[s.stem for s in part] for part in parts]
    assert parts_of(samples[:1], 2)[1] == []


def test_every_image_is_judged_once_and_learned_by_the_model(
    request_of: Callable[..., TrainRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[set[str]] = []
    train_network = cross_validation.train_network

    def noted(plan: Any, *rest: Any) -> Any:
        learned.append({s.stem for s in plan.data.train})
        return train_network(plan, *rest)

    monkeypatch.setattr(cross_validation, "train_network", noted)
    request = request_of()
    info, lines = train(request)
    assert len(learned) == 2 and not learned[0] & learned[1] and len(learned[0] | learned[1]) == 8
    assert info.validation is not None and info.validation.images == 8
    folder = info.provenance["data"][0].split(":")[0]
    assert info.validation.data == f"8 images of {folder}, each by a network without it (2 parts)"
    assert info.provenance["data"][0].endswith("8 images") and info.provenance["settings"]["folds"] == 2
    assert sum(line.startswith("part ") for line in lines) == 2
    assert not any("nothing can be held out" in line for line in lines)
    assert [path.name for path in request.out.parent.iterdir()] == ["m.safetensors"]


@pytest.mark.parametrize("stop_at", ["part 1", "part 2", "measuring"])
def test_a_stopped_cross_validation_ends_in_the_same_model(
    request_of: Callable[..., TrainRequest], stop_at: str
) -> None:
    whole = request_of()
    expected, _ = train(whole)
    stopped = replace(whole, out=whole.out.with_name("n.safetensors"))
    with pytest.raises(TrainingStopped):
        train(stopped, stop_at=stop_at)
    with pytest.raises(UnetppError, match="add --resume"):
        train(stopped)
    with pytest.raises(UnetppError, match="was trained with"):
        train(replace(stopped, resume=True, rate=1e-4))
    info, lines = train(replace(stopped, resume=True))
    assert any("finished already" in line for line in lines) == (stop_at != "part 1")
    assert info.validation == expected.validation and info.decode == expected.decode
    one, other = read_tensors(whole.out), read_tensors(stopped.out)
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    assert {path.name for path in whole.out.parent.iterdir()} == {"m.safetensors", "n.safetensors"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 40}, "--folds 40 was given, but only . groups"),
        ({"val": Path("x")}, "held-out images and folds were given"),
        ({"resume": True}, "no checkpoint"),
    ],
)
def test_what_does_not_fit_together_is_said(
    request_of: Callable[..., TrainRequest], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnetppError, match=message):
        train(request_of(**options))
