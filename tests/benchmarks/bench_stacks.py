"""Peak memory and time of ``napari-unetpp segment`` for one large plane, and for a stack.

    python tests/benchmarks/bench_stacks.py --side 8192 [--planes 1] [--level 1]

The image is a mosaic of the shipped sample of dense nuclei in a compressed, tiled TIFF. The command runs in a
process of its own, so that the peak is that of the whole process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from napari_unetpp.files.models.model_list import SHIPPED

TILE = 512


def tiles(sample: np.ndarray, side: int, planes: int) -> Iterator[np.ndarray]:
    """Tiles of the mosaic, row by row."""
    for plane in range(planes):
        for y0 in range(0, side, TILE):
            for x0 in range(0, side, TILE):
                rows = (np.arange(y0, y0 + TILE) + 2 * plane) % sample.shape[0]
                columns = np.arange(x0, x0 + TILE) % sample.shape[1]
                yield np.ascontiguousarray(sample[rows[:, None], columns])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--planes", type=int, default=1)
    parser.add_argument("--level", default="1")
    options = parser.parse_args()
    sample = np.asarray(Image.open(SHIPPED.parent / "samples" / "dense_fluorescence.png"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        shape = (options.planes, options.side, options.side)
        tifffile.imwrite(
            path,
            tiles(sample, options.side, options.planes),
            shape=shape,
            dtype=sample.dtype,
            tile=(TILE, TILE),
            compression="zlib",
            photometric="minisblack",
            metadata={"axes": "ZYX"},
        )
        links = ["--stitch", "0.3"] if options.planes > 1 else []
        command = [sys.executable, "-m", "napari_unetpp", "segment", str(path), "--out", folder]
        settings = ["--level", options.level, "--scale", "1", "--device", "cpu", "--precision", "float32"]
        start = time.perf_counter()
        done = subprocess.run([*command, *settings, *links], capture_output=True, text=True, check=True)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        report = {
            "shape": shape,
            "seconds": round(time.perf_counter() - start, 1),
            "peak gigabytes": round(peak, 2),
            "said": (done.stderr + done.stdout).strip().splitlines(),
        }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
