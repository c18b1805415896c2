"""Preparation of labelled planes: label values, scale, range, and cropping where time is short."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Literal

import numpy as np

from napari_unetpp._types import LabelledPlane, ModelInfo, Task
from napari_unetpp.engine.collect import decide_reading, predict_maps
from napari_unetpp.engine.input.normalise import clean_plane
from napari_unetpp.engine.input.scale import check_range, check_size, choose_scale, scale_number
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.labels.label_values import whole_numbers
from napari_unetpp.files.notes import Notes
from napari_unetpp.files.text import counted
from napari_unetpp.train.data.labels import (
    MASKS_NOTE,
    foreground_of_planes,
    map_foreground,
    separate_objects,
)
from napari_unetpp.train.finetune.budget import Budget
from napari_unetpp.train.finetune.data.examples import (
    Example,
    make_example,
    object_areas,
    read_labels,
    tells_apart,
    typical_diameter,
    whole_objects,
)
from napari_unetpp.train.finetune.familiar import FAMILIAR, agreement

FOR_SCALES, FOR_EXAMPLES = 0.1, 0.1
"""Largest shares of the time: to search for scales, and to prepare examples."""

FIRST_PIXELS = 4e6
"""Most pixels (working grid) of the first example where time is limited; its preparation is timed."""

FOR_RECOGNITION = 260_000
"""Pixels (working grid) in which a scale that was searched for is checked against the labels."""

ALL_WORK = 4.0
"""Time that an example takes until the first step, as a multiple of making it (profiled: 36 s for 9.4 s)."""


# ------------------------------------------------------------------------ options


def map_label_values(
    planes: Sequence[LabelledPlane], task: Task, foreground: Sequence[int] | None, notes: Notes
) -> tuple[LabelledPlane, ...]:
    """Planes with 1 in place of the foreground values: those given, or 255 in masks of 0 and 255.

    With such values objects are not told apart, and 255 is ignored unless it is one of them. In ``sparse``
    labels 0 stays unlabelled and every other value is background. Else the planes stay as they are.
    """
    chosen = foreground_of_planes(planes, task, foreground)
    if chosen is None:
        return tuple(planes)
    if foreground is None:
        notes.add("labels", MASKS_NOTE)
    return tuple(_mapped(plane, chosen) for plane in planes)


def _mapped(plane: LabelledPlane, foreground: Sequence[int]) -> LabelledPlane:
    given = whole_numbers(plane.labels, plane.name)
    wanted, ignored = map_foreground(given, foreground)
    labels = wanted.astype(np.uint8)
    if plane.labels_as == "sparse":
        labels = np.where(wanted, 1, np.where((given != 0) & ~ignored, 2, 0)).astype(np.uint8)
        return replace(plane, labels=labels, background=2, objects=False)
    ignore = ignored if plane.ignore is None else ignored | plane.ignore
    return replace(plane, labels=labels, ignore=ignore, objects=False)


def with_options(
    planes: Sequence[LabelledPlane],
    info: ModelInfo,
    *,
    scale: float | Literal["auto"] = "auto",
    diameter: float | None = None,
    range: tuple[float, float] | None = None,
) -> tuple[LabelledPlane, ...]:
    """All planes with the given scale, or that of a diameter (px), and range; what is not given stays."""
    number = scale_number(scale)
    check_size(info, scale=number, diameter=diameter)
    limits = check_range(range)
    if diameter is not None:
        number = choose_scale(info.sampling, (1, 1), diameter=diameter)
    return tuple(
        replace(
            p,
            scale=p.scale if number is None else number,
            scale_searched=p.scale_searched and number is None,
            range=limits or p.range,
        )
        for p in planes
    )


def with_scale_and_range(plane: LabelledPlane, model: LoadedModel) -> LabelledPlane:
    """The plane with its scale and its range of intensities; what is not given is measured.

    The scale that nobody gave follows from the labels where they tell objects apart, else as in inference. It
    is kept only where the model recognises what is labelled: what it does not know at its own size it learns
    at scale 1. In the plane that is returned, `scale_searched` says that its scale was not given.
    """
    image, info = clean_plane(plane.image)[0], model.info
    given = plane.scale is not None and not plane.scale_searched
    by_objects = info.sampling.kind == "object" and info.task == "instances"
    scale = plane.scale if given or not by_objects else _scale_of_labels(plane, info) or plane.scale
    reading = decide_reading(image, model, scale="auto" if scale is None else scale, range=plane.range)
    doubtful = by_objects and not given
    read = replace(plane, scale=reading.scale.scale, range=reading.range, scale_searched=doubtful)
    if not doubtful or read.scale == 1.0 or _is_recognised(read, model):
        return read
    return replace(read, scale=1.0, scale_searched=False)


def _scale_of_labels(plane: LabelledPlane, info: ModelInfo) -> float | None:
    """The scale at which the labelled objects have the model's own size; None where labels do not say."""
    if plane.labels_as == "corrections" or not tells_apart(plane) or not info.sampling.expects_size:
        return None  # a corrected copy has the objects of a prediction
    labels, certain = read_labels(plane, info)
    labels = separate_objects(labels)
    diameter = typical_diameter([object_areas(labels, whole_objects(labels, certain))])
    if diameter is None:
        return None
    scale = choose_scale(info.sampling, labels.shape, diameter=diameter)
    return 1.0 if 1 / info.search.near <= scale <= info.search.near else scale


