"""What a level takes on this machine: estimated until a real run has measured it, then recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stand_ins import FakeCache, FakeEngine, FakeLayers, HandRunner, model_info

from napari_unetpp._types import AUTO
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.display.costs import Costs
from napari_unetpp.session.events import Speed
from napari_unetpp.session.messages import common, results
from napari_unetpp.session.messages import models as model_messages
from napari_unetpp.session.segment.speeds import Hints, Speeds, add_run, from_text, to_text, typical
from napari_unetpp.session.values import DeviceRequest

TRIAL = {1: 0.1, 2: 0.2, 3: 0.4, 4: 0.8}
HERE = {"processor": "A"}


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache folder of each test's own."""
    monkeypatch.setenv("UNETPP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


# ----------------------------------------------------- the record, a pure function


@pytest.mark.parametrize(
    ("record", "run", "expected"),
    [
        ({}, (4, 1.0, 0), {4: 1.0}),
        ({4: (1.0, 3.0)}, (4, 2.0, 0), {4: 2.0}),
        ({2: (0.5,)}, (4, 1.0, 2), {2: 0.5, 4: 1.5}),
        ({}, (4, 1.0, 2), {}),
        ({2: (0.5,)}, (4, 1.0, None), {2: 0.5}),
        ({4: (2.0,)}, (2, 0.0, 4), {4: 2.0}),
        ({1: (0.2,)}, (AUTO, 0.3, 0), {1: 0.2, AUTO: 0.3}),
        ({1: (0.2,)}, (AUTO, 0.3, 1), {1: 0.2, AUTO: 0.5}),
        ({3: (0.7,)}, (AUTO, 0.1, 3), {3: 0.7}),
        ({1: (9.0,), 4: (0.1,), AUTO: (0.3,)}, (2, 1.0, 0), {2: 1.0, AUTO: 0.3}),
        ({4: (2.0,)}, (AUTO, 3.0, 0), {4: 2.0, AUTO: 3.0}),
    ],
    ids=[
        "the first run",
        "the median of several",
        "added nodes, with what they were added to",
        "added to something that was never timed",
        "parts of the plane were known",
        "nothing was computed",
        "Auto",
        "Auto after L1",
        "Auto after more than it needs",
        "a deeper level never takes less: the newer run counts",
        "Auto may take more than L4, beside its halos",
    ],
)
def test_only_what_compares_is_recorded(record: Any, run: tuple[Any, ...], expected: Any) -> None:
    assert typical(add_run(record, *run)) == pytest.approx(expected)


def test_old_runs_are_forgotten() -> None:
    record: Any = {}
    for seconds in (9.0, 9.0, 9.0, 1.0, 1.0, 1.0):
        record = add_run(record, 3, seconds, 0)
    assert len(record[3]) == 5 and typical(record) == {3: 1.0}


@pytest.mark.parametrize("text", [None, "", "{", "[1]", '{"a": [1]}', '{"1": "x"}', '{"1": 3}', '{"1": []}'])
def test_a_text_that_is_not_ours_says_nothing(text: str | None) -> None:
    assert from_text(text) == {}
    assert from_text(to_text({4: (1.0, 2.0), AUTO: (0.5,)})) == {4: (1.0, 2.0), AUTO: (0.5,)}


# ------------------------------------------------------------------ what is shown


def points(**events: Any) -> Any:
    costs, model = Costs(), model_info()
    for real, levels in events.items():
        costs.update(Speed("nuclei", DeviceRequest(), levels, real=real == "real"))
    return costs.points(model, DeviceRequest())


def test_a_trial_is_an_estimate_and_a_real_run_is_not() -> None:
    trial = points(trial=TRIAL)
    assert [point.seconds for point in trial] == list(TRIAL.values())
    assert not any(point.measured for point in trial)
    told = points(trial=TRIAL, real={3: 0.8})
    assert [point.seconds for point in told] == pytest.approx([0.2, 0.4, 0.8, 1.6])
    assert [point.measured for point in told] == [False, False, True, False]


def test_an_estimate_stays_between_what_was_run() -> None:
    told = points(trial=TRIAL, real={1: 0.5, 3: 0.6})
    assert [point.seconds for point in told] == pytest.approx([0.5, 0.6, 0.6, 1.2])


def test_the_words_say_which_it_is() -> None:
    model, guess, known = model_info(), points(trial=TRIAL)[3], points(real={4: 0.8})[3]
    assert " · about 800 ms per megapixel · " in model_messages.readout(model, guess)[0]
    assert " · 800 ms per megapixel · " in model_messages.readout(model, known)[0]
    assert "(about 800 ms per megapixel)" in results.not_computed(guess, level_is=False)
    assert "(800 ms per megapixel)" in results.not_computed(known, level_is=False)


# ------------------------------------------------------------------------ a sitting


def test_runs_of_small_planes_teach_nothing() -> None:
    speeds = Speeds(HERE)
    assert not speeds.add(4, 99.0, 0.01, 0) and speeds.levels == {}
    assert speeds.add(4, 2.0, 0.5, 0) and speeds.levels == {4: 4.0}


def test_the_first_run_is_no_measurement() -> None:
    """It loads and chooses kernels: once the readout said 39 s/MPx where 6 were needed."""
    speeds = Speeds(HERE)
    assert speeds.add(2, 39.0, 1.0, 0) and speeds.levels == {} and speeds.hints.first == {2: 39.0}
    assert speeds.add(4, 3.0, 1.0, 2) and speeds.levels == {} and speeds.hints.added == {(2, 4): 3.0}
    assert Speeds(HERE).levels == {}, "nothing is kept for other sessions"
    assert speeds.add(2, 6.0, 1.0, 0)
    assert speeds.levels == {2: 6.0, 4: 9.0}, "what was added to it is known already"
    assert speeds.hints.added == {} and Speeds(HERE).levels == {2: 6.0, 4: 9.0}


@pytest.mark.parametrize(
    ("run", "levels"),
    [((1, 0.5), {1: 0.5, 2: 1.0, 3: 2.0, 4: 4.0}), ((4, 5.0), {1: 1.5, 2: 2.0, 3: 3.0, 4: 5.0})],
    ids=["its first level", "its last level"],
)
def test_one_run_from_scratch_tells_all_of_a_first_chain(run: Any, levels: Any) -> None:
    """L4 said 21 s per megapixel all the time, because the first run was L1 and each level followed."""
    speeds = Speeds(HERE)
    speeds.add(1, 17.5, 1.0, 0)
    for level, seconds in ((2, 0.5), (3, 1.0), (4, 2.0)):
        assert speeds.add(level, seconds, 1.0, level - 1) and speeds.levels == {}
    assert speeds.add(run[0], run[1], 1.0, 0)
    assert speeds.levels == pytest.approx(levels) and Speeds(HERE).levels == pytest.approx(levels)


def test_what_followed_the_first_run_gives_better_estimates_than_it() -> None:
    costs, model = Costs(), model_info()

    def told(hints: Hints) -> list[float]:
        costs.update(Speed("nuclei", DeviceRequest(), {}, real=True, hints=hints))
        found = costs.points(model, DeviceRequest())
        assert not any(point.measured for point in found)
        return [point.seconds for point in found]

    flops = [point.seconds for point in costs.points(model, DeviceRequest())]
    assert told(Hints({1: 10 * flops[0]})) == pytest.approx([10 * one for one in flops]), (
        "better than nothing"
    )
    costs.update(Speed("nuclei", DeviceRequest(), TRIAL))
    assert told(Hints({1: 17.5})) == pytest.approx(list(TRIAL.values()))
    assert told(Hints({1: 17.5}, {(1, 2): 0.3})) == pytest.approx([0.3, 0.6, 1.2, 2.4])


def test_a_first_run_does_not_replace_what_is_known() -> None:
    speeds = Speeds(HERE)
    speeds.warm = True
    speeds.add(4, 6.0, 1.0, 0)
    again = Speeds(HERE)
    assert not again.add(4, 39.0, 1.0, 0) and again.levels == {4: 6.0}


def test_the_record_is_kept_for_this_machine_alone() -> None:
    speeds = Speeds(HERE)
    speeds.warm = True
    speeds.add(4, 2.0, 1.0, 0)
    assert Speeds(HERE).levels == {4: 2.0}
    assert Speeds({"processor": "B"}).levels == {}


def test_a_folder_that_cannot_be_written_forgets_at_the_end_only(folder: Path) -> None:
    folder.write_text("")
    speeds = Speeds(HERE)
    speeds.warm = True
    assert speeds.add(4, 2.0, 1.0, 0) and speeds.levels == {4: 2.0}
    assert Speeds(HERE).levels == {}


@pytest.fixture
def large(sitting: Any) -> Any:
    """A sitting on an image of 0.07 megapixels: smaller ones say nothing."""
    sitting.layers.arrays["cells"] = np.tile(sitting.layers.arrays["cells"], (4, 3))
    return sitting


MEGAPIXELS = 4 * 64 * 3 * 96 / 1e6


def shown(sitting: Any) -> dict[int, tuple[float, bool]]:
    chart = sitting.view.set_chart.call_args[0][0]
    return {point.level: (point.seconds, point.measured) for point in chart}


def test_the_readout_says_about_until_the_first_real_run(large: Any) -> None:
    def readout() -> str:
        return str(large.view.set_readout.call_args[0][0])

    assert "about 400 ms" in readout() and not any(measured for _, measured in shown(large).values())
    large.view.signals.segment_pressed.emit()
    took = 0.1 / MEGAPIXELS  # the stand-in takes 0.1 s
    assert shown(large)[3] == (pytest.approx(took), True)
    assert shown(large)[4] == (pytest.approx(2 * took), False), "as the trial says: twice as long as L3"
    assert "about" not in readout() and f"· {common.cost_text(took)} ·" in readout()


def test_going_deeper_teaches_what_the_deeper_level_takes_in_all(large: Any) -> None:
    large.view.signals.level_changed.emit(2)
    large.view.signals.segment_pressed.emit()
    large.engine.known_level = 2
    large.view.signals.level_changed.emit(4)
    assert shown(large)[4] == (pytest.approx(0.2 / MEGAPIXELS), True)
    large.engine.known_level = None
    large.view.signals.level_changed.emit(3)
    assert not shown(large)[3][1]


def test_the_next_sitting_knows(large: Any, view: Any) -> None:
    large.view.signals.segment_pressed.emit()
    engine = FakeEngine()
    engine.computer = large.engine.computer
    layers = FakeLayers()
    layers.arrays["cells"] = np.zeros((64, 64), np.float32)
    view.reset_mock()
    models = [model_info()]
    Controller(view, layers, HandRunner(), FakeCache(engine), list_models=lambda: models).start()
    assert view.set_chart.call_args[0][0][2].measured
    assert "about" not in view.set_readout.call_args[0][0]
