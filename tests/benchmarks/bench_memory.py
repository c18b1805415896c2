"""Peak memory and time of one large plane with a shipped model, every tile really computed.

    python tests/benchmarks/bench_memory.py --side 8192 --level 4

The plane is a mosaic of the shipped sample `nuclei_dense`, mirrored so that no seam shows. Memory is that of
the whole process beyond what it held with the model loaded and the image in memory; the result is included.
Aim of the project at 8192: below 1.5 GB for a mask, below 3 GB for instances.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from skimage.io import imread

import napari_unetpp
from napari_unetpp.api import load_model
from napari_unetpp.engine.collect import predict_maps

SAMPLES = Path(napari_unetpp.__file__).parent / "samples"


def resident() -> int:
    """Bytes of this process in memory (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def watched(work: Callable[[], Any]) -> tuple[Any, float, int]:
    """Result, seconds and highest number of resident bytes of `work`."""
    peak, over = resident(), threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.01):
            peak = max(peak, resident())

    thread = threading.Thread(target=watch)
    thread.start()
    start = time.perf_counter()
    try:
        result = work()
    finally:
        over.set()
        thread.join()
    return result, time.perf_counter() - start, peak


def mosaic(side: int) -> np.ndarray:
    """A plane of `side` x `side` px of real nuclei."""
    sample = imread(sorted(SAMPLES.glob("*dense*"))[0])
    twice = np.block([[sample, sample[:, ::-1]], [sample[::-1], sample[::-1, ::-1]]])
    repeats = [-(-side // n) for n in twice.shape[:2]]
    return np.tile(twice, repeats)[:side, :side].copy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--level", type=int, default=4)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    evaluator = load_model(options.model)
    image = mosaic(options.side)
    predict_maps(image[:256, :256], evaluator, level=options.level)
    base = resident()
    report: dict[str, Any] = {"device": evaluator.choice.label, "side": options.side, "level": options.level}
    maps, seconds, peak = watched(lambda: predict_maps(image, evaluator, level=options.level))
    report["network"] = {"seconds": round(seconds, 1), "gigabytes": round((peak - base) / 1e9, 3)}
    for name in ("mask", "labels"):
        result, seconds, peak = watched(getattr(maps, name))
        report[name] = {"seconds": round(seconds, 1), "gigabytes": round((peak - base) / 1e9, 3)}
        report[name]["foreground" if name == "mask" else "objects"] = (
            round(float(result.mean()), 3) if name == "mask" else int(result.max())
        )
        del result
    print(json.dumps(report, indent=1))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
