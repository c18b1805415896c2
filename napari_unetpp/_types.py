"""Frozen values that cross rooms: configurations, model cards, requests, events, results.

Nothing here imports torch, Qt or napari. Axes are always Y, X; images are
``(Y, X)`` or ``(Y, X, C)``; maps are ``(K, Y, X)``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Node = tuple[int, int]
"""Grid position (i, j) of node X^{i,j}: row i (resolution 1/2^i), column j."""

Task = Literal["instances", "semantic"]
Kind = Literal["labels", "mask", "probability"]
ShouldStop = Callable[[], bool]

LEVELS = (1, 2, 3, 4)
AUTO = 5
"""Where a level is asked for: every square as deep as it needs (see `engine.auto.early_exit`)."""

DEFAULT_WIDTHS = (32, 64, 128, 256, 512)

NESTED = ("unetpp", "unet-plus", "unet-ensemble")
PLAIN = ("unet", "unet-sum", "flat")
ARCHITECTURES = NESTED + PLAIN
"""Wirings of the grid; the plain ones have one head."""

ENCODERS = ("resnet18", "efficientnet-lite0")
"""Encoders that can take the place of the nodes X^{i,0}, i > 0 (see `net.encoder_plan`)."""

EDGE_CAP = 9
"""Pixels of the working grid at which the output ``edge_distance`` of an instance model is 1."""

SMALLEST_SCALE, LARGEST_SCALE = 1 / 16, 8.0
"""Between these an image can be shrunk or magnified before the network sees it."""

Supervision = Literal["deep", "last"]
SUPERVISIONS: tuple[Supervision, ...] = ("deep", "last")


def never_stop() -> bool:
    """The `should_stop` of work that nobody interrupts."""
    return False


class UnetppError(Exception):
    """An error whose text is meant for the user: what was given, expected, and what to do."""


class UsageError(UnetppError):
    """Options that contradict each other or the model, whatever the image; the command line exits with 2."""


# ---------------------------------------------------------------- the network


@dataclass(frozen=True, slots=True)
class NetConfig:
    """What is needed to build a network.

    Attributes
    ----------
    in_channels : int
        Channels of the input (grey images are replicated to 3).
    outputs : int
        Channels of every head.
    widths : tuple of int
        Channels per row i; ``len(widths) - 1`` is the depth of the full network. With an `encoder` its
        stages have channels of their own, and these are the widths of the other nodes.
    arch : str
        How the nodes of the grid are wired (see `net.graph`); ``"unetpp"`` is the nested U-Net.
    supervision : {"deep", "last"}
        ``deep``: a nested network has a head for every level. ``last``: for the deepest one alone, as
        in training without deep supervision, after which shallow heads would mean nothing.
    encoder : str
        One of `ENCODERS`, whose stages are the nodes X^{i,0}, i > 0; empty: our own nodes.
    """

    in_channels: int = 3
    outputs: int = 1
    widths: tuple[int, ...] = DEFAULT_WIDTHS
    arch: str = "unetpp"
    supervision: Supervision = "deep"
    encoder: str = ""

    @property
    def depth(self) -> int:
        """Deepest level of the full network."""
        return len(self.widths) - 1

    @property
    def levels(self) -> tuple[int, ...]:
        """Levels that have a head: all of them under deep supervision, else only the deepest."""
        one = self.arch in PLAIN or self.supervision == "last"
        return (self.depth,) if one else tuple(range(1, self.depth + 1))

    @property
    def multiple(self) -> int:
        """Images are edge-replicated to a multiple of this, whatever the level."""
        return 1 << self.depth


# ------------------------------------------------------------- the model card


@dataclass(frozen=True, slots=True)
class Normalisation:
    """How the range of intensities is measured, once per image (see `engine.input.normalise`).

    Attributes
    ----------
    low, high : float
        Percentiles of the pixels that become 0 and 1 (rule ``percentile``).
    rule : {"percentile", "robust"}
        ``robust``: from what stands out of the background, whatever share it covers. ``percentile``: between
        two percentiles, unless they are far from that.
    """

    low: float = 1.0
    high: float = 99.8
    rule: Literal["percentile", "robust"] = "percentile"


@dataclass(frozen=True, slots=True)
class ScaleSearch:
    """How the scale of an image with objects of unknown size is found (see `engine.input.scale_search`).

    Attributes
    ----------
    level : int
        Level of the network that looks at the sample.
    size : float
        What it costs where the objects found are an octave larger or smaller than the model's own, in octaves
        of the uncertainty per foreground pixel.
    fineness : float
        What an octave of magnification costs, in the same unit.
    unsure : float
        Uncertainty per foreground pixel from which nothing is believed: that at scale 1 of objects of the
        model's own size, with the costs above that at another scale.
    near : float
        A scale that differs by less than this factor from 1 becomes 1.
    """

    level: int = 2
    size: float = 0.7
    fineness: float = 0.2
    unsure: float = 3.5
    near: float = 1.2


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """How the working grid follows from the image.

    ``frame``: the longer side of its lit part becomes `value` px; ``pixel``: a pixel becomes
    `value` micrometres; ``object``: a typical object becomes `value` px in diameter, which is searched
    for as `search` says (None: the defaults of `ScaleSearch`) where nobody gives it.
    """

    kind: Literal["frame", "pixel", "object"] = "object"
    value: float = 20.0
    search: ScaleSearch | None = None


@dataclass(frozen=True, slots=True)
class ScaleChoice:
    """Working grid = input grid times `scale`; `reason` is a part of a sentence that says why.

    `weak`: nothing spoke for any scale, so that it is 1; the user had better say how large the objects are.
    """

    scale: float
    reason: str
    weak: bool = False


@dataclass(frozen=True, slots=True)
class DecodeRule:
    """How maps become labels (see `engine.decode.decode`). Everything is counted on the working grid.

    Attributes
    ----------
    threshold : float
        Foreground probability from which a pixel counts as foreground, in (0, 1).
    seeds : str
        The landscape whose summits are objects: the name of a separating output (``"edge_distance"``,
        ``"object_border"``; of older models ``"boundary"``, ``"distance"``, ``"centre"``) or ``"mask"``, the
        smoothed distance transform of the thresholded mask.
    seed_threshold : float
        What a summit must reach in the landscape, in [0, 1].
    min_size : int
        Smaller objects are dropped (pixels).
    prominence, prominence_share : float
        How far a summit must rise above the pass to a higher one, in the slightly smoothed landscape: the
        larger of `prominence` (of ``"edge_distance"`` 1 px is 1 / `EDGE_CAP`) and this share of its height.
        Both 0: every connected part above `seed_threshold` is a seed.
    """

    threshold: float = 0.5
    seeds: Literal["boundary", "distance", "centre", "edge_distance", "object_border", "mask"] = "mask"
    seed_threshold: float = 0.5
    min_size: int = 15
    prominence: float = 0.0
    prominence_share: float = 0.0


@dataclass(frozen=True, slots=True)
class LevelScores:
    """Quality and cost of one level; what is undefined is None, never 0."""

    dice: float | None
    iou: float | None
    ap50: float | None
    parameters: int
    seconds_per_megapixel: float | None = None


@dataclass(frozen=True, slots=True)
class ScoreSet:
    """Scores of all levels on one set of images."""

    data: str
    images: int
    levels: Mapping[int, LevelScores]


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """When Auto goes no deeper in a square of the working grid (see `engine.auto.early_exit`).

    At level d, `doubt[d - 1]` times the mean uncertainty of the square plus `change[d - 1]` times the share
    of its pixels that changed since level d - 1 is the share of its pixels expected to change on the
    way to the deepest level. It goes deeper while that is more than `limit`.

    Attributes
    ----------
    doubt, change : tuple of float
        One value for each level but the deepest; at level 1 nothing has changed yet.
    limit : float
    tolerance : float
        Dice that Auto was allowed to lose against the deepest level on the validation data.
    share : float
        FLOPs executed there, as a share of those of the deepest level.
    scores : LevelScores
        Of Auto, on the validation data.
    square : int
        Side of a square, px.
    """

    doubt: tuple[float, ...]
    change: tuple[float, ...]
    limit: float
    tolerance: float
    share: float
    scores: LevelScores
    square: int = 16


@dataclass(frozen=True)
class ModelInfo:
    """The model card, stored as metadata of the model file.

    Attributes
    ----------
    name : str
        Short name, also the stem of the file.
    outputs : tuple of str
        Names of the head channels. Instances: ``"foreground"`` first, then separating
        outputs, each a sigmoid. Semantic with one class: one sigmoid. Semantic with
        several: softmax, ``"background"`` first.
    classes : tuple of str
        Foreground classes.
    validation : ScoreSet or None
        Held-out part of the training data; chose thresholds and levels.
    test : ScoreSet or None
        Measured once, never used to choose anything.
    stopping : StoppingRule or None
        Without it there is no Auto.
    provenance : mapping
        data, licence, parent, corrections, steps, seed, versions, command.
    path, sha256
        Filled in when the file is read.
    """

    name: str
    task: Task
    classes: tuple[str, ...]
    outputs: tuple[str, ...]
    net: NetConfig
    title: str = ""
    licence: str = ""
    normalisation: Normalisation = Normalisation()
    sampling: SamplingRule = SamplingRule()
    decode: DecodeRule = DecodeRule()
    recommended_level: int = 4
    validation: ScoreSet | None = None
    test: ScoreSet | None = None
    stopping: StoppingRule | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None
    sha256: str | None = None


# ------------------------------------------------------------------ geometry


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle ``[y0, y1) x [x0, x1)`` in pixels."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the rectangle in an array whose last axes are Y, X."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def shifted(self, dy: int, dx: int) -> Region:
        """The same rectangle seen from an origin at (-dy, -dx)."""
        return Region(self.y0 + dy, self.x0 + dx, self.y1 + dy, self.x1 + dx)


@dataclass(frozen=True, slots=True)
class Spot:
    """A pixel, and a value there."""

    y: int
    x: int
    value: float


# ---------------------------------------------------------- prediction: values


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
    glance : bool
        Somebody waits: show level 1 of all visible tiles first, also where that is computed twice.
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
    glance: bool = False
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
    """A part of a live tile at level 1, before the `TileDone` that holds it: something to look at."""

    generation: int
    region: Region
    maps: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PredictDone:
    """The end of a prediction, complete or stopped. `flops` were executed, halos included."""

    generation: int
    level: int
    seconds: float
    nodes_computed: int
    nodes_reused: int
    stopped: bool
    flops: int = 0


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


# ------------------------------------------------- learning from corrections

Outline = tuple[str, tuple[tuple[float, float], ...]]
"""Kind of a shape (``rectangle``, ``polygon``, ``ellipse``) and its corners (y, x)."""

LabelsAs = Literal["corrections", "reviewed", "sparse"]
"""What the user's labels say.

