"""Stacks of real nuclei for the tests of this folder."""

from __future__ import annotations

import numpy as np
from PIL import Image

from napari_unetpp.files.models.model_list import SHIPPED

NUCLEI = np.asarray(Image.open(SHIPPED.parent / "samples" / "dense_fluorescence.png"))
SIDE = 96
TIMEOUT = 60_000


def stack_of(count: int, step: int = 3) -> np.ndarray:
    """Real nuclei that move by some pixels from plane to plane: (count, SIDE, SIDE)."""
    return np.stack([NUCLEI[n * step : n * step + SIDE, :SIDE] for n in range(count)])
