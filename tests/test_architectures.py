"""What every network that ``train --arch`` offers must do, from its integers to fine-tuning.

Networks are narrow (an eighth of their channels; encoders of others as they are), with batch norms that hold
statistics, and images are real.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from napari_unetpp._types import (
    FinetuneDone,
    FinetuneProgress,
    FinetuneRequest,
    LabelledPlane,
    ModelInfo,
    NetConfig,
    PredictDone,
    PredictRequest,
    PredictStarted,
    Region,
    TileDone,
    UnetppError,
)
from napari_unetpp.engine import row_stream, tiles
from napari_unetpp.engine.benchmark import measure_speed
from napari_unetpp.engine.decode.map_store import MapStore
from napari_unetpp.engine.decode.window import predict_window
from napari_unetpp.engine.device import DeviceChoice
from napari_unetpp.engine.input.normalise import measure
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.node_cache import NodeCache
from napari_unetpp.engine.predict import predict
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label, read_pairs
from napari_unetpp.files.models.model_file import read_info, read_tensors, save_model
from napari_unetpp.net import encoder_plan, fused, graph
from napari_unetpp.net.baselines import BASELINES
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.averaging import measure_batch_norms

PLENTY = 2**33
FINE_TUNED = [arch for arch, make in BASELINES.items() if make().arch == "unetpp"]

every_arch = pytest.mark.parametrize("arch", BASELINES)


@cache
def narrow(arch: str) -> NetConfig:
    """The network of an architecture with an eighth of its channels."""
    config = BASELINES[arch]()
    widths = tuple(width // 8 for width in config.widths)
    if config.encoder:
        widths = (*widths[:-1], encoder_plan.stage_channels(config.encoder, config.depth))
    return replace(config, outputs=2, widths=widths)


@cache
def network(arch: str) -> UNetPlusPlus:
    """With the statistics of its batch norms, and heads whose probabilities spread over (0, 1)."""
    torch.manual_seed(0)
    net = UNetPlusPlus(narrow(arch))
    images = [torch.rand(2, 3, 64, 64) * 2 for _ in range(2)]
    measure_batch_norms(net, images)
    with torch.no_grad():
        for head, logits in zip(net.heads.values(), net.all_heads(images[0]), strict=True):
            assert isinstance(head, torch.nn.Conv2d) and head.bias is not None
            spread = 2 / logits.std((0, 2, 3))
            head.bias.copy_((head.bias - logits.mean((0, 2, 3))) * spread)
            head.weight.mul_(spread[:, None, None, None])
    return net.requires_grad_(False)


@cache
def card(arch: str) -> ModelInfo:
    outputs, net = ("foreground", "edge_distance"), narrow(arch)
    return ModelInfo("m", "instances", ("nucleus",), outputs, net, recommended_level=net.depth)


@cache
def evaluator(arch: str) -> LoadedModel:
    return LoadedModel(card(arch), network(arch).state_dict(), DeviceChoice("cpu", "float32"))


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def cells(data_root: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """A real image whose sides are no multiples of 16, and its labels."""
    pair = read_pairs(data_root / "cells_phase" / "train")[0]
    part = slice(300, 490), slice(300, 513)
    return read_image(pair.image)[part], read_label(pair.label)[part]


@dataclass
class Found:
    """Maps of all levels, and how a prediction began and ended."""

    maps: dict[int, NDArray[np.float32]]
    started: PredictStarted
    done: PredictDone


def run(arch: str, image: NDArray[Any], level: int, nodes: NodeCache | None = None) -> Found:
    """A whole prediction; with a node cache its tiles are live."""
    request = PredictRequest(image, None if nodes is None else "p", level)
    events = list(predict(evaluator(arch), request, nodes))
    started, done = events[0], events[-1]
    assert isinstance(started, PredictStarted) and isinstance(done, PredictDone)
    store = MapStore(started.shape, 2, dtype=np.float32)
    for event in events:
        if isinstance(event, TileDone):
            store.add(event)
    return Found({d: store.maps(d) for d in started.levels}, started, done)


def largest_difference(a: Found, b: Found) -> float:
    assert a.maps.keys() == b.maps.keys()
    assert all(maps.std() > 0.01 for maps in a.maps.values()), "flat maps would hide a difference"
    return max(float(np.abs(a.maps[d] - b.maps[d]).max()) for d in a.maps)


# ------------------------------------------------------------------- integers


@every_arch
def test_parameters_flops_and_bytes_are_those_of_the_network(arch: str) -> None:
    config, net = narrow(arch), network(arch)
    folded = net.folded()
    for level in net.levels:
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            known = folded.evaluate(torch.zeros(1, 3, 48, 32), level)
            folded.head(level, known)
        assert counter.get_total_flops() == graph.flops(level, config, 48, 32)
        held = sum(t.numel() * t.element_size() for t in known.values())
        assert held == graph.cached_bytes(level, config, 48, 32, 4)
        with torch.device("meta"):
            pruned = UNetPlusPlus(config, norm=False).prune(level)
        assert sum(p.numel() for p in pruned.parameters()) == graph.parameters(level, config)


@every_arch
def test_the_halo_is_the_measured_receptive_radius(arch: str) -> None:
    """An impulse through positive weights reaches exactly as far, over all phases of the coarsest grid."""
    config = replace(narrow(arch), in_channels=1, outputs=1, widths=(1,) * len(narrow(arch).widths))
    net = UNetPlusPlus(config, norm=False).double().eval()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.fill_(0.0 if name.endswith("bias") else 4.0 / parameter[0].numel())
    middle = -(-graph.halo(config.depth, config.arch, config.encoder) // 16) * 16
    image = torch.zeros(16, 1, 2 * middle + 32, 16, dtype=torch.float64)
    for phase in range(16):
        image[phase, 0, middle + phase, 8] = 1.0
    with torch.inference_mode():
        heads = net.all_heads(image)
    for level, head in zip(config.levels, heads, strict=True):
        rows = (head[:, 0].amax(dim=-1) > 0).nonzero()
        reach = int((rows[:, 1] - middle - rows[:, 0]).abs().max())
        assert reach == graph.halo(level, config.arch, config.encoder)


# ----------------------------------------------------------- levels and pruning


@every_arch
def test_a_pruned_network_gives_the_same_bit_for_bit(arch: str, image: torch.Tensor) -> None:
    net = network(arch)
    with torch.inference_mode():
        for level, head in zip(net.levels, net.all_heads(image), strict=True):
            pruned = net.prune(level)
            assert torch.equal(pruned(image), head) and torch.equal(net(image, level), head)
            assert len(pruned.nodes) == len(graph.nodes(level, net.config.arch))


@pytest.mark.parametrize("fuse", [False, True])
@every_arch
def test_a_folded_network_gives_the_same(arch: str, image: torch.Tensor, fuse: bool) -> None:
    if fuse and not fused.available(torch.float32):
        pytest.skip("this torch has no fused convolutions")
    net, folded = network(arch), network(arch).folded()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    if fuse:
        fused.fuse(folded)
    with torch.inference_mode():
        for level in net.levels:
            torch.testing.assert_close(folded(image, level), net(image, level), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@every_arch
def test_a_deepened_network_equals_a_cold_one_bit_for_bit(
    arch: str, image: torch.Tensor, dtype: torch.dtype
) -> None:
    ready = network(arch).folded().to(dtype)
    if fused.available(dtype):
        fused.fuse(ready)
    x, known = image.to(dtype), {}
    with torch.inference_mode():
        for level in ready.levels:
            before = dict(known)
            ready.evaluate(x, level, known)
            assert all(known[node] is tensor for node, tensor in before.items())
            assert torch.equal(ready.head(level, known), ready(x, level))


# ------------------------------------------------------- the file, the engine


@pytest.mark.parametrize("folded", [False, True])
@every_arch
def test_the_model_file_gives_back_card_and_weights(arch: str, folded: bool, tmp_path: Path) -> None:
    net = network(arch).folded() if folded else network(arch)
    path = tmp_path / "m.safetensors"
    save_model(path, net.state_dict(), card(arch))
    assert read_info(path).net == narrow(arch)
    read = read_tensors(path)
    assert read.keys() == net.state_dict().keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in net.state_dict().items())
    wrong = replace(card(arch), net=replace(narrow(arch), outputs=3))
    with pytest.raises(UnetppError, match="do not fit"):
        save_model(tmp_path / "n.safetensors", net.state_dict(), wrong)


@every_arch
def test_the_node_cache_gives_what_a_cold_run_gives_bit_for_bit(
    arch: str, cells: tuple[NDArray[Any], NDArray[Any]]
) -> None:
    image, _ = cells
    part, nodes, known = image[:96, :113], NodeCache(PLENTY), 0
    for level in narrow(arch).levels:
        step, cold = run(arch, part, level, nodes), run(arch, part, level)
        live = run(arch, part, level, NodeCache(PLENTY))
        assert step.done.nodes_reused == known and live.done.nodes_reused == 0
        known = len(graph.nodes(level, narrow(arch).arch))
        assert largest_difference(step, live) == 0
        assert largest_difference(step, cold) == 0


@every_arch
def test_tiles_and_windows_equal_the_whole(
    arch: str, cells: tuple[NDArray[Any], NDArray[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, _ = cells
    level, window = narrow(arch).depth, Region(60, 130, 121, 190)
    whole = run(arch, image, level)
    stats = measure(image, card(arch).normalisation)
    alone = predict_window(evaluator(arch), image, window, level, 1.0, stats)
    kept = whole.maps[level][:, *alone.part.slices]
    np.testing.assert_allclose(alone.maps, kept, rtol=0, atol=6e-4)  # the window's are kept as float16
    monkeypatch.setattr(tiles, "CELL", 112)
    monkeypatch.setattr(tiles, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(row_stream, "MOST_STRIPE_PIXELS", 112 * image.shape[1])
    in_rows = row_stream.streams(narrow(arch))
    for nodes in (None, NodeCache(PLENTY)):
        tiled = run(arch, image, level, nodes)
        assert whole.started.tiles == 1 and tiled.started.tiles == (2 if nodes is None and in_rows else 4)
        assert largest_difference(whole, tiled) <= 1e-4


@every_arch
def test_the_benchmark_measures_every_level(arch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "CELL", 64)
    monkeypatch.setattr(tiles, "WHOLE_PIXELS", 64 * 64)
    result = measure_speed(evaluator(arch), side=32, turns=1)
    assert list(result["levels"]) == [str(level) for level in narrow(arch).levels]
    assert result["tiled_side"] == 128
    for level, row in result["levels"].items():
        first = int(level) == narrow(arch).levels[0]
        assert row["parameters"] == graph.parameters(int(level), narrow(arch))
        assert (row["incremental_ms"] is None) == first and row["gflops"] > 0


# ------------------------------------------------------------------ fine-tuning


@pytest.fixture
def plane(cells: tuple[NDArray[Any], NDArray[Any]]) -> LabelledPlane:
    pytest.importorskip("monai")
    return LabelledPlane("cells", *cells, "reviewed")


Saved = Callable[[str], ModelInfo]


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    return lambda arch: save_model(tmp_path / f"{arch}.safetensors", network(arch).state_dict(), card(arch))


@pytest.mark.parametrize("arch", FINE_TUNED)
def test_fine_tuning_lowers_the_loss(
    arch: str, plane: LabelledPlane, saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And gives the weights of the last step, since nothing is held out here."""
    from napari_unetpp.train.finetune.data.held_out import HeldOut
    from napari_unetpp.train.finetune.recipe import Recipe
    from napari_unetpp.train.finetune.run import finetune

    monkeypatch.setattr("napari_unetpp.train.finetune.run.hold_out_blocks", lambda *_, **__: HeldOut())
    request = FinetuneRequest(saved(arch), (plane,), seconds=None, steps=16, device="cpu")
    recipe = Recipe(patch=64, batch=2, growth=((4, 1.0),))  # the loss is that of the same heads all along
    *reports, done = finetune(request, recipe=recipe)
    losses = [report.loss for report in reports if isinstance(report, FinetuneProgress)]
    assert isinstance(done, FinetuneDone) and done.steps == 16 and losses[-1] < losses[0]
    before = network(arch).state_dict()
    for name in ("nodes.x_0_0.first.conv.weight", "nodes.x_0_1.up.weight", "heads.1.weight"):
        assert not torch.equal(before[name], done.tensors[name]), name
    stage = next(name for name in before if name.startswith("nodes.x_1_0") and name.endswith("conv.weight"))
    assert not torch.equal(before[stage], done.tensors[stage])
    again = save_model(tmp_path / "tuned.safetensors", done.tensors, done.info, half=True)
    assert read_info(tmp_path / "tuned.safetensors").net == again.net == narrow(arch)


@pytest.mark.parametrize("arch", [arch for arch in BASELINES if arch not in FINE_TUNED])
def test_other_networks_are_not_fine_tuned(arch: str, plane: LabelledPlane, saved: Saved) -> None:
    from napari_unetpp.train.finetune.run import finetune

    with pytest.raises(UnetppError, match="only unetpp models can be fine-tuned"):
        list(finetune(FinetuneRequest(saved(arch), (plane,), seconds=None, steps=1)))
