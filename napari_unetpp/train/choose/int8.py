"""The ranges for int8, measured on labelled images, and what int8 loses at each level on others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_unetpp._types import ModelInfo, NetConfig, UnetppError
from napari_unetpp.engine.device import DeviceChoice, openvino_problem
from napari_unetpp.engine.int8.scales import Int8Scales, is_quantisable, measure_scales
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.tiles import padded_shape
from napari_unetpp.files.labels.folders import folder_name
from napari_unetpp.files.models.own_models import tensors_of
from napari_unetpp.files.text import counted
from napari_unetpp.train.choose.levels import Predicted, at_model_size, mean_dice, middle, pooled_ap50
from napari_unetpp.train.data.held_out import split_samples
from napari_unetpp.train.data.samples import Sample, read_samples
from napari_unetpp.train.parent import load_network

MOST_RANGES, MOST_SCORED = 16, 40
"""Images on which ranges are measured, and on which int8 is compared with float32."""

FEW_SCORED = 8
"""Fewer held-out images than these are joined by others that training saw."""

LARGEST_SIDE = 512
"""Only the middle of larger images is used, px of the working grid."""

DICE_LOSS, AP50_LOSS = 0.002, 0.005
"""What int8 may lose at a level."""


@dataclass(frozen=True)
class Int8Level:
    """One level in float32 and in int8.

    Attributes
    ----------
    dice : (float, float)
    ap50 : (float, float) or None
        None for classes, which are not told apart as objects.
    """

    dice: tuple[float, float]
    ap50: tuple[float, float] | None

    @property
    def good(self) -> bool:
        """Whether int8 loses no more than it may."""
        lost = self.ap50[0] - self.ap50[1] if self.ap50 else 0.0
        return self.dice[0] - self.dice[1] <= DICE_LOSS and lost <= AP50_LOSS


@dataclass(frozen=True)
class Int8Measured:
    """Ranges, the scores of each level, and on how many images they were measured."""

    scales: Int8Scales
    levels: dict[int, Int8Level]
    data: str

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `files.models.int8_file` stores them."""
        levels = {
            str(level): {
                "dice": list(s.dice),
                "ap50": None if s.ap50 is None else list(s.ap50),
                "good": s.good,
            }
            for level, s in self.levels.items()
        }
        return {"ranges": self.scales.to_json(), "data": self.data, "levels": levels}


def measure_int8(
    info: ModelInfo, folder: Path, *, held_out: bool, seed: int = 0, log: Callable[[str], None]
) -> Int8Measured:
    """Measure the ranges of a model on some images of a folder, and int8 against float32 on the others.

    Parameters
    ----------
    info : ModelInfo
    folder : Path
        Of labelled images.
    held_out : bool
        The others are those that training holds out of `folder`, and where these are few, other images that
        give no ranges; else half of the images.
    seed : int
        Which images are taken where there are more than enough.
    log : callable
        Receives lines about what is done.

    Raises
    ------
    UnetppError
        The folder has fewer than two images, or the network is not evaluated in int8.
    """
    samples = read_samples(folder, info, log)
    learned, unseen = split_samples(samples) if held_out else (samples, [])
    others = list(unseen)
    if len(others) < FEW_SCORED:  # the format does not learn: images that training saw will do
        learned, others = learned[::2], [*others, *learned[1::2]]
    if not learned or not others:
        raise UnetppError(
            f"{folder} has {counted(len(samples), 'image')}; expected some to measure the ranges on, and "
            "others to compare int8 with float32."
        )
    rng = np.random.default_rng(seed)
    learned, others = _some(learned, MOST_RANGES, info, rng), _some(others, MOST_SCORED, info, rng)
    held = {sample.stem for sample in unseen}
    kept = sum(sample.stem in held for sample in others)
    data = f"ranges on {counted(len(learned), 'image')} of {folder_name(folder)}, scores on "
    data += f"{counted(len(others), 'image')}{f', {kept} of them held out of training' if held_out else ''}"
    log(data)
    return compare_formats(info, learned, others, data)


def measure_trained(
    info: ModelInfo, learned: Sequence[Sample], held_out: Sequence[Sample], rng: np.random.Generator
) -> Int8Measured | None:
    """The same for a model that was just trained; None where it is not evaluated in int8 here."""
    if not is_available(info.net) or not learned or not held_out:
        return None
    learned, others = _some(learned, MOST_RANGES, info, rng), _some(held_out, MOST_SCORED, info, rng)
    data = f"ranges on {counted(len(learned), 'training image')}, scores on {len(others)} others"
    return compare_formats(info, learned, others, data)


def is_available(config: NetConfig) -> bool:
    """Whether a network can be evaluated in int8, and OpenVINO is there."""
    return is_quantisable(config) and not openvino_problem()


def compare_formats(
    info: ModelInfo, learned: Sequence[Sample], others: Sequence[Sample], data: str
) -> Int8Measured:
    """Ranges measured on some images, and int8 against float32 on others; `data` says which they are.

    Images are on the working grid of the model, its smallest sides 16 px.
    """
    scales = measure_scales(load_network(info).folded(), (_input(sample, info) for sample in learned))
    assert info.path is not None, "a model of the list has a file"
    tensors = tensors_of(info)
    exact, quick = (
        _predicted(LoadedModel(info, tensors, DeviceChoice("cpu", dtype), ranges), others)
        for dtype, ranges in (("float32", None), ("int8", scales))
    )
    return Int8Measured(
        scales, {level: _compare(exact, quick, info, level) for level in info.net.levels}, data
    )


def _some(samples: Sequence[Sample], most: int, info: ModelInfo, rng: np.random.Generator) -> list[Sample]:
    """At most so many, the middles of them, as the model sees them."""
    return [_shown(samples[n], info) for n in sorted(rng.permutation(len(samples))[:most])]


def _shown(sample: Sample, info: ModelInfo) -> Sample:
    return middle(at_model_size(sample, info), LARGEST_SIDE)


def _input(sample: Sample, info: ModelInfo) -> Tensor:
    """The image as the network reads it: (1, C, Y, X), its edges repeated to sides that the network takes."""
    height, width = sample.labels.shape
    padded = padded_shape((height, width), info.net.multiple)
    image = np.broadcast_to(sample.image.astype(np.float32), (info.net.in_channels, height, width))
    margin = ((0, 0), (0, padded[0] - height), (0, padded[1] - width))
    return torch.from_numpy(np.pad(image, margin, mode="edge"))[None]


def _predicted(model: LoadedModel, samples: Sequence[Sample]) -> list[Predicted]:
    """Maps of all levels for every sample."""
    found = []
    for sample in samples:
        x, (height, width) = _input(sample, model.info), sample.labels.shape
        maps = [m[:, :height, :width] for _, m in model.stream(x, model.info.net.depth)]
        found.append(Predicted(sample, model.info.net.levels, np.stack(maps).astype(np.float16)))
    return found


def _compare(
    exact: Sequence[Predicted], quick: Sequence[Predicted], info: ModelInfo, level: int
) -> Int8Level:
    ap50 = [pooled_ap50(predicted, info, level) for predicted in (exact, quick)]
    return Int8Level(
        (mean_dice(exact, info, level)[0], mean_dice(quick, info, level)[0]),
        None if ap50[0] is None or ap50[1] is None else (ap50[0], ap50[1]),
    )