``corrections``: pixels in `certain` are true, the rest is left to the model's own prediction.
``reviewed``: every pixel that is not ignored is true, background included.
``sparse``: 0 is unlabelled; one label value, if named, is background.
"""


@dataclass(frozen=True, eq=False)
class LabelledPlane:
    """One plane that the user labelled: what fine-tuning learns from.

    Attributes
    ----------
    name : str
        Unique in a request; the stem of its files.
    image : ndarray of shape (Y, X) or (Y, X, C)
        As the user gave it, not normalised.
    labels : integer ndarray of shape (Y, X)
        Objects (instances) or classes (semantic); 0 as `labels_as` says.
    labels_as : LabelsAs
    certain : ndarray of bool, shape (Y, X), or None
        Pixels that the user decided; needed by ``corrections``, unused otherwise.
    ignore : ndarray of bool, shape (Y, X), or None
        Pixels that count nowhere (outside reviewed regions, too).
    background : int or None
        ``sparse``: the label value that stands for background.
    scale : float or None
        Working grid = input grid times `scale`; None: decided as for segmenting (see `engine.input.scale`).
    objects : bool
        Whether labels tell objects apart (instance models learn to separate from these only).
    range : (float, float) or None
        Intensities that become 0 and 1; None: measured.
    regions : tuple of Outline
        Outlines of what was reviewed. Learning needs `ignore` only; with them the dock goes on after a crash.
    ignored : ndarray of bool, shape (Y, X), or None
        With `regions`: the part of `ignore` that was painted, not merely left outside of them.
    """

    name: str
    image: NDArray[Any]
    labels: NDArray[Any]
    labels_as: LabelsAs = "corrections"
    certain: NDArray[np.bool_] | None = None
    ignore: NDArray[np.bool_] | None = None
    background: int | None = None
    scale: float | None = None
    objects: bool = True
    range: tuple[float, float] | None = None
    regions: tuple[Outline, ...] = ()
    ignored: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class FinetuneRequest:
    """Everything a fine-tuning was asked for.

    Attributes
    ----------
    model : ModelInfo
        The parent; its file is read, never written.
    planes : tuple of LabelledPlane
        All corrections of the sitting.
    seconds, steps : float or None, int or None
        The run ends when either is reached. Seconds are what the user waits: preparation and validation
        are included, loading the model is not.
        The same steps, seed, device and labels give the same weights.
    name : str or None
        Name of the new model; None derives one from the parent's.
    classes : tuple of str
        Semantic models: further classes to add to the heads, after the parent's own.
    precision : {"auto", "float32", "bfloat16"}
        Number format of the convolutions.
    """

    model: ModelInfo
    planes: tuple[LabelledPlane, ...]
    seconds: float | None = 60.0
    steps: int | None = None
    seed: int = 0
    device: str = "auto"
    name: str | None = None
    classes: tuple[str, ...] = ()
    precision: str = "auto"


@dataclass(frozen=True, slots=True)
class FinetuneStarted:
    """Learning begins. `held_out` says in words what is held out; empty: no validation."""

    planes: int
    held_out: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FinetuneProgress:
    """A point of the live chart: mean loss since the last one; Dice per level on held-out pixels."""

    step: int
    seconds: float
    fraction: float
    loss: float
    dice: Mapping[int, float]


@dataclass(frozen=True, eq=False)
class FinetuneDone:
    """The end, complete or stopped.

    Attributes
    ----------
    info : ModelInfo
        Card of the new model (validation = `after`); no file yet: `files.models.model_file.save_model`.
    tensors : mapping from name to Tensor
        State dict of the best weights so far.
    before, after : ScoreSet or None
        Parent and new model on the same held-out pixels; None: no validation.
    better : bool or None
        Whether the new model is better there, at the level recommended for it; None: no validation.
    notes : tuple of str
        Sentences for the user.
    """

    info: ModelInfo
    tensors: Mapping[str, Any]
    before: ScoreSet | None
    after: ScoreSet | None
    better: bool | None
    steps: int
    seconds: float
    stopped: bool
    notes: tuple[str, ...] = ()


FinetuneEvent = FinetuneStarted | FinetuneProgress | FinetuneDone
