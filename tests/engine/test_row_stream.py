"""A large plane row by row: what the whole plane gives, without evaluating a halo twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from untrained import collect, make_model

from napari_unetpp._types import NetConfig, PredictDone, PredictRequest, Preview, TileDone
from napari_unetpp.engine import row_stream, tiles
from napari_unetpp.engine.device import DeviceChoice
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.predict import predict
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus

FLOAT32 = DeviceChoice("cpu", "float32")


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return LoadedModel(*make_model(), FLOAT32)


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Evaluate planes row by row, in stripes of so many pixels; and columns of so many."""

    def small(pixels: int, widest: int = 4096) -> None:
        monkeypatch.setattr(tiles, "CELL", 64)
        monkeypatch.setattr(tiles, "WHOLE_PIXELS", 0)
        monkeypatch.setattr(row_stream, "MOST_STRIPE_PIXELS", pixels)
        monkeypatch.setattr(row_stream, "LEAST_ROWS", 16)
        monkeypatch.setattr(row_stream, "WIDEST_BYTES", 4 * widest)

    return small


@pytest.mark.parametrize("shape", [(250, 310), (400, 130), (97, 203)])
@pytest.mark.parametrize(("stripe", "widest"), [(16, 4096), (64, 4096), (64, 96), (4096, 4096)])
def test_rows_equal_the_whole_image(
    phase: Any, model: LoadedModel, rows: Any, shape: tuple[int, int], stripe: int, widest: int
) -> None:
    part = phase[: shape[0], : shape[1]]
    whole, _ = collect(model, part)
    rows(stripe * part.shape[1], widest)
    found, events = collect(model, part)
    for level in (1, 2, 3, 4):
        assert whole.maps(level).std() > 0.01, "a flat map would hide a difference"
        np.testing.assert_allclose(found.maps(level), whole.maps(level), atol=1e-4)
    done = [event for event in events if isinstance(event, TileDone)]
    assert len({event.total for event in done}) == 1 and done[-1].done == done[-1].total
    assert [e.done for e in done] == sorted(e.done for e in done)


@pytest.mark.parametrize("stripe", [16, 48, 80, 112])
def test_every_height(model: LoadedModel, rows: Any, stripe: int) -> None:
    """The last stripe may be of any height."""
    noise = np.random.default_rng(0).integers(0, 255, (528, 16), np.uint8)
    for height in range(144, 529, 16):
        part = noise[:height]
        whole, _ = collect(model, part)
        rows(stripe * 16)
        found, _ = collect(model, part)
        rows(10**9)
        for level in (1, 4):
            np.testing.assert_allclose(found.maps(level), whole.maps(level), atol=1e-4)


@pytest.mark.parametrize("level", [1, 3])
def test_only_what_the_level_needs_is_evaluated(
    phase: Any, model: LoadedModel, rows: Any, level: int
) -> None:
    part = phase[:320, :256]
    rows(64 * 256)
    found, events = collect(model, part, level, all_levels=False)
    assert found.levels == (level,)
    least = graph.flops(level, model.info.net, *part.shape) - graph.head_flops(model.info.net, *part.shape)
    assert least < events[-1].flops < 1.5 * least


@pytest.mark.parametrize("arch", ["unet", "unet-plus", "unet-sum"])
def test_other_networks(phase: Any, model: LoadedModel, rows: Any, arch: str) -> None:
    config = NetConfig(widths=(4, 8, 16), outputs=2, arch=arch)
    torch.manual_seed(0)
    other = LoadedModel(replace(model.info, net=config), UNetPlusPlus(config).state_dict(), FLOAT32)
    whole, _ = collect(other, phase[:200, :150], config.depth)
    assert whole.maps(config.depth).std() > 0.01
    rows(32 * 150)
    found, events = collect(other, phase[:200, :150], config.depth)
    assert sum(isinstance(event, TileDone) for event in events) > 2
    np.testing.assert_allclose(found.maps(config.depth), whole.maps(config.depth), atol=1e-4)


def test_a_stop_takes_effect_at_the_next_node(phase: Any, model: LoadedModel, rows: Any) -> None:
    rows(32 * 310)
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(len(asked) > 40)
        return asked[-1]

    events = list(predict(model, PredictRequest(phase[:250, :310], None, 4), should_stop=stop))
    assert isinstance(events[-1], PredictDone) and events[-1].stopped
    assert 0 < sum(isinstance(event, TileDone) for event in events) < 20 and len(asked) < 60


def test_what_is_shown_meanwhile_comes_in_tiles(phase: Any, model: LoadedModel, rows: Any) -> None:
    rows(32 * 310)
    events = list(predict(model, PredictRequest(phase[:250, :310], None, 2, preview=True)))
    assert isinstance(events[1], Preview)
