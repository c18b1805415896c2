"""The range of intensities of a plane, from what stands out of its background.

Plain percentiles fail where little is to be seen (three nuclei in a large field lie above the 99.8th), and
where a few saturated specks lie above everything else. So the plane is cut into small blocks, and those
that show something vote: blocks whose contrast is far above that of a usual one. Where nothing is to be seen,
noise of whatever grain must not be stretched until it looks like objects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.engine.input.specks import without_specks

BLOCK = 16
"""Side of a block, px."""

MOST_PIXELS = 4_000_000
"""Of a larger plane every second (third, ...) pixel counts."""

TRIMMED = 0.04
"""Share of the pixels of a block that counts neither as its brightest nor as its darkest."""

SPECKS = 4
"""So many blocks may hold saturated specks: the contrast of the next one is the largest that counts."""

LEFT = 20.0
"""Without those blocks something is left if that contrast is so many standard deviations of the noise; else
they hold the few objects that there are."""

USUAL, CLEAR, FAINT = 2.5, 0.5, 0.2
"""A block shows something if its contrast is `USUAL` times the median, or `CLEAR` times the largest (where
something is everywhere); and not less than `FAINT` times the largest."""

VOTE = 95.0
"""Percentile of the brightest pixels of these blocks that becomes 1: where the 99.8th of the plane lies in
ordinary images (`tests/benchmarks/bench_range.py`)."""

DARKEST = 1.0
"""Percentile of the pixels of these blocks that becomes 0."""

NOISE_FACTOR = 12.0
"""The range is never smaller than this many standard deviations of the noise from pixel to pixel."""

EMPTY_FACTOR = 100.0
"""Nor smaller than this many of all pixels in a plane that shows nothing but noise: coarse grain looks like
objects sooner."""

JPEG_BLOCK = 8
"""Of faint noise JPEG leaves blocks of this side, px, each of about one value."""

BLOCKY, ALIKE = 2.2, 3.5
"""Steps between such blocks are this many times those inside (1.9 at most in 250 training images), and the
largest contrast is less than this many times the median (of a plane with objects it is more)."""

SPECK = 0.6
"""A speck differs from its surroundings by this share of the range at least."""

Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Range:
    """Intensities that become 0 and 1."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Blocks of a plane: their pixels (n, m), darkest and brightest ones (n,), and all pixels as they lie."""

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
    high = float(np.percentile(blocks.brightest[shown], VOTE))
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
    """The pixels of a plane that count."""
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
    """Contrast from which a block shows something."""
    largest = _largest(contrast)
    if largest < LEFT * noise:
        largest = float(contrast.max())
    return max(min(USUAL * float(np.median(contrast)), CLEAR * largest), FAINT * largest)


def _largest(contrast: Pixels) -> float:
    """The largest contrast, those of `SPECKS` blocks left aside where there are enough of them."""
    place = min(SPECKS, (len(contrast) - 1) // 16)
    return float(np.partition(contrast, -1 - place)[-1 - place])


def _is_squeezed_noise(plane: NDArray[np.generic], contrast: Pixels) -> bool:
    """Whether a plane consists of blocks of about one value each, as JPEG makes of noise.

    Values step at the edges of its blocks rather than inside; and blocks are alike, or nothing steps inside.
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
    """Whether a grey plane shows nothing but noise of some grain, apart from specks of that height.

    Its blocks are alike, and its values spread as those of noise do.
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
    """Whether parts of a plane have values that spread evenly to both sides.

    With neither long tails, as few objects give, nor none, as many do.
    """
    parts = _blocks(grey, 4).mean(axis=1, dtype=np.float64)
    spread = float(parts.std())
    if spread == 0:
        return False
    z = (parts - parts.mean()) / spread
    return abs(float((z**3).mean())) < 0.35 and -0.5 < float((z**4).mean()) - 3 < 0.8
