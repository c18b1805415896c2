"""From labelled planes to lessons, within the time there is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_unetpp._types import LabelledPlane, ModelInfo
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.train.finetune.budget import Budget
from napari_unetpp.train.finetune.examples import Lesson, as_read, cropped, make_lesson, scales_note

FOR_SCALES, FOR_LESSONS = 0.1, 0.1
"""Shares of the time, at most: to find scales, and to make ready what there is to learn from."""

FIRST_PIXELS = 4e6
"""Working pixels of the first lesson, at most, where time is limited: it is timed."""

ALL_WORK = 4.0
"""What a lesson costs until the first step, as a multiple of making it (profiled: 36 s for 9.4 s)."""


def read_lessons(
    given: Sequence[LabelledPlane],
    info: ModelInfo,
    evaluator: LoadedModel,
    budget: Budget,
    rng: np.random.Generator,
) -> tuple[list[Lesson], list[str]]:
    """Lessons of planes, in their order, and what to say of them.

    With a time limit the scale of some images may not be looked for, and of large ones a part is used.
    """
    planes, notes = _with_scales(given, evaluator, budget)
    lessons: list[Lesson] = []
    affordable, parts = (FIRST_PIXELS if budget.limit < float("inf") else float("inf")), 0
    for plane in planes:
        part = cropped(plane, affordable, rng)
        parts += part is not plane
        begun = time.monotonic()
        lessons.append(make_lesson(part, info))
        if len(lessons) == 1:
            seconds = (time.monotonic() - begun) / lessons[0].known.size
            affordable = budget.affords(FOR_LESSONS / len(planes), ALL_WORK * seconds)
    if parts:
        notes.append(f"Time was short: of {parts} large image{'s' if parts > 1 else ''} only a part is used.")
    return lessons, notes


def _with_scales(
    given: Sequence[LabelledPlane], evaluator: LoadedModel, budget: Budget
) -> tuple[list[LabelledPlane], list[str]]:
    """Planes with scale and range; where time is short, images that come late get the median scale."""
    planes: list[LabelledPlane] = []
    guessed = 0
    for plane in given:
        late = bool(planes) and budget.spent > FOR_SCALES * budget.limit
        if plane.scale is None and late and evaluator.info.sampling.kind == "object":
            guessed += 1
            plane = replace(plane, scale=float(np.median([p.scale or 1.0 for p in planes])))
        planes.append(as_read(plane, evaluator))
    notes = list(scales_note(given, planes))
    if guessed:
        notes.append(
            f"Time was short: {guessed} images are seen at the median scale of the other "
            f"{len(given) - guessed}. Give more seconds, or --diameter."
        )
    return planes, notes
