"""What a user is told about a range: what lies outside it, hardly shows in it, or is nothing but noise."""

from __future__ import annotations

import numpy as np

from napari_unetpp.engine.input.dim_objects import dim_objects
from napari_unetpp.engine.input.normalise import Image, NormStats, finite_sample, pixel_noise
from napari_unetpp.engine.input.robust_range import Range

MUCH_OUTSIDE = 0.25
"""Share of an image outside its range from which a note is given."""

UNSTRETCHED = 8
"""A range that is so many times as wide as the intensities of an image shows nothing of it."""

NOISE = (
    "the image shows nothing but noise, which is not stretched. To segment it nevertheless, give a range"
    " (--range LOW HIGH; in the dock Contrast)"
)


def reported_range(image: Image, stats: NormStats) -> tuple[float, float]:
    """The measured range; for noise, whose range is far wider than its intensities, the ends of these."""
    low, high = _extremes(image)
    return (low, high) if low < high and shows_nothing(image, stats) else (stats.low, stats.high)


def shows_nothing(image: Image, stats: NormStats) -> bool:
    """Whether nothing can be seen: all intensities are equal, or lie in a small part of the range."""
    low, high = _extremes(image)
    return stats.high - stats.low > UNSTRETCHED * (high - low)


def _extremes(image: Image) -> tuple[float, float]:
    sample = finite_sample(image)
    return (float(sample.min()), float(sample.max())) if sample.size else (0.0, 0.0)


def intensities_outside(image: Image, stats: NormStats) -> tuple[float, float] | None:
    """The lowest and highest intensity of a plane that lies wholly below or above a range; else None."""
    pixels = image if image.dtype.kind != "f" else image[np.isfinite(image)]
    if pixels.size == 0:
        return None
    low, high = float(pixels.min()), float(pixels.max())
    return (low, high) if high < stats.low or low > stats.high else None


def range_notes(image: Image, stats: NormStats, *, given: bool = False) -> tuple[str, ...]:
    """Notes on a range: intensities outside it, or contrast that hardly shows in it.

    `given`: the range was not measured, so it may be far too wide.
    """
    outside = intensities_outside(image, stats)
    if outside is not None:
        return (
            f"nothing is seen: the image has intensities from {outside[0]:.4g} to {outside[1]:.4g}, and the "
            f"range is {stats.low:.4g} to {stats.high:.4g}. Choose another one (--range LOW HIGH; in the dock"
            " Contrast), or have it measured",
        )
    low, high = _extremes(image)
    if given and low < high and shows_nothing(image, stats):
        return (
            f"next to nothing is seen: the image has intensities from {low:.4g} to {high:.4g}, a small part "
            f"of the range {stats.low:.4g} to {stats.high:.4g}. Choose a narrower one (--range LOW HIGH; in "
            "the dock Contrast), or have it measured",
        )
    sample = finite_sample(image)
    below = float((sample < stats.low).mean()) if sample.size else 0.0
    above = float((sample > stats.high).mean()) if sample.size else 0.0
    span = f"the range {stats.low:.4g} to {stats.high:.4g}"
    notes = [
        f"{share:.0%} of the image is {side} {span}"
        for share, side in ((below, "below"), (above, "above"))
        if share > MUCH_OUTSIDE
    ]
    dim = dim_objects(image, pixel_noise(image), Range(stats.low, stats.high))
    if dim is not None:
        low, high = dim.shown.low, dim.shown.high
        notes.append(
            f"{dim.share:.0%} of what stands out lies at the dark end of {span} and may be missed: try "
            f"--range {low:.4g} {high:.4g} (in the dock Contrast, numbers)"
        )
    return tuple(notes)
