"""Draw an image and its results at all depths side by side.

python docs/figures/depth_strip.py MODEL IMAGE OUT.png [--crop Y0:Y1,X0:X1] [--scale F]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from skimage.color import hsv2rgb
from skimage.segmentation import find_boundaries

from napari_unetpp import Segmentation, load_model, open_image, segment
from napari_unetpp._types import Region
from napari_unetpp.commands.arguments.types import region, scale

Picture = NDArray[np.float64]
"""Of shape (Y, X, 3), in [0, 1]."""

SIDE, GAP, CAPTION = 272, 8, 22
"""Width of a panel, distance between panels, and height of a caption, px."""


def grey_or_colour(image: NDArray[Any], limits: tuple[float, float]) -> Picture:
    """The image (Y, X, 3) in [0, 1], between two intensities."""
    low, high = limits
    shown = np.clip((image.astype(float) - low) / max(high - low, 1e-9), 0, 1)
    return np.stack([shown] * 3, axis=-1) if shown.ndim == 2 else shown


def coloured(image: NDArray[Any], found: Segmentation, *, instances: bool) -> Picture:
    """Objects in colours over the image, each with its outline; a mask in one colour."""
    shown = grey_or_colour(image, found.range)
    hue = found.labels * 0.618 % 1 if instances else np.full(found.labels.shape, 0.11)
    colour = hsv2rgb(np.stack([hue, np.full(hue.shape, 0.9), np.ones(hue.shape)], axis=-1))
    filled = np.where(found.labels[..., None] > 0, 0.6 * shown + 0.4 * colour, shown)
    return np.where(find_boundaries(found.labels, mode="inner")[..., None], 1.0, filled)


def side_by_side(panels: Sequence[tuple[str, Picture]]) -> Image.Image:
    """Panels of one size in a row, each with its caption above."""
    height, width = panels[0][1].shape[:2]
    tall = round(SIDE * height / width)
    canvas = Image.new("RGB", (len(panels) * (SIDE + GAP) - GAP, tall + CAPTION), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=14)
    for number, (caption, picture) in enumerate(panels):
        x = number * (SIDE + GAP)
        draw.text((x + 2, 2), caption, fill="black", font=font)
        panel = Image.fromarray(np.asarray(255 * picture, np.uint8)).resize((SIDE, tall))
        canvas.paste(panel, (x, CAPTION))
    return canvas


def strip(name: str, path: Path, part: Region | None, scale: float | str) -> Image.Image:
    """The image, then its result at each level of the model; segmented whole, a part of it shown."""
    model = load_model(name, precision="float32")
    instances = model.info.task == "instances"
    with open_image(path) as source:
        image = np.asarray(source.array)
    cut = (slice(None), slice(None)) if part is None else part.slices
    panels: list[tuple[str, Picture]] = []
    for level in model.info.net.levels:
        found = segment(image, model, level=level, scale=scale)
        what = (
            f"{found.labels.max()} objects" if instances else f"{100 * found.mask.mean():.1f} % of the frame"
        )
        panels = panels or [("the image", grey_or_colour(image, found.range)[cut])]
        panels.append((f"L{level}: {what}", coloured(image, found, instances=instances)[cut]))
    return side_by_side(panels)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("image", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--crop", type=region)
    parser.add_argument("--scale", type=scale, default="auto")
    args = parser.parse_args()
    strip(args.model, args.image, args.crop, args.scale).save(args.out, optimize=True)
