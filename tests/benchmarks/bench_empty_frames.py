"""What a model of frames marks where there is nothing to find.

``python tests/benchmarks/bench_empty_frames.py FOLDER --model polyps`` takes the largest side without objects
of every image of FOLDER (rows or columns beside all objects; at least --side px), and reports for every level
how many of these frames stay empty, and the mean share of the pixels that is marked.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from napari_unetpp.api import load_model
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label, read_pairs
from napari_unetpp.train.data.frames import free_side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="polyps")
    parser.add_argument("--side", type=int, default=200)
    args = parser.parse_args()
    model = load_model(args.model)
    levels = model.info.net.levels
    marked: dict[int, list[float]] = {level: [] for level in levels}
    for pair in read_pairs(args.folder):
        axis, cut, first = free_side(read_label(pair.label))
        frame = read_image(pair.image)
        kept = slice(0, cut) if first else slice(cut, None)
        side = frame[kept] if axis == 0 else frame[:, kept]
        if min(side.shape[:2]) < args.side:
            continue
        for level in levels:
            marked[level].append(float((predict_maps(side, model, level=level).labels() > 0).mean()))
    for level, shares in marked.items():
        empty = sum(share == 0 for share in shares)
        print(f"L{level}: {empty} of {len(shares)} frames empty, {np.mean(shares):.1%} of the pixels marked")


if __name__ == "__main__":
    main()
