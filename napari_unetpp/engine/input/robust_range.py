"""The range of intensities of a plane, from what stands out of its background.

Plain percentiles fail in nearly empty planes (three nuclei in a large field lie above the 99.8th), and where
a few saturated specks are brighter than everything else. So the plane is cut into small blocks, and only
those that show something count: their contrast is far above that of a usual block. In an empty plane noise,
of whatever grain, must not be stretched until it looks like objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.engine.input.specks import without_specks

BLOCK = 16
"""Side of a block, px."""

MOST_PIXELS = 4_000_000
"""Of a larger plane only every second (third, ...) row and column counts."""

TRIMMED = 0.04
"""Share of the brightest, and of the darkest, pixels of a block that is left out."""

SPECKS = 4
"""So many blocks may hold saturated specks: the contrast of the next one is taken as the largest."""

LEFT = 20.0
"""Unless that contrast is less than so many standard deviations of the noise: then those blocks hold the only
objects, not specks."""

USUAL, CLEAR, FAINT = 2.5, 0.5, 0.2
"""A block shows something if its contrast is `USUAL` times the median, or `CLEAR` times the largest (in full
planes); and not less than `FAINT` times the largest."""

BRIGHTEST = 95.0
"""Percentile of the brightest pixels of these blocks that becomes 1: where the 99.8th of the plane lies in
ordinary images (`tests/benchmarks/bench_range.py`)."""

DARKEST = 1.0
"""Percentile of the pixels of these blocks that becomes 0."""

NOISE_FACTOR = 12.0
"""The range is never smaller than this many standard deviations of the noise from pixel to pixel."""

EMPTY_FACTOR = 100.0
"""In a plane of nothing but noise the range is at least this many standard deviations of all pixels: coarse
grain soon looks like objects."""

JPEG_BLOCK = 8
"""Side (px) of the blocks of JPEG, which leaves about one value in each where noise is faint."""

BLOCKY, ALIKE = 2.2, 3.5
"""Of such noise the steps between blocks are more than `BLOCKY` times those inside (1.9 at most in 250
training images), and the largest contrast is less than `ALIKE` times the median (more in a plane with
objects)."""

SPECK = 0.6
"""A speck differs from its surroundings by at least this share of the range."""

Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Range:
    """Intensities that become 0 and 1."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Blocks of a plane: their pixels (n, m), the darkest and brightest of each (n,), and the plane."""

    pixels: Pixels
    darkest: Pixels
    brightest: Pixels
    plane: Pixels

    @property
    def contrast(self) -> Pixels:
        return self.brightest - self.darkest


def find_range(plane: NDArray[np.generic], noise: float) -> Range:
    """The range of a plane.

    Parameters
    ----------
    plane : ndarray of shape (Y, X) or (Y, X, C)
        Any real dtype; pixels that are not finite do not count.
    noise : float
        Standard deviation from pixel to pixel.
    """
    blocks = _cut(plane)
    shown = blocks.contrast >= _least_contrast(blocks.contrast, noise)
    low = float(np.percentile(blocks.pixels[shown], DARKEST))
    high = float(np.percentile(blocks.brightest[shown], BRIGHTEST))
    floor = max(NOISE_FACTOR * noise, 1e-6 * max(abs(low), abs(high)), 1e-12)
    speck = SPECK * max(high - low, floor)
    squeezed = plane.dtype == np.uint8 and _is_squeezed_noise(plane, blocks.contrast)
    if squeezed or _is_noise(blocks, speck):
        floor = max(floor, EMPTY_FACTOR * float(blocks.plane.std()))
    return Range(low, max(high, low + floor))


def shows_noise(plane: NDArray[np.generic], width: float) -> bool:
    """Whether a plane shows nothing but noise of some grain, and specks, in a range of this width."""
    return _is_noise(_cut(plane), SPECK * width)


