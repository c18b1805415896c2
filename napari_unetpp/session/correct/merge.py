"""The rules of correcting: what survives a new prediction, what counts. Pure functions of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Outline
from napari_unetpp.session.segment.objects import small_dtype

IGNORE_LABEL = 65535
"""Label that counts nowhere; the largest that fits into 16 bits."""

FEW = 12
"""Up to as many objects are looked for one by one."""

AREAS = ("rectangle", "polygon", "ellipse")
"""Kinds of shapes that have an inside."""

Ints = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]


def merge(prediction: Ints, corrected: Ints, certain: Mask, *, objects: bool) -> Ints:
    """Take the user's pixels where they decided, the new prediction elsewhere.

    Objects keep the numbers the user gave them; predicted ones get numbers that clash with none.

    Parameters
    ----------
    prediction, corrected : integer ndarray of shape (Y, X)
    certain : ndarray of bool, shape (Y, X)
        Pixels that the user decided in `corrected`.
    objects : bool
        Numbers tell objects apart; False: they are classes and stay what they are.

    Notes
    -----
    A predicted object continues the user's object that most of its undecided pixels belonged to. One
    that the user mostly painted over, or erased, leaves no rim. One that the user cut falls into pieces.
    """
    if not objects:
        return small_dtype(np.where(certain, corrected, prediction))
    if not certain.any():
        return small_dtype(prediction)
    if certain.all():
        return small_dtype(np.array(corrected))
    users = np.setdiff1d(_numbers(corrected[certain]), [0, IGNORE_LABEL])
    involved = np.setdiff1d(_numbers(prediction[certain | _holds(corrected, users)]), [0])
    # all pixels of the others are decided
    involved = np.intersect1d(involved, _numbers(prediction[~certain]))
    merged, top = _renumbered(prediction, users)
    boxes = _boxes(prediction, involved.tolist())
    for number in involved.tolist():
        box = boxes[number]
        own = prediction[box] == number
        top = _number_undecided(merged[box], own, corrected[box], certain[box], users, top)
    merged[certain] = corrected[certain]
    return small_dtype(merged.view(np.uint32))


def _renumbered(prediction: Ints, users: NDArray[Any]) -> tuple[NDArray[np.int32], int]:
    """The prediction without the numbers that the user gave, and the highest number in use."""
    top = int(max(prediction.max(initial=0), users.max(initial=0)))
    new = np.arange(top + 1, dtype=np.int32)
    for number in np.intersect1d(np.append(users, IGNORE_LABEL), _numbers(prediction)).tolist():
        top = _next(top)
        new[number] = top
    return new[prediction], top


def _numbers(labels: Ints) -> NDArray[Any]:
    """Numbers that there are; counting takes a tenth of the time of sorting."""
    if labels.size and int(labels.max()) > labels.size + IGNORE_LABEL:
        return np.unique(labels)
    return np.flatnonzero(np.bincount(labels.ravel()))


def _holds(labels: Ints, numbers: NDArray[Any]) -> Mask:
    """Pixels that have one of the numbers; a few are faster one by one."""
    if len(numbers) > FEW:
        lut = np.zeros(int(max(labels.max(initial=0), numbers.max())) + 1, bool)
        lut[numbers] = True
        return lut[labels]
    found = np.zeros(labels.shape, bool)
    for number in numbers:
        found |= labels == number
    return found


def _boxes(labels: Ints, numbers: Sequence[int]) -> dict[int, tuple[slice, slice]]:
    """Bounding boxes of those of the numbers that there are; a few are faster one by one."""
    if len(numbers) > FEW:
        from scipy import ndimage

        every = ndimage.find_objects(labels.astype(np.int32))
        within = (number for number in numbers if 0 < number <= len(every))
        return {number: every[number - 1] for number in within if every[number - 1] is not None}
    boxes = {}
    for number in numbers:
        own = labels == number
        rows = np.flatnonzero(own.any(axis=1))
        if rows.size:
            columns = np.flatnonzero(own[rows[0] : rows[-1] + 1].any(axis=0))
            boxes[number] = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return boxes


def _next(top: int) -> int:
    return top + 1 + (top + 1 == IGNORE_LABEL)


def _number_undecided(
    merged: NDArray[np.int32],
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
    drawn, share = _commonest(corrected[free])  # the user's object that extends below the undecided pixels
    if drawn in users and 2 * share > count:
        merged[free] = drawn
        return top
    decided, share = _commonest(corrected[own & certain])
    if 2 * share > int(own.sum()):
        merged[free] = decided if decided in users else 0
        return top
    return _pieces(merged, free, top) if share else top


def _pieces(merged: NDArray[np.int32], free: Mask, top: int) -> int:
    """Give every further connected piece of a cut object a number of its own."""
    from scipy import ndimage

    pieces, count = ndimage.label(free, np.ones((3, 3), bool))
    for piece in range(2, count + 1):
        top = _next(top)
        merged[pieces == piece] = top
    return top


def _commonest(values: Ints) -> tuple[int, int]:
    if not values.size:
        return 0, 0
    numbers, counts = np.unique(values, return_counts=True)
    best = int(counts.argmax())
    return int(numbers[best]), int(counts[best])


def to_strokes(labels: Ints, certain: Mask, background: int) -> tuple[Ints, Mask]:
    """What the user decided as strokes on nothing: 0 is unlabelled, `background` stands for background."""
    strokes = np.where(labels == 0, background, labels)
    return small_dtype(np.where(certain, strokes, 0)), certain


def from_strokes(labels: Ints, certain: Mask, background: int) -> tuple[Ints, Mask]:
    """The other way round: 0 is background, what has no label was not decided."""
    return small_dtype(np.where(labels == background, 0, labels)), certain & (labels != 0)


def separate(labels: Ints) -> Ints:
    """Connected parts of equal labels, numbered from 1."""
    from skimage.measure import label

    parts: Ints = label(labels, connectivity=1)
    return parts


def free_label(labels: Ints) -> int:
    """A number that no object has yet."""
    top = int(labels.max(initial=0))
    if top >= IGNORE_LABEL:  # else nothing is ignored, and a copy is saved
        top = int(labels[labels != IGNORE_LABEL].max(initial=0))
    return _next(top)


def count_corrections(labels: Ints, certain: Mask) -> int:
    """Connected patches that the user decided, each of one label."""
    if not certain.any():
        return 0
    from scipy import ndimage

    rows, columns = np.flatnonzero(certain.any(axis=1)), np.flatnonzero(certain.any(axis=0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    inside = certain[box]
    top = int(labels.max(initial=0)) + 1
    if inside.all():
        kinds = labels[box].ravel()
    else:
        patches = ndimage.label(inside, np.ones((3, 3), bool))[0][inside]
        kinds = patches.astype(np.int64) * top + labels[box][inside]
    begins = np.flatnonzero(np.diff(kinds)) + 1  # few where many pixels in a row are of one kind
    return len(np.unique(kinds[np.append(0, begins)]))


@lru_cache(maxsize=4)
def inside_outlines(outlines: tuple[Outline, ...], shape: tuple[int, int]) -> Mask | None:
    """Pixels inside any of the outlines; None where there are none. Asked for after every stroke."""
    from skimage.draw import polygon2mask

    inside = np.zeros(shape, bool)
    areas = [_corners(kind, np.array(corners)) for kind, corners in outlines if kind in AREAS]
    for corners in areas:
        inside |= polygon2mask(shape, corners)
    inside.flags.writeable = False
    return inside if areas else None


def _corners(kind: str, points: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    if kind != "ellipse":
        return points
    centre = points.mean(axis=0)
    first, second = (points[1] - points[0]) / 2, (points[2] - points[1]) / 2
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)[:, None]
    return np.asarray(centre + np.cos(angle) * first + np.sin(angle) * second)
