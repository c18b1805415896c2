"""Fine-tuning on real cells with a narrow network: what is promised about weights, labels and validation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("monai")
import torch

from napari_unetpp import api
from napari_unetpp._types import (
    FinetuneDone,
    FinetuneProgress,
    FinetuneRequest,
    FinetuneStarted,
    LabelledPlane,
    LevelScores,
    ModelInfo,
    NetConfig,
    StoppingRule,
    UnetppError,
)
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.corrections_folder import read_corrections, save_corrections
from napari_unetpp.files.labels.folders import read_label, read_pairs
from napari_unetpp.files.models.model_file import read_tensors, save_model
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose import auto
from napari_unetpp.train.choose.scores import dice_iou
from napari_unetpp.train.finetune import step, validate
from napari_unetpp.train.finetune.data.examples import make_example
from napari_unetpp.train.finetune.data.held_out import HeldOut, hold_out_blocks
from napari_unetpp.train.finetune.recipe import Recipe
from napari_unetpp.train.finetune.run import finetune

SMALL = Recipe(patch=64, batch=4, rate=1e-2)
SIDE = 256


def tune(
    model: ModelInfo, planes: list[LabelledPlane], steps: int = 4, recipe: Recipe = SMALL, **options: Any
) -> FinetuneDone:
    request = FinetuneRequest(model, tuple(planes), seconds=None, steps=steps, device="cpu", **options)
    *_, done = finetune(request, recipe=recipe)
    assert isinstance(done, FinetuneDone)
    return done


def same(a: FinetuneDone, b: FinetuneDone) -> bool:
    return all(torch.equal(tensor, b.tensors[name]) for name, tensor in a.tensors.items())


@pytest.fixture(scope="module")
def cells(data_root) -> list[LabelledPlane]:  # type: ignore[no-untyped-def]
    """Five crops of phase-contrast images, every pixel labelled."""
    pairs = read_pairs(data_root / "cells_phase" / "train")[:20:4]
    window = (slice(300, 300 + SIDE), slice(300, 300 + SIDE))
    return [
        LabelledPlane(p.stem, read_image(p.image)[window], read_label(p.label)[window], "reviewed")
        for p in pairs
    ]


@pytest.fixture
def one_class(models_folder, tiny_info: ModelInfo) -> ModelInfo:  # type: ignore[no-untyped-def]
    """An untrained semantic model with one class."""
    net = NetConfig(outputs=1, widths=(4, 8, 8, 8, 8))
    info = replace(tiny_info, name="one", task="semantic", classes=("cell",), outputs=("cell",), net=net)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        tensors = UNetPlusPlus(net).state_dict()
    return save_model(models_folder / "one.safetensors", tensors, info)


@pytest.fixture
def last_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is held out, so that the last weights are given back and not the best ones, or the parent's."""
    monkeypatch.setattr("napari_unetpp.train.finetune.run.hold_out_blocks", lambda *_: HeldOut())


# ------------------------------------------------------------ weights


def test_the_same_seed_and_steps_give_the_same_weights(
    tiny_model: ModelInfo, cells: list[LabelledPlane]
) -> None:
    first, again, other = (tune(tiny_model, cells[:1], 2, seed=seed) for seed in (3, 3, 4))
    assert same(first, again) and not same(first, other)
    assert first.steps == 2 and first.info.provenance["seed"] == 3


@pytest.mark.usefixtures("last_weights")
def test_the_order_of_the_planes_does_not_matter(tiny_model: ModelInfo, cells: list[LabelledPlane]) -> None:
    assert same(tune(tiny_model, cells[:2]), tune(tiny_model, cells[1::-1]))


