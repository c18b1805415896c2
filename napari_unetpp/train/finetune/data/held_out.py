"""The choice of held-out labelled pixels: whole regions, never single pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region
from napari_unetpp.files.text import counted
from napari_unetpp.train.finetune.data.examples import Example

MARGIN = 16
"""Pixels around a held-out block from which nothing is learned."""

SHARE = 0.12
"""Share of the labelled pixels that is held out, about."""

SIDES = (128, 96, 64, 48, 32)
"""Sides of blocks that are tried, largest first (px of the working grid)."""

WHOLE_FROM = 4
"""From this many planes on, whole planes are held out."""

FEWEST = 40
"""Fewest held-out pixels of foreground, and of background; three times as many must stay for learning."""

MOST = 1_000_000
"""Most held-out pixels, about, which limits the cost of a validation."""

LEAST = 40_000
"""So many held-out pixels are allowed however short the time is."""

FEWEST_BLOCKS = 6
"""Fewest blocks with foreground and background, so that most of them stay for learning."""


@dataclass(frozen=True, slots=True)
class HeldOutBlock:
    """A held-out region of the example with number `example`."""

    example: int
    region: Region


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out blocks, and a description of them; without blocks there is no validation."""

    blocks: tuple[HeldOutBlock, ...] = ()
    description: str = ""
    planes: bool = False


def hold_out_blocks(
    examples: Sequence[Example], rng: np.random.Generator, affordable: float = float("inf")
) -> HeldOut:
    """Choose what is held out: whole planes from four planes on, else blocks of the labelled area.

    The held-out part has foreground and background, and more of both stays for learning; where that is not
    possible, nothing is held out.

    Parameters
    ----------
    examples : sequence of Example
    rng : Generator
    affordable : float
        Pixels that can be predicted in the time of a validation.
    """
    most = min(MOST, max(affordable, LEAST))
    if len(examples) >= WHOLE_FROM:
        held_out = _choose_planes(examples, most, rng)
        if held_out.blocks:
            return held_out
    for side in SIDES:
        held_out = _choose_blocks(examples, side, most, rng)
        if held_out.blocks:
            return held_out
    return HeldOut()


def without(examples: Sequence[Example], held_out: HeldOut) -> list[Example]:
    """The examples with nothing to learn in and near the held-out blocks."""
    out = []
    for n, example in enumerate(examples):
        learned = np.ones(example.shape, bool)
        for block in held_out.blocks:
            if block.example == n:
                learned[block.region.grown(MARGIN, example.shape).slices] = False
        if held_out.planes and any(block.example == n for block in held_out.blocks):
            learned[:] = False
        out.append(example.restricted(learned))
    return out


def _counts(example: Example, region: Region) -> NDArray[np.int64]:
    """Certain foreground and background pixels of a region."""
    certain, labels = example.certain[region.slices], example.labels[region.slices]
    inside = int(np.count_nonzero(certain & (labels > 0)))
    return np.array([inside, int(np.count_nonzero(certain)) - inside])


def _choose_planes(examples: Sequence[Example], most: float, rng: np.random.Generator) -> HeldOut:
    """About an eighth of the planes, at least one, that hold foreground and background."""
    counts = [_counts(example, Region.whole(example.shape)) for example in examples]
    wanted = max(1, round(SHARE * len(examples)))
    held_out: list[int] = []
    for n in rng.permutation(len(examples)):
        if len(held_out) < wanted and counts[n].min() >= FEWEST:
            held_out.append(int(n))
    rest = sum((counts[n] for n in range(len(examples)) if n not in held_out), np.zeros(2, np.int64))
    if not held_out or rest.min() < 3 * FEWEST:
        return HeldOut()
    side = next((side for side in (512, 256) if side * side <= most), SIDES[0])
    tiles = [block for n in sorted(held_out) for block in _tiles(n, examples[n], side)]
    in_tiles = [_counts(examples[tile.example], tile.region) for tile in tiles]
    chosen = _affordable(tiles, in_tiles, most, rng)
    if sum((in_tiles[n] for n in chosen), np.zeros(2, np.int64)).min() < FEWEST:
        return HeldOut()
    blocks = [tiles[n] for n in chosen]
    names = ", ".join(examples[n].name for n in sorted(held_out)[:3])
    more = f" and {len(held_out) - 3} more" if len(held_out) > 3 else ""
    share = sum(prod(block.region.shape) for block in blocks) / sum(prod(b.region.shape) for b in tiles)
    scored = "" if len(blocks) == len(tiles) else f", scored on {share:.0%} of it"
    description = f"{counted(len(held_out), 'whole plane')} ({names}{more}){scored}"
    return HeldOut(tuple(blocks), description, planes=True)


def _affordable(
    blocks: Sequence[HeldOutBlock], counts: Sequence[NDArray[np.int64]], most: float, rng: np.random.Generator
) -> list[int]:
    """Numbers of as many blocks as `most` pixels allow; those with foreground and background come first."""
    area = 0
    chosen: list[int] = []
    for n in sorted(rng.permutation(len(blocks)).tolist(), key=lambda n: bool(counts[n].min() < FEWEST)):
        pixels = prod(blocks[n].region.shape)
        if not chosen or area + pixels <= most:
            chosen.append(n)
            area += pixels
    return sorted(chosen)


def _tiles(number: int, example: Example, side: int) -> list[HeldOutBlock]:
    """The blocks of a grid with certain pixels."""
    return [HeldOutBlock(number, tile) for tile in example.tiles(side) if example.certain[tile.slices].any()]


def _choose_blocks(examples: Sequence[Example], side: int, most: float, rng: np.random.Generator) -> HeldOut:
    """Blocks of one grid until the share is reached, those with foreground and background only."""
    blocks = [b for n, example in enumerate(examples) for b in _tiles(n, example, side)]
    counts = [_counts(examples[b.example], b.region) for b in blocks]
    total = sum(counts, np.zeros(2, np.int64))
    good = [n for n, count in enumerate(counts) if count.min() > 0]
    if len(good) < FEWEST_BLOCKS:
        return HeldOut()
    held_out = np.zeros(2, np.int64)
    area = 0
    chosen: list[int] = []
    for n in (good[k] for k in rng.permutation(len(good))):
        enough = held_out.sum() >= SHARE * total.sum() and held_out.min() >= FEWEST
        if enough or (chosen and area + side * side > most) or 2 * len(chosen) >= len(good):
            break
        chosen.append(n)
        held_out = held_out + counts[n]
        area += side * side
    found = HeldOut(tuple(blocks[n] for n in sorted(chosen)), _description(len(chosen), side))
    left = sum((_counts(x, Region.whole(x.shape)) for x in without(examples, found)), np.zeros(2, np.int64))
    return found if held_out.min() >= FEWEST and left.min() >= 3 * FEWEST else HeldOut()


def _description(count: int, side: int) -> str:
    return f"{counted(count, 'block')} of {side} x {side} px of the labelled area"
