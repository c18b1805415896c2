"""How often does the search find the scale of an image, and what is it worth?

``python tests/benchmarks/bench_scale.py DATA [--model nuclei] [--level 2]
[--sets nuclei_dsb2018:20,nuclei_tissue:20,nuclei_colon:6,nuclei_he:10] [--factors 0.33,0.5,1,2,3]
[--side 256] [--scales-only] [--json FILE]``

DATA holds the sets, of each of which so many images are taken, from ``train`` only. Of every image a crop
of at most SIDE px with most objects is resampled by every factor, as are its labels. The true scale is the
model's diameter divided by the median diameter in those labels. Reported for each set and factor: how often
the scale that is found lies within a factor of 1.4 of the true one, how often nothing was found (1 kept),
and AP50, pooled over the images, at scale 1, at the scale found, at the true one, and at the best of a
pyramid for every image (which nobody knows beforehand). ``--scales-only`` leaves AP50 out, which takes most
of the time. ``--side 2000 --factors 1`` takes whole images as they are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import LARGEST_SCALE, SMALLEST_SCALE, ScaleChoice
from napari_unetpp.api import load_model
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.input import scale_search
from napari_unetpp.engine.input.normalise import clean_plane, measure
from napari_unetpp.engine.input.sampling import resample, resample_labels
from napari_unetpp.engine.input.scale_decision import Trial
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import Pair, read_label, read_pairs
from napari_unetpp.train.choose.scores import Matches, match_objects

SETS = {"nuclei_dsb2018": 20, "nuclei_tissue": 20, "nuclei_colon": 6, "nuclei_he": 10}
PYRAMID = (0.25, 0.5, 0.707, 1.0, 1.414)
"""Scales of the image before it was resampled, among which the best is looked for."""

CLOSE = 1.4
Counts = tuple[int, int, int]


@dataclass(frozen=True)
class Case:
    """One image at one factor; counts are true positives, false positives, false negatives."""

    data: str
    stem: str
    factor: float
    true: float
    found: float
    unsure: bool
    trials: list[tuple[float, ...]]
    at_one: Counts
    at_found: Counts
    at_true: Counts
    at_best: Counts

    @property
    def close(self) -> bool:
        """Whether the scale was found."""
        return bool(max(self.found / self.true, self.true / self.found) < CLOSE)


def spread(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """So many pairs, evenly spread."""
    places = np.linspace(0, len(pairs) - 1, min(count, len(pairs)))
    return [pairs[round(place)] for place in places]


def crop(image: NDArray[Any], labels: NDArray[Any], side: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Of nine windows of `side` px the one with most objects."""
    height, width = labels.shape
    windows = [
        (slice(y, y + side), slice(x, x + side))
        for y in np.linspace(0, max(0, height - side), 3).astype(int)
        for x in np.linspace(0, max(0, width - side), 3).astype(int)
    ]
    best = max(windows, key=lambda window: np.unique(labels[window]).size)
    return image[best], labels[best]


def diameter(labels: NDArray[Any]) -> float:
    """Median diameter (px) of the discs of the objects' areas; 0 without objects."""
    areas = np.bincount(labels.ravel())[1:]
    return float(np.median(2 * np.sqrt(areas[areas > 0] / np.pi))) if areas.any() else 0.0


def counts(
    evaluator: LoadedModel, image: NDArray[Any], labels: NDArray[Any], scale: float, level: int
) -> Counts:
    """Objects that match at a scale."""
    found = predict_maps(
        image, evaluator, level=level, scale=float(np.clip(scale, SMALLEST_SCALE, LARGEST_SCALE))
    )
    matches = match_objects(found.labels(), labels)
    return matches.true_positive, matches.false_positive, matches.false_negative


def ap50(all_counts: Sequence[Counts]) -> float:
    """AP50 of pooled counts."""
    return sum((Matches(*each) for each in all_counts), Matches()).ap50 or 0.0


