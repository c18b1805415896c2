"""Time of ``napari-unetpp segment`` for a stack with 1, 2, ... worker processes, and without.

    python tests/benchmarks/bench_workers.py [--workers 1,2] [--planes 12] [--side 1024] [--level 2]

Each run is timed as a whole, and by its own account, which leaves out the start of the workers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from napari_unetpp.files.models.model_list import SHIPPED


def timed(path: Path, out: Path, level: str, workers: int) -> dict[str, Any]:
    """Seconds of one run; 0 workers: this process alone."""
    command = [sys.executable, "-m", "napari_unetpp", "segment", str(path), "--out", str(out)]
    command += ["--level", level, "--scale", "1", "--device", "cpu", "--precision", "float32"]
    command += ["--json", str(out / "log.json"), *(["--workers", str(workers)] if workers else [])]
    out.mkdir()
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    seconds = time.perf_counter() - start
    (entry,) = json.loads((out / "log.json").read_text())
    return {"workers": workers, "seconds": round(seconds, 1), "of these segmenting": entry["seconds"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--planes", type=int, default=12)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--level", default="2")
    options = parser.parse_args()
    sample = np.asarray(Image.open(SHIPPED.parent / "samples" / "dense_fluorescence.png"))
    tiled = np.tile(sample, [-(-options.side // side) for side in sample.shape])
    plane = tiled[: options.side, : options.side]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        planes = np.stack([np.roll(plane, 3 * n, axis=0) for n in range(options.planes)])
        tifffile.imwrite(path, planes, imagej=True, metadata={"axes": "ZYX"})
        counts = [0, *(int(count) for count in options.workers.split(","))]
        runs = [timed(path, Path(folder) / str(count), options.level, count) for count in counts]
        results = [tifffile.imread(Path(folder) / str(count) / "a_labels.tif") for count in counts]
    same = all(np.array_equal(results[0], other) for other in results)
    print(json.dumps({"shape": planes.shape, "same results": same, "runs": runs}, indent=2))


if __name__ == "__main__":
    main()
