"""What napari reads of us: the manifest, the sample data, the preferences page, the menu."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from npe2 import PluginManifest

import napari_unetpp
from napari_unetpp.files.formats.stack_kinds import STACK_SUFFIXES
from napari_unetpp.gui import samples

PACKAGE = Path(napari_unetpp.__file__).parent
MANIFEST = PACKAGE / "napari.yaml"


def manifest() -> PluginManifest:
    """Ours, validated."""
    return PluginManifest.from_file(MANIFEST)


def test_manifest_is_valid_and_its_commands_exist() -> None:
    read = manifest()
    read.validate_imports()
    assert read.name == "napari-unetpp"
    assert [widget.display_name for widget in read.contributions.widgets] == ["UNet++"]
    assert [item.command for item in read.contributions.menus["napari/layers/segment"]] == [
        "napari-unetpp.dock"
    ]


def test_top_level_manifest_is_a_link_to_the_one_in_the_package() -> None:
    link = PACKAGE.parent / "napari.yaml"
    if not link.exists():
        pytest.skip("installed without the checkout")
    if link.is_symlink():
        assert os.readlink(link) == "napari_unetpp/napari.yaml"


@pytest.mark.parametrize(
    ("make", "dimensions"),
    [
        (samples.dense_fluorescence, 2),
        (samples.sparse_fluorescence, 2),
        (samples.histology, 3),
        (samples.brightfield, 2),
        (samples.phase_contrast, 2),
    ],
)
def test_samples(make: Any, dimensions: int) -> None:
    ((data, options, kind),) = make()
    assert kind == "image" and options["name"] == make.__name__
    assert data.ndim == dimensions and data.dtype in (np.uint8, np.uint16) and np.ptp(data) > 50


def test_samples_are_small() -> None:
    sizes = [path.stat().st_size for path in samples.FOLDER.glob("*.png")]
    assert len(sizes) == 5 and sum(sizes) < 1_000_000


def test_settings_follow_the_manifest_defaults() -> None:
    from napari_unetpp.session.values import Settings

    properties = manifest().contributions.configurations["segmentation"].properties
    assert Settings(**{name: value.default for name, value in properties.items()}) == Settings()


def test_files_are_offered_to_our_reader_that_napari_does_not_read() -> None:
    (reader,) = manifest().contributions.readers
    assert set(reader.filename_patterns) == {f"*{suffix}" for suffix in STACK_SUFFIXES}
