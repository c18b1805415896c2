"""The network in 8-bit integers: close to float32, and as exact as the others between tiles and levels."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from untrained import collect, make_model

from napari_unetpp._types import AUTO, NetConfig, UnetppError, UsageError
from napari_unetpp.engine import device, predict, row_stream, tiles
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.device import DeviceChoice, choose_device
from napari_unetpp.engine.int8 import network, self_test
from napari_unetpp.engine.int8.scales import Int8Scales, measure_scales
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.node_cache import NodeCache
from napari_unetpp.files.models import int8_file
from napari_unetpp.files.models.model_list import SHIPPED, find_model
from napari_unetpp.net.unetpp import UNetPlusPlus

INT8 = DeviceChoice("cpu", "int8")
PLENTY = 2**33


@pytest.fixture(scope="module")
def int8() -> LoadedModel:
    """The untrained model of the other tests, in int8."""
    pytest.importorskip("openvino")
    info, tensors = make_model()
    net = UNetPlusPlus(info.net)
    net.load_state_dict(tensors)
    generator = torch.Generator().manual_seed(0)
    scales = measure_scales(net.folded(), [torch.rand(1, 3, 128, 128, generator=generator)])
    return LoadedModel(info, tensors, INT8, scales)


def test_levels_one_by_one_equal_a_deep_run_bit_for_bit(phase: Any, int8: LoadedModel) -> None:
    part = phase[:250, :310]
    cache = NodeCache(PLENTY)
    for level in (1, 2, 3, 4):
        step, _ = collect(int8, part, level, cache=cache, plane="p")
        cold, _ = collect(int8, part, level, all_levels=False)
        np.testing.assert_array_equal(step.maps(level), cold.maps(level))


@pytest.mark.parametrize("in_rows", [False, True])
def test_tiles_and_rows_equal_the_whole_image(
    phase: Any, int8: LoadedModel, monkeypatch: pytest.MonkeyPatch, in_rows: bool
) -> None:
    part = phase[:480, :500]
    whole, _ = collect(int8, part)
    monkeypatch.setattr(tiles, "CELL", 256)
    monkeypatch.setattr(tiles, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(row_stream, "MOST_STRIPE_PIXELS", 64 * 500)
    monkeypatch.setattr(predict, "streams", lambda config: in_rows)
    split, events = collect(int8, part)
    assert events[0].tiles == (8 if in_rows else 4)
    for level in (1, 2, 3, 4):
        assert whole.maps(level).std() > 0.01, "a flat map would hide a difference"
        a, b = (labelling.mask(store.maps(level), int8.info) for store in (whole, split))
        assert (a == b).mean() >= 0.9999
        assert np.mean(np.abs(whole.maps(level) - split.maps(level)) > 1e-4) < 1e-4


@pytest.mark.parametrize("name", ["nuclei", "cells-phase", "polyps"])
def test_ranges_of_the_shipped_models_are_theirs_and_lose_next_to_nothing(name: str) -> None:
    if not (SHIPPED / f"{name}.safetensors").exists():
        pytest.skip(f"{name} is not shipped")
    info = find_model(name)
    measured = int8_file.read_int8(info)
    assert measured is not None, (
        "the ranges belong to other weights: measure them again (docs/contributing.md)"
    )
    Int8Scales.from_json(measured["ranges"])
    assert set(measured["levels"]) == {str(level) for level in info.net.levels}
    losses = [exact - quick for exact, quick in (scores["dice"] for scores in measured["levels"].values())]
    assert max(losses) <= 0.002


def test_the_shipped_model_finds_the_same_nuclei(nuclei: Any) -> None:
    pytest.importorskip("openvino")
    info = find_model("nuclei")
    exact, quick = (LoadedModel.load(info, "cpu", precision) for precision in ("float32", "int8"))
    image = nuclei[0][:256, :256]
    for level in (1, 2, AUTO):
        maps = [predict_maps(image, model, level=level, scale=1) for model in (exact, quick)]
        a, b = (found.mask() for found in maps)
        assert a.any() and (a == b).mean() > 0.995
        counts = [int(found.labels().max()) for found in maps]
        assert abs(counts[0] - counts[1]) <= max(1, 0.05 * counts[0])
    assert quick.itemsize == 1, "nodes take a quarter of the memory"


# ------------------------------------------------------------ what cannot be


def test_a_run_that_compiled_graphs_says_so() -> None:
    """Its time is not that of the level: the dock named 168 s per megapixel."""
    pytest.importorskip("openvino")
    model = LoadedModel.load(find_model("nuclei"), "cpu", "int8")
    image = np.zeros((48, 64), np.uint8)
    image[10:20, 10:20] = 200
    told = [[] for _ in range(3)]  # type: list[list[Any]]
    for level, events in zip((1, 1, 2), told, strict=True):
        predict_maps(image, model, level=level, scale=1.0, on_event=events.append)
    assert [events[-1].compiled for events in told] == [True, False, True]


def test_a_model_without_ranges_says_how_to_measure_them(tiny_model: Any) -> None:
    pytest.importorskip("openvino")
    with pytest.raises(UnetppError, match="calibrate FOLDER --model tiny --int8"):
        LoadedModel.load(tiny_model, "cpu", "int8")


def test_int8_is_for_the_cpu_and_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="computed on the CPU, but the device cuda"):
        choose_device("cuda", "int8")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnetppError, match=r"napari-unetpp\[fast\]"):
        choose_device("auto", "int8")


def test_an_openvino_that_cannot_be_imported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_model: Any
) -> None:
    """It ended every command, if int8 was found to be faster before it broke."""
    (tmp_path / "openvino.py").write_text("raise ImportError('libopenvino.so.1: no such file')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    device._choose.cache_clear()
    with pytest.raises(UnetppError, match=r"installed, but cannot be imported \(libopenvino.so.1: no such"):
        choose_device("cpu", "int8")
    self_test.int8_is_faster.cache_clear()
    assert LoadedModel.load(find_model("nuclei"), "cpu").choice.dtype != "int8"
    self_test.int8_is_faster.cache_clear()


@pytest.mark.parametrize("config", [NetConfig(arch="unet-sum"), NetConfig(encoder="resnet18")])
def test_networks_that_are_only_evaluated_in_floating_point(config: NetConfig) -> None:
    with pytest.raises(UnetppError, match="int8 is not available for a network of the kind"):
        measure_scales(UNetPlusPlus(config), [])


def test_ranges_that_are_none() -> None:
    good = Int8Scales({(0, 0): 1.5}, {(0, 0): 2.0}, {(0, 1): 0.5})
    assert Int8Scales.from_json(good.to_json()) == good
    for bad in (None, {}, {**good.to_json(), "ups": {"0,1": 0}}, {**good.to_json(), "nodes": {"a": 1}}):
        with pytest.raises(ValueError, match=r"rang|invalid"):
            Int8Scales.from_json(bad)


def test_graphs_keep_no_more_memory_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MOST_SCRATCH", 100)
    monkeypatch.setattr(network, "RECENT", 4)
    scratch, released = network.Scratch(), list[str]()
    for key in "abcab":  # all are used again and again: the third has to give its memory back each time
        scratch.used(key, 40, lambda key=key: released.append(key))  # type: ignore[misc]
    assert released == ["c"] and scratch.bytes == 80
    for _ in range(5):  # gives its own back until one of the others was not used for long
        scratch.used("d", 40, lambda: released.append("d"))
    assert released == ["c", "d", "d", "d", "a"] and scratch.bytes == 80