def averaged(plane: NDArray[np.generic], side: int) -> Pixels:
    """Means (Y, X) of squares of this side, px, over all channels; of a large plane fewer pixels count."""
    pixels = _thinned(plane)
    rows = -(-pixels.shape[0] // side)
    means: Pixels = _blocks(pixels, side).mean(axis=1).reshape(rows, -1)
    return means


def _cut(plane: NDArray[np.generic]) -> _Blocks:
    pixels = _thinned(plane)
    blocks = _blocks(pixels)
    count = blocks.shape[1]
    trimmed = int(TRIMMED * count)
    ordered = np.partition(blocks, (trimmed, count - 1 - trimmed), axis=1)
    return _Blocks(blocks, ordered[:, trimmed], ordered[:, count - 1 - trimmed], pixels)


def _thinned(plane: NDArray[np.generic]) -> Pixels:
    """A plane, or of a large one every second (third, ...) row and column."""
    step = max(1, round(np.sqrt(plane.shape[0] * plane.shape[1] / MOST_PIXELS)))
    return _finite(plane[::step, ::step].astype(np.float32))


def _finite(pixels: Pixels) -> Pixels:
    """Pixels that are not finite replaced by the median of the others."""
    good = np.isfinite(pixels)
    if good.all():
        return pixels
    return np.where(good, pixels, np.median(pixels[good]) if good.any() else np.float32(0))


def _blocks(pixels: Pixels, side: int = BLOCK) -> Pixels:
    """Blocks, a row each (n, side * side * C); the last ones repeat the edge."""
    height, width = pixels.shape[:2]
    rest = [(0, -height % side), (0, -width % side), (0, 0)][: pixels.ndim]
    padded = np.pad(pixels, rest, mode="edge").reshape(
        *(n + r[1] for n, r in zip(pixels.shape, rest, strict=True))
    )
    rows, columns = padded.shape[0] // side, padded.shape[1] // side
    cut = padded.reshape(rows, side, columns, side, -1).swapaxes(1, 2)
    return cut.reshape(rows * columns, -1)


def _least_contrast(contrast: Pixels, noise: float) -> float:
    """The least contrast of a block that shows something."""
    largest = _largest(contrast)
    if largest < LEFT * noise:
        largest = float(contrast.max())
    return max(min(USUAL * float(np.median(contrast)), CLEAR * largest), FAINT * largest)


def _largest(contrast: Pixels) -> float:
    """The largest contrast without those of `SPECKS` blocks (fewer in a small plane)."""
    place = min(SPECKS, (len(contrast) - 1) // 16)
    return float(np.partition(contrast, -1 - place)[-1 - place])


def _is_squeezed_noise(plane: NDArray[np.generic], contrast: Pixels) -> bool:
    """Whether a plane consists of blocks of about one value each, as JPEG makes of noise.

    Values change at the edges of the blocks rather than inside; and the blocks are alike, or nothing changes
    inside.
    """
    steps = np.abs(np.diff(plane.astype(np.int16), axis=1))
    edges = steps[:, JPEG_BLOCK - 1 :: JPEG_BLOCK]
    if not edges.size or edges.size == steps.size:
        return False
    inside = (float(steps.sum()) - float(edges.sum())) / (steps.size - edges.size)
    if float(edges.mean()) <= BLOCKY * inside or not edges.any():
        return False
    alike = _largest(contrast) < ALIKE * float(np.median(contrast))
    return alike or int((steps > 0).sum()) < 1.3 * int((edges > 0).sum())


def _is_noise(blocks: _Blocks, speck: float) -> bool:
    """Whether a grey plane shows nothing but noise of some grain, apart from specks of height `speck`.

    Its blocks are alike, and its values are spread like those of noise.
    """
    pixels, contrast = blocks.plane, blocks.contrast
    if pixels.ndim == 3 and bool((pixels != pixels[..., :1]).any()):
        return False
    usual = max(float(np.median(contrast)), 1e-12)
    if _largest(contrast) > 2.7 * usual or contrast.std() > 0.66 * contrast.mean():
        return False
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    return _spreads_as_noise(grey) or _spreads_as_noise(without_specks(grey, speck))


def _spreads_as_noise(grey: Pixels) -> bool:
    """Whether means of 4 x 4 px have about the skewness and kurtosis of a normal distribution.

    A few objects give a long tail, many objects none.
    """
    parts = _blocks(grey, 4).mean(axis=1, dtype=np.float64)
    spread = float(parts.std())
    if spread == 0:
        return False
    z = (parts - parts.mean()) / spread
    return abs(float((z**3).mean())) < 0.35 and -0.5 < float((z**4).mean()) - 3 < 0.8
