"""On which side of its dot a label stands, so that labels cover neither each other nor other dots."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom; px, downwards."""

DOT = 6.0
"""Half the side of a dot, px."""

SIDES: tuple[Point, ...] = ((0.0, -1.0), (0.0, 1.0), (1.0, 0.0), (-1.0, 0.0))
"""Above, below, right, left, in the order in which they are tried."""


def sides(dots: Sequence[Point], sizes: Sequence[Point], area: Box | None = None) -> list[Point]:
    """The side for each label: the first that is free, else the one that covers least.

    Parameters
    ----------
    dots : sequence of (float, float)
        Where the dots are: x and y, px, y downwards.
    sizes : sequence of (float, float)
        Width and height of the labels, px.
    area : Box, optional
        What can be seen: what sticks out of it counts as covered.
    """
    taken: list[Box] = []
    chosen: list[Point] = []
    for number, (dot, size) in enumerate(zip(dots, sizes, strict=True)):
        others = [_around(x, y, DOT, DOT) for at, (x, y) in enumerate(dots) if at != number]
        covered = {
            side: sum(_shared(_box(dot, size, side), one) for one in (*taken, *others)) for side in SIDES
        }
        for side in SIDES:
            box = _box(dot, size, side)
            covered[side] += 0.0 if area is None else _shared(box, box) - _shared(box, area)
        side = min(SIDES, key=lambda one: covered[one])
        taken.append(_box(dot, size, side))
        chosen.append(side)
    return chosen


def offset(size: Point, side: Point) -> Point:
    """From the dot to the middle of the label."""
    return side[0] * (DOT + size[0] / 2), side[1] * (DOT + size[1] / 2)


def _box(dot: Point, size: Point, side: Point) -> Box:
    away = offset(size, side)
    return _around(dot[0] + away[0], dot[1] + away[1], size[0] / 2, size[1] / 2)


def _around(x: float, y: float, half_width: float, half_height: float) -> Box:
    return x - half_width, y - half_height, x + half_width, y + half_height


def _shared(one: Box, other: Box) -> float:
    """The area that both cover."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)