def measure_image(
    evaluator: LoadedModel, name: str, pair: Pair, factors: Sequence[float], side: int, level: int | None
) -> Iterator[Case]:
    """All factors of one image; `level`: of AP50, None without it."""
    whole, whole_labels = crop(clean_plane(read_image(pair.image))[0], read_label(pair.label), side)
    for factor in factors:
        image = resample(whole, factor)
        labels = resample_labels(whole_labels, image.shape[:2])
        if not labels.any():
            continue
        stats = measure(image, evaluator.info.normalisation)
        choice = scale_search.search_scale(evaluator, image, stats)
        true = evaluator.info.sampling.value / diameter(labels)
        if level is None:
            none = (0, 0, 0)
            yield Case(
                name, pair.stem, factor, true, choice.scale, choice.weak, TRIALS[-1], none, none, none, none
            )
            continue
        scales = [1.0, choice.scale, true, *(scale / factor for scale in PYRAMID)]
        one, found, at_true, *others = (counts(evaluator, image, labels, s, level) for s in scales)
        best = max((one, found, at_true, *others), key=lambda each: ap50([each]))
        unsure = choice.weak
        yield Case(name, pair.stem, factor, true, choice.scale, unsure, TRIALS[-1], one, found, at_true, best)


TRIALS: list[list[tuple[float, ...]]] = []
"""What every search saw."""


def noted(trials: Sequence[Trial], *rest: Any) -> ScaleChoice:
    """`scale_search.choose`, its trials kept in `TRIALS`."""
    TRIALS.append([astuple(trial) for trial in trials])
    return CHOOSE(trials, *rest)


CHOOSE = scale_search.choose


def table(cases: Sequence[Case]) -> str:
    """A line for every set and factor, and the mean of all lines."""
    lines = [f"{'set':16}{'factor':>7}{'images':>7}{'close':>7}{'unsure':>7}  AP50: 1, found, true, best"]
    rows = []
    for name, factor in sorted({(case.data, case.factor) for case in cases}):
        of = [case for case in cases if (case.data, case.factor) == (name, factor)]
        close, unsure = (float(np.mean([getattr(c, what) for c in of])) for what in ("close", "unsure"))
        scores = [
            ap50([getattr(c, what) for c in of]) for what in ("at_one", "at_found", "at_true", "at_best")
        ]
        rows.append((close, unsure, *scores))
        numbers = "  ".join(f"{score:.3f}" for score in scores)
        lines.append(f"{name:16}{factor:7.2f}{len(of):7}{close:7.2f}{unsure:7.2f}  {numbers}")
    close, unsure, *scores = np.mean(rows, axis=0)
    numbers = "  ".join(f"{score:.3f}" for score in scores)
    return "\n".join([*lines, f"{'mean of lines':30}{close:7.2f}{unsure:7.2f}  {numbers}"])


def numbers(text: str) -> tuple[float, ...]:
    """Numbers with commas between them."""
    return tuple(float(number) for number in text.split(","))


def sets(text: str) -> dict[str, int]:
    """Names of sets, and how many images of each."""
    return {name: int(count) for name, count in (part.split(":") for part in text.split(","))}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--level", type=int, default=2, help="level of the AP50 (default: 2)")
    parser.add_argument("--sets", type=sets, default=SETS, help="NAME:IMAGES,...")
    parser.add_argument("--factors", type=numbers, default=(1 / 3, 0.5, 1, 2, 3))
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--scales-only", action="store_true", help="without AP50")
    parser.add_argument("--json", type=Path, help="write every case")
    args = parser.parse_args()
    evaluator = load_model(args.model)
    scale_search.choose = noted
    cases: list[Case] = []
    for name, count in args.sets.items():
        for pair in spread(read_pairs(args.data / name / "train"), count):
            level = None if args.scales_only else args.level
            cases += measure_image(evaluator, name, pair, args.factors, args.side, level)
            if args.json:
                args.json.write_text(json.dumps([asdict(case) for case in cases]))
    print(table(cases))


if __name__ == "__main__":
    main()
