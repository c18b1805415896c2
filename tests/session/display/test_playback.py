"""A stack that plays: the depth that keeps up, and every finished plane in its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unetpp.session.display.costs import ChartPoint
from napari_unetpp.session.display.playback import PlaybackSpeed
from napari_unetpp.session.events import Speed
from napari_unetpp.session.values import DeviceRequest, model_key

POINTS = [ChartPoint(d, s, True, 0.8, False) for d, s in ((1, 0.1), (2, 0.2), (3, 0.4), (4, 0.8), (5, 0.3))]


class Clock:
    """Time that passes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("interval", "megapixels", "wanted", "level"),
    [
        (2.0, 1.0, 4, 4),  # nothing plays
        (0.5, 1.0, 4, 3),
        (0.5, 1.0, 2, 2),
        (0.5, 0.25, 4, 4),  # a small plane
        (0.4, 1.0, 4, 5),  # Auto costs less than L3
        (0.4, 1.0, 3, 5),
        (0.4, 1.0, 2, 2),
        (0.01, 1.0, 4, 1),  # not even the shallowest: no plane is left out for that
    ],
)
def test_the_deepest_that_keeps_up(interval: float, megapixels: float, wanted: int, level: int) -> None:
    clock = Clock()
    speed = PlaybackSpeed(clock)
    for _ in range(5):
        clock.now += interval
        speed.step()
    assert speed.level(wanted, POINTS, megapixels) == level


def test_one_step_is_no_play_and_a_play_ends() -> None:
    clock = Clock()
    speed = PlaybackSpeed(clock)
    speed.step()
    assert not speed.playing
    clock.now += 0.1
    speed.step()
    assert speed.playing and speed.level(4, POINTS, 1.0) == 1
    clock.now += 1.5
    assert not speed.playing and speed.level(4, POINTS, 1.0) == 4


def test_what_comes_on_top_of_the_network_counts() -> None:
    clock = Clock()
    speed = PlaybackSpeed(clock)
    for _ in range(6):
        clock.now += 0.55
        speed.step()
        speed.add_overhead(0.15)
    assert speed.level(4, POINTS, 1.0) == 2, "0.4 s for the network alone would do"
    for _ in range(9):
        speed.add_overhead(-1.0)
    assert speed.level(4, POINTS, 1.0) == 3


@pytest.fixture
def playing(sitting: Any) -> Any:
    """A sitting with a clock, segmented at L4, whose image shows another plane every 0.1 s."""
    clock = sitting.clock = Clock()
    sitting.controller.playback.speed = PlaybackSpeed(clock)
    controller = sitting.controller
    model = controller.model
    controller.context.jobs.deliver(
        Speed(model_key(model), DeviceRequest(), {1: 10, 2: 20.0, 3: 40.0, 4: 80.0})
    )
    sitting.view.signals.level_changed.emit(4)
    sitting.view.signals.segment_pressed.emit()

    def step(seconds: float = 0.1) -> None:
        clock.now += seconds
        image = sitting.layers.arrays["cells"]
        sitting.layers.replace("cells", np.roll(image, 1, axis=0))

    sitting.step = step
    return sitting


def levels(sitting: Any) -> list[int]:
    return [level for level, _ in sitting.engine.predicted]


def test_the_depth_is_lowered_while_a_stack_plays_and_returns(playing: Any) -> None:
    """64 x 96 px at 10 s/MPx are 61 ms at L1, 123 ms at L2."""
    for _ in range(3):
        playing.step()
    assert levels(playing)[-2:] == [1, 1]
    text, _ = playing.view.set_readout.call_args[0]
    assert text == "L1 while playing: L4 is too slow"
    playing.clock.now += 1.1
    playing.layers.signals.rested.emit()
    assert levels(playing)[-1] == 4
    assert playing.view.set_readout.call_args[0][0].startswith("L4")


def test_a_run_that_was_not_played_does_not_slow_the_pace(playing: Any) -> None:
    """A plane that was abandoned, and then a long run, once counted as what comes on top of the network."""
    for _ in range(3):
        playing.step()
    playing.clock.now += 1.1
    playing.controller.runs._began -= 10.0  # a long run ends when nothing plays any more
    playing.controller.runs.finished.emit(playing.controller.runs.shown)
    assert playing.controller.playback.speed._overhead < 1.0


def test_a_short_run_shows_its_result_and_nothing_before(playing: Any) -> None:
    """Previews and the progress bar once cost the window as much time as the network took."""
    paints = playing.layers.paints
    playing.step()
    playing.step()
    paints.clear()
    playing.view.set_progress.reset_mock()
    playing.step()  # 61 ms at L1
    assert playing.controller.runs.shown.level == 1 and all(final for _, final in paints)
    assert all(text == "" for (_, text), _ in playing.view.set_progress.call_args_list)
    playing.clock.now += 1.1
    playing.layers.signals.rested.emit()
    playing.step(3.0)  # nothing plays any more: 491 ms at L4
    assert playing.controller.runs.shown.level == 4 and not all(final for _, final in paints)


def test_what_runs_is_finished_while_a_stack_plays(playing: Any) -> None:
    playing.step()
    playing.step()
    playing.runner.inline = False
    playing.step()
    running = playing.controller.runs.running
    before = len(playing.engine.predicted)
    playing.step()
    playing.step()
    assert playing.controller.runs.running is running, "not cancelled"
    playing.runner.finish()
    assert running.plane.key in playing.layers.painted
    assert len(playing.engine.predicted) == before + 2, "then the plane that is displayed now, none between"
    assert playing.controller.runs.shown.plane.key == playing.layers.read("cells").key


def test_stop_while_a_stack_plays_begins_no_other_plane(playing: Any) -> None:
    """Once, the plane that had come meanwhile began as soon as the stopped one had ended."""
    playing.step()
    playing.runner.inline = False
    playing.step()
    playing.step()
    playing.view.signals.stop_pressed.emit()
    playing.step()  # the worker has not noticed yet
    before = len(playing.engine.predicted)
    playing.runner.finish()
    playing.step()
    playing.runner.finish()
    playing.clock.now += 1.1
    playing.layers.signals.rested.emit()
    playing.runner.finish()
    assert len(playing.engine.predicted) <= before + 1 and not playing.controller.busy
    assert playing.message.startswith("Stopped")


def test_the_chosen_depth_follows_even_when_the_last_plane_is_on_its_way(playing: Any) -> None:
    """It once stayed at L1 when the stack rested while the last plane was being segmented."""
    playing.step()
    playing.runner.inline = False
    playing.step()
    assert playing.controller.runs.running.level == 1
    playing.step()
    playing.clock.now += 1.1
    playing.layers.signals.rested.emit()
    playing.runner.finish()
    shown = playing.controller.runs.shown
    assert shown.level == 4 and shown.plane.key == playing.layers.read("cells").key
    assert playing.controller.runs.running is None


def test_a_slider_moved_now_and_then_keeps_its_depth(playing: Any) -> None:
    playing.step(3.0)
    playing.step(3.0)
    assert set(levels(playing)) == {4}
