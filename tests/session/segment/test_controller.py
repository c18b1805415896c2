"""The controller without Qt, napari or torch: wishes of the user in, answers of the worker out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tifffile
from stand_ins import model_info

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.session.events import MemoryUse
from napari_unetpp.session.messages import models as model_messages
from napari_unetpp.session.messages.common import Advice
from napari_unetpp.session.segment import engine
from napari_unetpp.session.values import DeviceRequest, Rule, Settings


def test_start_picks_image_model_and_recommended_level(sitting: Any) -> None:
    state = sitting.controller.state
    assert (state.image, state.model, state.level) == ("cells", "nuclei", 3)
    sitting.view.set_levels.assert_called_with((1, 2, 3, 4), 3)
    assert sitting.engine.loaded == [("nuclei", DeviceRequest())]
    assert "0.40" not in sitting.message
    assert (
        sitting.view.set_readout.call_args.args[0] == "L3 · 2.21 M · about 400 ms per megapixel · Dice 0.86"
    )


def test_segment_paints_and_tells(sitting: Any) -> None:
    sitting.view.signals.segment_pressed.emit()
    assert sitting.message.startswith("4 objects, median diameter 11 px, L3, ")
    assert len(np.unique(sitting.result)) == 5
    assert sitting.engine.predicted == [(3, 1.0)]
    assert not sitting.controller.busy
    sitting.view.set_can_save.assert_called_with(True)


def test_sliding_to_a_computed_level_needs_no_network(sitting: Any) -> None:
    sitting.view.signals.segment_pressed.emit()
    sitting.view.signals.level_changed.emit(1)
    assert sitting.engine.predicted == [(3, 1.0)]
    assert ", L1, " in sitting.message


def test_sliding_deeper_predicts_when_live(sitting: Any) -> None:
    sitting.view.signals.segment_pressed.emit()
    sitting.view.signals.level_changed.emit(4)
    assert [level for level, _ in sitting.engine.predicted] == [3, 4]


def test_sliding_deeper_asks_when_not_live(sitting: Any) -> None:
    sitting.view.signals.live_toggled.emit(False)
    sitting.view.signals.segment_pressed.emit()
    sitting.view.signals.level_changed.emit(4)
    assert [level for level, _ in sitting.engine.predicted] == [3]
    assert sitting.message.startswith("L4 is not computed yet")


def test_sliding_before_the_first_press_segments_nothing(sitting: Any) -> None:
    sitting.view.signals.level_changed.emit(1)
    assert sitting.engine.predicted == []


@pytest.mark.parametrize(
    ("signal", "value", "found"),
    [
        ("threshold_changed", 0.95, 0),
        ("min_size_changed", 200, 0),
        ("max_size_changed", 99, 0),
        ("max_size_changed", 100, 4),
        ("fill_holes_toggled", True, 4),
        ("drop_border_toggled", True, 4),
        ("kind_chosen", "mask", 1),
    ],
)
def test_rule_acts_without_the_network(sitting: Any, signal: str, value: Any, found: int) -> None:
    sitting.view.signals.segment_pressed.emit()
    getattr(sitting.view.signals, signal).emit(value)
    assert len(sitting.engine.predicted) == 1
    assert len(np.unique(sitting.result)) - 1 == found


def test_what_is_dropped_at_the_border_comes_back(sitting: Any, blobs: np.ndarray) -> None:
    wide = np.where(np.arange(blobs.shape[1]) < 3, 1, blobs)
    sitting.layers.replace("cells", wide)
    sitting.view.signals.segment_pressed.emit()
    assert len(np.unique(sitting.result)) - 1 == 5
    sitting.view.signals.drop_border_toggled.emit(True)
    assert len(np.unique(sitting.result)) - 1 == 4 and not sitting.result[:, 0].any()
    sitting.view.signals.drop_border_toggled.emit(False)
    assert len(np.unique(sitting.result)) - 1 == 5 and len(sitting.engine.predicted) == 1


def test_a_minimum_above_the_maximum_is_said_and_nothing_changes(sitting: Any) -> None:
    sitting.view.signals.segment_pressed.emit()
    sitting.view.signals.min_size_changed.emit(50)
    sitting.view.signals.max_size_changed.emit(40)
    assert sitting.message.startswith("Size: the minimum (50 px) is above the maximum (40 px).")
    assert len(np.unique(sitting.result)) - 1 == 4
    sitting.view.signals.segment_pressed.emit()
    assert sitting.message.startswith("Size: ") and not sitting.controller.busy
    sitting.view.signals.max_size_changed.emit(None)
    assert sitting.message.startswith("4 objects")


@pytest.mark.parametrize(("field", "value"), [("max_size", 60), ("drop_border", True)])
def test_an_offer_takes_back_what_dropped_all_objects(sitting: Any, field: str, value: Any) -> None:
    one = np.zeros((64, 96), np.float32)
    one[:10, :10] = 0.9
    sitting.layers.replace("cells", one)
    sitting.view.signals.segment_pressed.emit()
    (there,) = np.unique(sitting.result[sitting.result > 0])
    setattr(sitting.controller.state, field, value)
    assert "No objects" in sitting.message and f"{field}:" in sitting.offers()
    sitting.view.signals.offer_taken.emit(f"{field}:")
    assert np.unique(sitting.result[sitting.result > 0]) == [there]


def test_the_maximum_size_is_of_the_objects_not_of_the_model(sitting: Any) -> None:
    """Keep stays with the objects; to choose another model is to look for others."""
    state = sitting.controller.state
    state.max_size, state.drop_border = 80, True
    sitting.controller.add_model(model_info("tuned"))
    assert (state.model, state.max_size) == ("tuned", 80)
    sitting.view.signals.model_chosen.emit("nuclei")
    assert state.max_size is None and state.drop_border


def test_rule_changed_during_a_run_is_applied_at_its_end(sitting: Any) -> None:
    sitting.runner.inline = False
    sitting.view.signals.segment_pressed.emit()
    for _ in range(4):
        sitting.runner.step()
    sitting.view.signals.threshold_changed.emit(0.95)
    sitting.runner.finish()
    assert len(sitting.engine.predicted) == 1
    assert sitting.message.startswith("No objects")


def test_slider_moved_during_a_run_paints_nothing_stale(sitting: Any) -> None:
    sitting.runner.inline = False
    sitting.view.signals.segment_pressed.emit()
    for _ in range(4):
        sitting.runner.step()
    painted = len(sitting.layers.paints)
    sitting.view.signals.level_changed.emit(1)
    stale = sitting.runner.jobs[0]
    while sitting.runner.jobs and sitting.runner.jobs[0] is stale:
        sitting.runner.step()
    assert len(sitting.layers.paints) == painted
    sitting.runner.finish()
    assert ", L1, " in sitting.message


def test_image_replaced_during_a_run_paints_nothing_stale(sitting: Any, blobs: np.ndarray) -> None:
    sitting.view.signals.live_toggled.emit(False)
    sitting.runner.inline = False
    sitting.view.signals.segment_pressed.emit()
    for _ in range(4):
        sitting.runner.step()
    painted = len(sitting.layers.paints)
    sitting.layers.replace("cells", 0.5 * blobs)
    sitting.runner.finish()
    assert len(sitting.layers.paints) == painted
    assert not sitting.controller.busy
    assert "not segmented yet" in sitting.message


def test_another_plane_is_segmented_when_live(sitting: Any, blobs: np.ndarray) -> None:
    sitting.view.signals.segment_pressed.emit()
    sitting.layers.replace("cells", blobs[::-1])
    assert len(sitting.engine.predicted) == 2
    assert len(np.unique(sitting.result)) == 5


def test_live_goes_on_when_the_view_comes_back_to_a_plane(
    sitting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was where nothing can be segmented: in 3D, or at a level that is too large."""
    sitting.view.signals.segment_pressed.emit()

    def refuse(_image: Any) -> Any:
        raise UnetppError("nothing to segment here")

    with monkeypatch.context() as patch:
        patch.setattr(sitting.layers, "read", refuse)
        sitting.layers.signals.plane_changed.emit("cells")
        assert sitting.controller.runs.shown is None
    sitting.layers.signals.plane_changed.emit("cells")
    assert sitting.controller.runs.shown is not None


