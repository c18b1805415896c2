"""After Keep: the ranges for int8 of a fine-tuned model, measured on the corrected images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from napari_unetpp._types import LabelledPlane, ModelInfo, never_stop
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.models.int8_file import own_path, read_int8
from napari_unetpp.train.finetune.int8 import measure_int8_of_finetuned

pytest.importorskip("openvino")


@pytest.fixture
def tiny(tiny_model: ModelInfo) -> Iterator[ModelInfo]:
    yield tiny_model
    own_path(tiny_model).unlink(missing_ok=True)


def plane(side: int, **options: Any) -> LabelledPlane:
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 5, (side // 16, side // 16)), np.ones((16, 16), int))
    image = (40 * labels + rng.integers(0, 20, labels.shape)).astype(np.uint8)
    return LabelledPlane("p", image, labels, "reviewed", scale=1.0, **options)


def test_ranges_are_stored_and_used(tiny: ModelInfo) -> None:
    good = measure_int8_of_finetuned(tiny, [plane(256)], never_stop)
    measured = read_int8(tiny)
    assert measured is not None and measured["data"] == "halves of 1 corrected image"
    assert good is all(scores["good"] for scores in measured["levels"].values())
    assert LoadedModel.load(tiny, "cpu", "int8").choice.dtype == "int8"


def test_nothing_is_stored_where_too_little_is_labelled_or_it_was_stopped(tiny: ModelInfo) -> None:
    assert not measure_int8_of_finetuned(tiny, [plane(112)], never_stop)
    assert not measure_int8_of_finetuned(tiny, [plane(256)], lambda: True)
    assert read_int8(tiny) is None
