"""What is held out of the labelled pixels: whole regions, never single pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region
from napari_unetpp.train.corrections import Lesson, narrowed

MARGIN = 16
"""Pixels around a held-out block from which nothing is learned."""

SHARE = 0.12
"""Share of the labelled pixels that is held out, about."""

SIDES = (128, 96, 64, 48, 32)
"""Sides of blocks that are tried, large ones first (px of the working grid)."""

WHOLE_FROM = 4
"""From this many planes on, whole planes are held out."""

FEWEST = 40
"""Held-out pixels of foreground, and of background, that a validation needs; three times as many stay."""

MOST = 1_000_000
"""Held-out pixels in all, about: what a validation may cost."""

LEAST = 40_000
"""Held-out pixels that are allowed however little time there is."""

FEWEST_BLOCKS = 6
"""Blocks with foreground and background that there must be, so that most stay to learn from."""


@dataclass(frozen=True, slots=True)
class Block:
    """A held-out region of the lesson with number `lesson`."""

    lesson: int
    region: Region


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out blocks, and in words what they are; no blocks and no words: no validation."""

    blocks: tuple[Block, ...] = ()
    words: str = ""
    planes: bool = False


def hold_out(
    lessons: Sequence[Lesson], rng: np.random.Generator, affordable: float = float("inf")
) -> HeldOut:
    """Choose what is held out: whole planes from four planes on, else blocks of the labelled area.

    Foreground and background are in the held-out part, and more of both stays to learn from;
    where that cannot be had, nothing is held out.

    Parameters
    ----------
    lessons : sequence of Lesson
    rng : Generator
    affordable : float
        Pixels that there is time to look at, again and again.
    """
    most = min(MOST, max(affordable, LEAST))
    if len(lessons) >= WHOLE_FROM:
        held = _hold_out_planes(lessons, most, rng)
        if held.blocks:
            return held
    for side in SIDES:
        held = _hold_out_blocks(lessons, side, most, rng)
        if held.blocks:
            return held
    return HeldOut()


def without(lessons: Sequence[Lesson], held: HeldOut) -> list[Lesson]:
    """The lessons with nothing known, and nothing distilled, in and near the held-out blocks."""
    out = []
    for n, lesson in enumerate(lessons):
        learned = np.ones(lesson.shape, bool)
        for block in held.blocks:
            if block.lesson == n:
                learned[_grown(block.region, lesson.shape).slices] = False
        if held.planes and any(block.lesson == n for block in held.blocks):
            learned[:] = False
        out.append(narrowed(lesson, learned))
    return out


def _grown(region: Region, shape: tuple[int, int]) -> Region:
    return Region(
        max(0, region.y0 - MARGIN),
        max(0, region.x0 - MARGIN),
        min(shape[0], region.y1 + MARGIN),
        min(shape[1], region.x1 + MARGIN),
    )


def _counts(lesson: Lesson, region: Region) -> NDArray[np.int64]:
    """Known foreground and background pixels of a region."""
    known, labels = lesson.known[region.slices], lesson.labels[region.slices]
    inside = int(np.count_nonzero(known & (labels > 0)))
    return np.array([inside, int(np.count_nonzero(known)) - inside])


def _whole(lesson: Lesson) -> Region:
    return Region(0, 0, *lesson.shape)


def _hold_out_planes(lessons: Sequence[Lesson], most: float, rng: np.random.Generator) -> HeldOut:
    """About a sixth of the planes, at least one, that hold foreground and background."""
    counts = [_counts(lesson, _whole(lesson)) for lesson in lessons]
    wanted = max(1, round(SHARE * len(lessons)))
    held: list[int] = []
    for n in rng.permutation(len(lessons)):
        if len(held) < wanted and counts[n].min() >= FEWEST:
            held.append(int(n))
    rest = sum((counts[n] for n in range(len(lessons)) if n not in held), np.zeros(2, np.int64))
    if not held or rest.min() < 3 * FEWEST:
        return HeldOut()
    side = next((side for side in (512, 256) if side * side <= most), SIDES[0])
    blocks = [block for n in sorted(held) for block in _tiles(n, lessons[n], side)]
    blocks = _affordable(blocks, most, rng)
    names = ", ".join(lessons[n].name for n in sorted(held)[:3])
    more = f" and {len(held) - 3} more" if len(held) > 3 else ""
    plural = "s" if len(held) > 1 else ""
    return HeldOut(tuple(blocks), f"{len(held)} whole plane{plural} ({names}{more})", planes=True)


def _affordable(blocks: list[Block], most: float, rng: np.random.Generator) -> list[Block]:
    """As many blocks as a validation may hold, in their old order."""
    area = 0
    kept: list[int] = []
    for n in rng.permutation(len(blocks)):
        height, width = blocks[n].region.shape
        if not kept or area + height * width <= most:
            kept.append(int(n))
            area += height * width
    return [blocks[n] for n in sorted(kept)]


def _tiles(number: int, lesson: Lesson, side: int) -> list[Block]:
    """The blocks of a grid that hold known pixels."""
    height, width = lesson.shape
    starts = [(y, x) for y in range(0, height, side) for x in range(0, width, side)]
    regions = [Region(y, x, min(y + side, height), min(x + side, width)) for y, x in starts]
    return [Block(number, region) for region in regions if lesson.known[region.slices].any()]


def _hold_out_blocks(lessons: Sequence[Lesson], side: int, most: float, rng: np.random.Generator) -> HeldOut:
    """Blocks of one grid until the share is reached, those with foreground and background only."""
    blocks = [b for n, lesson in enumerate(lessons) for b in _tiles(n, lesson, side)]
    counts = [_counts(lessons[b.lesson], b.region) for b in blocks]
    total = sum(counts, np.zeros(2, np.int64))
    good = [n for n, count in enumerate(counts) if count.min() > 0]
    if len(good) < FEWEST_BLOCKS:
        return HeldOut()
    held = np.zeros(2, np.int64)
    area = 0
    chosen: list[int] = []
    for n in (good[k] for k in rng.permutation(len(good))):
        enough = held.sum() >= SHARE * total.sum() and held.min() >= FEWEST
        if enough or (chosen and area + side * side > most) or 2 * len(chosen) >= len(good):
            break
        chosen.append(n)
        held = held + counts[n]
        area += side * side
    found = HeldOut(tuple(blocks[n] for n in sorted(chosen)), _words(len(chosen), side))
    left = sum((_counts(x, _whole(x)) for x in without(lessons, found)), np.zeros(2, np.int64))
    return found if held.min() >= FEWEST and left.min() >= 3 * FEWEST else HeldOut()


def _words(count: int, side: int) -> str:
    return f"{count} block{'s' if count > 1 else ''} of {side} x {side} px of the labelled area"
