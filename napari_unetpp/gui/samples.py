"""Sample data: small images that come with the package, with their licences in ``samples/README.md``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_unetpp.files.images.image_file import read_image

FOLDER = Path(__file__).parents[1] / "samples"
LayerData = tuple[Any, dict[str, Any], str]


def dense_fluorescence() -> list[LayerData]:
    """Many small nuclei, grey."""
    return _sample("dense_fluorescence")


def sparse_fluorescence() -> list[LayerData]:
    """Few large nuclei, grey."""
    return _sample("sparse_fluorescence")


def histology() -> list[LayerData]:
    """Stained tissue, colour, dark on bright."""
    return _sample("histology")


def brightfield() -> list[LayerData]:
    """Unstained or lightly stained cells, dark nuclei on a bright background."""
    return _sample("brightfield")


def phase_contrast() -> list[LayerData]:
    """Whole cells in phase contrast, grey, 16 bit."""
    return _sample("phase_contrast")


def _sample(name: str) -> list[LayerData]:
    return [(read_image(FOLDER / f"{name}.png"), {"name": name}, "image")]
