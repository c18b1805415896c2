"""The networks that UNet++ is compared with: sizes, gradients, pruning, the engine on top of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_unetpp._types import ARCHITECTURES, ModelInfo, NetConfig
from napari_unetpp.files.model_card import card_from_json, card_to_json
from napari_unetpp.files.model_file import read_info, read_tensors, save_model
from napari_unetpp.net import graph
from napari_unetpp.net.baselines import BASELINES
from napari_unetpp.net.unetpp import UNetPlusPlus

SMALL = (4, 6, 8, 10, 12)


def small(arch):
    torch.manual_seed(0)
    return UNetPlusPlus(NetConfig(outputs=2, widths=SMALL, arch=arch))


@pytest.mark.parametrize(
    ("name", "parameters_m"),
    [
        ("unet", 7.76),
        ("wide-unet", 9.28),
        ("heavy-unet", 18.94),
        ("unet-3", 1.93),
        ("unet-2", 0.47),
        ("unet-1", 0.10),
    ],
)
def test_sizes(name, parameters_m):
    config = BASELINES[name]()
    assert graph.parameters(config.depth, config) / 1e6 == pytest.approx(parameters_m, rel=0.01, abs=0.005)


@pytest.mark.parametrize("name", ["heavy-unet", "flat"])
def test_controls_have_the_flops_of_unetpp(name):
    config = BASELINES[name]()
    wanted = graph.flops(4, NetConfig(), 256, 256)
    assert graph.flops(config.depth, config, 256, 256) == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_integers_agree_with_the_network(arch):
    net = small(arch).eval()
    level = net.config.depth
    counted = sum(p.numel() for name, p in net.named_parameters() if ".norm." not in name)
    assert counted == graph.parameters(level, net.config)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        net(torch.zeros(1, 3, 32, 48), level)
    assert counter.get_total_flops() == graph.flops(level, net.config, 32, 48)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_order_evaluates_inputs_first_and_releases_them_last(arch):
    for order in (graph.nodes(4, arch), graph.lean_order(4, arch)):
        held = set()
        for node, released in zip(order, graph.releases(order, arch), strict=True):
            assert set(graph.inputs(node, arch)) <= held
            held = (held | {node}) - set(released)
        assert (0, 4) in held


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_halo_is_the_measured_receptive_radius(arch):
    net = UNetPlusPlus(NetConfig(in_channels=1, widths=(1, 1, 1, 1, 1), arch=arch), norm=False)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.fill_(0.0 if name.endswith("bias") else 0.5)
    image = torch.zeros(16, 1, 272, 16)
    for phase in range(16):
        image[phase, 0, 128 + phase, 8] = 1.0
    with torch.inference_mode():
        rows = (net(image)[:, 0].amax(dim=-1) > 0).nonzero()
    assert int((rows[:, 1] - 128 - rows[:, 0]).abs().max()) == graph.halo(4, arch)


def without_gradient(net, heads):
    """Nodes that no gradient of these heads reaches."""
    image = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    sum(logits.square().mean() for logits in net.all_heads(image)[heads]).backward()
    return {name for name, node in net.nodes.items() if node.first.conv.weight.grad is None}


def test_the_last_head_alone_does_not_train_the_inner_decoders_of_an_ensemble():
    """The region marked red in the talk; deep supervision, short or dense skips reach it."""
    inner = {f"x_{i}_{j}" for i, j in graph.nodes(4) if j > 0 and i + j < 4}
    assert without_gradient(small("unet-ensemble"), slice(-1, None)) == inner
    assert without_gradient(small("unet-ensemble"), slice(None)) == set()
    assert without_gradient(small("unet-plus"), slice(-1, None)) == set()
    assert without_gradient(small("unetpp"), slice(-1, None)) == set()


@pytest.mark.parametrize("arch", ["unet-plus", "unet-ensemble"])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_nested_baselines_are_pruned_bit_for_bit(arch, level):
    net = small(arch).eval()
    image = torch.rand(1, 3, 40, 56)
    with torch.inference_mode():
        assert torch.equal(net.prune(level)(image), net(image, level))


@pytest.mark.parametrize("arch", ["unet", "unet-sum", "flat"])
def test_a_plain_network_has_one_head(arch):
    net = small(arch)
    assert net.levels == net.config.levels == (4,) and len(net.heads) == 1
    with pytest.raises(ValueError, match="no level 2"):
        net.prune(2)


@pytest.mark.parametrize("arch", ["unetpp", "unet-plus", "unet-ensemble"])
def test_without_deep_supervision_there_is_one_head(arch, tmp_path):
    """Everything else of the network is as it was, and older files count as deeply supervised."""
    deep, config = small(arch), replace(small(arch).config, supervision="last")
    net = UNetPlusPlus(config)
    assert net.levels == config.levels == (4,) and len(net.heads) == 1
    assert net.nodes.state_dict().keys() == deep.nodes.state_dict().keys()
    assert graph.parameters(4, deep.config) - graph.parameters(4, config) == 3 * 2 * (SMALL[0] + 1)
    info = ModelInfo("m", "instances", ("cell",), ("foreground", "distance"), config)
    assert save_model(tmp_path / "m.safetensors", net.state_dict(), info).net == config
    card = card_to_json(replace(info, net=deep.config))
    del card["net"]["supervision"]
    assert card_from_json(card).net == deep.config


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_model_file_and_engine(arch, tmp_path):
    """Every architecture is saved, read and evaluated, whole as in tiles."""
    from napari_unetpp.engine import tiles
    from napari_unetpp.engine.collect import predict_maps
    from napari_unetpp.engine.device import DeviceChoice
    from napari_unetpp.engine.evaluator import Evaluator

    net = small(arch)
    info = ModelInfo("m", "instances", ("cell",), ("foreground", "distance"), net.config)
    path = tmp_path / "m.safetensors"
    save_model(path, net.state_dict(), info)
    assert read_info(path).net == net.config
    evaluator = Evaluator(read_info(path), read_tensors(path), DeviceChoice("cpu", "float32"))
    image = np.random.default_rng(0).random((150, 170)).astype(np.float32)
    whole = predict_maps(image, evaluator, level=4)
    plain = net.eval()(evaluator.tensor(_normalised(image, info)), 4).sigmoid()[0].detach().numpy()
    np.testing.assert_allclose(whole.store.maps(4), plain, atol=1e-4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "CELL", 64)
        patch.setattr(tiles, "WHOLE_PIXELS", 1)
        tiled = predict_maps(image, evaluator, level=4)
    np.testing.assert_allclose(tiled.store.maps(4), whole.store.maps(4), atol=1e-4)
    assert read_tensors(path).keys() == net.state_dict().keys()


def _normalised(image, info):
    from napari_unetpp.engine.normalise import measure, to_input

    x = to_input(image, measure(image, info.normalisation))
    return np.broadcast_to(x, (3, *x.shape[1:])).copy()


def test_an_unknown_architecture_is_refused(tmp_path):
    from napari_unetpp._types import UnetppError
    from napari_unetpp.files.model_card import card_from_json, card_to_json

    info = ModelInfo("m", "instances", ("cell",), ("foreground",), NetConfig())
    card = card_to_json(replace(info, net=replace(info.net, arch="transformer")))
    with pytest.raises(UnetppError, match="transformer"):
        card_from_json(card)
