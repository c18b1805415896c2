"""What is compared, on what, and for how long: plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from napari_unetpp._types import NetConfig, Supervision
from napari_unetpp.net.baselines import BASELINES

SUPERVISED = ("unet-ensemble", "unet-plus", "unetpp")
"""Nested networks: trained with a head for every level, or (``-last``) for the deepest one alone."""

SYSTEMS: dict[str, tuple[str, Supervision]] = {
    **{name: (name, "deep") for name in BASELINES},
    **{f"{name}-last": (name, "last") for name in SUPERVISED},
}
"""Name of every system compared, with its architecture and supervision."""

ALL = (
    "unet-1",
    "unet-2",
    "unet-3",
    "unet",
    "wide-unet",
    "heavy-unet",
    "unet-sum",
    "flat",
    "unet-ensemble-last",
    "unet-ensemble",
    "unet-plus-last",
    "unet-plus",
    "unetpp-last",
    "unetpp",
)
"""The systems of the talk as the tables list them: from one U-Net to UNet++."""

FEW = (
    "unet-1",
    "unet-2",
    "unet-3",
    "unet",
    "wide-unet",
    "unet-plus",
    "unetpp",
    "unetpp-last",
)
"""What is compared where a GPU is not at hand, and on the sets after the first."""

ON_CORES = ("nuclei_dsb2018", "cells_phase")
"""The data sets on which two CPU cores train these networks long enough to learn something."""


@dataclass(frozen=True)
class DataSet:
    """A set of labelled images and how it is read here.

    Attributes
    ----------
    folder : str
        Below the folder of the labelled images.
    frame : int or None
        The long side of an image becomes so many px; None: as it is.
    crop : int or None
        Scores are measured on the middle `crop` x `crop` px of each test image; None: on all of it.
    camera : bool
        Patches are varied as whole frames of a camera, else as microscopy.
    objects : {"labels", "components"} or None
        What an object is for recall by size: a value of the label image, a connected component of the
        foreground, or nothing (None).
    systems : tuple of str
        What is compared on a GPU.
    """

    folder: str
    frame: int | None
    crop: int | None
    camera: bool
    objects: Literal["labels", "components"] | None
    systems: tuple[str, ...]


DATA_SETS = {
    "nuclei_dsb2018": DataSet("nuclei_dsb2018", None, 256, False, "labels", ALL),
    "polyps_kvasir": DataSet("polyps_kvasir", 192, None, True, "components", FEW),
    "cells_phase": DataSet("cells_phase", 512, None, False, "labels", FEW),
    "vessels_chase": DataSet("vessels_chase", 512, None, False, None, FEW),
}
"""The comparison; every system is trained for the same number of steps."""

DSB96 = "dsb96"
DSB96_SET = DataSet("nuclei_dsb2018", None, None, False, "labels", ("unet", "unetpp-last", "unetpp"))
DSB96_SIDE, DSB96_EPOCHS, DSB96_BATCH, DSB96_SHARE = 96, 100, 16, 0.2
"""The public protocol: images squashed to 96 x 96 px, 80 % to learn from, 20 % to score, 100 epochs."""

THRESHOLD = 0.5
"""Of the foreground probability, for every system and level: nothing is chosen."""


@dataclass(frozen=True)
class Settings:
    """What all systems of one data set have in common.

    Attributes
    ----------
    widths : float
        Factor on the channels of every architecture; 1: as published.
    steps, patch, batch, rate
        As in `train.scratch.loop.FitOptions`.
    limit : int or None
        Only so many images of each part were read.
    """

    widths: float = 0.5
    steps: int = 800
    patch: int = 128
    batch: int = 4
    rate: float = 1.5e-3
    limit: int | None = None

    def plain(self) -> dict[str, Any]:
        """As it stands in a record."""
        return asdict(self)


def settings_of(data: str, given: Mapping[str, Any], train_images: int = 0) -> Settings:
    """The settings of a data set.

    Parameters
    ----------
    data : str
    given : mapping
        Settings that replace those of the plan; None: as planned.
    train_images : int
        The public protocol counts epochs, so that its steps depend on this.
    """
    if data == DSB96:
        steps = DSB96_EPOCHS * -(-train_images // DSB96_BATCH)
        planned = Settings(1.0, steps, DSB96_SIDE, DSB96_BATCH, 1e-3)
    else:
        planned = Settings()
    return replace(planned, **{name: value for name, value in given.items() if value is not None})


def network(system: str, widths: float) -> NetConfig:
    """The network of a system, every width multiplied by `widths`.

    Raises
    ------
    ValueError
        An unknown system, or a factor that is not positive.
    """
    if system not in SYSTEMS:
        raise ValueError(f"system {system!r} was given; expected one of {', '.join(SYSTEMS)}.")
    if widths <= 0:
        raise ValueError(f"widths {widths} was given; expected a factor above 0, as 0.25 or 1.")
    name, supervision = SYSTEMS[system]
    config = BASELINES[name]()
    scaled = tuple(max(1, round(width * widths)) for width in config.widths)
    return replace(config, widths=scaled, supervision=supervision)


def record_path(out: Path, data: str, system: str, seed: int) -> Path:
    """Where the record of one run lies."""
    return out / f"{data}_{system}_{seed}.json"


def runs(
    data: Sequence[str] | None, systems: Sequence[str] | None, seeds: Sequence[int], device: str
) -> list[tuple[str, str, int]]:
    """(data set, system, seed) of all runs asked for, one seed of everything before the next.

    `data` and `systems`: None for those of the plan, which on a GPU are all of them.
    """
    plans = {**DATA_SETS, DSB96: DSB96_SET}
    on_cores = device == "cpu"

    def chosen(name: str) -> Sequence[str]:
        planned = plans[name].systems
        return systems or (tuple(s for s in planned if s in FEW) if on_cores else planned)

    names = data or (ON_CORES if on_cores else tuple(DATA_SETS))
    return [(name, system, seed) for seed in seeds for name in names for system in chosen(name)]
