"""UNet++ on a foreign encoder: the integers, MONAI's own features, pruning, folding, the file."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_unetpp._types import ENCODERS, POOLING_ENCODERS, ModelInfo, NetConfig, UnetppError
from napari_unetpp.files.model_card import card_from_json, card_to_json
from napari_unetpp.files.model_file import read_info, save_model
from napari_unetpp.net import encoder_plan, encoders, fused, graph
from napari_unetpp.net.baselines import BASELINES
from napari_unetpp.net.unetpp import UNetPlusPlus

LEVELS = (1, 2, 3, 4)


def config_of(encoder, **changes):
    """Narrow nodes of our own beside the whole encoder."""
    config = NetConfig(outputs=2, widths=(4, 6, 8, 10, encoder_plan.channels(encoder, 4)), encoder=encoder)
    return replace(config, **changes)


def seeded(encoder, **changes):
    """A network whose batch norms have statistics worth the name."""
    torch.manual_seed(0)
    net = UNetPlusPlus(config_of(encoder, **changes)).train()
    with torch.no_grad():
        for _ in range(3):
            net.all_heads(torch.rand(2, net.config.in_channels, 64, 64) * 3)
    return net.eval()


@pytest.fixture(scope="module", params=ENCODERS)
def net(request):
    return seeded(request.param)


@pytest.fixture
def image():
    return torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(1))


def test_which_encoders_pool_is_known_without_building_them():
    pooling = tuple(name for name in ENCODERS if not encoder_plan.encoder(name).tile_exact)
    assert pooling == POOLING_ENCODERS
    assert NetConfig().tile_exact and NetConfig(encoder="resnet18").tile_exact
    assert not NetConfig(encoder="efficientnet-b0").tile_exact


# ------------------------------------------------------------------- integers


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_parameters_are_those_of_the_pruned_network(encoder, level, channels):
    config = config_of(encoder, in_channels=channels)
    pruned = UNetPlusPlus(config, norm=False).prune(level)
    assert sum(p.numel() for p in pruned.parameters()) == graph.parameters(level, config)


@pytest.mark.parametrize("level", LEVELS)
def test_flops_equal_a_counted_forward(net, level):
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        net.folded()(torch.zeros(1, 3, 48, 32), level)
    assert counter.get_total_flops() == graph.flops(level, net.config, 48, 32)


@pytest.mark.parametrize("level", LEVELS)
def test_cached_bytes_are_those_of_the_nodes(net, level):
    with torch.inference_mode():
        nodes = net.evaluate(torch.zeros(1, 3, 32, 48), level)
    held = sum(t.numel() * t.element_size() for t in nodes.values())
    assert held == graph.cached_bytes(level, net.config, 32, 48, 4)
    for (i, j), tensor in nodes.items():
        assert tuple(tensor.shape[1:]) == (graph.channels((i, j), net.config), 32 >> i, 48 >> i)


def test_integers_of_what_train_offers():
    for name in ENCODERS:
        config = BASELINES[f"unetpp-{name}"]()
        assert config.encoder == name and config.depth == 4
        with torch.device("meta"):
            net = UNetPlusPlus(config, norm=False)
        assert sum(p.numel() for p in net.parameters()) == graph.parameters(4, config)


def reach(net, level):
    """How far an impulse in the image reaches in head `level`, over all phases of the coarsest grid."""
    size, middle = 1040, 512
    image = torch.zeros(16, 1, size, 16, dtype=torch.float64)
    for phase in range(16):
        image[phase, 0, middle + phase, 8] = 1.0
    with torch.inference_mode():
        rows = (net(image, level)[:, 0].amax(dim=-1) > 0).nonzero()
    return int((rows[:, 1] - middle - rows[:, 0]).abs().max())


def positive(encoder):
    """Every weight lets an impulse through, and no bias adds one of its own."""
    net = UNetPlusPlus(config_of(encoder, in_channels=1, outputs=1, widths=(1,) * 5), norm=False).double()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.fill_(0.0 if name.endswith("bias") else 4.0 / parameter[0].numel())
    return net.eval()


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("level", LEVELS)
def test_halo_is_the_measured_receptive_radius(encoder, level, monkeypatch):
    """Of convolutions and poolings: the means over the whole input are held still here."""
    monkeypatch.setattr(encoders, "channel_means", lambda x: torch.ones_like(x[..., :1, :1]))
    assert reach(positive(encoder), level) == graph.halo(level, encoder=encoder)


def test_halos():
    for encoder in ENCODERS:
        config = config_of(encoder)
        assert [graph.aligned_halo(d, config) % 16 for d in LEVELS] == [0] * 4
        assert all(graph.aligned_halo(d, config) >= graph.halo(d, encoder=encoder) for d in LEVELS)


# ----------------------------------------------------------- levels and pruning


@pytest.mark.parametrize("level", LEVELS)
def test_pruned_equals_head_bit_for_bit(net, image, level):
    with torch.inference_mode():
        pruned = net.prune(level)
        assert torch.equal(pruned(image), net(image, level))
        assert torch.equal(net.all_heads(image)[level - 1], net(image, level))
    stages = {name for name in pruned.nodes if name.endswith("_0")}
    assert stages == {f"x_{i}_0" for i in range(level + 1)}, "only the stages of the level are left"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("fuse", [False, True])
def test_incremental_equals_cold_bit_for_bit(net, image, dtype, fuse):
    if fuse and not fused.available():
        pytest.skip("this torch has no fused convolutions")
    ready = net.folded().to(dtype)
    if fuse:
        fused.fuse(ready)
    x, known = image.to(dtype), {}
    with torch.inference_mode():
        for level in LEVELS:
            assert graph.needs_image(level, known, net.config) == (level == 1)
            before = dict(known)
            ready.evaluate(x, level, known)
            assert all(known[node] is tensor for node, tensor in before.items())
            assert torch.equal(ready.head(level, known), ready(x, level))


@pytest.mark.parametrize("fuse", [False, True])
def test_folded_equals_unfolded(net, image, fuse):
    if fuse and not fused.available():
        pytest.skip("this torch has no fused convolutions")
    folded = net.folded()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    if fuse:
        fused.fuse(folded)
    with torch.inference_mode():
        for level in LEVELS:
            torch.testing.assert_close(folded(image, level), net(image, level), rtol=1e-4, atol=1e-4)


def test_gradients_reach_every_weight(net):
    learner = seeded(net.config.encoder).train()
    sum((head**2).mean() for head in learner.all_heads(torch.rand(2, 3, 64, 64))).backward()
    for name, parameter in learner.named_parameters():
        if name.endswith("conv.weight"):
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


# ------------------------------------------------------------- MONAI's registry


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ENCODERS)
def test_stages_are_those_of_monais_registry(name, channels):
    """With MONAI's weights and statistics every stage gives MONAI's features."""
    pytest.importorskip("monai")
    from napari_unetpp.train.registry import copy_encoder, monai_encoder

    torch.manual_seed(0)
    theirs = monai_encoder(name, channels).train()
    with torch.no_grad():
        for _ in range(2):
            theirs(torch.rand(2, channels, 64, 64) * 3)  # statistics
    theirs.eval()
    config = config_of(name, in_channels=channels)
    ours = UNetPlusPlus(config).eval()
    copy_encoder(theirs, ours)
    for size in ((64, 96), (224, 224), (32, 48)):
        image = torch.rand(2, channels, *size)
        with torch.inference_mode():
            known, features = ours.evaluate(image, 4), theirs(image)
        for row in LEVELS:
            expected = features[row - 1]
            assert expected.std() > 1e-3, "flat features would hide a difference"
            torch.testing.assert_close(known[row, 0], expected, rtol=1e-4, atol=1e-4)


# --------------------------------------------------------- the file, the engine


def model_info(config):
    return ModelInfo("m", "instances", ("cell",), ("foreground", "distance"), config)


@pytest.mark.parametrize("folded", [False, True])
def test_model_file(net, folded, tmp_path):
    tensors = (net.folded() if folded else net).state_dict()
    info = save_model(tmp_path / "m.safetensors", tensors, model_info(net.config))
    assert read_info(info.path).net == net.config
    with pytest.raises(UnetppError, match="do not fit"):
        save_model(tmp_path / "n.safetensors", tensors, model_info(NetConfig(outputs=2)))


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_model_is_used_without_monai_and_without_a_network(encoder, tmp_path):
    """In a process that can import neither MONAI nor torchvision, and can open no connection."""
    info = model_info(config_of(encoder))
    path = save_model(tmp_path / "m.safetensors", seeded(encoder).state_dict(), info).path
    code = f"""
import socket, sys
sys.modules |= dict.fromkeys(("monai", "torchvision"))
def refused(*_, **__): raise AssertionError("a connection was asked for")
socket.socket.connect = refused
import numpy as np
from napari_unetpp.api import load_model, segment
image = np.random.default_rng(0).random((70, 90))
print(segment(image, load_model({str(path)!r}), level=2, device="cpu").probability.shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "(1, 70, 90)", done.stderr


def test_a_card_without_an_encoder_reads_as_before():
    card = card_to_json(model_info(NetConfig(outputs=2)))
    del card["net"]["encoder"]
    assert card_from_json(card).net == NetConfig(outputs=2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"encoder": "vit"}, "has the encoder 'vit', and this napari-unetpp knows resnet18 and"),
        ({"encoder": None}, "has the encoder 'None'"),
        ({"encoder": "resnet18", "arch": "unet"}, "'unet' with widths"),
        ({"encoder": "resnet18", "widths": [4] * 6}, "on the encoder resnet18"),
    ],
)
def test_what_cannot_be_built_is_refused(changes, words):
    card = card_to_json(model_info(NetConfig(outputs=2)))
    card["net"] |= changes
    with pytest.raises(UnetppError, match=words):
        card_from_json(card)
