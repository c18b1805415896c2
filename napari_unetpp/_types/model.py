"""The model card: what a model finds, by which rules, and how well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from napari_unetpp._types.image_rules import SEARCH_WITH_OLDER_MAPS, Normalisation, SamplingRule, ScaleSearch
from napari_unetpp._types.network import NetConfig
from napari_unetpp._types.object_rules import DecodeRule

Task = Literal["instances", "semantic"]


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
    """When Auto goes no deeper in a square of the working grid (see `engine.auto.stopping`).

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
    normalisation: Normalisation = field(default_factory=Normalisation)
    sampling: SamplingRule = field(default_factory=SamplingRule)
    decode: DecodeRule = field(default_factory=DecodeRule)
    recommended_level: int = 4
    validation: ScoreSet | None = None
    test: ScoreSet | None = None
    stopping: StoppingRule | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None
    sha256: str | None = None

    @property
    def search(self) -> ScaleSearch:
        """How the scale of an image is searched for: as the card says, else the defaults for its outputs."""
        older = "edge_distance" not in self.outputs
        return self.sampling.search or (SEARCH_WITH_OLDER_MAPS if older else ScaleSearch())
