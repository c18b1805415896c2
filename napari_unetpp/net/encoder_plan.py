"""Published encoders as integers: the convolutions of their stages, FLOPs, parameters, receptive field.

Stage i of an encoder gives X^{i,0}, at resolution 1/2^i. No tensor is touched here.

Sources: ResNet-18, He et al., CVPR 2016 (arXiv 1512.03385), table 1, with its parameter-free shortcuts
(option A), as in MONAI's registry of backbones. EfficientNet-Lite0: EfficientNet-B0 (Tan and Le, ICML 2019,
arXiv 1905.11946, table 1) without squeeze-and-excitation and with ReLU6 (Liu, *Higher accuracy on vision
models with EfficientNet-Lite*, TensorFlow blog, March 2020). So it has no global pooling, and tiles equal the
whole plane.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from napari_unetpp._types import ENCODERS


@dataclass(frozen=True, slots=True)
class Conv:
    """A convolution with bias, which a batch norm follows.

    Attributes
    ----------
    before : int
        Rows of zeros above, columns to the left; below and to the right there are
        ``kernel - stride - before``.
    """

    name: str
    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    before: int = 0
    groups: int = 1

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.taps + self.outputs

    @property
    def taps(self) -> int:
        """Multiply-adds for one pixel of the result."""
        return self.kernel**2 * self.inputs // self.groups * self.outputs


@dataclass(frozen=True, slots=True)
class ConvBlock:
    """A block of convolutions.

    Attributes
    ----------
    kind : {"plain", "residual", "inverted"}
        One convolution; two with a shortcut (ResNet); an inverted bottleneck (EfficientNet).
    pool : bool
        A 3x3 max pooling of stride 2 comes first.
    """

    kind: Literal["plain", "residual", "inverted"]
    convs: tuple[Conv, ...]
    pool: bool = False

    @property
    def inputs(self) -> int:
        """Channels that enter."""
        return self.convs[0].inputs

    @property
    def outputs(self) -> int:
        """Channels that leave."""
        return self.convs[-1].outputs


Stage = tuple[ConvBlock, ...]


@dataclass(frozen=True, slots=True)
class Encoder:
    """Stages 1, 2, ... of an encoder, its activation, and the epsilon of its batch norms."""

    stages: tuple[Stage, ...]
    activation: Literal["relu", "relu6"]
    eps: float


@cache
def encoder(name: str, in_channels: int = 3) -> Encoder:
    """The encoder of this name for images with so many channels.

    Raises
    ------
    ValueError
        The name is none of ``_types.ENCODERS``.
    """
    if name == "resnet18":
        return Encoder(tuple(_resnet18(in_channels)), "relu", 1e-5)
    if name == "efficientnet-lite0":
        return Encoder(tuple(_efficientnet_lite0(in_channels)), "relu6", 1e-3)
    raise ValueError(f"the encoder {name!r} was given; known are {' and '.join(ENCODERS)}")


def stage_channels(name: str, row: int) -> int:
    """Channels of X^{row,0}."""
    return encoder(name).stages[row - 1][-1].outputs


def named_convs(stage: Stage) -> Iterator[tuple[str, Conv]]:
    """The convolutions of a stage, in order, with their names in the network."""
    for number, block in enumerate(stage):
        for conv in block.convs:
            yield f"blocks.{number}.{conv.name}", conv


def stage_parameters(stage: Stage) -> int:
    """Weights and biases of a stage, without normalisation."""
    return sum(conv.parameters for _, conv in named_convs(stage))


def stage_flops(stage: Stage, height: int, width: int) -> int:
    """FLOPs (2 per multiply-add) of a stage whose result has (height, width)."""
    # A stage halves its input once, in its first block: by pooling or by a convolution of stride 2.
    total, grid = 0, 1 if stage[0].pool else 2
    for block in stage:
        for conv in block.convs:
            grid //= conv.stride
            total += 2 * height * width * grid**2 * conv.taps
    return total


def interval(stage: Stage, lo: int, hi: int) -> tuple[int, int]:
    """The interval of the input (px) that is read for the interval [lo, hi] of the result."""
    for block in reversed(stage):
        for conv in reversed(block.convs):
            lo = lo * conv.stride - conv.before
            hi = hi * conv.stride - conv.before + conv.kernel - 1
        if block.pool:
            lo, hi = 2 * lo - 1, 2 * hi + 1
    return lo, hi


# ---------------------------------------------------------------------- ResNet


def _resnet18(in_channels: int) -> Iterator[Stage]:
    yield (ConvBlock("plain", (Conv("stem", in_channels, 64, 7, 2, before=3),)),)
    yield (_residual(64, 64, pool=True), _residual(64, 64))
    yield (_residual(64, 128, stride=2), _residual(128, 128))
    yield (_residual(128, 256, stride=2), _residual(256, 256))


def _residual(inputs: int, outputs: int, *, stride: int = 1, pool: bool = False) -> ConvBlock:
    first = Conv("first", inputs, outputs, 3, stride, before=1)
    return ConvBlock("residual", (first, Conv("second", outputs, outputs, 3, before=1)), pool)


# ---------------------------------------------------------------- EfficientNet


def _efficientnet_lite0(in_channels: int) -> Iterator[Stage]:
    """The first eleven of its sixteen blocks; the others lie at 1/32, where UNet++ has no row."""
    stem = ConvBlock("plain", (Conv("stem", in_channels, 32, 3, 2),))
    yield (stem, _inverted(32, 16, 3, expand=1))
    yield tuple(_repeated(2, 16, 24, 3, stride=2))
    yield tuple(_repeated(2, 24, 40, 5, stride=2))
    yield (*_repeated(3, 40, 80, 3, stride=2), *_repeated(3, 80, 112, 5, stride=1))


def _repeated(times: int, inputs: int, outputs: int, kernel: int, *, stride: int) -> Iterator[ConvBlock]:
    yield _inverted(inputs, outputs, kernel, stride=stride)
    for _ in range(times - 1):
        yield _inverted(outputs, outputs, kernel)


def _inverted(inputs: int, outputs: int, kernel: int, *, stride: int = 1, expand: int = 6) -> ConvBlock:
    # TensorFlow's padding: the odd one of an odd number of zeros lies below and to the right.
    wide, before = expand * inputs, (kernel - stride) // 2
    depthwise = Conv("depthwise", wide, wide, kernel, stride, before, groups=wide)
    convs = (depthwise, Conv("project", wide, outputs))
    return ConvBlock("inverted", (Conv("expand", inputs, wide), *convs) if expand > 1 else convs)
