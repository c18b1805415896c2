"""``segment``: which objects are kept, probabilities beside labels, and what each file says of its making."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_unetpp import __version__, segment
from napari_unetpp._types import ModelInfo
from napari_unetpp.engine.decode.holes import without_holes
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models.model_list import SHIPPED, find_model
from napari_unetpp.files.results.result_file import read_facts
from napari_unetpp.volumes.series import run as series

Run = Callable[..., tuple[int, str, str]]
OBJECTS = ("--threshold", 0.6, "--min-size", 100, "--max-size", 450, "--drop-border")


def nuclei() -> np.ndarray:
    return np.asarray(read_image(SHIPPED.parent / "samples" / "dense_fluorescence.png"))[100:228, 100:260]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Nuclei, in which level 1 leaves holes."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, nuclei())
    return path


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.stack([nuclei(), nuclei()[::-1]]), imagej=True, metadata={"axes": "ZYX"})
    return path


def test_objects_are_chosen(run: Run, image: Path, tmp_path: Path) -> None:
    status, _, err = run(image, "--out", tmp_path / "out", *OBJECTS)
    assert status == 0, err
    labels = tifffile.imread(tmp_path / "out" / "a_labels.tif")
    areas = np.bincount(labels.ravel())[1:]
    assert areas.size and areas.min() >= 100 and areas.max() <= 450
    assert not any(edge.any() for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    given = read_facts(tmp_path / "out" / "a_labels.tif")["given"]
    assert given == {"scale": 1, "threshold": 0.6, "min_size": 100, "max_size": 450, "drop_border": True}
    status, _, err = run(image, "--out", tmp_path / "out", "--skip-existing")
    assert status == 1 and "minimum size 100.0 then, not given now" in err


def test_touching_objects_can_be_left_together(run: Run, image: Path, tmp_path: Path) -> None:
    data = np.asarray(read_image(SHIPPED.parent / "samples" / "dense_fluorescence.png"))[:256, :320]
    tifffile.imwrite(image, data)
    for name, options in (("split", ()), ("whole", ("--no-split",))):
        assert run(image, "--out", tmp_path / name, "--level", 2, *options)[0] == 0
    split, whole = (tifffile.imread(tmp_path / name / "a_labels.tif") for name in ("split", "whole"))
    assert 0 < whole.max() < split.max()
    assert read_facts(tmp_path / "whole" / "a_labels.tif")["given"]["split"] is False
    found = segment(data, "nuclei", level=2, scale=1, split=False, precision="float32")
    assert (found.labels == whole).all()


def test_orientations_are_averaged(run: Run, image: Path, stack: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(image, "--out", out, "--level", 1, "--augment")[0] == 0
    assert read_facts(out / "a_labels.tif")["augment"] is True
    found = segment(nuclei(), "nuclei", level=1, scale=1, augment=True, precision="float32")
    assert (found.labels == tifffile.imread(out / "a_labels.tif")).all()
    assert (found.probability != segment(nuclei(), "nuclei", level=1, scale=1).probability).any()
    status, _, err = run(image, "--out", out, "--level", 1, "--skip-existing")
    assert status == 1 and "was made otherwise: augment True then, not given now" in err
    status, _, err = run(stack, "--out", out, "--augment")
    assert status == 1 and "(--augment; in the dock: best) is for an image of one plane" in err


def test_auto_with_orientations_is_the_recommended_level(run: Run, image: Path, tmp_path: Path) -> None:
    arguments = (image, "--out", tmp_path / "out", "--augment", "--level", "auto")
    assert run(*arguments)[0] == 0
    level = find_model("nuclei").recommended_level
    assert read_facts(tmp_path / "out" / "a_labels.tif")["level"] == level
    status, _, err = run(*arguments, "--skip-existing")
    assert status == 0 and "1 of 1 were there already" in err


def test_planes_in_pieces_keep_the_same_objects(
    run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (stack, *OBJECTS)
    assert run(*arguments, "--out", tmp_path / "whole")[0] == 0
    monkeypatch.setattr(series, "LARGE", 0)
    assert run(*arguments, "--out", tmp_path / "pieces")[0] == 0
    whole, pieces = (tifffile.imread(tmp_path / name / "stack_labels.tif") for name in ("whole", "pieces"))
    assert whole.any() and ((whole > 0) == (pieces > 0)).all()


def test_holes_are_filled_in_labels_and_masks(run: Run, image: Path, tmp_path: Path) -> None:
    for kind in ("labels", "mask"):
        arguments = (image, "--out", tmp_path, "--kind", kind)
        assert run(*arguments)[0] == 0
        holed = tifffile.imread(tmp_path / f"a_{kind}.tif")
        assert (without_holes(holed) != holed).any()
        assert run(*arguments, "--overwrite", "--fill-holes")[0] == 0
        found = tifffile.imread(tmp_path / f"a_{kind}.tif")
        assert found.any() and (without_holes(found) == found).all()


@pytest.mark.usefixtures("tiny_model")
def test_probabilities_come_with_the_labels(run: Run, image: Path, tmp_path: Path) -> None:
    arguments = ("--model", "tiny", "--out", tmp_path)
    assert run(image, *arguments, "--probability")[0] == 0
    found = tifffile.imread(tmp_path / "a_probability.tif")
    assert run(image, *arguments, "--kind", "probability", "--overwrite")[0] == 0
    assert (tifffile.imread(tmp_path / "a_probability.tif") == found).all() and found.shape == (1, 128, 160)
    (tmp_path / "a_probability.tif").unlink()
    status, _, err = run(image, *arguments, "--probability", "--skip-existing")
    assert status == 1 and "a_probability.tif is missing" in err and "--overwrite" in err


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--kind", "mask"),
        ("--directions", 3, "--spacing", "1,1,1"),
        ("--region", "8:100,10:90", "--stitch", 0.3, "--table", "--also", "geojson"),
    ],
    ids=["labels", "mask", "three directions", "a region"],
)
@pytest.mark.parametrize("pieces", [False, True])
def test_probabilities_come_with_a_stack(
    run: Run,
    stack: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[Any, ...],
    pieces: bool,
) -> None:
    """Bit by bit what --kind probability gives, in one run of the network."""
    if pieces and "--directions" in options:
        pytest.skip("whole frames")
    monkeypatch.setattr(series, "LARGE", 0 if pieces else series.LARGE)
    assert run(stack, *options, "--out", tmp_path / "labels")[0] == 0
    status, _, err = run(stack, *options, "--probability", "--out", tmp_path / "both")
    assert status == 0, err
    kind = "mask" if "mask" in options else "labels"
    both, labels = (tifffile.imread(tmp_path / name / f"stack_{kind}.tif") for name in ("both", "labels"))
    assert both.any() and np.array_equal(both, labels)
    of_objects = ("--kind", "mask", "--stitch", 0.3, "--table", "--also", "geojson")
    others = [option for option in options if option not in of_objects]
    assert run(stack, *others, "--kind", "probability", "--out", tmp_path / "alone")[0] == 0
    found, expected = (
        tifffile.imread(tmp_path / name / "stack_probability.tif") for name in ("both", "alone")
    )
    assert found.dtype == np.float32 and found.std() > 0
    np.testing.assert_array_equal(found, expected)
    assert not list((tmp_path / "both").glob("*.partial"))


@pytest.mark.usefixtures("tiny_model")
def test_a_stopped_stack_goes_on_with_its_probabilities(
    run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (stack, "--model", "tiny", "--probability", "--out")
    assert run(*arguments, tmp_path / "whole")[0] == 0
    real, planes = series.predict_plane, []

    def failing(request: Any, position: Any, *rest: Any) -> Any:
        planes.append(position)
        if len(planes) == 2:
            raise OSError("gone")
        return real(request, position, *rest)

    monkeypatch.setattr(series, "predict_plane", failing)
    assert run(*arguments, tmp_path / "out")[0] == 1
    status, _, err = run(*arguments[:3], "--out", tmp_path / "out", "--skip-existing")
    assert status == 1 and "probability True then, not given now" in err
    assert run(*arguments, tmp_path / "out", "--skip-existing")[0] == 0
    assert len(planes) == 3, "the first plane was not done again"
    for name in ("stack_labels.tif", "stack_probability.tif"):
        found, expected = (tifffile.imread(tmp_path / folder / name) for folder in ("out", "whole"))
        np.testing.assert_array_equal(found, expected)
    (tmp_path / "out" / "stack_probability.tif").unlink()
    status, _, err = run(*arguments, tmp_path / "out", "--skip-existing")
    assert status == 1 and "stack_probability.tif is missing" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kind", "mask", "--max-size", 3), "they go with --kind labels"),
        (("--kind", "mask", "--no-split"), "they go with --kind labels"),
        (("--kind", "probability", "--fill-holes"), "do not go with --kind probability"),
        (("--min-size", 9, "--max-size", 3), "is above"),
        (("--threshold", 1), "between 0 and 1"),
        (("--min-size", "x"), "a number from 0"),
    ],
)
def test_options_that_do_not_go_together(
    run: Run, image: Path, tmp_path: Path, arguments: tuple[object, ...], said: str
) -> None:
    status, _, err = run(image, "--out", tmp_path, *arguments)
    assert status == 2 and said in err


def test_every_file_says_how_it_was_made(
    run: Run, image: Path, stack: Path, tmp_path: Path, tiny_model: ModelInfo
) -> None:
    """Model, hash, level, scale, range, number format and version."""
    out, report = tmp_path / "out", tmp_path / "report.json"
    beside = ("--table", "--also", "rois,geojson,coco", "--json", report)
    assert run(image, stack, "--model", "tiny", "--out", out, *beside)[0] == 0
    with open(out / "summary.csv", newline="") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    for entry in json.loads(report.read_text()):
        stem = Path(entry["input"]).stem
        facts = read_facts(out / f"{stem}_labels.tif")
        expected = {
            "model": "tiny",
            "model_sha256": tiny_model.sha256,
            "level": 1,
            "scale": 1,
            "range": facts["range"],
            "precision": "float32",
            "version": __version__,
        }
        geojson = json.loads((out / f"{stem}_objects.geojson").read_text())
        coco = json.loads((out / f"{stem}_coco.json").read_text())
        with zipfile.ZipFile(out / f"{stem}_rois.zip") as rois:
            comment = json.loads(rois.comment)
        for said in (entry, facts, geojson["napari_unetpp"], coco["info"], comment):
            assert {name: said[name] for name in expected} == expected
        row = rows[Path(entry["input"]).name]
        assert (row["model_sha256"], row["version"]) == (tiny_model.sha256, __version__)
        assert [float(row["range_low"]), float(row["range_high"])] == pytest.approx(facts["range"], rel=1e-5)


@pytest.mark.usefixtures("tiny_model")
def test_a_zarr_says_how_it_was_made(run: Run, stack: Path, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(tmp_path / "b.zarr", shape=(128, 160), dtype="uint8", chunks=(64, 64))
    array[:] = tifffile.imread(stack)[0]
    assert run(tmp_path / "b.zarr", "--model", "tiny", "--out", tmp_path, "--axes", "YX")[0] == 0
    facts = read_facts(tmp_path / "b_labels.ome.zarr")
    assert facts["model"] == "tiny" and facts["version"] == __version__ and facts["precision"] == "float32"