def test_the_parent_is_never_written(tiny_model: ModelInfo, cells: list[LabelledPlane], tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert tiny_model.path is not None
    before = hashlib.sha256(tiny_model.path.read_bytes()).hexdigest()
    plane = cells[0]
    done = api.finetune(
        tiny_model, [plane.image], [plane.labels], seconds=None, steps=2, out=tmp_path / "new.safetensors"
    )
    assert hashlib.sha256(tiny_model.path.read_bytes()).hexdigest() == before == tiny_model.sha256
    assert done.info.path == tmp_path / "new.safetensors" and done.info.provenance["parent"] == before
    with pytest.raises(UnetppError, match="never written"):
        api.finetune(tiny_model, [plane.image], [plane.labels], steps=1, out=tiny_model.path, overwrite=True)


def test_auto_has_to_be_calibrated_anew(tiny_model: ModelInfo, cells: list[LabelledPlane]) -> None:
    """The parent's rule was measured for its own weights."""
    scores = LevelScores(0.9, 0.8, None, 1)
    rule = StoppingRule((0.3,) * 3, (0.1,) * 3, 0.05, 0.003, 0.4, scores)
    done = tune(replace(tiny_model, stopping=rule), cells[:1])
    assert done.info.stopping is None
    assert any(note.startswith("No Auto: its rule needs 100,000 held-out") for note in done.notes)


def test_auto_is_calibrated_on_what_was_held_out(
    tiny_model: ModelInfo, cells: list[LabelledPlane], monkeypatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(validate, "FEWEST_FOR_AUTO", SIDE * SIDE)
    monkeypatch.setattr(auto, "LARGEST_SHARE", 2.0)  # an untrained network saves nothing by stopping
    done = tune(tiny_model, cells[:4])
    rule = done.info.stopping
    assert rule is not None and done.after is not None
    deepest = done.after.levels[done.info.net.depth]
    assert rule.scores.dice is not None and deepest.dice is not None
    assert rule.scores.dice >= deepest.dice - auto.TOLERANCE - 1e-6


def test_what_is_kept_is_what_was_measured(
    tiny_model: ModelInfo, cells: list[LabelledPlane], tmp_path
) -> None:  # type: ignore[no-untyped-def]
    """The file stores half precision; the weights were rounded before they were scored."""
    done = tune(tiny_model, cells[:1])
    info = save_model(tmp_path / "kept.safetensors", done.tensors, done.info, half=True)
    for name, tensor in read_tensors(tmp_path / "kept.safetensors").items():
        assert torch.equal(tensor, done.tensors[name]), name
    assert info.validation == done.after


@pytest.mark.usefixtures("last_weights")
def test_saved_corrections_give_the_same_weights(
    tiny_model: ModelInfo, cells: list[LabelledPlane], tmp_path
) -> None:  # type: ignore[no-untyped-def]
    certain = np.zeros((SIDE, SIDE), bool)
    certain[40:150, 30:220] = True
    planes = [replace(cells[0], labels_as="corrections", certain=certain), cells[1]]
    save_corrections(tmp_path / "kept", planes, tiny_model)
    assert same(tune(tiny_model, planes), tune(tiny_model, list(read_corrections(tmp_path / "kept"))))


def test_stop_gives_the_best_so_far(tiny_model: ModelInfo, cells: list[LabelledPlane]) -> None:
    steps = 0

    def stop() -> bool:
        return steps >= 2

    request = FinetuneRequest(tiny_model, tuple(cells[:1]), seconds=600, steps=1000, device="cpu")
    events = []
    for event in finetune(request, stop, recipe=SMALL):
        events.append(event)
        steps = event.step if isinstance(event, FinetuneProgress) else steps
        steps = max(steps, 2 if len(events) > 1 else 0)
    done = events[-1]
    assert isinstance(events[0], FinetuneStarted) and isinstance(done, FinetuneDone)
    assert done.stopped and 1 <= done.steps <= 3 and done.after is not None


def test_stop_before_the_first_step_gives_the_parent(
    tiny_model: ModelInfo, cells: list[LabelledPlane]
) -> None:
    request = FinetuneRequest(tiny_model, tuple(cells[:1]), device="cpu")
    *_, done = finetune(request, lambda: True, recipe=SMALL)
    assert isinstance(done, FinetuneDone) and done.stopped and done.better is False
    parent = read_tensors(tiny_model.path)  # type: ignore[arg-type]
    assert all(torch.equal(done.tensors[name], tensor.half().float()) for name, tensor in parent.items())


def test_seconds_end_the_run(tiny_model: ModelInfo, cells: list[LabelledPlane]) -> None:
    request = FinetuneRequest(tiny_model, tuple(cells[:1]), seconds=2.0, device="cpu")
    *_, done = finetune(request, recipe=SMALL)
    assert isinstance(done, FinetuneDone) and not done.stopped and done.steps > 0


# ------------------------------------------------------------ learning


@pytest.mark.usefixtures("in_float32")
def test_a_real_improvement_on_real_cells(tiny_model: ModelInfo, cells: list[LabelledPlane]) -> None:
    done = tune(tiny_model, cells[:1], steps=30)
    assert done.before is not None and done.after is not None and done.better
    best = max(s.dice or 0 for s in done.after.levels.values())
    assert best > 0.05 + max(s.dice or 0 for s in done.before.levels.values())
    assert done.info.validation == done.after and done.info.test is None


def test_one_percent_of_foreground_is_never_lost(tiny_model: ModelInfo, cells: list[LabelledPlane]) -> None:
    """Thin and rare: a few cell borders, about 1 % of the pixels."""
    plane = cells[0]
    edges = np.zeros((SIDE, SIDE), np.uint8)
    edges[20:240:55, 10:240] = 1
    image = plane.image.astype(np.float32)
    image[edges > 0] *= 0.6
    assert 0.005 < edges.mean() < 0.02
    done = tune(tiny_model, [replace(plane, image=image, labels=edges, objects=False)], steps=60)
    found = api.segment(image, _kept(done, tiny_model), level=done.info.recommended_level).mask
    assert found[edges > 0].mean() > 0.5


@pytest.mark.parametrize("covered", [True, False])
def test_a_black_border_stays_empty(
    one_class: ModelInfo, cells: list[LabelledPlane], covered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is dark is foreground in all that was labelled; a border that was never seen is darker still."""
    if not covered:
        monkeypatch.setattr("napari_unetpp.train.finetune.data.patches.COVERED", 0.0)
    image = cells[0].image.astype(np.float32) / 65535
    dark = (image < np.percentile(image, 30)).astype(np.uint8)
    done = tune(one_class, [replace(cells[0], image=image, labels=dark, objects=False)], 80)
    bordered = np.pad(image, ((0, 0), (100, 0)))
    border = api.segment(bordered, _kept(done, one_class), level=2).mask[:, :80] > 0
    share = border.mean()
    assert share < 0.1 if covered else share > 0.5


def _kept(done: FinetuneDone, model: ModelInfo):  # type: ignore[no-untyped-def]
    assert model.path is not None
    path = model.path.with_name("kept.safetensors")
    save_model(path, done.tensors, done.info, half=True)
    return path


# ------------------------------------------------------------ what labels say


def changed(plane: LabelledPlane, where: np.ndarray[Any, Any]) -> LabelledPlane:
    """Another answer at some pixels."""
    return replace(plane, labels=np.where(where, np.where(plane.labels > 0, 0, 200), plane.labels))


@pytest.fixture
def part() -> np.ndarray[Any, Any]:
    part = np.zeros((SIDE, SIDE), bool)
    part[:, :80] = True
    return part


@pytest.mark.usefixtures("last_weights")
def test_ignored_pixels_change_nothing(tiny_model: ModelInfo, cells: list[LabelledPlane], part) -> None:  # type: ignore[no-untyped-def]
    for labels_as in ("reviewed", "corrections", "sparse"):
        plane = replace(
            cells[0], ignore=part, labels_as=labels_as, certain=np.ones_like(part), background=250
        )
        if labels_as == "sparse":
            plane = replace(plane, labels=np.where(plane.labels > 0, plane.labels, 250))
        assert same(tune(tiny_model, [plane], 2), tune(tiny_model, [_ignored(plane, part)], 2)), labels_as


def _ignored(plane: LabelledPlane, part: np.ndarray[Any, Any]) -> LabelledPlane:
    """Whole objects that lie in the ignored part only may change; those that are cut stay what they are."""
    inside = np.setdiff1d(plane.labels[part], plane.labels[~part])
    assert inside.size
    return replace(plane, labels=np.where(np.isin(plane.labels, inside) & part, 0, plane.labels))


@pytest.mark.usefixtures("last_weights")
def test_reviewed_background_counts_and_uncertain_labels_do_not(
    tiny_model: ModelInfo, cells: list[LabelledPlane], part
) -> None:  # type: ignore[no-untyped-def]
    reviewed = replace(cells[0], objects=False)
    assert not same(tune(tiny_model, [reviewed], 2), tune(tiny_model, [changed(reviewed, part)], 2))
    certain = replace(reviewed, labels_as="corrections", certain=~part)
    first, other = (replace(certain, labels=np.where(part, value, reviewed.labels)) for value in (5, 6))
    assert same(tune(tiny_model, [first], 2), tune(tiny_model, [other], 2))


def test_sparse_needs_foreground_and_background(tiny_model: ModelInfo, cells: list[LabelledPlane]) -> None:
    plane = replace(cells[0], labels_as="sparse", labels=np.where(cells[0].labels > 0, 1, 0))
    with pytest.raises(UnetppError, match="labelled as background"):
        tune(tiny_model, [plane])
    with pytest.raises(UnetppError, match="no pixel is labelled"):
        tune(tiny_model, [replace(plane, labels=np.zeros_like(plane.labels))])


def test_a_class_can_be_added(one_class: ModelInfo, cells: list[LabelledPlane]) -> None:
    labels = (cells[0].labels > 0).astype(np.uint8)
    labels[labels > 0] += (np.indices(labels.shape)[1] > SIDE // 2)[labels > 0]
    plane = replace(cells[0], labels=labels)
    with pytest.raises(UnetppError, match="label 2"):
        tune(one_class, [plane])
    done = tune(one_class, [plane], 20, classes=("right cell",))
    assert done.info.outputs == ("background", "cell", "right cell")
    found = api.segment(plane.image, _kept(done, one_class), level=4)
    assert found.probability.shape[0] == 2
    with pytest.raises(UnetppError, match="name of its own"):
        tune(one_class, [plane], classes=("cell",))


def test_an_instance_model_gets_no_class(tiny_model: ModelInfo, cells: list[LabelledPlane]) -> None:
    with pytest.raises(UnetppError, match="semantic models only"):
        tune(tiny_model, cells[:1], classes=("more",))


def test_erased_false_positives_leave_the_other_objects(data_root, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Corrections that are background only: the model knows these images, and goes on seeing what it saw."""
    model = api.load_model("nuclei").info
    image = read_image(read_pairs(data_root / "nuclei_dsb2018" / "train")[7].image)[:256, :256]
    found = api.segment(image, "nuclei", level=model.recommended_level)
    numbers, areas = np.unique(found.labels[found.labels > 0], return_counts=True)
    assert numbers.size > 8
    certain = np.isin(found.labels, numbers[areas.argsort()[:2]])
    plane = LabelledPlane("a", image, np.where(certain, 0, found.labels), "corrections", certain=certain)
    done = tune(model, [plane], 8, Recipe(patch=96, batch=4))
    save_model(tmp_path / "kept.safetensors", done.tensors, done.info, half=True)
    after = api.segment(image, tmp_path / "kept.safetensors", level=found.level)
    assert dice_iou((after.mask > 0)[~certain], (found.mask > 0)[~certain])[0] > 0.7
    assert (after.mask > 0)[certain].mean() < (found.mask > 0)[certain].mean()


# ------------------------------------------------------------ validation, memory


def test_too_little_to_hold_out_means_no_validation(
    tiny_model: ModelInfo, cells: list[LabelledPlane]
) -> None:
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[100:104, 100:104], labels[140:144, 140:144] = 1, 2
    plane = replace(cells[0], labels=labels, labels_as="sparse", background=2)
    done = tune(tiny_model, [plane])
    assert (done.before, done.after, done.better, done.info.validation) == (None, None, None, None)
    assert any("No validation" in note for note in done.notes)
    assert done.info.recommended_level == tiny_model.recommended_level


def test_four_planes_hold_out_a_whole_one(tiny_model: ModelInfo, cells: list[LabelledPlane]) -> None:
    done = tune(tiny_model, cells, 2)
    assert done.after is not None and "1 whole plane" in done.after.data
    assert "scored on" not in done.after.data


def test_a_part_of_a_held_out_plane_is_called_so(tiny_model: ModelInfo, cells: list[LabelledPlane]) -> None:
    large = [replace(p, image=np.tile(p.image, (3, 3)), labels=np.tile(p.labels, (3, 3))) for p in cells]
    examples = [make_example(replace(p, scale=1.0, range=(0.0, 65535.0)), tiny_model) for p in large]
    every = hold_out_blocks(examples, np.random.default_rng(0))
    some = hold_out_blocks(examples, np.random.default_rng(0), affordable=1)
    assert len(some.blocks) < len(every.blocks) and "scored on" not in every.description
    assert re.fullmatch(r"1 whole plane \(\w+\), scored on \d+% of it", some.description)


@pytest.mark.parametrize("seed", range(6))
def test_the_scored_part_of_a_plane_has_objects(
    tiny_model: ModelInfo, cells: list[LabelledPlane], seed: int
) -> None:
    """A model of Dice 0.85 got 0.000 at all depths: nearly nothing lay in the part that time allowed."""
    examples = []
    for plane in cells:
        labels = np.zeros((3 * plane.labels.shape[0], 3 * plane.labels.shape[1]), plane.labels.dtype)
        labels[:128, 128:256] = plane.labels[:128, :128]
        large = replace(
            plane, image=np.tile(plane.image, (3, 3)), labels=labels, scale=1.0, range=(0, 65535.0)
        )
        examples.append(make_example(large, tiny_model))
    found = hold_out_blocks(examples, np.random.default_rng(seed), affordable=1)
    assert found.planes and "scored on" in found.description
    inside = [examples[block.example].labels[block.region.slices] > 0 for block in found.blocks]
    assert min(sum(map(np.count_nonzero, inside)), sum(np.count_nonzero(~part) for part in inside)) >= 40


def test_dice_alone_recommends_no_depth_for_objects(
    tiny_model: ModelInfo, cells: list[LabelledPlane]
) -> None:
    """Dice does not see whether neighbours merge; strokes tell no objects apart."""
    labels = np.where(cells[0].labels > 0, 1, 2).astype(np.uint16)
    strokes = replace(cells[0], labels=labels, labels_as="sparse", background=2, objects=False)
    done = tune(replace(tiny_model, recommended_level=3), [strokes], 2)
    assert done.after is not None and all(s.ap50 is None for s in done.after.levels.values())
    assert done.info.recommended_level == 3
    assert any("recommended depth stays L3" in note for note in done.notes)


def short_of_memory(limit: int) -> Callable[..., Any]:
    real = step.Tuner._try

    def attempt(self: step.Tuner, progress: float) -> float:
        if self.batch * self.patch**2 > limit:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate")
        return real(self, progress)

    return attempt


def test_less_memory_means_smaller_patches(
    tiny_model: ModelInfo, cells: list[LabelledPlane], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step.Tuner, "_try", short_of_memory(32 * 32))
    done = tune(tiny_model, cells[:1], 3)
    assert done.steps == 3 and any("1 patch of 32 x 32 px" in note for note in done.notes)
    monkeypatch.setattr(step.Tuner, "_try", short_of_memory(10))
    with pytest.raises(UnetppError, match="not enough memory"):
        tune(tiny_model, cells[:1], 3)


def test_other_errors_are_not_taken_for_memory(
    tiny_model: ModelInfo, cells: list[LabelledPlane], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object, progress: float) -> float:
        raise RuntimeError("a bug")

    monkeypatch.setattr(step.Tuner, "_try", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        tune(tiny_model, cells[:1])
