"""Show uncertainty and Next, without Qt, napari or torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unetpp._types import Spot
from napari_unetpp.session.display.overlays import to_visit


@pytest.fixture
def faint(sitting: Any, blobs: np.ndarray) -> Any:
    """A sitting whose image holds two objects near the threshold and two clear ones."""
    image = blobs.copy()
    image[10:20, 10:20] = 0.55
    image[40:50, 60:70] = 0.5
    sitting.layers.replace("cells", image)
    sitting.view.signals.segment_pressed.emit()
    return sitting


def test_the_uncertainty_is_shown_and_hidden(faint: Any) -> None:
    assert faint.layers.uncertainty is None
    faint.view.signals.uncertainty_toggled.emit(True)
    shown = faint.layers.uncertainty
    assert shown.shape == (64, 96) and shown.dtype == np.uint8
    assert shown[45, 65] > 250 and shown[12, 65] < shown[12, 15]
    faint.view.set_uncertainty.assert_called_with(True)
    faint.view.signals.uncertainty_toggled.emit(False)
    assert faint.layers.uncertainty is None


def test_the_uncertainty_follows_level_and_threshold(faint: Any) -> None:
    faint.view.signals.uncertainty_toggled.emit(True)
    before = faint.layers.uncertainty
    faint.view.signals.threshold_changed.emit(0.8)
    assert faint.layers.uncertainty[12, 65] > before[12, 65]
    before = faint.layers.uncertainty
    faint.view.signals.level_changed.emit(4)
    assert not np.array_equal(faint.layers.uncertainty, before)


def test_the_box_may_be_ticked_before_the_first_result(sitting: Any) -> None:
    sitting.view.signals.uncertainty_toggled.emit(True)
    assert sitting.layers.uncertainty is None
    sitting.view.signals.segment_pressed.emit()
    assert sitting.layers.uncertainty is not None


def test_next_visits_the_most_uncertain_places_once(faint: Any) -> None:
    for _ in range(2):
        faint.view.signals.next_pressed.emit()
    (y1, x1), (y2, x2) = faint.layers.went
    assert 40 <= y1 < 50 and 60 <= x1 < 70, "nearest to the threshold"
    assert 10 <= y2 < 20 and 10 <= x2 < 20
    assert "uncertainty" in faint.message
    for _ in range(20):
        faint.view.signals.next_pressed.emit()
    assert len(set(faint.layers.went)) == len(faint.layers.went)
    assert "visited or corrected" in faint.message


def test_next_passes_over_what_the_user_decided(faint: Any) -> None:
    decided = np.zeros((64, 96), bool)
    decided[38:52, 58:72] = True
    faint.controller.overlays.certain = lambda _plane: decided
    faint.view.signals.next_pressed.emit()
    y, x = faint.layers.went[0]
    assert 10 <= y < 20 and 10 <= x < 20


def test_next_does_not_return_after_another_result(faint: Any) -> None:
    faint.view.signals.next_pressed.emit()
    faint.view.signals.level_changed.emit(4)
    faint.view.signals.next_pressed.emit()
    first, second = faint.layers.went
    assert np.hypot(first[0] - second[0], first[1] - second[1]) > 10


def test_next_needs_a_result(sitting: Any) -> None:
    sitting.view.signals.next_pressed.emit()
    assert "Press Segment first" in sitting.message and sitting.layers.went == []


def test_next_during_a_run_goes_when_it_ends(faint: Any) -> None:
    faint.runner.inline = False
    faint.view.signals.level_changed.emit(4)
    faint.view.signals.next_pressed.emit()
    assert faint.layers.went == []
    faint.runner.finish()
    assert len(faint.layers.went) == 1


def test_an_even_result_has_no_place(sitting: Any) -> None:
    sitting.layers.replace("cells", np.concatenate([np.zeros((64, 48)), np.ones((64, 48))], 1))
    sitting.view.signals.segment_pressed.emit()
    sitting.view.signals.next_pressed.emit()
    assert sitting.layers.went == [] and "No uncertain place" in sitting.message


@pytest.mark.parametrize(("visited", "left"), [((), 3), ((Spot(5, 6, 0),), 2), ((Spot(50, 50, 0),), 3)])
def test_places_to_visit(visited: tuple[Spot, ...], left: int) -> None:
    places = [Spot(5, 5, 0.9), Spot(5, 30, 0.8), Spot(30, 5, 0.7)]
    assert len(to_visit(places, visited, None, 10)) == left


def test_another_model_has_doubts_of_its_own(faint: Any) -> None:
    """Next once said that all was visited, whichever model was chosen then."""
    for _ in range(20):
        faint.view.signals.next_pressed.emit()
    assert "were visited" in faint.message
    visited = len(faint.layers.went)
    faint.view.signals.model_chosen.emit("other")
    faint.view.signals.segment_pressed.emit()
    faint.view.signals.next_pressed.emit()
    assert len(faint.layers.went) == visited + 1 and "uncertainty" in faint.message
    faint.view.signals.model_chosen.emit("nuclei")
    faint.view.signals.segment_pressed.emit()
    faint.view.signals.next_pressed.emit()
    assert "were visited" in faint.message
