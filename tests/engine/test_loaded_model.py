"""Versions, streaming in little memory, number formats."""

import numpy as np
import pytest
import torch
from untrained import BFLOAT16, FLOAT32, make_evaluator

from napari_unetpp._types import Region
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus

X = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0))


def test_version_tells_weights_and_format_apart(tiny):
    tensors = {name: t.clone() for name, t in UNetPlusPlus(tiny.info.net).state_dict().items()}
    first = LoadedModel(tiny.info, tensors, FLOAT32).version
    assert LoadedModel(tiny.info, tensors, FLOAT32).version == first
    assert LoadedModel(tiny.info, tensors, BFLOAT16).version != first
    tensors["heads.3.bias"][0] += 1e-3
    assert LoadedModel(tiny.info, tensors, FLOAT32).version != first


def test_weights_without_norms_are_accepted(tiny):
    net = UNetPlusPlus(tiny.info.net).eval()
    whole = LoadedModel(tiny.info, net.state_dict(), FLOAT32)
    folded = LoadedModel(tiny.info, net.folded().state_dict(), FLOAT32)
    for evaluator, known in ((whole, {}), (folded, {})):
        evaluator.nodes(X, 2, known)
        if evaluator is whole:
            expected = evaluator.maps(2, known)
    np.testing.assert_allclose(folded.maps(2, known), expected, atol=1e-5)


def test_given_tensors_are_not_changed(tiny):
    tensors = UNetPlusPlus(tiny.info.net).state_dict()
    before = {name: t.clone() for name, t in tensors.items()}
    LoadedModel(tiny.info, tensors, FLOAT32)
    assert all(torch.equal(before[name], t) for name, t in tensors.items())


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize("choice", [FLOAT32, BFLOAT16])
def test_stream_equals_nodes_bit_for_bit(choice, level):
    evaluator = make_evaluator(choice, widths=(4, 4, 6, 6, 8))
    known = {}
    assert evaluator.nodes(X, level, known)
    assert set(known) == set(graph.nodes(level))
    crop = Region(16, 16, 32, 48)
    streamed = dict(evaluator.stream(X, level, part=crop))
    assert list(streamed) == list(range(1, level + 1))
    for shown, maps in streamed.items():
        assert maps.dtype == np.float32
        np.testing.assert_array_equal(maps, evaluator.maps(shown, known, crop))
    assert list(dict(evaluator.stream(X, level, all_levels=False))) == [level]


def test_crop_equals_cut(tiny):
    known = {}
    tiny.nodes(X, 1, known)
    crop = Region(16, 0, 48, 16)
    np.testing.assert_allclose(
        tiny.maps(1, known, crop), tiny.maps(1, known)[(slice(None), *crop.slices)], atol=1e-6
    )


def test_stopped_nodes_are_complete(tiny):
    calls = iter(range(4))
    known = {}
    assert not tiny.nodes(X, 4, known, lambda: next(calls, None) is None)
    assert list(known) == list(graph.nodes(4))[:4]
    assert tiny.nodes(None, 1, known)
