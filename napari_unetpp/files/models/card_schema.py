"""The model card as it is stored: every field with its type and range (pydantic).

Fields with a default were added later: older files lack them. Unknown fields are ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from napari_unetpp import _types as types
from napari_unetpp._types import LARGEST_SCALE, SMALLEST_SCALE
from napari_unetpp.net import encoder_plan

Text = Annotated[str, Field(strict=True)]
Names = Annotated[tuple[Text, ...], Field(min_length=1)]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Percentile = Annotated[float, Field(ge=0, le=100, strict=True)]
Count = Annotated[int, Field(ge=0, le=10**12, strict=True)]
Channels = Annotated[int, Field(ge=1, le=8192, strict=True)]
Positive = Annotated[float, Field(ge=0, le=1e12, strict=True)]
Weight = Annotated[float, Field(ge=0, le=1e6, strict=True)]


class CardPart(BaseModel):
    """A part of the card, from which a frozen value of the package is made."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)
    stands_for: ClassVar[type[Any]]

    def frozen(self) -> Any:
        """The value."""
        return self.stands_for(**{name: _frozen(field) for name, field in self})


def _frozen(field: Any) -> Any:
    if isinstance(field, CardPart):
        return field.frozen()
    return {key: _frozen(item) for key, item in field.items()} if isinstance(field, dict) else field


class NetPart(CardPart):
    """The network."""

    stands_for = types.NetConfig

    in_channels: Channels
    outputs: Channels
    widths: Annotated[tuple[Channels, ...], Field(min_length=2, max_length=9)]
    arch: Literal[types.ARCHITECTURES]  # type: ignore[valid-type]
    supervision: types.Supervision = "deep"
    encoder: Text = ""

    @field_validator("encoder", mode="before")
    @classmethod
    def _known(cls, encoder: object) -> object:
        if encoder not in ("", *types.ENCODERS):
            raise types.UnetppError(
                f"the network has the encoder {str(encoder)[:40]!r}, and this napari-unetpp knows "
                f"{' and '.join(types.ENCODERS)}. Update napari-unetpp."
            )
        return encoder

    @model_validator(mode="after")
    def _fits_the_encoder(self) -> NetPart:
        rows = len(encoder_plan.encoder(self.encoder).stages) + 1 if self.encoder else len(self.widths)
        if len(self.widths) > rows or (self.encoder and self.arch != "unetpp"):
            raise ValueError(f"{self.arch!r} with widths {self.widths} on the encoder {self.encoder}")
        return self


class NormalisationPart(CardPart):
    """How the range of intensities is measured."""

    stands_for = types.Normalisation

    low: Percentile
    high: Percentile
    rule: Literal["percentile", "robust"] = "percentile"


class SearchPart(CardPart):
    """How the scale is searched for."""

    stands_for = types.ScaleSearch

    level: Annotated[int, Field(ge=1, strict=True)]
    size: Annotated[float, Field(ge=0, le=1e3, strict=True)]
    fineness: Annotated[float, Field(ge=0, le=1e3, strict=True)]
    distance: Annotated[float, Field(ge=0, le=1e3, strict=True)] = 0.0
    unsure: Weight
    near: Annotated[float, Field(ge=1, le=1e3, strict=True)]
    lead: Annotated[float, Field(ge=0, le=1e3, strict=True)] = 0.2
    far: Annotated[float, Field(ge=0, le=1e3, strict=True)] = 1.0
    correction: Annotated[float, Field(ge=0, le=1, strict=True)] = 0.5


class SamplingPart(CardPart):
    """How the working grid follows from the image."""

    stands_for = types.SamplingRule

    kind: Literal["frame", "pixel", "object"]
    value: Annotated[float, Field(ge=1e-6, le=1e6, strict=True)]
    search: SearchPart | None = None
    usual: Annotated[float, Field(ge=SMALLEST_SCALE, le=LARGEST_SCALE, strict=True)] | None = None


class DecodePart(CardPart):
    """How maps become labels."""

    stands_for = types.DecodeRule

    threshold: Share
    seeds: Literal["boundary", "distance", "centre", "edge_distance", "object_border", "mask"]
    seed_threshold: Share
    min_size: Count
    certainty: Annotated[float, Field(ge=0, le=50, strict=True)] = 0.0
    prominence: Share = 0.0
    prominence_share: Share = 0.0


class ScoresPart(CardPart):
    """Scores of one level."""

    stands_for = types.LevelScores

    dice: Positive | None
    iou: Positive | None
    ap50: Positive | None
    parameters: Count
    seconds_per_megapixel: Positive | None


class ScoreSetPart(CardPart):
    """Scores of all levels on one set of images."""

    stands_for = types.ScoreSet

    data: Text
    images: Count
    levels: dict[int, ScoresPart]


class StoppingPart(CardPart):
    """The rule by which Auto stops."""

    stands_for = types.StoppingRule

    doubt: tuple[Weight, ...]
    change: tuple[Weight, ...]
    limit: Share
    tolerance: Share
    share: Weight
    scores: ScoresPart
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


class Card(CardPart):
    """The whole card; what belongs to a file (`path`, `sha256`) is not part of it."""

    stands_for = types.ModelInfo

    name: Text
    task: types.Task
    classes: Names
    outputs: Names
    net: NetPart
    title: Text
    licence: Text
    normalisation: NormalisationPart
    sampling: SamplingPart
    decode: DecodePart
    recommended_level: Annotated[int, Field(strict=True)]
    validation: ScoreSetPart | None
    test: ScoreSetPart | None
    stopping: StoppingPart | None = None
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
