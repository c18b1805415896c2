"""How long a click waits for its object, where nothing was segmented before, warm.

    python tests/benchmarks/bench_click.py [--side 1024] [--model nuclei] [--repeats 5] [--json FILE]

The image is a shipped sample, repeated to `side` x `side` px; every repeat clicks at another place. The first
click of a level is a warm-up. Device, side and the median per level are reported.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_unetpp._types import Region, ScaleChoice
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.session.events import Picked
from napari_unetpp.session.segment import work
from napari_unetpp.session.segment.cache import WorkerCache
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.values import Click, DeviceRequest, Plane, Rule

SAMPLE = Path(__file__).parents[2] / "napari_unetpp" / "samples" / "dense_fluorescence.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    sample = np.asarray(read_image(SAMPLE))
    times = -(-args.side // min(sample.shape[:2]))
    image = np.tile(sample, (times, times))[: args.side, : args.side]
    model, cache, rng = find_model(args.model), WorkerCache(), np.random.default_rng(0)
    plane = Plane("plane", "image", "sample", image)
    rule = Rule(threshold=model.decode.threshold, min_size=model.decode.min_size)
    bright = np.argwhere(image > np.percentile(image, 92))

    def seconds(level: int) -> float:
        y, x = (int(at) for at in bright[rng.integers(len(bright))])
        click = Click(Region(y, x, y + 1, x + 1))
        request = SegmentRequest(plane, model, DeviceRequest(), level, rule, ScaleChoice(1.0, "given"), None)
        (event,) = work.pick(cache, request, click, lambda: False)
        assert isinstance(event, Picked)
        return event.seconds

    result: dict[str, Any] = {"side": args.side}
    for level in model.net.levels:
        seconds(level)
        result[f"L{level}"] = float(np.median([seconds(level) for _ in range(args.repeats)]))
    result["device"] = cache.loaded(model, DeviceRequest()).choice.label
    print(json.dumps(result, indent=1))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
