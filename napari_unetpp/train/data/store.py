"""Images and labels in the memory of the training device, read at any points at once.

All images lie one after the other in one flat tensor of bytes, each with its halved copies (a pyramid,
Williams, *Pyramidal Parametrics*, SIGGRAPH 1983): so a patch that shows its image smaller is as smooth as an
image that inference shrinks. A batch of turned and magnified patches takes four look-ups.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_unetpp._types import UnetppError
from napari_unetpp.engine.input.normalise import CLIPPED
from napari_unetpp.train.data.augment import PYRAMID_LEVELS, Padding, Warp

LOWEST, HIGHEST = CLIPPED


class ImageStore:
    """Images and labels on a device.

    Parameters
    ----------
    images : sequence of ndarray, shape (`channels` or 1, Y, X)
        Normalised.
    labels : sequence of Tensor of int32, shape (Y, X)
        As `pack` makes them.
    device : str
    channels : int
        Channels of every patch; an image of one channel is repeated.
    exact : bool
        Store intensities as float16 instead of bytes: twice the memory, for few images.
    """

    def __init__(
        self,
        images: Sequence[NDArray[np.floating]],
        labels: Sequence[Tensor],
        device: str,
        channels: int = 3,
        *,
        exact: bool = False,
    ) -> None:
        pixels: list[Tensor] = []
        places: list[list[tuple[int, int, int, int]]] = []
        filled = 0
        for image in images:
            rows = []
            for level in _pyramid(torch.from_numpy(image.astype(np.float32))):
                count, height, width = level.shape
                rows.append((filled, height, width, height * width if count > 1 else 0))
                pixels.append((level.half() if exact else to_bytes(level)).flatten())
                filled += level.numel()
            places.append(rows)
        self._pixels = torch.cat(pixels).to(device)
        self._labels = torch.cat([part.flatten() for part in labels]).to(device)
        starts = np.cumsum([0, *(part.numel() for part in labels)])[:-1]
        self._label_start = torch.from_numpy(starts).to(device)
        self._places = torch.tensor(places, device=device)  # (images, levels, 4)
        self._has_channels = torch.tensor([len(image) > 1 for image in images], device=device)
        self.device, self.channels, self.exact = device, channels, exact

    def read(self, warp: Warp, size: int, padding: Padding) -> tuple[Tensor, Tensor]:
        """Patches of `size` px under a warp.

        Returns
        -------
        images : Tensor of float32, shape (N, channels, size, size)
            Bilinear interpolation.
        labels : Tensor of int64, shape (N, 1, size, size)
            Packed, of the nearest pixel; 0 beyond an image that is padded with zeros.
        """
        which = torch.from_numpy(warp.which).to(self.device)
        level = torch.from_numpy(warp.level).to(self.device)
        points = warp.points(size, self.device)
        images, labels = self._images(which, points, level), self._labels_at(which, points)
        if padding == "zeros":
            inside = self._inside(which, points)
            return images * inside, labels * inside
        return images.contiguous(), labels

    def _images(self, which: Tensor, points: Tensor, level: Tensor) -> Tensor:
        """Intensities (N, channels, P, P) at points (N, 2, P, P): row, column; integers are pixel centres."""
        start, height, width, plane = (part[:, None, None] for part in self._places[which, level].unbind(1))
        shrunk = 2.0 ** -level.float()[:, None, None]
        rows = _reflected((points[:, 0] + 0.5) * shrunk - 0.5, height)
        columns = _reflected((points[:, 1] + 0.5) * shrunk - 0.5, width)
        top, left = rows.floor(), columns.floor()
        down, across = (rows - top)[:, None], (columns - left)[:, None]
        y0, x0 = top.long(), left.long()
        y1, x1 = torch.minimum(y0 + 1, height - 1), torch.minimum(x0 + 1, width - 1)
        read = self.channels if bool(self._has_channels[which].any()) else 1
        first = start + plane * torch.arange(read, device=self.device)[:, None, None, None]  # (C, N, 1, 1)

        def at(y: Tensor, x: Tensor) -> Tensor:
            values = self._pixels[first + y * width + x]
            return (values.float() if self.exact else from_bytes(values)).transpose(0, 1)  # (N, C, P, P)

        upper = torch.lerp(at(y0, x0), at(y0, x1), across)
        lower = torch.lerp(at(y1, x0), at(y1, x1), across)
        return torch.lerp(upper, lower, down).expand(-1, self.channels, -1, -1)

    def _labels_at(self, which: Tensor, points: Tensor) -> Tensor:
        _, height, width, _ = (part[:, None, None] for part in self._places[which, 0].unbind(1))
        y, x = (_reflected(points[:, k], size).round().long() for k, size in enumerate((height, width)))
        return self._labels[self._label_start[which][:, None, None] + y * width + x].long()[:, None]

    def _inside(self, which: Tensor, points: Tensor) -> Tensor:
        """Whether points lie on their image: bool, (N, 1, P, P)."""
        _, height, width, _ = (part[:, None, None] for part in self._places[which, 0].unbind(1))
        y, x = points.unbind(1)
        return ((y >= -0.5) & (y <= height - 0.5) & (x >= -0.5) & (x <= width - 0.5))[:, None]


def pack(labels: NDArray[np.int32], flags: Sequence[NDArray[np.bool_]], name: str) -> Tensor:
    """Labels (Y, X) and masks of the same shape as one int32 number a pixel."""
    limit = 2 ** (31 - len(flags))
    if labels.max(initial=0) >= limit:
        raise UnetppError(f"{name} has label {labels.max()}; expected at most {limit - 1}.")
    packed = labels.astype(np.int32)
    for flag in flags:
        packed = packed * 2 + flag
    return torch.from_numpy(np.ascontiguousarray(packed, np.int32))


def unpack(packed: Tensor, flags: int) -> tuple[Tensor, ...]:
    """The labels, and the masks (bool), that `pack` was given."""
    masks = [(packed >> n & 1).bool() for n in reversed(range(flags))]
    return packed >> flags, *masks


def to_bytes(x: Tensor) -> Tensor:
    """Normalised intensities as bytes, on a scale of signed square roots, which is fine for dim objects.

    A step is 0.0001 at 0, 0.004 at 0.05 and 0.017 at 1: less than the noise of any image.
    """
    low, high = _root(LOWEST), _root(HIGHEST)
    roots = x.sign() * x.abs().sqrt()
    return ((roots - low) * (255 / (high - low))).round().clamp(0, 255).byte()


def from_bytes(x: Tensor) -> Tensor:
    """The intensities (float32) that `to_bytes` stored."""
    low, high = _root(LOWEST), _root(HIGHEST)
    roots = x.float() * ((high - low) / 255) + low
    return roots * roots.abs()


def _root(value: float) -> float:
    return float(np.sign(value) * np.sqrt(abs(value)))


def _pyramid(image: Tensor) -> list[Tensor]:
    """An image (C, Y, X) and its halved copies; a side of 1 px stays."""
    levels = [image]
    while len(levels) < PYRAMID_LEVELS:
        last = levels[-1]
        levels.append(F.avg_pool2d(last[None], 2, ceil_mode=True, count_include_pad=False)[0])
    return levels


def _reflected(place: Tensor, size: Tensor) -> Tensor:
    """Rows or columns (N, P, P) inside an image of `size` (N, 1, 1) px that is mirrored at its edges."""
    along = torch.remainder(place + 0.5, 2 * size)
    return torch.minimum(torch.minimum(along, 2 * size - along) - 0.5, (size - 1).float()).clamp(min=0)
