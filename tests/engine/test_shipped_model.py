"""What only a trained model can show."""

import numpy as np
import pytest

from napari_unetpp.api import load_model, segment
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.files.models.model_list import SHIPPED


@pytest.fixture(scope="module", params=["nuclei", "cells-phase", "polyps"])
def shipped(request):
    return load_model(SHIPPED / f"{request.param}.safetensors", device="cpu")


def empty_plane(case):
    rng = np.random.default_rng(0)
    if case == "constant":
        return np.full((200, 220), 100, np.uint16)
    if case == "read-out noise":
        return rng.normal(100, 3, (200, 220)).round().astype(np.uint16)
    return rng.poisson(20, (200, 220)).astype(np.uint8)


@pytest.mark.parametrize("case", ["constant", "read-out noise", "shot noise"])
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_an_empty_plane_stays_empty(shipped, case, level):
    result = segment(empty_plane(case), shipped, level=level)
    assert result.mask.mean() < 5e-3, "specks at most"
    assert result.labels.max() == 0


def test_probabilities_are_finite(shipped):
    """The weights that ship are halves; nothing overflows."""
    result = segment(np.random.default_rng(0).random((64, 64)), shipped, level=1)
    assert np.isfinite(result.probability).all()


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_black_frames_text_and_borders_hold_no_polyp(level, data_root):
    from PIL import Image, ImageDraw

    polyps = load_model(SHIPPED / "polyps.safetensors", device="cpu")
    sheet = Image.new("RGB", (352, 288))
    ImageDraw.Draw(sheet).multiline_text((10, 40), "18/05/2012\n22:14:01\nCVP:7\nName:", fill=(255, 255, 255))
    assert not segment(np.asarray(sheet), polyps, level=level).mask.any()
    inside = total = 0
    for pair in read_pairs(data_root / "polyps_kvasir" / "val")[:8]:
        frame = read_image(pair.image)
        black = frame.max(axis=2) < 12
        inside += np.count_nonzero(segment(frame, polyps, level=level).mask & black)
        total += np.count_nonzero(black)
    assert inside / total < 5e-3
