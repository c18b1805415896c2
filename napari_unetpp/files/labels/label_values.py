"""Values of labels: whole numbers from 0, of any data type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import UnetppError

LARGEST_FLOAT = 2**53
"""Above this not every whole number is a float64."""


def whole_numbers(labels: NDArray[Any], whose: object) -> NDArray[Any]:
    """Labels of any integer or boolean type, or of floats that are whole, as unsigned integers.

    Parameters
    ----------
    labels : ndarray of shape (Y, X)
    whose : object
        The file or image that a message names.

    Raises
    ------
    UnetppError
        Values that are negative, not whole, NaN or infinite, or a type that is no number.
    """
    kind = labels.dtype.kind
    if kind == "u":
        return labels
    if kind == "b":
        return labels.astype(np.uint8)
    if kind not in "if":
        raise UnetppError(f"{whose} has labels of type {labels.dtype}; expected whole numbers 0, 1, 2, ...")
    if not _are_whole(labels):
        raise UnetppError(
            f"{whose} has labels that are negative or not whole; expected whole numbers 0, 1, 2, ..."
        )
    return labels.astype(np.uint32 if int(labels.max(initial=0)) < 2**32 else np.uint64)


def _are_whole(labels: NDArray[Any]) -> bool:
    if labels.dtype.kind == "i":
        return bool(labels.min(initial=0) >= 0)
    exact = labels.astype(np.float64, copy=False)
    whole = (exact >= 0) & (exact < LARGEST_FLOAT) & (exact == np.floor(exact))  # NaN is none of them
    return bool(whole.all())