def test_result_layer_removed_during_a_run(sitting: Any) -> None:
    sitting.layers.refuse = True
    sitting.view.signals.segment_pressed.emit()
    assert "removed" in sitting.message
    assert not sitting.controller.busy


def test_image_removed_during_a_run(sitting: Any) -> None:
    sitting.runner.inline = False
    sitting.view.signals.segment_pressed.emit()
    sitting.runner.step()
    sitting.layers.arrays.clear()
    sitting.layers.signals.images_changed.emit()
    sitting.runner.finish()
    assert sitting.controller.state.image is None
    assert not sitting.controller.busy
    sitting.view.set_can_segment.assert_called_with(False)


def test_stop(sitting: Any) -> None:
    sitting.runner.inline = False
    sitting.view.signals.segment_pressed.emit()
    for _ in range(5):
        sitting.runner.step()
    sitting.view.signals.stop_pressed.emit()
    sitting.runner.finish()
    assert sitting.message.startswith("Stopped after")
    assert not sitting.controller.busy


@pytest.mark.parametrize("how", ["stopped", "failed"])
def test_what_was_given_up_is_not_tried_again_by_itself(
    sitting: Any, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, Stop while the slider went deeper began the same run anew, and one that failed for ever."""
    sitting.view.signals.segment_pressed.emit()
    runner, predicted = sitting.runner, sitting.engine.predicted
    runner.inline = False
    with monkeypatch.context() as patch:
        if how == "failed":
            patch.setattr(engine, "empty_maps", lambda *_: 1 / 0)
            patch.setattr(sitting.controller.context.cache, "find", lambda _key: None)
        sitting.view.signals.level_changed.emit(4)
        while len(predicted) < 2:
            runner.step()
        if how == "stopped":
            sitting.view.signals.stop_pressed.emit()
        for _ in range(100):
            runner.step()
    assert predicted == [(3, 1.0), (4, 1.0)] and not sitting.controller.busy
    assert ("L3 is still shown" in sitting.message) == (how == "stopped")
    sitting.view.signals.level_changed.emit(2)
    sitting.view.signals.level_changed.emit(4)
    runner.finish()
    assert ", L4, " in sitting.message, "another wish, and then that one again"


def test_where_memory_does_not_suffice_for_objects_the_mask_is_shown(
    sitting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, the result of the network was lost."""

    def scarce(_result: PlaneResult) -> Any:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(PlaneResult, "labels", scarce)
        sitting.view.signals.segment_pressed.emit()
    assert sitting.message.startswith("Out of memory") and "6.5 % foreground" in sitting.message
    assert sitting.result.sum() == 400 and sitting.result.max() == 1
    assert sitting.controller.state.kind == "mask" and not sitting.controller.busy
    sitting.view.signals.kind_chosen.emit("labels")
    assert sitting.message.startswith("4 objects")
    assert sitting.engine.predicted == [(3, 1.0)], "the maps were kept"


def test_after_a_run_memory_is_given_back_and_what_is_held_is_said(sitting: Any) -> None:
    sitting.view.signals.segment_pressed.emit()
    assert sitting.engine.gave_back == 1
    sitting.view.set_memory_use.assert_called_once()
    held = sitting.controller.context.cache.memory_use
    pixels, levels, outputs = 64 * 96, 3, 2
    assert held == MemoryUse(0, levels * (outputs + 1) * 2 * pixels), "maps as half floats, labels in 16 bits"
    assert model_messages.memory_use(MemoryUse(2_000_000, 500_000)).startswith("2.5 MB are in use")


def test_closed_during_a_run(sitting: Any) -> None:
    sitting.runner.inline = False
    sitting.view.signals.segment_pressed.emit()
    sitting.runner.step()
    sitting.controller.close()
    sitting.view.reset_mock()
    sitting.runner.finish()
    assert sitting.view.method_calls == []
    assert sitting.layers.closed and sitting.runner.closed


def test_errors_of_the_worker_are_told(sitting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise UnetppError("the weights are gone")

    monkeypatch.setattr(sitting.engine, "predict", fail)
    sitting.view.signals.segment_pressed.emit()
    assert sitting.message == "the weights are gone"
    assert not sitting.controller.busy


def test_no_image_and_no_model_are_said(sitting: Any) -> None:
    sitting.controller.state.image = None
    sitting.view.signals.segment_pressed.emit()
    assert sitting.message.startswith("Open an image first")


def test_choosing_another_model_takes_over_its_rule_and_level(sitting: Any) -> None:
    sitting.view.signals.segment_pressed.emit()
    sitting.view.signals.threshold_changed.emit(0.7)
    sitting.view.signals.model_chosen.emit("other")
    assert sitting.controller.state.level == 2
    assert sitting.controller.state.rule == Rule()
    assert sitting.controller.runs.shown is None


@pytest.mark.parametrize(
    ("default", "arch", "expected"), [(0, "unetpp", 3), (1, "unetpp", 1), (4, "unetpp", 4), (1, "unet", 4)]
)
def test_the_preferred_level_counts_where_the_model_has_it(
    sitting: Any, default: int, arch: str, expected: int
) -> None:
    sitting.controller.state.preferences = Settings(default_level=default)
    info = model_info("new")
    recommended = 3 if arch == "unetpp" else 4
    net = replace(info.net, arch=arch)
    new = replace(info, net=net, recommended_level=recommended)
    sitting.controller.context.models["new"] = new
    sitting.controller.state.model = "new"
    assert sitting.controller.state.level == expected


def test_circle_sets_the_scale(sitting: Any) -> None:
    sitting.view.signals.circle_toggled.emit(True)
    assert sitting.layers.circle == pytest.approx(20)
    sitting.layers.signals.circle_changed.emit(40.0)
    assert sitting.controller.state.scale == pytest.approx(0.5)
    sitting.view.signals.circle_toggled.emit(False)
    assert sitting.layers.circle is None


def test_offer_lowers_the_threshold(sitting: Any) -> None:
    sitting.view.signals.segment_pressed.emit()
    sitting.view.signals.threshold_changed.emit(0.95)
    offers = sitting.view.set_message.call_args.args[2]
    sitting.view.signals.offer_taken.emit(offers[0][1])
    assert sitting.message.startswith("4 objects")


def test_what_the_range_gives_to_note_is_in_the_message_at_every_depth(sitting: Any) -> None:
    sitting.engine.range_notes = lambda image, stats, given: ("much of it is dim",)
    sitting.view.signals.segment_pressed.emit()
    assert sitting.message.startswith("4 objects") and sitting.message.endswith("\nmuch of it is dim")
    sitting.view.signals.level_changed.emit(1)
    assert ", L1, " in sitting.message and sitting.message.endswith("\nmuch of it is dim")


def test_constant_image_is_empty_with_a_reason(sitting: Any) -> None:
    sitting.layers.arrays["cells"] = np.full((40, 40), 0.9, np.float32)
    sitting.view.signals.segment_pressed.emit()
    assert not sitting.result.any()
    assert "same value" in sitting.message


def test_nan_is_background_and_noted(sitting: Any, blobs: np.ndarray) -> None:
    image = blobs.copy()
    image[10:20, 10:20] = np.nan
    sitting.layers.arrays["cells"] = image
    sitting.view.signals.segment_pressed.emit()
    assert sitting.message.startswith("3 objects")
    assert "NaN" in sitting.message


def test_save_never_overwrites(sitting: Any, free_name: Any) -> None:
    sitting.view.ask_path.return_value = free_name
    sitting.view.signals.segment_pressed.emit()
    sitting.view.signals.save_pressed.emit()
    first = tifffile.imread(free_name)
    sitting.view.signals.threshold_changed.emit(0.95)
    sitting.view.signals.save_pressed.emit()
    assert len(np.unique(first)) == 5
    assert np.array_equal(tifffile.imread(free_name), first)
    names = sorted(path.name for path in free_name.parent.glob("cells*"))
    assert names == ["cells_labels.csv", "cells_labels.tif", "cells_labels_2.csv", "cells_labels_2.tif"]
    assert "cells_labels_2.tif" in sitting.message


def test_save_into_a_missing_folder_is_said(sitting: Any, free_name: Any) -> None:
    sitting.view.ask_path.return_value = free_name.parent / "nowhere" / "x.tif"
    sitting.view.signals.segment_pressed.emit()
    sitting.view.signals.save_pressed.emit()
    assert "nowhere" in sitting.message


def test_first_press_during_getting_ready(sitting: Any) -> None:
    sitting.runner.inline = False
    sitting.view.signals.model_chosen.emit("other")
    assert sitting.view.set_progress.call_args.args == (None, "getting ready: loading torch and the model")
    sitting.view.signals.segment_pressed.emit()
    assert "getting ready" in sitting.view.set_progress.call_args.args[1]
    sitting.runner.finish()
    assert sitting.message.startswith("4 objects")


def test_a_frozen_request_does_not_follow_the_state(sitting: Any) -> None:
    sitting.runner.inline = False
    sitting.view.signals.segment_pressed.emit()
    request = sitting.controller.runs.running
    assert replace(request, level=1).level == 1
    sitting.controller.state.threshold = 0.7
    assert request.rule.threshold == 0.5


def test_panning_tells_what_runs_where_to_go_next(sitting: Any) -> None:
    runner, layers, engine = sitting.runner, sitting.layers, sitting.engine
    here, there = Region(0, 0, 20, 20), Region(40, 40, 60, 60)
    runner.inline, layers.viewport = False, here
    sitting.view.signals.segment_pressed.emit()
    while not engine.predicted:
        runner.step()
    assert engine.current_view() == here
    layers.viewport = there
    layers.signals.view_moved.emit()
    assert engine.current_view() == there
    runner.finish()
    layers.viewport = here
    layers.signals.view_moved.emit()
    assert engine.current_view() == there and engine.predicted == [(3, 1.0)], "nothing is left to do"


def test_panning_over_another_image_does_not_lead_astray(sitting: Any) -> None:
    runner, layers, engine = sitting.runner, sitting.layers, sitting.engine
    runner.inline, layers.viewport = False, Region(0, 0, 20, 20)
    sitting.view.signals.segment_pressed.emit()
    while not engine.predicted:
        runner.step()
    layers.versions["cells"] = 7  # its data were replaced, which is told a little later
    layers.signals.view_moved.emit()
    assert engine.current_view() is None
    runner.finish()
    assert not sitting.controller.busy


def test_a_message_ends_when_what_it_speaks_of_ends(sitting: Any) -> None:
    """With Live off "L4 is not computed yet" stayed when the slider was moved back."""
    state = sitting.controller.state
    state.live = False
    sitting.controller.segment()
    result = sitting.message
    assert "L3" in result and "not computed" not in result
    state.level = 4
    assert "not computed" in sitting.message
    state.level = 3
    assert sitting.message == result


@pytest.mark.parametrize("failed", [False, True])
def test_advice_is_no_error(sitting: Any, failed: bool) -> None:
    with sitting.controller.context.reporting():
        raise UnetppError("broken") if failed else Advice("The model sees nothing here")
    assert sitting.view.set_message.call_args.args[1] == ("error" if failed else "info")
