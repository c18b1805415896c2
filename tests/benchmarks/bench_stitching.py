"""Peak memory and time of finding the objects of a plane piece by piece, the numbers on disk.

    python tests/benchmarks/bench_stitching.py --side 16384 [--compare]

The maps are those of a shipped model at level 1 on a mosaic of the shipped sample `nuclei_dense`, repeated.
Memory is that of the whole process beyond what it held with these maps in memory. `--compare` also decodes
the whole plane in memory, and says whether the objects are the same up to their numbers.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bench_memory import mosaic, resident, watched

from napari_unetpp._types import Region
from napari_unetpp.api import load_model
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.memory import release_free_memory
from napari_unetpp.volumes.scratch import ScratchArray
from napari_unetpp.volumes.stitching.stitch import SIDE, Stitched, stitch


class Repeated:
    """A plane of any size from small maps (K, y, x)."""

    def __init__(self, maps: np.ndarray) -> None:
        self._maps = maps

    def __call__(self, region: Region) -> np.ndarray:
        height, width = self._maps.shape[1:]
        rows, columns = np.arange(region.y0, region.y1) % height, np.arange(region.x0, region.x1) % width
        return self._maps[:, rows[:, None], columns]


def same(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether two label images hold the same objects, whatever their numbers."""
    pairs = np.unique(found.astype(np.int64) << 32 | expected)
    count = int(expected.max())
    alike = ((found > 0) == (expected > 0)).all() and found.max() == count
    return bool(alike and len(pairs) == count + (expected == 0).any())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--piece", type=int, default=SIDE)
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--compare", action="store_true")
    options = parser.parse_args()
    evaluator = load_model(options.model)
    info, shape = evaluator.info, (options.side, options.side)
    read = Repeated(predict_maps(mosaic(1536), evaluator, level=1).store.maps(1).copy())
    report: dict[str, Any] = {"side": options.side, "piece": options.piece}
    release_free_memory()
    report["gigabytes before"] = round(resident() / 1e9, 3)
    with tempfile.TemporaryDirectory() as folder:
        numbers = ScratchArray(Path(folder) / "numbers", shape, np.int32)
        base = resident()

        def work() -> Stitched:
            *_, last = stitch(read, shape, info, numbers, side=options.piece)
            assert isinstance(last, Stitched)
            return last

        last, seconds, peak = watched(work)
        report["pieces"] = {"seconds": round(seconds, 1), "gigabytes": round((peak - base) / 1e9, 3)}
        report["basins"], report["objects"] = len(last.object_of) - 1, len(last.sizes) - 1
        if options.compare:
            found = last.labels(info.decode)[numbers[:, :]]
            base = resident()
            expected, seconds, peak = watched(lambda: labelling.labels(read(Region(0, 0, *shape)), info))
            report["whole"] = {"seconds": round(seconds, 1), "gigabytes": round((peak - base) / 1e9, 3)}
            report["same objects"] = same(found, expected)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
