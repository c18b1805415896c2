"""Fine-tuning and the outputs that tell objects apart: new ones learn, those of older models stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("monai")
import torch
from scipy import ndimage

from napari_unetpp import api
from napari_unetpp._types import (
    EDGE_CAP,
    DecodeRule,
    FinetuneDone,
    FinetuneRequest,
    LabelledPlane,
    ModelInfo,
    NetConfig,
    Region,
)
from napari_unetpp.engine import decode
from napari_unetpp.files.folders import read_label, read_pairs
from napari_unetpp.files.images import read_image
from napari_unetpp.files.model_file import read_tensors, save_model
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train import look, parent
from napari_unetpp.train.corrections import as_read, make_lesson
from napari_unetpp.train.finetune import finetune
from napari_unetpp.train.held_out import HeldOut
from napari_unetpp.train.lesson_loss import LessonLoss
from napari_unetpp.train.lesson_patches import LessonBatch
from napari_unetpp.train.recipe import Recipe
from napari_unetpp.train.scores import Matches, match_objects
from napari_unetpp.train.teacher import Teacher

SIDE = 192
LOCAL = DecodeRule(seeds="edge_distance", seed_threshold=1 / EDGE_CAP, prominence=1 / EDGE_CAP, min_size=20)


def plane(data_root: Path, name: str, number: int) -> LabelledPlane:
    """The corner of a real image, wholly labelled."""
    pair = read_pairs(data_root / name / "train")[number]
    image, labels = read_image(pair.image)[:SIDE, :SIDE], read_label(pair.label)[:SIDE, :SIDE]
    return LabelledPlane(pair.stem, image, labels, "reviewed", scale=1.0)


def tune(model: ModelInfo, planes: list[LabelledPlane], steps: int, recipe: Recipe) -> FinetuneDone:
    request = FinetuneRequest(model, tuple(planes), seconds=None, steps=steps, device="cpu")
    *_, done = finetune(request, recipe=recipe)
    assert isinstance(done, FinetuneDone)
    return done


def maps_of(info: ModelInfo, net: UNetPlusPlus, lesson: object) -> np.ndarray:  # type: ignore[type-arg]
    """Maps (levels, K, Y, X) of a whole lesson."""
    return look.Looker(net, info, "cpu").maps(lesson, Region(0, 0, SIDE, SIDE), info.net.depth)  # type: ignore[arg-type]


def network(info: ModelInfo, tensors: dict[str, torch.Tensor]) -> UNetPlusPlus:
    net = UNetPlusPlus(info.net, norm=any(".norm." in name for name in tensors))
    net.load_state_dict(tensors)
    return net


@pytest.fixture
def nothing_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last weights are given back."""
    monkeypatch.setattr("napari_unetpp.train.finetune.hold_out", lambda lessons, rng: HeldOut())


@pytest.mark.usefixtures("nothing_held_out")
def test_crowded_nuclei_are_told_apart_in_the_half_that_was_not_labelled(
    models_folder: Path, tiny_info: ModelInfo, data_root: Path
) -> None:
    """A narrow network that knew nothing; connected components find fewer nuclei than its distances do."""
    net = NetConfig(outputs=2, widths=(8, 16, 16, 16, 16))
    info = replace(tiny_info, name="local", outputs=("foreground", "edge_distance"), net=net, decode=LOCAL)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = save_model(models_folder / "local.safetensors", UNetPlusPlus(net).state_dict(), info)
    whole = plane(data_root, "nuclei_dsb2018", 24)
    right = np.indices((SIDE, SIDE))[1] >= SIDE // 2
    done = tune(model, [replace(whole, ignore=right)], 60, Recipe(patch=96, rate=1e-2))
    lesson = make_lesson(as_read(whole, api.load_model(model.path)), info)
    region = Region(0, SIDE // 2, SIDE, SIDE)
    found = look.Looker(network(done.info, dict(done.tensors)), done.info, "cpu").maps(lesson, region, 2)[1]
    truth = lesson.labels[region.slices]
    apart, joined = (
        _ap50(match_objects(decode.labels(found, done.info, split=split), truth)) for split in (True, False)
    )
    assert apart > 0.4 and apart > joined


def _ap50(matches: Matches) -> float:
    assert matches.ap50 is not None
    return matches.ap50


@pytest.fixture
def old_model(models_folder: Path) -> ModelInfo:
    """The shipped weights as a file whose separating outputs are of the old names."""
    shipped = api.load_model("nuclei").info
    tensors = {
        name: torch.cat([t[:1], t[-1:], t[-1:]]) if name.startswith("heads.") else t
        for name, t in read_tensors(shipped.path).items()  # type: ignore[arg-type]
    }
    outputs = ("foreground", "distance", "centre")
    decode_rule = DecodeRule(seeds="centre", seed_threshold=0.5)
    net = replace(shipped.net, outputs=len(outputs))
    info = replace(shipped, name="old", outputs=outputs, net=net, decode=decode_rule, stopping=None)
    return save_model(models_folder / "old.safetensors", tensors, replace(info, path=None, sha256=None))


@pytest.mark.usefixtures("nothing_held_out")
def test_old_separating_outputs_stay_on_an_image_that_was_not_seen(
    old_model: ModelInfo, data_root: Path
) -> None:
    """Larger outlines are wanted: the foreground follows, the maps that nobody teaches do not."""
    lesson = plane(data_root, "nuclei_dsb2018", 7)
    larger = replace(lesson, labels=ndimage.maximum_filter(lesson.labels, 5))
    done = tune(old_model, [larger], 10, Recipe(patch=96))
    unseen = plane(data_root, "nuclei_dsb2018", 8)
    unseen_lesson = make_lesson(as_read(unseen, api.load_model(old_model.path)), old_model)
    before = maps_of(old_model, parent.load_network(old_model), unseen_lesson)
    after = maps_of(old_model, network(done.info, dict(done.tensors)), unseen_lesson)
    change = np.abs(after - before).mean(axis=(0, 2, 3))
    assert change[1:].max() < 0.01 < change[0]


def test_every_level_is_held_to_its_own_maps(old_model: ModelInfo, data_root: Path) -> None:
    """What L1 sees is not what L3 sees; the classes of all are held to the recommended level."""
    net = parent.load_network(old_model)
    lesson = make_lesson(
        as_read(plane(data_root, "nuclei_dsb2018", 7), api.load_model(old_model.path)), old_model
    )
    teacher = Teacher(look.Looker(net, old_model, "cpu"), [lesson], np.random.default_rng(0))
    maps = maps_of(old_model, net, lesson)
    said = torch.from_numpy(teacher.maps[0])[None]
    empty = torch.zeros(1, len(old_model.outputs), SIDE, SIDE)
    batch = LessonBatch(torch.zeros(1, 3, SIDE, SIDE), empty, empty, said, torch.ones_like(empty))
    for head, of_level in enumerate(maps):
        word = batch.word(head)[0].numpy()
        assert np.allclose(word[1:], of_level[1:], atol=1e-5)
        assert np.allclose(word[0], maps[old_model.recommended_level - 1, 0], atol=1e-5)
    logits = [batch.word(n).logit(1e-6).requires_grad_() for n in range(4)]
    LessonLoss("instances")(logits, batch).backward()
    assert all(head.grad is not None and float(head.grad[:, 1:].abs().max()) < 1e-6 for head in logits)
