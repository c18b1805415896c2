"""The scale picks itself, without Qt, napari or torch: when it is looked for, shown, kept and overridden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from correct_stand_ins import begin
from stand_ins import Sitting, model_info

from napari_unetpp._types import Region, SamplingRule, ScaleChoice, ScaleSearch
from napari_unetpp.engine.input.scale_decision import choose
from napari_unetpp.files.labels.corrections_folder import read_corrections
from napari_unetpp.session.messages import image as image_messages
from napari_unetpp.session.segment import scales
from napari_unetpp.session.segment.prediction import SEARCHING
from napari_unetpp.session.segment.resolve import in_pixels
from napari_unetpp.session.values import Click, Plane, Rule

FOUND = ScaleChoice(0.35, "objects of about 58 px", searched=True)
WEAK = ScaleChoice(1.0, "not sure of any scale", weak=True)


@pytest.fixture(autouse=True)
def sittings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNETPP_SITTINGS", str(tmp_path / "sittings"))


@pytest.fixture
def found(sitting: Sitting) -> Sitting:
    """A sitting whose engine finds 0.35; nothing is segmented yet."""
    sitting.engine.found = FOUND
    return sitting


def press(sitting: Sitting) -> None:
    sitting.view.signals.segment_pressed.emit()


def scale_note(sitting: Sitting) -> Any:
    shown = sitting.view.set_scale.call_args.args[0]
    return replace(shown, hint=shown.hint.replace("\u00a0", " "))


def image_note(sitting: Sitting) -> str:
    return str(sitting.view.set_image_note.call_args.args[0]).replace("\u00a0", " ")


def shown_scale(sitting: Sitting) -> float | None:
    return sitting.controller.runs.shown.preprocessing.scale


# ------------------------------------------------------------------------- when it is looked for


def test_segment_looks_for_the_scale_and_says_what_it_found(found: Sitting) -> None:
    assert scale_note(found).auto is None and "looks for the object size" in scale_note(found).hint
    assert "×" not in image_note(found)
    press(found)
    assert found.engine.predicted == [(3, 0.35)] and len(found.engine.searches) == 1
    phases = [call.args[1] for call in found.view.set_progress.call_args_list]
    assert SEARCHING in phases and phases.index(SEARCHING) < phases.index("segmenting")
    assert scale_note(found).hint == "auto: × 0.35, objects of about 58 px"
    assert (scale_note(found).value, scale_note(found).auto) == (None, 0.35)
    assert image_note(found) == "read as: Y 64, X 96, grey; × 0.35, objects of about 58 px"
    assert shown_scale(found) == 0.35 and found.controller.state.scale is None
    assert found.controller.runs.shown.preprocessing.searched
    found.view.open_input.assert_not_called()


def test_slider_threshold_size_and_another_press_do_not_look_again(found: Sitting) -> None:
    press(found)
    signals = found.view.signals
    for signal, value in (
        (signals.level_changed, 1),
        (signals.level_changed, 4),
        (signals.threshold_changed, 0.7),
        (signals.min_size_changed, 3),
        (signals.kind_chosen, "mask"),
        (signals.uncertainty_toggled, True),
    ):
        signal.emit(value)
    signals.next_pressed.emit()
    press(found)
    assert len(found.engine.searches) == 1
    assert {scale for _, scale in found.engine.predicted} == {0.35}


def test_all_planes_of_a_series_share_one_choice(found: Sitting, blobs: np.ndarray) -> None:
    found.layers.arrays["cells"] = np.stack([blobs, blobs[::-1], blobs])
    found.layers.show_plane(0)
    press(found)
    found.layers.show_plane(1)  # Live is on
    found.layers.show_plane(2)
    press(found)
    assert len(found.engine.searches) == 1 and len(found.engine.predicted) == 3
    assert shown_scale(found) == 0.35


def test_every_image_and_every_model_has_its_own(found: Sitting, blobs: np.ndarray) -> None:
    found.layers.arrays["more"] = blobs
    press(found)
    found.engine.found = ScaleChoice(0.5, "objects of about 40 px")
    found.view.signals.image_chosen.emit("more")
    assert "×" not in image_note(found) and scale_note(found).auto is None, "forgotten"
    press(found)
    assert shown_scale(found) == 0.5
    found.view.signals.image_chosen.emit("cells")
    assert "× 0.35" in image_note(found), "known from before"
    press(found)
    assert shown_scale(found) == 0.35 and len(found.engine.searches) == 2
    found.view.signals.model_chosen.emit("other")
    assert scale_note(found).auto is None
    press(found)
    assert shown_scale(found) == 0.5 and len(found.engine.searches) == 3


def test_other_data_in_the_layer_are_looked_at_anew(found: Sitting, blobs: np.ndarray) -> None:
    press(found)
    found.layers.replace("cells", blobs[::-1])
    assert len(found.engine.searches) == 2


def test_the_number_of_the_user_counts_and_automatic_comes_back(found: Sitting) -> None:
    press(found)
    found.view.signals.scale_changed.emit(0.5)
    assert shown_scale(found) == 0.5
    assert scale_note(found).value == 0.5 and scale_note(found).hint == "given: fits objects of about 40 px"
    assert image_note(found).endswith("grey; × 0.50, given")
    found.view.signals.scale_changed.emit(None)
    assert shown_scale(found) == 0.35 and len(found.engine.searches) == 1
    assert [scale for _, scale in found.engine.predicted] == [0.35, 0.5], "and its maps are kept"


def test_a_given_scale_is_not_looked_for(found: Sitting) -> None:
    found.view.signals.scale_changed.emit(0.5)
    press(found)
    assert found.engine.searches == [] and shown_scale(found) == 0.5


def test_the_circle_begins_at_the_found_size_and_overrides_it(found: Sitting) -> None:
    press(found)
    found.view.signals.circle_toggled.emit(True)
    assert found.layers.circle == pytest.approx(20 / 0.35)
    found.layers.signals.circle_changed.emit(40.0)
    assert shown_scale(found) == 0.5


@pytest.mark.parametrize("diameter", [1.0, 2.5, 320.0, 5000.0])
def test_no_circle_sets_a_scale_that_cannot_be_worked_at(found: Sitting, diameter: float) -> None:
    found.view.signals.circle_toggled.emit(True)
    found.layers.signals.circle_changed.emit(diameter)
    press(found)
    assert 1 / 16 <= shown_scale(found) <= 8


def test_stop_in_the_middle_leaves_nothing(found: Sitting) -> None:
    found.runner.inline = False
    press(found)
    while SEARCHING not in str(found.view.set_progress.call_args):
        found.runner.step()
    found.view.signals.stop_pressed.emit()
    found.runner.finish()
    assert found.message == "Stopped." and not found.controller.busy and found.engine.predicted == []
    press(found)
    found.runner.finish()
    assert len(found.engine.searches) == 2 and shown_scale(found) == 0.35


def test_the_slider_moved_during_the_search_takes_over_what_it_finds(found: Sitting) -> None:
    found.runner.inline = False
    press(found)
    while not found.engine.searches:
        found.runner.step()
    found.view.signals.level_changed.emit(1)
    found.runner.finish()
    assert found.engine.predicted == [(1, 0.35)] and shown_scale(found) == 0.35
    assert ", L1, " in found.message


# -------------------------------------------------------------------------- where it is not sure


def test_a_weak_search_says_so_and_offers_the_circle(sitting: Sitting) -> None:
    sitting.engine.found = WEAK
    press(sitting)
    assert "No clear object size: scale 1." in sitting.message and "circle:1" in sitting.offers()
    assert scale_note(sitting).tone == "warning" and "Drag the circle" in scale_note(sitting).hint
    assert "no clear object size" in image_note(sitting)
    sitting.view.open_input.assert_called_once()
    press(sitting)
    sitting.view.signals.level_changed.emit(1)
    sitting.view.open_input.assert_called_once()
    assert len(sitting.engine.searches) == 1
    sitting.view.signals.offer_taken.emit("circle:1")
    assert sitting.layers.circle == pytest.approx(20)


def test_a_search_that_finds_nothing_is_weak() -> None:
    choice = choose([], 20.0, ScaleSearch())
    assert choice.weak and choice.scale == 1


def test_on_another_plane_a_press_looks_again_but_live_does_not(sitting: Sitting, blobs: np.ndarray) -> None:
    sitting.layers.arrays["cells"] = np.stack([blobs * 0, blobs])
    sitting.layers.show_plane(0)
    sitting.engine.found = WEAK
    press(sitting)
    sitting.engine.found = FOUND
    sitting.layers.show_plane(1)
    assert len(sitting.engine.searches) == 1 and shown_scale(sitting) == 1
    press(sitting)
    assert len(sitting.engine.searches) == 2 and shown_scale(sitting) == 0.35
    sitting.layers.show_plane(0)
    press(sitting)
    assert len(sitting.engine.searches) == 2, "what is known is kept"


def test_another_contrast_is_a_reason_to_look_again(sitting: Sitting) -> None:
    sitting.engine.found = WEAK
    press(sitting)
    sitting.engine.found = FOUND
    sitting.view.signals.contrast_chosen.emit("given")
    sitting.view.signals.range_changed.emit((0.1, 0.4))
    press(sitting)
    assert sitting.engine.searches == [(0.0, 1.0), (0.1, 0.4)] and shown_scale(sitting) == 0.35


# ------------------------------------------------------------------------------ where it goes


def test_a_click_before_any_result_looks_first(found: Sitting) -> None:
    session = begin(found)
    session.view.signals.click_tool_toggled.emit(True)
    for x in (15, 65):
        found.layers.signals.clicked.emit("cells", Click(Region(12, x, 13, x + 1)))
    assert len(found.engine.searches) == 1 and "× 0.35" in image_note(found)
    (plane,) = (one.labelled("cells") for one in session.workflow.editor.usable())
    assert plane.scale == 0.35 and plane.range is None
    press(found)
    assert len(found.engine.searches) == 1


def test_corrections_carry_the_number_and_the_range(found: Sitting, tmp_path: Path) -> None:
    session = begin(found)
    session.view.signals.contrast_chosen.emit("given")
    session.view.signals.range_changed.emit((0.0, 0.9))
    session.correct()
    session.view.ask_folder.return_value = tmp_path / "saved"
    session.view.signals.save_corrections_pressed.emit()
    (saved,) = read_corrections(tmp_path / "saved")
    assert (saved.scale, saved.range) == (0.35, (0.0, 0.9))
    session.view.signals.finetune_pressed.emit()
    (learnt,) = session.trainer.requests[0].planes
    assert (learnt.scale, learnt.range) == (0.35, (0.0, 0.9))
    session.view.signals.keep_pressed.emit()
    assert found.controller.model.name == "nuclei-2"
    assert len(found.engine.searches) == 1 and shown_scale(found) == 0.35, "it learnt at that scale"


def test_a_fine_tuned_model_is_used_at_its_own_scale(found: Sitting) -> None:
    """The search of its parent, which did not know the image, counts no more."""
    press(found)
    parent = found.controller.model
    sampling = replace(parent.sampling, usual=1.0)
    child = replace(model_info("child"), sampling=sampling, provenance={"parent": parent.sha256})
    found.controller.add_model(child)
    assert scale_note(found).hint == "auto: × 1.00, as the images of the fine-tuning"
    press(found)
    assert len(found.engine.searches) == 1 and shown_scale(found) == 1.0
    assert found.controller.runs.shown.preprocessing.searched, "fine-tuned again, it may be doubted"
    found.view.signals.scale_changed.emit(0.5)
    press(found)
    assert not found.controller.runs.shown.preprocessing.searched


@pytest.mark.parametrize(
    "changes",
    [{"sampling": SamplingRule("frame", 352.0)}, {"task": "semantic", "outputs": ("background", "vessel")}],
)
def test_without_a_search_there_is_a_number_too(found: Sitting, changes: dict[str, Any]) -> None:
    found.engine.found = ScaleChoice(0.62, "as the rule has it")
    found.controller.add_model(replace(model_info("new"), **changes))
    assert scale_note(found).hint == "auto: as the model has it"
    press(found)
    assert shown_scale(found) == 0.62 and "× 0.62, as the rule has it" in image_note(found)
    phases = [call.args[1] for call in found.view.set_progress.call_args_list]
    assert SEARCHING not in phases


def test_the_pixel_size_of_the_layer_counts_as_it_is_now(found: Sitting) -> None:
    found.controller.add_model(replace(model_info("new"), sampling=SamplingRule("pixel", 0.5)))
    assert "pixel size unknown" in scale_note(found).hint
    found.layers.pixel_size = 0.25
    press(found)
    assert shown_scale(found) == 0.5 and found.engine.searches == []
    found.layers.pixel_size = 0.125
    press(found)
    assert shown_scale(found) == 0.25
    found.view.signals.scale_changed.emit(2.0)
    assert shown_scale(found) == 2.0


# --------------------------------------------------------------------------- levels of an image


def test_the_choice_is_converted_for_another_level(found: Sitting) -> None:
    found.layers.factor = 2.0
    found.engine.found = ScaleChoice(0.7, "objects of about 29 px")
    press(found)
    found.layers.factor = 1.0
    found.layers.signals.plane_changed.emit("cells")  # Live is on
    assert shown_scale(found) == pytest.approx(0.35) and len(found.engine.searches) == 1
    assert "× 0.35, objects of about 29 px at level 1" in image_note(found)


def test_a_given_scale_means_the_full_image(found: Sitting) -> None:
    found.layers.factor = 2.0
    found.layers.signals.plane_changed.emit("cells")
    found.view.signals.scale_changed.emit(0.7)
    press(found)
    assert shown_scale(found) == 0.7 and found.controller.state.scale == pytest.approx(0.35)
    found.layers.factor = 1.0
    found.layers.signals.plane_changed.emit("cells")
    assert shown_scale(found) == pytest.approx(0.35) and scale_note(found).value == pytest.approx(0.35)


@pytest.mark.parametrize(
    ("choice", "here", "there", "expected"),
    [
        (FOUND, 1.0, 1.0, 0.35),
        (FOUND, 1.0, 4.0, 1.4),
        (FOUND, 4.0, 1.0, 0.0875),
        (FOUND, 8.0, 1.0, 1 / 16),
        (FOUND, 1.0, 64.0, 8.0),
        (WEAK, 1.0, 4.0, 1.0),
    ],
)
def test_levels(choice: ScaleChoice, here: float, there: float, expected: float) -> None:
    made_on, plane = (Plane(f, "image", "", np.zeros((4, 4)), level=0, factor=f) for f in (here, there))
    known = scales.Scales()
    known.store(made_on, model_info(), choice, None)
    found = known.find(plane, model_info())
    assert found is not None and found.scale == pytest.approx(expected)
    assert known.find(replace(plane, version=1), model_info()) is None


# -------------------------------------------------------------------------------- minimum size


@pytest.mark.parametrize(
    ("pixels", "scale", "working"), [(15, 1.0, 15), (100, 0.5, 25), (10, 2.0, 40), (0, 0.3, 0), (3, 0.1, 0)]
)
def test_pixels_of_the_working_grid(pixels: int, scale: float, working: int) -> None:
    rule = Rule(min_size=pixels, max_size=pixels).object_options.rule(model_info().decode, scale)
    assert (rule.min_size, rule.max_size) == (working, working)


def test_the_models_minimum_size_is_shown_in_pixels_of_the_image(found: Sitting) -> None:
    def shown() -> int:
        return int(found.view.set_rule.call_args.args[0].min_size)

    assert shown() == 15 and found.controller.state.min_size is None
    press(found)
    assert shown() == round(15 / 0.35**2) == 122
    found.view.signals.scale_changed.emit(0.5)
    assert shown() == 60
    found.view.signals.min_size_changed.emit(40)
    found.view.signals.scale_changed.emit(None)
    assert shown() == 40, "what the user typed stays"
    found.view.signals.model_chosen.emit("other")
    assert found.controller.state.min_size is None


@pytest.mark.parametrize(("typed", "left"), [(None, 0), (390, 4), (410, 0)])
def test_objects_are_dropped_by_pixels_of_the_image(sitting: Sitting, typed: int | None, left: int) -> None:
    """Four squares of 100 px; the stand-in has maps on the grid of the image: at 0.5 they count as 400."""
    sitting.engine.found = ScaleChoice(0.5, "so")
    model = model_info("new")
    model = replace(model, decode=replace(model.decode, min_size=101))
    sitting.controller.add_model(model)
    press(sitting)
    assert "No objects of 404 px or more" in sitting.message
    if typed is not None:
        sitting.view.signals.min_size_changed.emit(typed)
    assert len(np.unique(sitting.result)) - 1 == left


def test_a_rule_in_pixels() -> None:
    assert in_pixels(Rule(), model_info(), 0.5).min_size == 60
    assert in_pixels(Rule(min_size=7), model_info(), 0.5).min_size == 7


# -------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("kind", "given", "choice", "hint", "circle"),
    [
        ("object", False, None, "auto: Segment looks for the object size", True),
        ("object", False, FOUND, "auto: × 0.35, objects of about 58 px", True),
        ("object", True, ScaleChoice(0.07, "given"), "given: fits objects of about 286 px", True),
        ("frame", False, None, "auto: as the model has it", False),
        ("frame", True, ScaleChoice(0.5, "given"), "given", False),
        ("pixel", False, ScaleChoice(0.5, "0.25 um a pixel"), "auto: × 0.50, 0.25 um a pixel", False),
    ],
)
def test_what_is_shown(kind: Any, given: bool, choice: ScaleChoice | None, hint: str, circle: bool) -> None:
    model = replace(model_info(), sampling=SamplingRule(kind, 20.0))
    shown = image_messages.scale_shown(given, choice, model)
    assert (shown.hint.replace("\u00a0", " "), shown.circle, shown.tone) == (hint, circle, "info")
    assert (shown.value is not None) == given
