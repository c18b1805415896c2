"""Whether a fine-tuned model may be evaluated in int8: measured on the images it was fine-tuned on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_unetpp._types import LabelledPlane, ModelInfo, ShouldStop
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.models.int8_file import write_int8
from napari_unetpp.files.text import counted
from napari_unetpp.train.choose.int8 import LARGEST_SIDE, compare_formats, is_available
from napari_unetpp.train.data.samples import Sample
from napari_unetpp.train.finetune.data.examples import Example, make_example
from napari_unetpp.train.finetune.data.planes import with_scale_and_range

MOST_IMAGES = 4
"""Images that are used: some 10 s on two cores."""

LEAST_SIDE = 64
"""Of a part of an image, px of the working grid."""


def measure_int8_of_finetuned(
    info: ModelInfo, planes: Sequence[LabelledPlane], should_stop: ShouldStop
) -> bool:
    """Measure the ranges of a model, and what int8 loses at each level; stored by the hash of the model.

    Ranges come from the left half of each image, scores from the right half: nothing is learned from either.

    Parameters
    ----------
    info : ModelInfo
        A model with a file.
    planes : sequence of LabelledPlane
        The first `MOST_IMAGES` are used.
    should_stop : callable
        Asked between two images.

    Returns
    -------
    bool
        Whether int8 is as good as float32 at every level. False also where it was stopped, where int8 is
        not available, and where too little is labelled.
    """
    if not is_available(info.net):
        return False
    model = LoadedModel.load(info, "cpu", "float32")
    learned: list[Sample] = []
    others: list[Sample] = []
    for plane in planes[:MOST_IMAGES]:
        if should_stop():
            return False
        halves = _halves(make_example(with_scale_and_range(plane, model), info), plane.objects)
        if halves is not None:
            learned.append(halves[0])
            others.append(halves[1])
    if not others or should_stop():
        return False
    data = f"halves of {counted(len(others), 'corrected image')}"
    measured = compare_formats(info, learned, others, data)
    write_int8(info, measured.to_json())
    return all(level.good for level in measured.levels.values())


def _halves(example: Example, objects: bool) -> tuple[Sample, Sample] | None:
    """Both halves of the labelled part of an image; None where they are too small."""
    height, width = (min(side, LARGEST_SIDE) for side in example.labels.shape)
    half = width // 2
    if min(height, half) < LEAST_SIDE:
        return None
    left, right = (_part(example, slice(height), slice(x, x + half), objects) for x in (0, half))
    return left, right


def _part(example: Example, rows: slice, columns: slice, objects: bool) -> Sample:
    labels, certain = example.labels[rows, columns], example.certain[rows, columns]
    image = example.image[:, rows, columns].astype(np.float16)
    return Sample(example.name, image, labels, ~certain, objects, (False, False))
