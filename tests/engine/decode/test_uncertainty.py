"""Uncertainty: where results are wrong, on real nuclei and the shipped model, and its plain properties."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unetpp._types import DecodeRule, ModelInfo, NetConfig
from napari_unetpp.engine.decode.uncertainty import places, uncertainty
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label, read_pairs
from napari_unetpp.files.models.model_list import SHIPPED

INFO = ModelInfo("", "semantic", ("a",), ("a",), NetConfig(), decode=DecodeRule(threshold=0.6))
SEVERAL = replace(INFO, classes=("a", "b"), outputs=("background", "a", "b"))


def at(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None, None]


def test_the_threshold_is_the_most_uncertain() -> None:
    p = np.linspace(0, 1, 101, dtype=np.float32)[None, None]
    doubt = uncertainty(p, INFO)[0]
    assert doubt.argmax() == 60 and doubt[60] == pytest.approx(1)
    assert doubt.min() >= 0 and doubt[[0, 100]].max() < 1e-4
    assert (np.diff(doubt[:60]) > 0).all() and (np.diff(doubt[60:]) < 0).all()
    assert uncertainty(p, INFO, DecodeRule(threshold=0.3))[0].argmax() == 30


def test_undecided_classes_are_uncertain() -> None:
    torn, sure = uncertainty(at(0.0, 0.5, 0.5), SEVERAL), uncertainty(at(0.0, 1.0, 0.0), SEVERAL)
    assert torn == pytest.approx(1, abs=1e-3) and sure < 1e-3
    assert uncertainty(at(1.0, 0.0, 0.0), SEVERAL) < 1e-3, "sure background, whatever its classes"


def test_places_are_uncertain_as_a_whole_and_apart() -> None:
    doubt = np.zeros((100, 100), np.float32)
    doubt[20:30, 20:30] = 0.8
    doubt[60:70, 60:70] = 0.6
    doubt[:, 90] = 1.0  # a firm contour is a thin line
    found = places(doubt, 20)
    assert [(round(s.y, -1), round(s.x, -1)) for s in found[:2]] == [(20, 20), (60, 60)]
    assert found[0].value > found[1].value
    assert places(np.zeros((50, 50), np.float32), 20) == ()


def test_wrong_pixels_are_uncertain_ones(data_root: Path) -> None:
    from napari_unetpp.engine.collect import predict_maps
    from napari_unetpp.engine.loaded_model import LoadedModel
    from napari_unetpp.files.models.model_list import find_model

    info = find_model(str(SHIPPED / "nuclei.safetensors"))
    evaluator = LoadedModel.load(info, device="cpu")
    shares = []
    for pair in read_pairs(data_root / "nuclei_dsb2018" / "test")[:24:6]:
        found = predict_maps(read_image(pair.image), evaluator, level=2)
        doubt, wrong = found.uncertainty(), found.mask() != (read_label(pair.label) > 0)
        most = doubt >= np.quantile(doubt, 0.9)
        shares.append(wrong[most].sum() / max(1, wrong.sum()))
    assert np.mean(shares) > 0.5, "a tenth of the pixels holds most of the errors"
