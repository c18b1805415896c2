"""Which images are meant, and where their results go."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unetpp._types import UnetppError
from napari_unetpp.files.results.inputs import Source, find_inputs
from napari_unetpp.files.results.outputs import Output, check_output, plan_outputs
from napari_unetpp.files.results.result_file import write_labels, write_mask

GREY = np.arange(35, dtype=np.uint16).reshape(5, 7)


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """Images at two depths, one stem twice, a hidden folder, a text, and results beside the images."""
    for name in ("a.tif", "B.TIF", "deep/a.tif", "deep/er/c.tif", ".hidden/d.tif", "[1].tif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(tmp_path / name, GREY)
    (tmp_path / "notes.txt").write_text("text")
    write_labels(tmp_path / "a_labels.tif", GREY)
    write_mask(tmp_path / "deep" / "renamed.tif", GREY)
    return tmp_path


def names(folder: Path, *inputs: str, recursive: bool = False) -> list[str]:
    found = find_inputs([folder / name for name in inputs], recursive=recursive)
    assert not found.problems
    return sorted(source.path.relative_to(folder).as_posix() for source in found.sources)


MEANT = {
    "a folder": ((".",), ["B.TIF", "[1].tif", "a.tif"]),
    "a file": (("a.tif",), ["a.tif"]),
    "a file twice": (("a.tif", "a.tif", "."), ["B.TIF", "[1].tif", "a.tif"]),
    "a pattern": (("*.tif",), ["[1].tif", "a.tif"]),
    "one letter": (("?.tif",), ["a.tif"]),
    "a pattern of folders": (("dee*",), ["deep/a.tif"]),
    "any depth": (("**/*.tif",), ["[1].tif", "a.tif", "deep/a.tif", "deep/er/c.tif"]),
    "a file that looks like a pattern": (("[1].tif",), ["[1].tif"]),
    "all files": (("*",), ["B.TIF", "[1].tif", "a.tif", "deep/a.tif"]),
}


@pytest.mark.parametrize("case", MEANT)
def test_what_is_meant(case: str, plate: Path) -> None:
    inputs, expected = MEANT[case]
    assert names(plate, *inputs) == expected


def test_subfolders_on_request_and_mirrored(plate: Path) -> None:
    found = find_inputs([plate], recursive=True)
    planned = {p.target.as_posix() for p in plan_outputs(found.sources, Path("out"), "labels")}
    assert planned == {
        *("out/a_labels.tif", "out/B_labels.tif", "out/[1]_labels.tif"),
        *("out/deep/a_labels.tif", "out/deep/er/c_labels.tif"),
    }
    assert {path.name for path in found.results} == {"a_labels.tif", "renamed.tif"}


def test_results_are_known_by_their_tag_and_not_by_their_name(plate: Path) -> None:
    found = find_inputs([plate / "deep"])
    assert [s.path.name for s in found.sources] == ["a.tif"]
    assert [path.name for path in found.results] == ["renamed.tif"]
    tifffile.imwrite(plate / "a_labels.tif", GREY)  # saved anew by another program: the user's now
    assert "a_labels.tif" in names(plate, ".")


PROBLEMS = {
    "a pattern without a match": ("*.png", "no image or folder matches"),
    "a pattern of texts": ("*.txt", "no image or folder matches"),
    "results only": ("a_labels.tif", "are results of napari-unetpp"),
    "an empty folder": ("empty", "--recursive looks into its subfolders"),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_inputs_that_give_nothing_are_named(case: str, plate: Path) -> None:
    (plate / "empty").mkdir()
    name, message = PROBLEMS[case]
    found = find_inputs([plate / name])
    assert not found.sources and len(found.problems) == 1 and message in found.problems[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_image(plate: Path) -> None:
    """Reading it would wait for ever."""
    count = len(find_inputs([plate]).sources)
    os.mkfifo(plate / "pipe.png")
    assert len(find_inputs([plate]).sources) == count
    (problem,) = find_inputs([plate / "pipe.png"]).problems
    assert "is a pipe or a device; expected a file" in problem


def test_a_table_lies_beside_its_labels() -> None:
    sources = [Source(Path("in/a.png")), Source(Path("in/a.tif")), Source(Path("in/x/a.tif"), Path("x"))]
    planned = plan_outputs(sources, Path("out"), "labels", table=True)
    assert [p.files for p in planned] == [
        (Path("out/a_png_labels.tif"), Path("out/a_png_objects.csv")),
        (Path("out/a_tif_labels.tif"), Path("out/a_tif_objects.csv")),
        (Path("out/x/a_labels.tif"), Path("out/x/a_objects.csv")),
    ]


def test_an_old_table_is_as_safe_as_old_labels(tmp_path: Path) -> None:
    output = Output(tmp_path / "a.png", tmp_path / "a_labels.tif", tmp_path / "a_objects.csv")
    check_output(output, [], overwrite=False)
    (tmp_path / "a_objects.csv").write_text("mine")
    with pytest.raises(UnetppError, match=r"a_objects.csv exists already. Give --skip-existing"):
        check_output(output, [], overwrite=False)
    check_output(output, [], overwrite=True)
