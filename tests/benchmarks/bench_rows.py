"""Time of a megapixel of a large plane, in tiles and row by row, as a multiple of the network alone.

    python tests/benchmarks/bench_rows.py [--model nuclei] [--side 2048] [--levels 1 4] [--precision auto]

The network alone is the cold evaluation of a plane of 1024 x 1024 px. The three are measured one after the
other in one process, and the best of the repeats counts. Compiling for a new size (int8) is not counted.
The times are those of `predict`: reading and normalising the plane, the network, and the maps as half
floats; no objects.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import torch
from bench_levels import best_of, machine

from napari_unetpp.engine import predict
from napari_unetpp.engine.benchmark import level_cases
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.models.model_list import find_model

ALONE = 1024
"""Side (px) of the plane that the network alone is timed on."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--levels", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--repeats", type=int, default=2)
    args = parser.parse_args()
    model = LoadedModel.load(find_model(args.model), "cpu", args.precision)
    threads = torch.get_num_threads()
    print(f"{args.model} {model.choice.label}, {args.side} px, {threads} threads, {machine()}")
    print("level   network   tiles   rows (ms/MPx)   tiles   rows (times the network)")
    image = np.random.default_rng(0).integers(0, 255, (args.side, args.side), np.uint8)
    alone = level_cases(model, ALONE)
    for level in args.levels:
        cases = {
            "network": alone[f"cold {level}"],
            "tiles": plane_case(model, image, level, rows=False),
            "rows": plane_case(model, image, level, rows=True),
        }
        seconds = {name: best_of({name: run}, args.repeats)[name] for name, run in cases.items()}
        network = 1e9 * seconds["network"] / ALONE**2
        tiles, rows = (1e9 * seconds[name] / image.size for name in ("tiles", "rows"))
        print(f"L{level} {network:12.0f} {tiles:7.0f} {rows:6.0f}", end="")
        print(f"{tiles / network:21.2f} {rows / network:6.2f}")


def plane_case(model: LoadedModel, image: np.ndarray, level: int, *, rows: bool) -> Callable[[], object]:
    """Evaluates the plane at a level as the command line does, row by row or in tiles."""

    def run() -> object:
        with patch.object(predict, "streams", lambda _net: rows):
            return predict_maps(image, model, level=level, scale=1.0)

    return run


if __name__ == "__main__":
    main()
