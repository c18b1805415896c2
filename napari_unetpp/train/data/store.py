"""The images of a data set in the memory of the training device, as bytes, read at any points at once.

All images lie one after the other in one flat tensor, each also halved and halved again (a pyramid, Williams,
*Pyramidal Parametrics*, SIGGRAPH 1983), so that a patch which shows its image smaller is as smooth as the
image is when inference shrinks it. A batch of turned and magnified patches is then four look-ups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_unetpp._types import UnetppError
from napari_unetpp.train.data.samples import Sample

LEVELS = 4
"""An image as it is, and halved three times."""

LOWEST, HIGHEST = -0.5, 2.0
"""Range of normalised intensities (see `engine.input.normalise.to_input`)."""

LARGEST_NUMBER = 2**30
"""Object numbers are kept in 32 bits, one of which says whether the pixel is ignored."""

Padding = Literal["reflection", "zeros"]


class ImageStore:
    """Images and labels on a device.

    Parameters
    ----------
    samples : sequence of Sample
    device : str

    Attributes
    ----------
    colour : Tensor of bool, shape (images,)
        Which images have three channels.
    """

    def __init__(self, samples: Sequence[Sample], device: str) -> None:
        pixels: list[Tensor] = []
        labels: list[Tensor] = []
        places: list[list[tuple[int, int, int, int]]] = []
        filled = 0
        for sample in samples:
            rows = []
            for level in _pyramid(torch.from_numpy(sample.image.astype(np.float32))):
                channels, height, width = level.shape
                rows.append((filled, height, width, height * width if channels > 1 else 0))
                pixels.append(to_bytes(level).flatten())
                filled += level.numel()
            places.append(rows)
            labels.append(_with_ignored(sample))
        self._pixels = torch.cat(pixels).to(device)
        self._labels = torch.cat(labels).to(device)
        starts = np.cumsum([0, *(part.numel() for part in labels)])[:-1]
        self._label_start = torch.from_numpy(starts).to(device)
        self._places = torch.tensor(places, device=device)  # (images, levels, 4)
        self.colour = torch.tensor([sample.image.shape[0] > 1 for sample in samples], device=device)
        self.device = device

    @property
    def nbytes(self) -> int:
        """Bytes held on the device, about."""
        return self._pixels.numel() + 4 * self._labels.numel()

    def images(self, which: Tensor, points: Tensor, level: Tensor, padding: Padding) -> Tensor:
        """Intensities at points, interpolated (bilinear).

        Parameters
        ----------
        which : Tensor of int64, shape (N,)
            Number of the image of each patch.
        points : Tensor of float32, shape (N, 2, P, P)
            Row and column on the grid of the image, whole numbers at the middles of pixels.
        level : Tensor of int64, shape (N,)
            How often the image is halved.
        padding : {"reflection", "zeros"}
            What lies beyond the image.

        Returns
        -------
        Tensor of float32, shape (N, 3, P, P)
        """
        start, height, width, plane = (part[:, None, None] for part in self._places[which, level].unbind(1))
        shrunk = 2.0 ** -level.float()[:, None, None]
        rows = _reflected((points[:, 0] + 0.5) * shrunk - 0.5, height)
        columns = _reflected((points[:, 1] + 0.5) * shrunk - 0.5, width)
        top, left = rows.floor(), columns.floor()
        down, across = (rows - top)[:, None], (columns - left)[:, None]
        y0, x0 = top.long(), left.long()
        y1, x1 = torch.minimum(y0 + 1, height - 1), torch.minimum(x0 + 1, width - 1)
        channels = 3 if bool(self.colour[which].any()) else 1
        first = (
            start + plane * torch.arange(channels, device=self.device)[:, None, None, None]
        )  # (C, N, 1, 1)

        def at(y: Tensor, x: Tensor) -> Tensor:
            return from_bytes(self._pixels[first + y * width + x]).transpose(0, 1)  # (N, C, P, P)

        upper = torch.lerp(at(y0, x0), at(y0, x1), across)
        lower = torch.lerp(at(y1, x0), at(y1, x1), across)
        out = torch.lerp(upper, lower, down).expand(-1, 3, -1, -1)
        return out * self._shown(which, points)[:, None] if padding == "zeros" else out.contiguous()

    def labels(self, which: Tensor, points: Tensor, padding: Padding) -> tuple[Tensor, Tensor]:
        """Labels at points (nearest pixel), and where they are ignored: int64 and bool, (N, 1, P, P)."""
        _, height, width, _ = (part[:, None, None] for part in self._places[which, 0].unbind(1))
        y, x = (_reflected(points[:, k], size).round().long() for k, size in enumerate((height, width)))
        found = self._labels[self._label_start[which][:, None, None] + y * width + x].long()
        if padding == "zeros":
            found = found * self._shown(which, points)
        return (found >> 1)[:, None], (found & 1).bool()[:, None]

    def _shown(self, which: Tensor, points: Tensor) -> Tensor:
        """Whether points (N, 2, P, P) lie on their image: bool, (N, P, P)."""
        _, height, width, _ = (part[:, None, None] for part in self._places[which, 0].unbind(1))
        y, x = points.unbind(1)
        return (y >= -0.5) & (y <= height - 0.5) & (x >= -0.5) & (x <= width - 0.5)


def to_bytes(x: Tensor) -> Tensor:
    """Normalised intensities as bytes, on a scale of signed square roots: dim objects keep fine steps.

    A step is 0.0001 at 0, 0.004 at 0.05 and 0.017 at 1: less than the noise of any image.
    """
    low, high = _root(LOWEST), _root(HIGHEST)
    roots = x.sign() * x.abs().sqrt()
    return ((roots - low) * (255 / (high - low))).round().clamp(0, 255).byte()


def from_bytes(x: Tensor) -> Tensor:
    """The intensities (float32) that `to_bytes` kept."""
    low, high = _root(LOWEST), _root(HIGHEST)
    roots = x.float() * ((high - low) / 255) + low
    return roots * roots.abs()


def _root(value: float) -> float:
    return float(np.sign(value) * np.sqrt(abs(value)))


def _pyramid(image: Tensor) -> list[Tensor]:
    """An image (C, Y, X) and its halved copies; one that cannot be halved stands for the next, too."""
    levels = [image]
    while len(levels) < LEVELS:
        last = levels[-1]
        levels.append(F.avg_pool2d(last[None], 2, ceil_mode=True, count_include_pad=False)[0])
    return levels


def _with_ignored(sample: Sample) -> Tensor:
    """Labels of a sample, flat, twice their value, and 1 more where they are ignored."""
    if sample.labels.max(initial=0) >= LARGEST_NUMBER:
        raise UnetppError(
            f"{sample.stem} has label {sample.labels.max()}; expected at most {LARGEST_NUMBER - 1}."
        )
    return torch.from_numpy(sample.labels * 2 + sample.ignore).int().flatten()


def _reflected(place: Tensor, size: Tensor) -> Tensor:
    """Rows or columns (N, P, P) inside an image of `size` (N, 1, 1) px that is mirrored at its edges."""
    along = torch.remainder(place + 0.5, 2 * size)
    return torch.minimum(torch.minimum(along, 2 * size - along) - 0.5, (size - 1).float()).clamp(min=0)
