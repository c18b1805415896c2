"""Held-out images brought to the size of objects that a model knows, as `segment` does by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_unetpp._types import ModelInfo
from napari_unetpp.engine.input.sampling import choose_scale, resample, resample_labels
from napari_unetpp.train.data.samples import Sample

NEAR = 1.5
"""Objects that are at most so many times larger or smaller than the model's stay as they are."""


def at_model_size(sample: Sample, info: ModelInfo) -> Sample:
    """The sample as `info`'s model is to see it: itself, or shrunk or magnified as a whole.

    Only models with the sampling rule ``object`` do so, by the median diameter of the sample's own objects.
    """
    if info.sampling.kind != "object" or sample.diameter is None:
        return sample
    scale = choose_scale(info.sampling, sample.labels.shape, diameter=sample.diameter)
    if 1 / NEAR <= scale <= NEAR:
        return sample
    image = resample(np.moveaxis(sample.image, 0, -1).astype(np.float32), scale)
    shape = (image.shape[0], image.shape[1])
    return replace(
        sample,
        image=np.moveaxis(image, -1, 0).astype(np.float16),
        labels=resample_labels(sample.labels, shape),
        ignore=resample_labels(sample.ignore, shape),
    )
