"""The model card as it is stored: every field with its type and range (pydantic).

Fields with a default were added later: older files lack them. Unknown fields are ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from napari_unetpp import _types as types
from napari_unetpp.net import encoder_plan

Text = Annotated[str, Field(strict=True)]
Names = Annotated[tuple[Text, ...], Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Percentile = Annotated[float, Field(ge=0, le=100, strict=True)]
Count = Annotated[int, Field(ge=0, le=10**12, strict=True)]
Channels = Annotated[int, Field(ge=1, le=8192, strict=True)]
Positive = Annotated[float, Field(ge=0, le=1e12, strict=True)]
Weight = Annotated[float, Field(ge=0, le=1e6, strict=True)]


class Part(BaseModel):
    """A part of the card that stands for a frozen value of the package."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)
    stands_for: ClassVar[type[Any]]

    def frozen(self) -> Any:
        """The value."""
        return self.stands_for(**{name: _frozen(field) for name, field in self})


def _frozen(field: Any) -> Any:
    if isinstance(field, Part):
        return field.frozen()
    return {key: _frozen(item) for key, item in field.items()} if isinstance(field, dict) else field


class Net(Part):
    """The network."""

    stands_for = types.NetConfig

    in_channels: Channels
    outputs: Channels
    widths: Annotated[tuple[Channels, ...], Field(min_length=2, max_length=9)]
    arch: Literal[types.ARCHITECTURES]  # type: ignore[valid-type]
    supervision: types.Supervision = "deep"
    encoder: Text = ""

    @model_validator(mode="after")
    def _known_encoder(self) -> Net:
        if not self.encoder:
            return self
        if self.encoder not in types.ENCODERS:
            raise types.UnetppError(
                f"the network has the encoder {self.encoder[:40]!r}, and this napari-unetpp knows "
                f"{' and '.join(types.ENCODERS)}. Update napari-unetpp."
            )
        stages = encoder_plan.encoder(self.encoder).stages
        if self.arch != "unetpp" or len(self.widths) > len(stages) + 1:
            raise ValueError(f"{self.arch} with widths {self.widths} on the encoder {self.encoder}")
        return self


class Normalisation(Part):
    """How the range of intensities is measured."""

    stands_for = types.Normalisation

    low: Percentile
    high: Percentile
    rule: Literal["percentile", "robust"] = "percentile"


class Search(Part):
    """How the scale is searched for."""

    stands_for = types.ScaleSearch

    level: Annotated[int, Field(ge=1, strict=True)]
    size: Annotated[float, Field(ge=0, le=1e3, strict=True)]
    fineness: Annotated[float, Field(ge=0, le=1e3, strict=True)]
    unsure: Weight
    near: Annotated[float, Field(ge=1, le=1e3, strict=True)]


class Sampling(Part):
    """How the working grid follows from the image."""

    stands_for = types.SamplingRule

    kind: Literal["frame", "pixel", "object"]
    value: Annotated[float, Field(ge=1e-6, le=1e6, strict=True)]
    search: Search | None = None


class Decode(Part):
    """How maps become labels."""

    stands_for = types.DecodeRule

    threshold: Share
    seeds: Literal["boundary", "distance", "centre", "edge_distance", "object_border", "mask"]
    seed_threshold: Share
    min_size: Count
    prominence: Share = 0.0
    prominence_share: Share = 0.0


class Scores(Part):
    """Scores of one level."""

    stands_for = types.LevelScores

    dice: Positive | None
    iou: Positive | None
    ap50: Positive | None
    parameters: Count
    seconds_per_megapixel: Positive | None


class Measured(Part):
    """Scores of all levels on one set of images."""

    stands_for = types.ScoreSet

    data: Text
    images: Count
    levels: dict[int, Scores]


class Stopping(Part):
    """The rule by which Auto stops."""

    stands_for = types.StoppingRule

    doubt: tuple[Weight, ...]
    change: tuple[Weight, ...]
    limit: Share
    tolerance: Share
    share: Weight
    scores: Scores
    square: Annotated[int, Field(ge=1, le=4096, strict=True)]

    def check(self, net: types.NetConfig) -> None:
        """Raise ValueError unless the rule fits the network."""
        every = net.levels == tuple(range(1, net.depth + 1))
        if not every or not len(self.doubt) == len(self.change) == net.depth - 1:
            raise ValueError(
                f"a stopping rule for {len(self.doubt)} levels of a network with {len(net.levels)} heads"
            )
        if self.square % net.multiple:
            raise ValueError(f"squares of {self.square} px, not a multiple of {net.multiple}")


class Card(Part):
    """The whole card; what belongs to a file (`path`, `sha256`) is not part of it."""

    stands_for = types.ModelInfo

    name: Text
    task: types.Task
    classes: Names
    outputs: Names
    net: Net
    title: Text
    licence: Text
    normalisation: Normalisation
    sampling: Sampling
    decode: Decode
    recommended_level: Annotated[int, Field(strict=True)]
    validation: Measured | None
    test: Measured | None
    stopping: Stopping | None = None
    provenance: dict[str, Any]

    @model_validator(mode="after")
    def _fits_together(self) -> Card:
        net, seeds, search = self.net.frozen(), self.decode.seeds, self.sampling.search
        if len(self.outputs) != net.outputs:
            raise ValueError(f"{len(self.outputs)} output names for {net.outputs} outputs")
        if not net.levels[0] <= self.recommended_level <= net.depth:
            raise ValueError(f"level {self.recommended_level} is recommended, of levels {net.levels}")
        if self.task == "instances" and seeds != "mask" and seeds not in self.outputs:
            raise ValueError(f"the seeds come from {seeds!r}, which is not an output")
        if search is not None and search.level > net.depth:
            raise ValueError(f"the scale is searched for at level {search.level}, of levels {net.levels}")
        if self.stopping is not None:
            self.stopping.check(net)
        return self
