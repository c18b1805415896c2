"""Which number format "auto" takes: int8 where it is faster and loses nothing at any level."""

from __future__ import annotations

import json
from typing import Any

import pytest

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.engine import node_evaluator
from napari_unetpp.engine.device import DeviceChoice
from napari_unetpp.engine.int8 import self_test
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.node_evaluator import choose_format
from napari_unetpp.files.models import int8_file
from napari_unetpp.files.models.model_list import find_model

pytest.importorskip("openvino")


@pytest.fixture
def faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_evaluator, "int8_is_faster", lambda dtype: True)


def measured_as(info: ModelInfo, **levels: bool) -> None:
    """Store ranges for a model, good or not at the levels that are named."""
    stored: dict[str, Any] = json.loads(json.dumps(int8_file.read_int8(find_model("nuclei"))))
    for level, good in levels.items():
        stored["levels"][level[1:]]["good"] = good
    int8_file.own_path(info).unlink(missing_ok=True)
    int8_file.write_int8(info, {key: value for key, value in stored.items() if key != "model_sha256"})


@pytest.fixture
def tiny(tiny_model: ModelInfo) -> Any:
    yield tiny_model
    int8_file.own_path(tiny_model).unlink(missing_ok=True)


@pytest.mark.usefixtures("faster")
def test_auto_takes_int8_where_no_level_loses(tiny: ModelInfo) -> None:
    assert choose_format(tiny)[0].dtype != "int8", "nothing was measured for this model"
    measured_as(tiny, L1=True, L2=True, L3=True, L4=True)
    choice, scales = choose_format(tiny, "cpu")
    assert choice == DeviceChoice("cpu", "int8") and scales is not None
    assert choose_format(tiny, "cpu", "float32") == (DeviceChoice("cpu", "float32"), None)


@pytest.mark.usefixtures("faster")
def test_one_level_that_loses_keeps_the_model_in_floating_point(tiny: ModelInfo) -> None:
    measured_as(tiny, L3=False)
    assert choose_format(tiny, "cpu")[0].dtype != "int8"
    choice, scales = choose_format(tiny, "cpu", "int8")
    assert choice.dtype == "int8" and scales is not None
    assert "lost more than it should at L3" in choice.note


@pytest.mark.usefixtures("faster")
@pytest.mark.parametrize("damage", [{"ranges": {"nodes": {"0,0": -3}}}, {"ranges": 3}, {"levels": []}])
def test_damaged_ranges_count_as_none(tiny: ModelInfo, damage: dict[str, Any]) -> None:
    stored: dict[str, Any] = {**(int8_file.read_int8(find_model("nuclei")) or {}), **damage}
    int8_file.write_int8(tiny, {key: value for key, value in stored.items() if key != "model_sha256"})
    assert choose_format(tiny, "cpu")[0].dtype != "int8"
    with pytest.raises(UnetppError, match="no ranges for int8 were measured"):
        choose_format(tiny, "cpu", "int8")


def test_auto_stays_where_int8_is_slower(tiny: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    measured_as(tiny)
    asked: list[str] = []
    monkeypatch.setattr(node_evaluator, "int8_is_faster", lambda dtype: bool(asked.append(dtype)))
    choice, scales = choose_format(tiny, "cpu")
    assert choice.dtype == asked[0] != "int8" and scales is None


@pytest.mark.parametrize(
    ("difference", "gain", "faster"), [(0.0, 2.0, True), (0.0, 1.05, False), (0.2, 2.0, False)]
)
def test_the_self_test(
    difference: float, gain: float, faster: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("UNETPP_CACHE", str(tmp_path))
    monkeypatch.setattr(self_test, "gain", lambda slow, fast: gain)
    right = self_test.self_test_run("cpu", "float32", self_test.SIDE)()
    monkeypatch.setattr(self_test, "_int8_run", lambda: lambda: right + difference)
    self_test.int8_is_faster.cache_clear()
    assert self_test.int8_is_faster("float32") is faster
    self_test.int8_is_faster.cache_clear()
    monkeypatch.setattr(self_test, "_answer", lambda dtype: pytest.fail("timed twice"))
    assert self_test.int8_is_faster("float32") is faster
    self_test.int8_is_faster.cache_clear()


def test_int8_of_the_self_test_agrees_with_float32() -> None:
    found, right = self_test._int8_run()(), self_test.self_test_run("cpu", "float32", self_test.SIDE)()
    assert right.std() > 0
    assert (found - right).abs().max() < self_test.TOLERANCE


@pytest.mark.usefixtures("faster")
def test_a_shipped_model_says_its_format() -> None:
    model = LoadedModel.load(find_model("nuclei"), "cpu")
    assert model.choice.label == "cpu int8"


def test_asking_for_int8_without_ranges(tiny: ModelInfo) -> None:
    with pytest.raises(UnetppError, match=r"no ranges for int8 were measured.*calibrate FOLDER"):
        choose_format(tiny, "cpu", "int8")
