"""Areas in square micrometres, whatever way a layer says how large its pixels are; else why not."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from napari_unetpp.files.images.pixel_size import read_pixel_size
from napari_unetpp.gui.grids import grid_of, pixel_size

UM = ("um", "um")
TURN = [[np.cos(0.4), -np.sin(0.4), 7], [np.sin(0.4), np.cos(0.4), 2], [0, 0, 1]]


@pytest.mark.parametrize(
    ("options", "area", "side"),
    [
        ({"scale": (0.5, 0.5), "units": UM}, 0.25, 0.5),
        ({"scale": (-0.5, 0.5), "units": UM}, 0.25, 0.5),
        ({"scale": (0.5, 0.25), "units": UM}, 0.125, None),
        ({"scale": (500, 500), "units": ("nm", "nm")}, 0.25, 0.5),
        ({"affine": np.diag([0.5, 0.5, 1]), "units": UM}, 0.25, 0.5),
        ({"scale": (2, 2), "affine": np.diag([0.5, 0.25, 1]), "units": UM}, 0.5, None),
        ({"scale": (0.5, 0.5), "affine": TURN, "rotate": 30, "units": UM}, 0.25, 0.5),
        ({"scale": (0.5, 0.5), "shear": [0.7], "units": UM}, 0.25, None),
        ({"scale": (0.5, 0.5), "affine": [[0, -1, 3], [1, 0, 2], [0, 0, 1]], "units": UM}, 0.25, 0.5),
    ],
)
def test_the_area_of_a_pixel_is_that_of_its_sides_in_the_world(
    options: dict[str, Any], area: float, side: float | None
) -> None:
    found = pixel_size(grid_of(Image(np.zeros((8, 9)), **options), 0, (0, 1)), (0, 1))
    assert found.area == pytest.approx(area) and found.missing == ""
    assert found.side == (None if side is None else pytest.approx(side))
    assert (found.sides is None) == ("shear" in options)
    if found.sides is not None:
        height, width = found.sides
        assert height * width == pytest.approx(area) and (side is None or height == pytest.approx(side))


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"scale": (0.5, 0.5)}, "the unit of the image is pixel, not a length"),
        ({"scale": (0.5, 0.5), "units": ("um", "pixel")}, "different units (micrometer, pixel)"),
        ({"scale": (0.5, 0.5), "units": ("um", "mm")}, "different units (micrometer, millimeter)"),
        ({"units": ("s", "s")}, "the unit of the image is second, not a length"),
    ],
)
def test_without_one_unit_of_length_it_is_said_why_there_is_no_area(
    options: dict[str, Any], why: str
) -> None:
    found = pixel_size(grid_of(Image(np.zeros((8, 9)), **options), 0, (0, 1)), (0, 1))
    assert found.area is None and found.side is None
    assert why in found.missing


def test_only_the_axes_that_are_displayed_count() -> None:
    film = Image(np.zeros((3, 8, 9)), scale=(60, 0.5, 0.25), units=("s", "um", "um"))
    assert pixel_size(grid_of(film, 0, (1, 2)), (1, 2)).area == pytest.approx(0.125)
    stack = Image(np.zeros((3, 8, 9)), scale=(2, 0.5, 0.25), units=("um", "um", "um"))
    assert pixel_size(grid_of(stack, 0, (0, 2)), (0, 2)).area == pytest.approx(0.5)


def saved(dock: Any, qtbot: Any, tmp_path: Path, monkeypatch: Any) -> list[dict[str, str]]:
    """The table that the button writes."""
    monkeypatch.setattr(dock, "ask_path", lambda suggestion: tmp_path / suggestion.name)
    qtbot.waitUntil(dock.form.result.save_button.isEnabled, timeout=60_000)
    before = set(tmp_path.glob("*.csv"))
    dock.form.result.save_button.click()
    # not for the message, which the end of a run may replace
    qtbot.waitUntil(lambda: set(tmp_path.glob("*.csv")) > before, timeout=60_000)
    (path,) = set(tmp_path.glob("*.csv")) - before
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("options", "area", "sides"),
    [
        ({"scale": (0.5, 0.25), "units": UM}, 0.125, (0.5, 0.25)),
        ({"affine": np.diag([-0.5, 0.5, 1]), "units": UM}, 0.25, (0.5, 0.5)),
        ({"scale": (0.5, 0.25)}, None, None),
    ],
)
def test_the_table_of_the_dock(
    viewer: Any,
    image: np.ndarray,
    open_dock: Any,
    wait: Any,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: Any,
    options: dict[str, Any],
    area: float | None,
    sides: tuple[float, float] | None,
) -> None:
    """Areas in the table, height and width of a pixel in the TIFF."""
    viewer.add_image(image, name="cells", **options)
    dock = open_dock()
    dock.controller.state.threshold, dock.controller.state.min_size = 0.01, 0
    dock.form.head.segment_button.click()
    wait(dock)
    (row,) = saved(dock, qtbot, tmp_path, monkeypatch)
    assert row["area_px"] == str(image.size)
    qtbot.waitUntil(lambda: "Saved" in dock.form.head.message_label.text(), timeout=60_000)
    told = "No areas in µm²: the unit of the image is pixel" in dock.form.head.message_label.text()
    assert ("area_um2" in row, told) == (area is not None, area is None)
    if area is not None:
        assert float(row["area_um2"]) == pytest.approx(image.size * area)
    (path,) = tmp_path.glob("*.tif")
    size = read_pixel_size(path)
    assert (None if size is None else (size.y, size.x)) == (sides and pytest.approx(sides))


def test_planes_of_a_film_have_names_and_columns_of_their_own(
    viewer: Any, image: np.ndarray, open_dock: Any, wait: Any, qtbot: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    film = np.stack([image] * 12).reshape(3, 4, *image.shape)
    viewer.add_image(film, name="film", axis_labels=("t", "z", "y", "x"))
    dock = open_dock()
    dock.controller.state.threshold, dock.controller.state.min_size = 0.01, 0
    for t, z in ((0, 2), (1, 2), (1, 3)):
        viewer.dims.set_point([0, 1], [t, z])
        qtbot.waitUntil(lambda: [s.index for s in dock.controller.context.plane().position] == [t, z])  # noqa: B023
        dock.form.head.segment_button.click()
        wait(dock)
        (row,) = saved(dock, qtbot, tmp_path, monkeypatch)
        assert (row["t"], row["z"]) == (str(t), str(z))
    assert {path.name for path in tmp_path.glob("*.tif")} == {
        "film_t000_z002_labels.tif",
        "film_t001_z002_labels.tif",
        "film_t001_z003_labels.tif",
    }


@pytest.mark.parametrize(
    ("shape", "labels", "names"),
    [
        ((2, 8, 9), None, ["plane"]),
        ((2, 2, 8, 9), None, ["axis0", "axis1"]),
        ((2, 2, 8, 9), ("t", "t", "y", "x"), ["t", "axis1"]),
        ((2, 8, 9), ("depth", "y", "x"), ["depth"]),
    ],
)
def test_axes_without_a_label_have_a_name_too(
    viewer: Any, open_dock: Any, shape: tuple[int, ...], labels: Any, names: list[str]
) -> None:
    viewer.add_image(np.zeros(shape), name="stack", **({"axis_labels": labels} if labels else {}))
    dock = open_dock()
    assert [step.axis for step in dock.controller.context.plane().position] == names
