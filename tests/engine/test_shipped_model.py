"""What only a trained model can show."""

import numpy as np
import pytest

from napari_unetpp.api import load_model, segment
from napari_unetpp.files.model_list import SHIPPED


@pytest.fixture(scope="module", params=["nuclei"])
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
    assert result.mask.mean() < 1e-3
    assert result.labels.max() == 0


def test_probabilities_are_finite(shipped):
    """The weights that ship are halves; nothing overflows."""
    result = segment(np.random.default_rng(0).random((64, 64)), shipped, level=1)
    assert np.isfinite(result.probability).all()
