"""Peak memory and time of ``napari-unetpp segment`` for one large plane, and for a stack.

    python tests/benchmarks/bench_stacks.py --side 8192 [--planes 1] [--level 1] [--real-side 4096]

The image is a mosaic of the shipped sample of dense nuclei in a compressed, tiled TIFF. The command runs in a
process of its own, so that the peak is that of the whole process. With ``--real-side`` the network runs on as
many tiles as a square of that side has; the maps of these stand in for those of all other tiles. Everything
else (reading, decoding, stitching, writing) is done for the whole plane.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from napari_unetpp.engine.tiles import CELL
from napari_unetpp.files.models.model_list import SHIPPED

TILE = 512
SEGMENTER = "segmenter"
"""First argument of the process that segments."""


def tiles(sample: np.ndarray, side: int, planes: int) -> Iterator[np.ndarray]:
    """Tiles of the mosaic, row by row."""
    for plane in range(planes):
        for y0 in range(0, side, TILE):
            for x0 in range(0, side, TILE):
                rows = (np.arange(y0, y0 + TILE) + 2 * plane) % sample.shape[0]
                columns = np.arange(x0, x0 + TILE) % sample.shape[1]
                yield np.ascontiguousarray(sample[rows[:, None], columns])


def segment(arguments: list[str]) -> int:
    """The command; then its peak of memory, in bytes, is printed.

    Not that of `resource`: Linux lets a new process begin with the peak of the one that started it.
    """
    from napari_unetpp import cli

    status = cli.main(arguments)
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    print(int(peak.split()[1]) * 1024)
    return status


def run_in_part(tiles_in_full: int) -> None:
    """From now on the network runs on so many tiles only; their maps are those of the others, too."""
    from napari_unetpp.engine.loaded_model import LoadedModel

    real = LoadedModel.stream
    known: list[np.ndarray] = []
    calls = 0

    def stream(self: LoadedModel, x: Any, level: int, should_stop: Any, part: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls <= tiles_in_full:
            for at, maps in real(self, x, level, should_stop, part, **options):
                known.append(maps)
                yield at, maps
        else:
            height, width = part.shape
            fitting = [maps for maps in known if maps.shape[1] >= height and maps.shape[2] >= width]
            yield level, fitting[calls % len(fitting)][:, :height, :width]

    LoadedModel.stream = stream  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=8192)
    parser.add_argument("--planes", type=int, default=1)
    parser.add_argument("--level", default="1")
    parser.add_argument("--real-side", type=int, help="the network runs on a square of so many px only")
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
        real_tiles = math.ceil((options.real_side or options.side) / CELL) ** 2
        program = [__file__, SEGMENTER, str(real_tiles)]
        command = [sys.executable, *program, "segment", str(path), "--out", folder]
        settings = ["--level", options.level, "--scale", "1", "--device", "cpu", "--precision", "float32"]
        start = time.perf_counter()
        done = subprocess.run([*command, *settings, *links], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        *said, peak = (done.stderr + done.stdout).strip().splitlines()
        report = {
            "shape": shape,
            "network runs on": options.real_side or options.side,
            "seconds": round(time.perf_counter() - start, 1),
            "peak gigabytes": round(int(peak) / 1e9, 2),
            "said": said,
        }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    if sys.argv[1:2] == [SEGMENTER]:
        run_in_part(int(sys.argv[2]))
        sys.exit(segment(sys.argv[3:]))
    main()
