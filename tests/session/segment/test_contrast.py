"""Which intensities the network sees as 0 and 1: measured, as displayed, or two numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stand_ins import Sitting

from napari_unetpp._types import UnetppError
from napari_unetpp.engine.input.range_notes import range_notes
from napari_unetpp.session.segment.resolve import range_of
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import Plane


def press(sitting: Sitting) -> None:
    sitting.view.signals.segment_pressed.emit()


def drag(sitting: Sitting, low: float, high: float) -> None:
    """The user moves the contrast limits of the layer."""
    sitting.layers.contrast = (low, high)
    sitting.layers.signals.limits_changed.emit("cells")


def contrast_shown(sitting: Sitting) -> Any:
    return sitting.view.set_contrast.call_args.args


def range_used(sitting: Sitting) -> str:
    return str(sitting.view.set_range_used.call_args.args[0])


def test_automatic_measures_and_tells_what_it_used(sitting: Sitting) -> None:
    press(sitting)
    assert sitting.engine.ranges == [None]
    assert range_used(sitting) == "intensities 0 to 1"
    sitting.view.signals.model_chosen.emit("other")
    assert range_used(sitting) == "intensities: Segment shows them"


@pytest.mark.parametrize("live", [True, False])
def test_as_displayed_when_segment_is_pressed(sitting: Sitting, live: bool) -> None:
    sitting.view.signals.live_toggled.emit(live)
    sitting.view.signals.contrast_chosen.emit("displayed")
    assert sitting.engine.predicted == [], "nothing was segmented yet"
    sitting.layers.contrast = (0.2, 0.6)
    press(sitting)
    assert sitting.engine.ranges == [(0.2, 0.6)] and range_used(sitting) == "intensities 0.2 to 0.6"
    drag(sitting, 0.1, 0.3)
    assert sitting.engine.ranges == ([(0.2, 0.6), (0.1, 0.3)] if live else [(0.2, 0.6)])


def test_without_live_a_tick_of_the_threshold_does_not_take_up_other_limits(sitting: Sitting) -> None:
    sitting.view.signals.live_toggled.emit(False)
    sitting.view.signals.contrast_chosen.emit("displayed")
    press(sitting)
    drag(sitting, 0.1, 0.3)
    sitting.view.signals.threshold_changed.emit(0.7)
    sitting.view.signals.level_changed.emit(1)
    assert sitting.engine.ranges == [(0.0, 1.0)] and sitting.message.startswith("4 objects")
    press(sitting)
    assert sitting.engine.ranges == [(0.0, 1.0), (0.1, 0.3)]


def test_ticking_live_takes_up_what_is_displayed(sitting: Sitting) -> None:
    sitting.view.signals.live_toggled.emit(False)
    sitting.view.signals.contrast_chosen.emit("displayed")
    press(sitting)
    drag(sitting, 0.1, 0.3)
    sitting.view.signals.live_toggled.emit(True)
    assert sitting.engine.ranges == [(0.0, 1.0), (0.1, 0.3)]


@pytest.mark.parametrize("contrast", ["auto", "given"])
def test_limits_mean_nothing_to_the_other_choices(sitting: Sitting, contrast: str) -> None:
    sitting.view.signals.contrast_chosen.emit(contrast)
    press(sitting)
    drag(sitting, 0.1, 0.3)
    assert len(sitting.engine.ranges) == 1


def test_each_image_has_limits_of_its_own(sitting: Sitting, blobs: np.ndarray) -> None:
    sitting.layers.arrays["more"] = blobs
    sitting.view.signals.contrast_chosen.emit("displayed")
    press(sitting)
    sitting.layers.contrast = (0.3, 0.8)
    sitting.view.signals.image_chosen.emit("more")
    press(sitting)
    assert sitting.engine.ranges[-1] == (0.3, 0.8)


def test_numbers_begin_with_what_was_used(sitting: Sitting) -> None:
    sitting.layers.contrast = (0.2, 0.6)
    sitting.view.signals.contrast_chosen.emit("given")
    assert contrast_shown(sitting)[:2] == ("given", (0.2, 0.6)), "before the first result: as displayed"
    sitting.view.signals.contrast_chosen.emit("auto")
    press(sitting)
    sitting.view.signals.contrast_chosen.emit("given")
    assert contrast_shown(sitting)[:2] == ("given", (0.0, 1.0))


def test_numbers_are_used_and_going_back_needs_no_network(sitting: Sitting) -> None:
    press(sitting)
    sitting.view.signals.contrast_chosen.emit("given")
    sitting.view.signals.range_changed.emit((0.1, 0.4))
    assert sitting.engine.ranges == [None, (0.0, 1.0), (0.1, 0.4)]
    sitting.view.signals.contrast_chosen.emit("auto")
    assert len(sitting.engine.ranges) == 3 and range_used(sitting) == "intensities 0 to 1"
    assert len(sitting.engine.searches) == 1


def test_without_live_another_contrast_waits_for_segment(sitting: Sitting) -> None:
    sitting.view.signals.live_toggled.emit(False)
    press(sitting)
    sitting.view.signals.contrast_chosen.emit("given")
    assert sitting.engine.ranges == [None]
    assert sitting.message.startswith("L3 is not computed yet at this scale and contrast")


@pytest.mark.parametrize("numbers", [(0.5, 0.5), (0.6, 0.2)])
def test_numbers_that_are_not_in_order_get_a_sentence(sitting: Sitting, numbers: Any) -> None:
    sitting.view.signals.contrast_chosen.emit("given")
    sitting.view.signals.range_changed.emit(numbers)
    press(sitting)
    assert "must be below" in sitting.message and sitting.engine.predicted == []
    sitting.view.signals.range_changed.emit((0.0, 1.0))
    press(sitting)
    sitting.view.signals.range_changed.emit(numbers)
    assert "must be below" in sitting.message
    sitting.view.signals.range_changed.emit((0.0, 1.0))
    assert sitting.message.startswith("4 objects"), "and back: the line says what is shown"
    assert sitting.engine.ranges == [(0.0, 1.0)]


def test_numbers_that_are_not_in_order_stop_a_click_too(sitting: Sitting) -> None:
    from correct_stand_ins import begin

    from napari_unetpp._types import Region
    from napari_unetpp.session.values import Click

    begin(sitting)
    sitting.view.signals.contrast_chosen.emit("given")
    sitting.view.signals.range_changed.emit((0.6, 0.2))
    sitting.layers.signals.clicked.emit("cells", Click(Region(12, 15, 13, 16)))
    assert "must be below" in sitting.message and sitting.engine.windows == []


def test_colour_has_no_limits_and_says_why(sitting: Sitting, blobs: np.ndarray) -> None:
    sitting.layers.arrays["photo"] = np.stack([blobs] * 3, axis=-1)
    sitting.view.signals.contrast_chosen.emit("displayed")
    assert contrast_shown(sitting)[2] == ""
    sitting.view.signals.image_chosen.emit("photo")
    assert "colour" in contrast_shown(sitting)[2]
    press(sitting)
    assert sitting.engine.ranges == [None]


def test_what_lies_outside_the_range_is_noted(sitting: Sitting) -> None:
    sitting.view.signals.contrast_chosen.emit("given")
    sitting.view.signals.range_changed.emit((0.6, 0.9))
    press(sitting)
    assert sitting.message.endswith("much of it is below the range")


def test_a_range_that_holds_nothing_of_the_image_gives_nothing_and_says_so(sitting: Sitting) -> None:
    sitting.engine.range_notes = range_notes
    sitting.view.signals.contrast_chosen.emit("given")
    sitting.view.signals.range_changed.emit((1000.0, 2000.0))
    press(sitting)
    assert not sitting.result.any() and sitting.message.startswith("No objects: every pixel")
    assert "from 0 to 0.9, and the range is 1000 to 2000" in sitting.message


def test_a_range_that_is_far_too_wide_is_noted(sitting: Sitting) -> None:
    sitting.engine.range_notes = range_notes
    sitting.view.signals.contrast_chosen.emit("given")
    sitting.view.signals.range_changed.emit((0.0, 60_000.0))
    press(sitting)
    assert "next to nothing is seen: the image has intensities from 0 to 0.9" in sitting.message


def test_a_frozen_request_does_not_follow_the_limits(sitting: Sitting) -> None:
    sitting.view.signals.contrast_chosen.emit("displayed")
    sitting.runner.inline = False
    press(sitting)
    request = sitting.controller.runs.running
    sitting.layers.contrast = (0.3, 0.8)
    sitting.runner.finish()
    assert request.range == (0.0, 1.0) and sitting.engine.ranges == [(0.0, 1.0)]


GREY, RGB = np.zeros((4, 4)), np.zeros((4, 4, 3))


@pytest.mark.parametrize(
    ("contrast", "data", "expected"),
    [
        ("auto", GREY, None),
        ("displayed", GREY, (2.0, 9.0)),
        ("displayed", RGB, None),
        ("given", GREY, (2.0, 9.0)),
        ("given", RGB, (2.0, 9.0)),
    ],
)
def test_ranges(contrast: Any, data: np.ndarray, expected: Any) -> None:
    state = SessionState(contrast=contrast, range=(2.0, 9.0))
    assert range_of(state, Plane(0, 0, "", data, rgb=data.ndim == 3)) == expected


def test_not_a_number_is_refused() -> None:
    state = SessionState(contrast="given", range=(float("nan"), 1.0))
    with pytest.raises(UnetppError, match="must be below"):
        range_of(state, Plane(0, 0, "", GREY))
