"""An untrained, seeded model with real batch norm statistics, and what it gives for a plane."""

import numpy as np
import torch

from napari_unetpp._types import DecodeRule, ModelInfo, NetConfig, PredictRequest, PredictStarted, TileDone
from napari_unetpp.engine.decode.map_store import MapStore
from napari_unetpp.engine.device import DeviceChoice
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.predict import predict
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.averaging import batch_norms

WIDTHS = (8, 16, 32, 64, 128)
FLOAT32 = DeviceChoice("cpu", "float32")
BFLOAT16 = DeviceChoice("cpu", "bfloat16")
PLENTY = 2**32
"""Bytes for a node cache."""


def make_evaluator(choice=FLOAT32, **options):
    """The model of `make_model` in a number format."""
    return LoadedModel(*make_model(**options), choice)


def make_model(*, widths=WIDTHS, seed=0, encoder=""):
    """A card and a state dict; weights spread the probabilities over (0, 1), so that differences show."""
    torch.manual_seed(seed)
    config = NetConfig(outputs=2, widths=widths, encoder=encoder)
    net = UNetPlusPlus(config).train()
    for norm in batch_norms(net) if encoder else ():
        norm.momentum = None  # true statistics, without which little of the deep rows comes through
    for _ in range(3):
        heads = net.all_heads(torch.rand(2, 3, 64, 64) * 2)
    with torch.no_grad():
        for head, logits in zip(net.heads.values(), heads, strict=True):
            spread = 2.0 / logits.std()
            head.weight.mul_(spread)
            head.bias.copy_((head.bias - logits.mean((0, 2, 3))) * spread)
    info = ModelInfo(
        "test",
        "instances",
        ("cell",),
        ("foreground", "distance"),
        config,
        decode=DecodeRule(seeds="distance"),
    )
    return info, net.state_dict()


def collect(evaluator, image, level=4, *, cache=None, plane=None, dtype=np.float32, **request):
    """Run a prediction to its end: the maps, and all events."""
    store, events = None, []
    for event in predict(evaluator, PredictRequest(image, plane, level, **request), cache):
        events.append(event)
        if isinstance(event, PredictStarted):
            store = MapStore(event.shape, len(evaluator.info.outputs), dtype=dtype)
        elif isinstance(event, TileDone):
            store.add(event)
    return store, events


def largest_difference(a, b):
    """Over all levels of two stores."""
    assert a.levels == b.levels
    return max(float(np.abs(a.maps(level) - b.maps(level)).max()) for level in a.levels)


def stop_after(calls):
    """A `should_stop` that says yes from the given call on."""
    left = iter(range(calls))
    return lambda: next(left, None) is None
