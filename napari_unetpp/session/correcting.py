"""The rules of correcting: what survives a new prediction, what counts. Pure functions of arrays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.session.painting import small_dtype

IGNORE = 65535
"""Label that counts nowhere; the largest that fits into 16 bits."""

Ints = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]
Outline = tuple[str, NDArray[np.floating[Any]]]
"""Kind of a shape (``rectangle``, ``polygon``, ``ellipse``) and its corners in (Y, X)."""


def merge(
    prediction: Ints, corrected: Ints, certain: Mask, *, objects: bool, reserved: Collection[int] = ()
) -> Ints:
    """Take the user's pixels where they decided, the new prediction elsewhere.

    Objects keep the numbers the user gave them; predicted ones get numbers that clash with none.

    Parameters
    ----------
    prediction, corrected : integer ndarray of shape (Y, X)
    certain : ndarray of bool, shape (Y, X)
        Pixels that the user decided in `corrected`.
    objects : bool
        Numbers tell objects apart; False: they are classes and stay what they are.
    reserved : collection of int
        Numbers that no predicted object gets.

    Notes
    -----
    A predicted object continues the user's object that most of its undecided pixels belonged to. One
    that the user mostly painted over, or erased, leaves no rim. One that the user cut falls into pieces.
    """
    if not objects:
        return small_dtype(np.where(certain, corrected, prediction))
    from scipy import ndimage

    users = np.setdiff1d(np.unique(corrected[certain]), [0, IGNORE])
    lut = _fresh(prediction, {*users.tolist(), *reserved, IGNORE})
    merged = lut[prediction]
    top = max(int(lut.max()), int(users.max(initial=0)))
    involved = certain | (np.isin(corrected, users) if users.size else certain)
    boxes = ndimage.find_objects(prediction.astype(np.int64, copy=False))
    for number in np.unique(prediction[involved]):
        if number:
            box = boxes[number - 1]
            own = prediction[box] == number
            top = _settle(merged[box], own, corrected[box], certain[box], users, top)
    merged[certain] = corrected[certain]
    return small_dtype(merged)


def _fresh(prediction: Ints, taken: Collection[int]) -> NDArray[np.int64]:
    """New numbers for the predicted ones: the old ones where they are free."""
    used = np.zeros(int(prediction.max(initial=0)) + 1, bool)
    for start in range(0, prediction.shape[0], 512):
        used[np.unique(prediction[start : start + 512])] = True
    lut = np.arange(used.size, dtype=np.int64)
    clashing = [n for n in taken if 0 < n < used.size and used[n]]
    top = max([used.size - 1, *(n for n in taken if n != IGNORE)])
    for number in clashing:
        top += 1 + (top + 1 == IGNORE)
        lut[number] = top
    return lut


def _settle(
    merged: NDArray[np.int64],
    own: Mask,
    corrected: Ints,
    certain: Mask,
    users: NDArray[Any],
    top: int,
) -> int:
    """Number the undecided pixels of one predicted object (`own`); returns the highest number in use."""
    free = own & ~certain
    count = int(free.sum())
    if not count:
        return top
    heir, share = _commonest(corrected[free])
    if heir in users and 2 * share > count:
        merged[free] = heir
        return top
    decided, share = _commonest(corrected[own & certain])
    if 2 * share > int(own.sum()):
        merged[free] = decided if decided in users else 0
        return top
    return _pieces(merged, free, top) if share else top


def _pieces(merged: NDArray[np.int64], free: Mask, top: int) -> int:
    """Give every further connected piece of a cut object a number of its own."""
    from scipy import ndimage

    pieces, count = ndimage.label(free, np.ones((3, 3), bool))
    for piece in range(2, count + 1):
        top += 1 + (top + 1 == IGNORE)
        merged[pieces == piece] = top
    return top


def _commonest(values: Ints) -> tuple[int, int]:
    if not values.size:
        return 0, 0
    numbers, counts = np.unique(values, return_counts=True)
    best = int(counts.argmax())
    return int(numbers[best]), int(counts[best])


def free_label(labels: Ints) -> int:
    """A number that no object has yet."""
    known = labels[labels != IGNORE]
    return int(known.max(initial=0)) + 1


def count_corrections(labels: Ints, certain: Mask) -> int:
    """Connected patches that the user decided, each of one label."""
    from skimage.measure import label

    rows, columns = np.flatnonzero(certain.any(axis=1)), np.flatnonzero(certain.any(axis=0))
    if not rows.size:
        return 0
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    values = np.where(certain[box], labels[box].astype(np.int64) + 1, 0)
    return int(label(values, connectivity=2).max())


def inside_outlines(outlines: Sequence[Outline], shape: tuple[int, int]) -> Mask | None:
    """Pixels inside any of the outlines; None where there are none."""
    from skimage.draw import polygon2mask

    inside = np.zeros(shape, bool)
    areas = [_corners(*outline) for outline in outlines if outline[0] in ("rectangle", "polygon", "ellipse")]
    for corners in areas:
        inside |= polygon2mask(shape, corners)
    return inside if areas else None


def _corners(kind: str, points: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    if kind != "ellipse":
        return points
    centre = points.mean(axis=0)
    first, second = (points[1] - points[0]) / 2, (points[2] - points[1]) / 2
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)[:, None]
    return np.asarray(centre + np.cos(angle) * first + np.sin(angle) * second)
