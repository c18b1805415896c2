"""Prediction of one plane: request, events and result.

Images have shape ``(Y, X)`` or ``(Y, X, C)``, maps ``(K, Y, X)``.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types.geometry import Region

Kind = Literal["labels", "mask", "probability"]


@dataclass(frozen=True, slots=True)
class ScaleChoice:
    """Working grid = input grid times `scale`; `reason` is a part of a sentence that says why.

    `weak`: the image gave no evidence for any scale, so that it is 1; a size given by the user is better.
    `searched`: no user gave it for this image, and no rule that holds for every image.
    """

    scale: float
    reason: str
    weak: bool = False
    searched: bool = False


@dataclass(frozen=True, eq=False)
class PredictRequest:
    """Everything a prediction needs to know about one plane.

    Attributes
    ----------
    image : ndarray of shape (Y, X) or (Y, X, C)
        One plane on its own grid, any real dtype.
    plane : hashable
        Identity of the plane in the node cache; None switches the cache off.
    level : int
        Level asked for, 1-4, or `AUTO`.
    scale : float
        Working grid = input grid times `scale`.
    viewport : Region or None
        Part (input grid) that is done first, with cached nodes; None: the whole plane.
    all_levels : bool
        Also give the maps of the shallower levels (they are free).
    known : tuple of int
        Levels whose maps the caller has: they are not given again.
    preview : bool
        Give level 1 of all visible tiles first, also where it is then computed twice.
    generation : int
        Number of the request; answers of older ones are dropped.
    range : (float, float) or None
        Intensities that become 0 and 1; None: measured.
    """

    image: NDArray[Any]
    plane: Hashable
    level: int
    scale: float = 1.0
    viewport: Region | None = None
    all_levels: bool = True
    known: tuple[int, ...] = ()
    preview: bool = False
    generation: int = 0
    range: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class PredictStarted:
    """The plan is made. `shape` is the working grid."""

    generation: int
    shape: tuple[int, int]
    levels: tuple[int, ...]
    tiles: int


@dataclass(frozen=True, eq=False)
class TileDone:
    """One tile at one level.

    Attributes
    ----------
    region : Region
        Of the working grid.
    maps : ndarray of float32, shape (K, h, w), in [0, 1]
    depth : ndarray of uint8, shape (h, w), or None
        Of `AUTO`: the level from which each pixel comes.
    """

    generation: int
    level: int
    region: Region
    maps: NDArray[np.float32]
    done: int
    total: int
    depth: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class Preview:
    """A part of a tile at level 1, shown until the `TileDone` of the tile comes."""

    generation: int
    region: Region
    maps: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PredictDone:
    """The end of a prediction, complete or stopped.

    Attributes
    ----------
    flops : int
        Executed, halos included.
    known_level : int or None
        The level whose nodes, and no others, were cached for the whole plane before; 0: there were none;
        None: parts of the plane differed.
    compiled : bool
        Whether graphs were compiled meanwhile: another run of the same size is faster.
    """

    generation: int
    level: int
    seconds: float
    nodes_computed: int
    nodes_reused: int
    stopped: bool
    flops: int = 0
    known_level: int | None = None
    compiled: bool = False


PredictEvent = PredictStarted | Preview | TileDone | PredictDone


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Result of `segment`, on the input grid.

    Attributes
    ----------
    labels : ndarray of uint32, shape (Y, X)
        Instances, or class numbers for semantic models.
    mask : ndarray of bool, shape (Y, X)
    probability : ndarray of float32, shape (C, Y, X)
        Foreground classes only; C = 1 for instances.
    level : int
        `AUTO` (5) where every square was evaluated as deeply as it needed.
    uncertainty : ndarray of float32, shape (Y, X)
        Entropy of the foreground probability about the threshold, in [0, 1].
    depth : ndarray of uint8, shape (Y, X)
        The level from which each pixel comes.
    scale : float
        Working grid = input grid times `scale`.
    scale_reason : str
        Why, as a part of a sentence.
    range : (float, float)
        Intensities that were 0 and 1 for the network.
    notes : tuple of str
        What was unusual about the input and how it was handled.
    precision : str
        Number format of the network, for example ``"float32"``.
    model, model_sha256 : str
        Name of the model, and the hash of its file.
    version : str
        Of this package.
    """

    labels: NDArray[np.uint32]
    mask: NDArray[np.bool_]
    probability: NDArray[np.float32]
    level: int
    uncertainty: NDArray[np.float32]
    depth: NDArray[np.uint8]
    scale: float
    scale_reason: str
    range: tuple[float, float]
    notes: tuple[str, ...] = ()
    precision: str = ""
    model: str = ""
    model_sha256: str = ""
    version: str = ""