def _is_recognised(plane: LabelledPlane, model: LoadedModel) -> bool:
    """Whether the model finds what is labelled, in a window around the middle pixel of the foreground.

    Strokes do not say so: at coarse scales a few of them fit any large blob. They are believed at the scale
    at which the model was fine-tuned before.
    """
    if plane.labels_as == "sparse":
        return plane.scale == model.info.sampling.usual
    if plane.labels_as == "corrections":  # what the user left is right, too
        plane = replace(plane, labels_as="reviewed")
    info = model.info
    labels, certain = read_labels(plane, info)
    places = np.flatnonzero(certain & (labels > 0))
    if places.size == 0:
        return False
    part = window(plane, FOR_RECOGNITION, int(places[places.size // 2]))
    labels, certain = read_labels(part, info)
    found = predict_maps(
        part.image, model, level=info.recommended_level, scale=part.scale or 1.0, range=part.range
    )
    return agreement(found.mask()[certain], (labels > 0)[certain]) >= FAMILIAR


# ---------------------------------------------------------------------- within the time


def read_examples(
    given: Sequence[LabelledPlane],
    info: ModelInfo,
    model: LoadedModel,
    budget: Budget,
    rng: np.random.Generator,
) -> tuple[list[Example], list[str]]:
    """Examples of planes, in their order, and notes for the user.

    With a time limit the scale of some images may be guessed, and large images are cropped.
    """
    planes, notes = _with_scales(given, model, budget)
    examples: list[Example] = []
    affordable, parts = (FIRST_PIXELS if budget.limit < inf else inf), 0
    for plane in planes:
        part = cropped(plane, affordable, rng)
        parts += part is not plane
        begun = time.monotonic()
        examples.append(make_example(part, info))
        if len(examples) == 1:
            seconds = (time.monotonic() - begun) / examples[0].certain.size
            affordable = budget.affords(FOR_EXAMPLES / len(planes), ALL_WORK * seconds)
    if parts:
        notes.append(f"Time was short: of {counted(parts, 'large image')} only a part is used.")
    return examples, notes


def _with_scales(
    given: Sequence[LabelledPlane], model: LoadedModel, budget: Budget
) -> tuple[list[LabelledPlane], list[str]]:
    """Planes with scale and range; where time is short, the last images get the median scale."""
    planes: list[LabelledPlane] = []
    guessed = 0
    for plane in given:
        late = bool(planes) and budget.spent > FOR_SCALES * budget.limit
        doubtful = model.info.sampling.kind == "object" and (plane.scale is None or plane.scale_searched)
        if late and doubtful:
            searched = all(p.scale_searched for p in planes)
            if plane.scale is None or not searched:
                guessed += 1
                plane = replace(plane, scale=float(np.median([p.scale or 1.0 for p in planes])))
            read = with_scale_and_range(replace(plane, scale_searched=False), model)
            planes.append(replace(read, scale_searched=searched))
        else:
            planes.append(with_scale_and_range(plane, model))
    notes = _scales_note(given, planes)
    if guessed:
        notes.append(
            f"Time was short: the scale of {counted(guessed, 'image')} is the median of the other "
            f"{len(given) - guessed}. Give more seconds, or --diameter."
        )
    return planes, notes


def _scales_note(given: Sequence[LabelledPlane], read: Sequence[LabelledPlane]) -> list[str]:
    """A note about the scales that were found, where some differ from 1."""
    pairs = zip(given, read, strict=True)
    found = sorted({round(new.scale, 2) for old, new in pairs if old.scale is None and new.scale})
    if not found or found == [1.0]:
        return []
    return [f"The labelled images are seen at scale {found[0]:g}{f' to {found[-1]:g}' * (len(found) > 1)}."]


def cropped(plane: LabelledPlane, pixels: float, rng: np.random.Generator) -> LabelledPlane:
    """The plane, or a window around one of its labelled pixels with about `pixels` on the working grid."""
    if _fits(plane, pixels):
        return plane
    labelled = plane.labels > 0 if plane.certain is None else plane.certain.astype(bool)
    places = np.flatnonzero(labelled)
    return window(plane, pixels, int(rng.choice(places)) if places.size else labelled.size // 2)


def window(plane: LabelledPlane, pixels: float, place: int) -> LabelledPlane:
    """The plane, or a window around a flat index with about `pixels` on the working grid."""
    if _fits(plane, pixels):
        return plane
    height, width = plane.labels.shape
    side = max(1, round((pixels / (plane.scale or 1.0) ** 2) ** 0.5))
    rows = min(height, max(side, round(side**2 / width)))
    shape = rows, min(width, max(1, round(side**2 / rows)))
    y, x = (
        int(np.clip(c - n // 2, 0, whole - n))
        for c, n, whole in zip(divmod(place, width), shape, (height, width), strict=True)
    )
    part = slice(y, y + shape[0]), slice(x, x + shape[1])
    return replace(
        plane,
        image=plane.image[part],
        labels=plane.labels[part],
        certain=None if plane.certain is None else plane.certain[part],
        ignore=None if plane.ignore is None else plane.ignore[part],
    )


def _fits(plane: LabelledPlane, pixels: float) -> bool:
    """Whether the plane has at most so many pixels on the working grid."""
    return plane.labels.size * (plane.scale or 1.0) ** 2 <= pixels
