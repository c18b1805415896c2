"""A model of frames on frames of the sizes that endoscopes give, borders and burned-in text included.

``python tests/benchmarks/bench_native_frames.py FOLDER --model polyps`` brings every frame of FOLDER (images/
and labels/) to each native size: resized to the part of it that the picture fills, pasted onto black, with
lines of patient data beside it. Reported are the mean Dice of every level on the whole native frame, and the
mean share of the pixels beside the picture that is marked.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.transform import resize

from napari_unetpp.api import load_model
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label, read_pairs
from napari_unetpp.train.choose.scores import dice_iou


@dataclass(frozen=True)
class Native:
    """Height and width of a frame, and where in it the picture lies: top, left, height, width."""

    size: tuple[int, int]
    picture: tuple[int, int, int, int]


SIZES = {
    "352 x 352, as it is": Native((352, 352), (0, 0, 352, 352)),
    "622 x 529, picture only": Native((529, 622), (0, 0, 529, 622)),
    "720 x 576, black border, text": Native((576, 720), (24, 150, 528, 550)),
    "1280 x 1024, black border, text": Native((1024, 1280), (40, 280, 944, 980)),
    "1920 x 1080, black border, text": Native((1080, 1920), (8, 560, 1064, 1340)),
}


def pasted(frame: NDArray[Any], native: Native, *, order: int) -> NDArray[Any]:
    """A frame or a mask (order 0) at its place in a native one."""
    top, left, height, width = native.picture
    out = np.zeros((*native.size, *frame.shape[2:]), frame.dtype)
    small = resize(frame, (height, width), order=order, preserve_range=True, anti_aliasing=order > 0)
    out[top : top + height, left : left + width] = np.rint(small).astype(frame.dtype)
    return out


def write_text(frame: NDArray[np.uint8], native: Native) -> None:
    """Blocks like letters, white, in the border at the left."""
    left = native.picture[1]
    step = max(4, native.size[0] // 80)
    if left < 12 * step:
        return
    rng = np.random.default_rng(0)
    for line in range(4):
        y = (3 + 3 * line) * step
        letters = np.kron(rng.random((5, 8)) < 0.5, np.ones((step // 2, step)))
        frame[y : y + letters.shape[0], step : step + letters.shape[1]][letters > 0] = 240


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="polyps")
    args = parser.parse_args()
    model = load_model(args.model)
    pairs = read_pairs(args.folder)
    for name, native in SIZES.items():
        top, left, height, width = native.picture
        beside = np.ones(native.size, bool)
        beside[top : top + height, left : left + width] = False
        dice: dict[int, list[float]] = {level: [] for level in model.info.net.levels}
        marked: dict[int, list[float]] = {level: [] for level in model.info.net.levels}
        for pair in pairs:
            frame = pasted(read_image(pair.image), native, order=1)
            truth = pasted(read_label(pair.label), native, order=0) > 0
            write_text(frame, native)
            for level in model.info.net.levels:
                mask = predict_maps(frame, model, level=level).mask()
                dice[level].append(dice_iou(mask, truth)[0])
                marked[level].append(float(mask[beside].mean()) if beside.any() else 0.0)
        scores = "  ".join(
            f"L{d} {np.mean(dice[d]):.3f} ({np.mean(marked[d]):.2%} beside)" for d in model.info.net.levels
        )
        print(f"{name}: Dice {scores}", flush=True)


if __name__ == "__main__":
    main()
