"""Save writes the probability beside labels where the user asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_unetpp._types import never_stop
from napari_unetpp.files.results.result_file import read_facts
from napari_unetpp.session.messages import saving
from napari_unetpp.session.segment.save import SaveRequest, probability_path, save
from napari_unetpp.session.values import Plane


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("cells_labels.tif", "cells_probability.tif"),
        ("cells_mask.tif", "cells_probability.tif"),
        ("cells.tif", "cells_probability.tif"),
        ("cells_labels_2.tif", "cells_probability_2.tif"),
        ("taken_labels.tif", "taken_probability_2.tif"),
    ],
)
def test_names_beside_the_labels(labels: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "taken_probability.tif").touch()
    assert probability_path(tmp_path / labels).name == expected


def facts_of_maps(path: Path) -> dict[str, Any]:
    """Facts of probabilities, which are no OME-TIFF."""
    with tifffile.TiffFile(path) as file:
        (found,) = file.shaped_metadata
    return dict(found)


def press_save(sitting: Any, path: Path, wanted: bool) -> None:
    """As the dialog does: the kind is chosen before the name is given."""

    def ask(_suggestion: Path) -> Path:
        sitting.view.signals.probability_toggled.emit(wanted)
        return path

    sitting.view.ask_path.side_effect = ask
    sitting.view.signals.save_pressed.emit()


def test_the_probability_of_the_shown_depth(sitting: Any, free_name: Path, blobs: np.ndarray) -> None:
    sitting.view.signals.segment_pressed.emit()
    press_save(sitting, free_name, False)
    assert not list(free_name.parent.glob("*probability*"))
    sitting.view.signals.level_changed.emit(2)
    press_save(sitting, free_name, True)
    path = free_name.parent / "cells_probability_2.tif"  # of the second labels
    found = tifffile.imread(path)
    np.testing.assert_allclose(np.squeeze(found), np.clip(blobs - 0.02, 0, 1), atol=1e-3)
    assert path.name in sitting.message
    facts = facts_of_maps(path)
    assert (facts["level"], facts["precision"]) == (2, "float32") and len(sitting.engine.predicted) == 1


def test_what_is_not_in_memory_any_more_is_said_and_the_labels_are_saved(
    sitting: Any, free_name: Path
) -> None:
    sitting.view.signals.segment_pressed.emit()
    sitting.controller.context.cache._planes.clear()
    press_save(sitting, free_name, True)
    assert saving.NO_PROBABILITY in sitting.message and free_name.exists()
    assert not list(free_name.parent.glob("*probability*"))


def test_nobody_corrected_the_probability(tmp_path: Path) -> None:
    plane = Plane("key", "image", "cells", np.zeros((4, 4)))
    values = np.full((1, 4, 4), 0.25, np.float32)
    facts = {"model": "tiny", "corrected": True}
    labels = np.ones((4, 4), np.uint16)
    request = SaveRequest(
        tmp_path / "a.tif", labels, "labels", plane, facts=facts, probability=lambda: values
    )
    (saved,) = save(request, never_stop)
    assert [path.name for path in saved.paths] == ["a.tif", "a.csv", "a_probability.tif"]
    assert read_facts(tmp_path / "a.tif")["corrected"] is True
    found = facts_of_maps(tmp_path / "a_probability.tif")
    assert found["model"] == "tiny" and "corrected" not in found
    assert tifffile.imread(tmp_path / "a_probability.tif").shape == (1, 4, 4)
