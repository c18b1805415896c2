"""An untrained, seeded model with real batch norm statistics, and real images."""

import pytest
from untrained import make_evaluator

from napari_unetpp.files.images.image_file import read_image


@pytest.fixture(scope="session")
def evaluator():
    return make_evaluator()


@pytest.fixture(scope="session")
def tiny():
    """A narrow network for what does not depend on the weights."""
    return make_evaluator(widths=(4, 4, 6, 6, 8))


@pytest.fixture(scope="session")
def data(data_root):
    return data_root


@pytest.fixture(scope="session")
def phase(data):
    """Phase contrast, 1022x1024, uint16: one size is no multiple of 16."""
    return read_image(sorted((data / "cells_phase/test/images").iterdir())[0])


@pytest.fixture(scope="session")
def nuclei(data):
    """A colour image and a grey one."""
    images = [read_image(path) for path in sorted((data / "nuclei_dsb2018/test/images").iterdir())[:40]]
    colour = next(i for i in images if i.ndim == 3 and not (i[..., 0] == i[..., 1]).all())
    return colour, next(i for i in images if i.ndim == 2 or (i[..., 0] == i[..., 1]).all())
