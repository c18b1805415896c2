"""What is said of memory before a run is about what was measured (gigabytes, float32, dense nuclei)."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from napari_unetpp._types import AUTO, ScaleChoice
from napari_unetpp.engine.collect import Reading
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.selection import select
from napari_unetpp.volumes.series.need import memory_bytes, need_text
from napari_unetpp.volumes.series.plane import SeriesRequest


def request_of(side: int, level: int, planes: int = 1) -> SeriesRequest:
    evaluator: Any = SimpleNamespace(info=find_model("nuclei"), itemsize=4)
    chosen = select(Axes("ZYX", (planes, side, side)))
    return SeriesRequest(None, chosen, evaluator, level, Reading(ScaleChoice(1.0, "given"), (0.0, 1.0)))


@pytest.mark.parametrize(
    ("side", "level", "measured"),
    [(4096, 1, 0.91), (7168, 1, 1.83), (2560, 4, 1.33), (8448, 1, 0.86), (16384, 1, 1.01), (32768, 1, 1.33)],
)
def test_memory(side: int, level: int, measured: float) -> None:
    assert measured <= memory_bytes(request_of(side, level)) / 1e9 < 1.3 * measured


def test_auto_needs_what_the_deepest_level_does() -> None:
    deepest = request_of(512, 4)
    assert memory_bytes(replace(deepest, level=AUTO)) == memory_bytes(deepest)


def test_what_is_said() -> None:
    assert need_text(request_of(4096, 1, planes=3)).startswith("3 planes of 4096 x 4096 px: about 1.0 GB of")
