"""``napari-unetpp segment`` of stacks, films, channels, zarrs: read, written, linked and resumed."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from napari_unetpp import api
from napari_unetpp._types import ModelInfo
from napari_unetpp.commands.segment import image as segment_image
from napari_unetpp.commands.segment import stack as segment_stack
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.models.model_list import SHIPPED
from napari_unetpp.files.results import result_file as result_files
from napari_unetpp.volumes import scratch
from napari_unetpp.volumes.inputs import source
from napari_unetpp.volumes.metadata import axes_of_ome_zarr
from napari_unetpp.volumes.series import run as series_run
from napari_unetpp.volumes.series import store as series_store
from napari_unetpp.volumes.series.large_plane import PieceSizes

Run = Callable[..., tuple[int, str, str]]
NUCLEI = np.asarray(Image.open(SHIPPED.parent / "samples" / "dense_fluorescence.png"))


def stack_of(count: int, side: int = 96, step: int = 2) -> np.ndarray:
    """Nuclei that move by some pixels from plane to plane: (count, side, side)."""
    return np.stack([NUCLEI[n * step : n * step + side, :side] for n in range(count)])


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """Two frames of three planes, two channels, of which the second shows nuclei: (T, Z, C, Y, X)."""
    nuclei = stack_of(6).reshape(2, 3, 1, 96, 96)
    array = np.concatenate([np.full_like(nuclei, 7), nuclei], axis=2)
    array[:, :, 0, 0, 0] = 9
    tifffile.imwrite(
        tmp_path / "cells.ome.tif",
        array,
        ome=True,
        metadata={
            "axes": "TZCYX",
            "Channel": {"Name": ["empty", "DAPI"]},
            **{f"PhysicalSize{axis}": size for axis, size in zip("ZYX", (2.0, 0.5, 0.5), strict=True)},
        },
    )
    return tmp_path / "cells.ome.tif"


def failing(real: Callable[..., object], at: int, error: Exception) -> Callable[..., object]:
    """The same function, which fails when it is called for that time."""
    calls = []

    def function(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == at:
            raise error
        return real(*arguments, **options)

    return function


# ------------------------------------------------------------ what is read and written


def test_a_stack_is_read_as_its_file_says(run: Run, stack: Path, tmp_path: Path) -> None:
    log, out = tmp_path / "log.json", tmp_path / "out"
    status, told, err = run(stack, "--out", out, "--channel", "dapi", "--z", "1:", "--json", log, "--table")
    assert status == 0, err
    assert "T 2, Z 3, C 2, Y 96, X 96; segmenting C 1 (DAPI), Z 1:3" in err
    assert "4 planes of 96 x 96 px: about" in err, "what it needs is said before"
    labels = tifffile.imread(out / "cells_labels.tif")
    assert labels.shape == (2, 2, 96, 96) and labels.dtype == np.uint32
    with tifffile.TiffFile(out / "cells_labels.tif") as file:
        assert file.series[0].axes == "TZYX"
        assert (
            'PhysicalSizeZ="2.0"' in (file.ome_metadata or "") and 'PhysicalSizeX="0.5"' in file.ome_metadata
        )
    (entry,) = json.loads(log.read_text())
    assert (entry["frames"], entry["planes"]) == (2, 2)
    assert entry["objects"] == sum(len(np.unique(plane)) - 1 for plane in labels.reshape(-1, 96, 96)) > 20
    assert f"4 planes, {entry['objects']} objects" in told
    rows = list(csv.DictReader((out / "cells_objects.csv").open()))
    assert len(rows) == entry["objects"] and {row["plane"] for row in rows} == {"1", "2"}
    assert list(rows[0])[:3] == ["frame", "plane", "label"]
    row = rows[-1]
    inside = labels[1, 1] == int(row["label"])
    assert int(row["area_px"]) == inside.sum() and float(row["area_um2"]) == inside.sum() / 4
    assert float(row["intensity_mean"]) == pytest.approx(stack_of(6)[5][inside].mean(), rel=1e-4)
    assert not (out / "cells_labels.partial").exists()


def test_planes_are_as_if_alone_with_the_range_of_the_series(run: Run, stack: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.json"
    assert run(stack, "--out", tmp_path, "--channel", 1, "--json", log)[0] == 0
    (entry,) = json.loads(log.read_text())
    labels = tifffile.imread(tmp_path / "cells_labels.tif").reshape(-1, 96, 96)
    model = api.load_model("nuclei", device="cpu", precision="float32")
    for plane, found in zip(stack_of(6), labels, strict=True):
        alone = api.segment(plane, model, level=1, scale=1.0, range=tuple(entry["range"])).labels
        np.testing.assert_array_equal(found, alone)


def test_axes_of_a_file_that_says_nothing(run: Run, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", stack_of(3), photometric="minisblack")
    _, _, err = run(tmp_path / "a.tif", "--out", tmp_path / "one")
    assert "C 3, Y 96, X 96 (guessed from the shape); segmenting C 0" in err
    status, _, err = run(tmp_path / "a.tif", "--out", tmp_path / "two", "--axes", "ZYX", "--table")
    assert status == 0 and "Z 3, Y 96, X 96" in err and "guessed" not in err
    assert tifffile.imread(tmp_path / "two/a_labels.tif").shape == (3, 96, 96)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--channel", "GFP"), r"channels 0 to 1 (empty, DAPI)"),
        (("--z", "3:5"), "within Z 0:3"),
        (("--axes", "ZYX"), "one letter of TCZYXS for each of its 5 axes"),
        (("--region", "0:500,0:10"), "rows within 0:96"),
        (("--stitch", "0.3", "--project", "max"), "one plane of depth is segmented"),
        (("--track", "0.3"), "Give --stitch, too"),
        (("--track", "0.3", "--t", "0", "--z", "0"), "one frame is segmented"),
    ],
)
def test_what_is_not_there_is_refused_in_words(
    options: tuple[str, ...], problem: str, run: Run, stack: Path, tmp_path: Path
) -> None:
    status, _, err = run(stack, "--out", tmp_path / "out", *options)
    assert status == 1 and problem in err and "cells.ome.tif" in err


@pytest.mark.parametrize("options", [("--stitch", "1.5"), ("--z", "a:b"), ("--region", "5")])
def test_what_means_nothing_is_wrong_usage(options: tuple[str, ...], run: Run, stack: Path) -> None:
    assert run(stack, "--out", stack.parent, *options)[0] == 2


def test_a_projection_and_a_region(run: Run, stack: Path, tmp_path: Path) -> None:
    options = ("--channel", 1, "--project", "max", "--t", 1, "--region", "16:80,8:96", "--table")
    status, _, err = run(stack, "--out", tmp_path, *options)
    assert status == 0 and "T 1, the maximum over Z" in err
    labels = tifffile.imread(tmp_path / "cells_labels.tif")
    assert labels.shape == (64, 88)
    projected = stack_of(6)[3:].max(axis=0)
    for row in csv.DictReader((tmp_path / "cells_objects.csv").open()):
        y, x = np.nonzero(labels == int(row["label"]))
        assert float(row["centroid_y"]) == pytest.approx(y.mean() + 16, rel=1e-4), "on the grid of the image"
        assert float(row["intensity_mean"]) == pytest.approx(projected[y + 16, x + 8].mean(), rel=1e-4)
        assert "plane" not in row and row["frame"] == "1"


@pytest.mark.parametrize(
    ("kind", "dtype", "shape"), [("mask", "uint8", ()), ("probability", "float32", (1,))]
)
def test_other_kinds(
    kind: str, dtype: str, shape: tuple[int, ...], run: Run, stack: Path, tmp_path: Path
) -> None:
    assert run(stack, "--out", tmp_path, "--channel", 1, "--t", 0, "--kind", kind)[0] == 0
    with tifffile.TiffFile(tmp_path / f"cells_{kind}.tif") as file:
        found = file.asarray(squeeze=False) if shape else file.asarray()
    assert found.dtype == dtype and found.reshape(3, *shape, 96, 96).max() == (
        255 if kind == "mask" else found.max()
    )
    assert found.max() > 0.5


def test_results_of_stacks_are_no_inputs(run: Run, stack: Path) -> None:
    for time in range(2):
        status, said, err = run(stack.parent, "--out", stack.parent, "--z", 0, "--overwrite", "--recursive")
        assert status == 0 and len(said.splitlines()) == 1
        assert ("left out" in err) == (time > 0)


# ------------------------------------------------------------ linked


def test_objects_are_linked_through_depth(run: Run, stack: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.json"
    assert run(stack, "--out", tmp_path, "--channel", 1, "--stitch", 0.3, "--json", log)[0] == 0
    labels = tifffile.imread(tmp_path / "cells_labels.tif")
    (entry,) = json.loads(log.read_text())
    assert entry["objects"] == sum(len(np.unique(frame)) - 1 for frame in labels)
    for frame in labels:
        shared = np.intersect1d(np.unique(frame[0]), np.unique(frame[2]))
        assert len(shared) > 0.7 * len(np.unique(frame[0])), "most nuclei go through all planes"


def test_a_film_of_yeast_gives_tracks(run: Run, data_root: Path, tmp_path: Path) -> None:
    """Ten frames of a real film, which the model was not trained on. What is linked stays in its place."""
    paths = [
        p
        for part in ("train", "test")
        for p in sorted((data_root / "yeast_phase" / part / "images").iterdir())
    ]
    film = np.stack([np.asarray(Image.open(path))[220:380, 380:540] for path in paths]).astype(np.uint16)
    tifffile.imwrite(tmp_path / "film.tif", film, imagej=True, metadata={"axes": "TYX", "finterval": 300.0})
    options = (
        "--model",
        "cells-phase",
        "--level",
        2,
        "--scale",
        1.5,
        "--track",
        0.3,
        "--json",
        tmp_path / "log.json",
    )
    status, _, err = run(tmp_path / "film.tif", "--out", tmp_path, *options)
    assert status == 0 and "T 10, Y 160, X 160" in err
    labels = tifffile.imread(tmp_path / "film_labels.tif")
    rows = list(csv.DictReader((tmp_path / "film_tracks.csv").open()))
    assert list(rows[0]) == ["track", "frame", "y", "x"]
    assert len(rows) == sum(len(np.unique(frame)) - 1 for frame in labels)
    tracks: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        tracks.setdefault(row["track"], []).append((float(row["y"]), float(row["x"])))
    long = [np.asarray(places) for places in tracks.values() if len(places) > 5]
    assert len(long) >= 4, "cells are followed through most of the film"
    assert max(np.hypot(*np.diff(places, axis=0).T).max() for places in long) < 40
    (entry,) = json.loads((tmp_path / "log.json").read_text())
    assert entry["objects"] == len(tracks) and entry["frames"] == 10
    assert entry["outputs"][-1].endswith("film_tracks.csv")


def test_stacks_over_time_are_linked_both_ways(run: Run, stack: Path, tmp_path: Path) -> None:
    options = ("--channel", 1, "--stitch", 0.3, "--track", 0.2)
    assert run(stack, "--out", tmp_path, *options)[0] == 0
    labels = tifffile.imread(tmp_path / "cells_labels.tif")
    assert len(np.intersect1d(labels[0], labels[1])) > 3
    rows = list(csv.DictReader((tmp_path / "cells_tracks.csv").open()))
    assert list(rows[0]) == ["track", "frame", "plane", "y", "x"]
    row = rows[len(rows) // 2]
    place = np.argwhere(labels[int(row["frame"])] == int(row["track"])).mean(axis=0)
    assert [float(row[name]) for name in ("plane", "y", "x")] == pytest.approx(place, rel=1e-4)


def test_outlines_lie_on_the_image(run: Run, stack: Path, tmp_path: Path) -> None:
    """ImageJ reads them over the whole stack, whatever part of it was segmented."""
    roifile = pytest.importorskip("roifile")
    options = ("--channel", 1, "--z", "1:", "--region", "16:80,8:96", "--also", "rois,geojson", "--table")
    status, _, err = run(stack, "--out", tmp_path, *options)
    assert status == 0, err
    labels = tifffile.imread(tmp_path / "cells_labels.tif")
    found = roifile.roiread(tmp_path / "cells_rois.zip")
    assert len(found) >= sum(len(np.unique(plane)) - 1 for plane in labels.reshape(-1, 64, 88))
    assert {(roi.t_position, roi.z_position) for roi in found} == {(t, z) for t in (1, 2) for z in (2, 3)}
    corners = np.concatenate([roi.coordinates() for roi in found])
    y, x = np.nonzero(labels.reshape(-1, 64, 88).any(axis=0))
    assert corners.min(axis=0).tolist() == [x.min() + 8, y.min() + 16]
    assert corners.max(axis=0).tolist() == [x.max() + 9, y.max() + 17]
    (row,) = csv.DictReader((tmp_path / "summary.csv").open())
    assert int(row["objects"]) == sum(len(np.unique(plane)) - 1 for plane in labels.reshape(-1, 64, 88))


# ------------------------------------------------------------ zarr


@pytest.fixture
def ome_zarr_image(tmp_path: Path) -> Path:
    """Written by ome-zarr 0.18 (format 0.5): channels "empty" and "DAPI", the stack of nuclei, two levels."""
    pytest.importorskip("zarr", minversion="3")
    written = Path(__file__).parent / "volumes" / "inputs" / "data" / "nuclei.ome.zarr"
    return Path(shutil.copytree(written, tmp_path / "image.ome.zarr"))


def test_ome_zarr_in_and_out(run: Run, ome_zarr_image: Path, tmp_path: Path) -> None:
    import zarr

    status, _, err = run(ome_zarr_image, "--out", tmp_path / "out", "--channel", "DAPI", "--stitch", 0.3)
    assert status == 0, err
    assert "C 2, Z 3, Y 96, X 96; segmenting C 1 (DAPI)" in err
    result = tmp_path / "out/image_labels.ome.zarr"
    found = zarr.open_group(str(result), mode="r")["labels/objects"]
    assert found["0"].shape == (3, 96, 96) and found.attrs["napari-unetpp"]["complete"]
    assert axes_of_ome_zarr(dict(found.attrs), (3, 96, 96)).spacing == (2.0, 0.5, 0.5)
    tifffile.imwrite(tmp_path / "same.tif", stack_of(3), imagej=True, metadata={"axes": "ZYX"})
    assert run(tmp_path / "same.tif", "--out", tmp_path, "--stitch", 0.3)[0] == 0
    np.testing.assert_array_equal(found["0"][:], tifffile.imread(tmp_path / "same_labels.tif"))
    status, _, err = run(tmp_path, "--out", tmp_path / "again", "--recursive")
    assert "are left out" in err and not (tmp_path / "again/out").exists(), "a zarr of ours is no input"


def test_a_result_beyond_4_gb_becomes_zarr(
    run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zarr = pytest.importorskip("zarr", minversion="3")
    monkeypatch.setattr(segment_stack, "LARGEST_TIFF", 100_000)
    status, said, _ = run(stack, "--out", tmp_path, "--channel", 1)
    assert status == 0 and "cells_labels.ome.zarr" in said
    assert zarr.open_array(str(tmp_path / "cells_labels.ome.zarr/labels/objects/0"), mode="r").shape[:2] == (
        2,
        3,
    )
    status, said, err = run(stack, "--out", tmp_path, "--channel", 1, "--skip-existing")
    assert (status, said) == (0, "") and "1 of 1 were there already" in err


def test_without_zarr_it_is_said_before_any_work(
    run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_stack, "LARGEST_TIFF", 100_000)
    monkeypatch.setitem(sys.modules, "zarr", None)
    status, _, err = run(stack, "--out", tmp_path, "--channel", 1)
    assert status == 1 and "pip install 'napari-unetpp[zarr]'" in err
    assert not (tmp_path / "cells_labels.partial").exists()


def test_chunks_that_are_not_there_are_told(run: Run, ome_zarr_image: Path, tmp_path: Path) -> None:
    (ome_zarr_image / "s0/c/0/0/0/0").unlink()
    status, _, err = run(ome_zarr_image, "--out", tmp_path / "out", "--channel", 1)
    assert status == 0 and "chunks are not there and are read as 0" in err


def test_a_damaged_chunk_stops_in_the_middle_and_the_rest_follows(run: Run, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr", minversion="3")
    made = zarr.create_array(
        str(tmp_path / "a.zarr"), shape=(4, 96, 96), chunks=(1, 96, 96), dtype="uint8", dimension_names=None
    )
    made[:] = stack_of(4)
    chunk = tmp_path / "a.zarr/c/2/0/0"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[: len(whole) // 2])
    options = ("--axes", "ZYX", "--range", 0, 200, "--stitch", 0.3)
    status, _, err = run(tmp_path / "a.zarr", "--out", tmp_path / "out", *options)
    assert status == 1 and "the plane at T 0, C 0, Z 2 cannot be read" in err
    assert "Stopped at plane 3 of 4" in err and "2 planes are kept" in err
    chunk.write_bytes(whole)
    status, _, err = run(tmp_path / "a.zarr", "--out", tmp_path / "out", *options, "--skip-existing")
    assert status == 0 and "2 of 4 planes are there" in err
    assert run(tmp_path / "a.zarr", "--out", tmp_path / "again", *options)[0] == 0
    found, again = (
        zarr.open_array(str(tmp_path / name / "a_labels.ome.zarr/labels/objects/0"), mode="r")[:]
        for name in ("out", "again")
    )
    np.testing.assert_array_equal(found, again)


# ------------------------------------------------------------ interruptions


def test_a_read_error_in_the_middle(
    run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was done is kept, the message says where it stopped, and the next run does the rest only."""
    assert run(stack, "--out", tmp_path / "whole", "--channel", 1)[0] == 0
    out = tmp_path / "out"
    real = series_run.predict_plane
    monkeypatch.setattr(series_run, "predict_plane", failing(real, 3, OSError(5, "Input/output error")))
    status, _, err = run(stack, "--out", out, "--channel", 1)
    assert status == 1 and "Input/output error" in err
    assert "Stopped at plane 3 of 6 (T 0, Z 2). 2 planes are kept in" in err
    assert not (out / "cells_labels.tif").exists()
    status, _, err = run(stack, "--out", out, "--channel", 1)
    assert status == 1 and "Give --skip-existing to go on" in err
    planes: list[object] = []
    monkeypatch.setattr(series_run, "predict_plane", lambda *a: planes.append(a[1]) or real(*a))
    status, _, err = run(stack, "--out", out, "--channel", 1, "--skip-existing")
    assert status == 0 and "2 of 6 planes are there; going on" in err and len(planes) == 4
    found, whole = (tifffile.imread(tmp_path / name / "cells_labels.tif") for name in ("out", "whole"))
    np.testing.assert_array_equal(found, whole)
    assert not (out / "cells_labels.partial").exists()


def test_what_kept_nothing_leaves_nothing(
    run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even after a crash: a folder without planes does not refuse the next run, whatever its options."""
    real = series_run.predict_plane
    monkeypatch.setattr(series_run, "predict_plane", failing(real, 1, KeyboardInterrupt()))  # type: ignore[arg-type]
    status, _, err = run(stack, "--out", tmp_path, "--channel", 1)
    assert status == 1 and "stopped before a plane was done; nothing is kept" in err
    partial = tmp_path / "cells_labels.partial"
    assert not partial.exists()
    partial.mkdir()
    (partial / series_store.ABOUT).write_text('{"level": 3}')
    assert run(stack, "--out", tmp_path, "--channel", 1)[0] == 0
    assert not partial.exists()


def test_a_result_of_other_options_is_not_taken_for_the_wanted_one(
    run: Run, stack: Path, tmp_path: Path
) -> None:
    assert run(stack, "--out", tmp_path, "--channel", 1, "--z", "1:", "--stitch", 0.3)[0] == 0
    again = (stack, "--out", tmp_path, "--skip-existing")
    status, _, err = run(*again, "--channel", 1, "--z", "1:", "--stitch", 0.3)
    assert status == 0 and "1 of 1 were there already" in err
    for options, difference in (
        (("--channel", 1, "--z", "0:2", "--stitch", 0.3), "segmenting C 1 (DAPI), Z 0:2 now"),
        (("--channel", 1, "--z", "1:"), "stitch 0.3 then, not given now"),
        (
            ("--channel", 1, "--z", "1:", "--stitch", 0.3, "--region", "0:50,0:60"),
            "rows not given then, 0 50",
        ),
    ):
        status, _, err = run(*again, *options)
        assert status == 1 and "cells_labels.tif was made otherwise: " in err and difference in err, err


def test_ctrl_c_in_the_middle(run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = series_run.predict_plane
    monkeypatch.setattr(series_run, "predict_plane", failing(real, 2, KeyboardInterrupt()))  # type: ignore[arg-type]
    status, _, err = run(stack, "--out", tmp_path, "--channel", 1)
    assert status == 1 and "stopped; 1 of 6 planes are kept in" in err and err.strip().endswith("stopped")
    monkeypatch.setattr(series_run, "predict_plane", real)
    assert "1 of 6 planes are there" in run(stack, "--out", tmp_path, "--channel", 1, "--skip-existing")[2]


@pytest.mark.parametrize("at", ["a plane", "the result"])
def test_a_full_disk(at: str, run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(28, "No space left on device")
    place = series_store if at == "a plane" else result_files
    if at == "a plane":
        monkeypatch.setattr(place, "write_result", failing(series_store.write_result, 4, full))
    else:
        monkeypatch.setattr(tifffile, "imwrite", failing(tifffile.imwrite, 7, full))
    status, _, err = run(stack, "--out", tmp_path, "--channel", 1)
    assert status == 1 and "No space left on device" in err
    kept = "3 planes are kept" if at == "a plane" else "All 6 planes are kept"
    assert kept in err and "give --skip-existing to go on" in err
    assert not (tmp_path / "cells_labels.tif").exists()
    monkeypatch.undo()
    status, _, err = run(stack, "--out", tmp_path, "--channel", 1, "--skip-existing")
    assert status == 0, err
    assert tifffile.imread(tmp_path / "cells_labels.tif").shape == (2, 3, 96, 96)


def test_other_options_do_not_go_on(
    run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series_run, "predict_plane", failing(series_run.predict_plane, 2, OSError("gone")))
    assert run(stack, "--out", tmp_path, "--channel", 1)[0] == 1
    status, _, err = run(stack, "--out", tmp_path, "--channel", 0, "--skip-existing")
    assert status == 1 and "begun otherwise: read as T 2" in err and "C 1 (DAPI) then" in err
    options = ("--channel", 1, "--range", 0, 99, "--level", 2, "--skip-existing")
    status, _, err = run(stack, "--out", tmp_path, *options)
    assert status == 1 and "level 1 then, 2 now; " in err
    assert "range of intensities not given then, 0.0 99.0 now" in err
    status, _, err = run(stack, "--out", tmp_path, "--channel", 1, "--z", 0, "--overwrite")
    assert status == 0 and not (tmp_path / "cells_labels.partial").exists()


def test_an_image_that_changes_meanwhile(
    run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = iter([[[1, 1]], [[1, 1]], [[1, 2]]])
    monkeypatch.setattr(segment_stack, "file_version", lambda path: next(marks))
    status, _, err = run(stack, "--out", tmp_path, "--channel", 1)
    assert status == 1 and "was changed while it was segmented" in err


def test_without_memory_for_a_plane_it_is_done_in_parts(
    run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(stack, "--out", tmp_path / "whole", "--channel", 1, "--z", 0)[0] == 0
    monkeypatch.setattr(series_run, "predict_plane", failing(series_run.predict_plane, 1, MemoryError()))
    status, _, err = run(stack, "--out", tmp_path / "out", "--channel", 1, "--z", 0)
    assert status == 0 and "plane 1 does not fit into memory and is done in pieces" in err
    found, whole = (tifffile.imread(tmp_path / name / "cells_labels.tif") for name in ("out", "whole"))
    np.testing.assert_array_equal(found > 0, whole > 0)
    assert found.max() == whole.max()


def test_without_memory_for_the_usual_tiles_smaller_ones_are_used(
    run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where that does not help either, a shallower level is offered."""
    assert run(stack, "--out", tmp_path / "whole", "--channel", 1, "--z", 0, "--level", 2)[0] == 0
    limit, real = 96, LoadedModel.stream

    def scarce(self: LoadedModel, x: torch.Tensor, *rest: object, **options: object) -> object:
        if max(x.shape[-2:]) > limit:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return real(self, x, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(LoadedModel, "stream", scarce)
    monkeypatch.setattr(series_run, "SMALL_SIZES", PieceSizes(tile=16, piece=64))
    limit = 95
    options = ("--channel", 1, "--z", 0, "--t", 0, "--level", 2)
    status, _, err = run(stack, "--out", tmp_path / "out", *options)
    assert status == 0 and "plane 1 does not fit into memory and is done in pieces" in err
    assert "plane 1: not enough memory for tiles of the usual size; smaller ones are used" in err
    found, whole = (tifffile.imread(tmp_path / name / "cells_labels.tif") for name in ("out", "whole"))
    assert ((found > 0) != (whole[0] > 0)).mean() < 2e-3, "but for pixels at the threshold"
    limit = 10
    status, _, err = run(stack, "--out", tmp_path / "none", *options)
    assert status == 1 and "not enough memory, not even for small tiles" in err
    assert "shallower level (--level 1)" in err and "Stopped at plane 1 of 1" in err


def test_tables_that_are_missing_are_made_of_labels_that_are_there(
    run: Run, stack: Path, tmp_path: Path
) -> None:
    options = ("--channel", 1, "--stitch", 0.3, "--table")
    assert run(stack, "--out", tmp_path, *options)[0] == 0
    table = (tmp_path / "cells_objects.csv").read_text()
    (tmp_path / "cells_objects.csv").unlink()
    status, said, err = run(stack, "--out", tmp_path, *options, "--skip-existing")
    assert status == 0 and "which was there already" in said, err
    assert (tmp_path / "cells_objects.csv").read_text() == table


# ------------------------------------------------------------ large planes


@pytest.mark.parametrize("kind", ["labels", "mask", "probability"])
def test_a_plane_that_does_not_fit_into_memory(
    kind: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real dense nuclei, tile by tile and piece by piece; the file is read in parts, too."""
    from napari_unetpp.commands.segment import stack_results, stack_tables
    from napari_unetpp.volumes.inputs import tiff_stack

    image = NUCLEI[:150, :170]
    tifffile.imwrite(tmp_path / "a.tif", image, compression="zlib", tile=(64, 64))
    assert run(tmp_path / "a.tif", "--out", tmp_path / "whole", "--kind", kind)[0] == 0
    whole = tifffile.imread(tmp_path / f"whole/a_{kind}.tif")
    for module in (source, series_run, stack_results, stack_tables, tiff_stack):
        monkeypatch.setattr(module, "LARGE", 1000)
    monkeypatch.setattr(stack_results, "TILE", 64)
    monkeypatch.setattr(series_run, "DEFAULT_SIZES", PieceSizes(piece=64))
    monkeypatch.setattr(segment_image, "segment_file", None)
    log = tmp_path / "log.json"
    table = ("--table",) if kind == "labels" else ()
    status, _, err = run(tmp_path / "a.tif", "--out", tmp_path, "--kind", kind, "--json", log, *table)
    assert status == 0, err
    found = tifffile.imread(tmp_path / f"a_{kind}.tif").reshape(whole.shape)
    np.testing.assert_array_equal(found > 0, whole > 0)
    if kind == "labels":
        pairs = np.unique(np.stack([found.ravel(), whole.ravel()]), axis=1)
        assert pairs.shape[1] == len(np.unique(whole)), "the same objects, whatever their numbers"
        assert json.loads(log.read_text())[0]["objects"] == whole.max()
        assert "no table" in err and not (tmp_path / "a_objects.csv").exists()
    else:
        np.testing.assert_allclose(found, whole, atol=1e-3)


def test_a_full_disk_in_the_middle_of_a_large_plane(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", NUCLEI[:150, :170], compression="zlib", tile=(64, 64))
    for module in (source, series_run):
        monkeypatch.setattr(module, "LARGE", 1000)
    full = failing(open, 3, OSError(28, "No space left on device"))
    monkeypatch.setattr(scratch, "open", full, raising=False)
    status, _, err = run(tmp_path / "a.tif", "--out", tmp_path)
    assert status == 1 and "No space left on device. Check that the disk has room" in err
    assert "Stopped at plane 1 of 1 (T 0, Z 0). Nothing is kept." in err
    assert not (tmp_path / "a_labels.partial").exists(), "what is of no use is removed"
    monkeypatch.delattr(scratch, "open")
    assert run(tmp_path / "a.tif", "--out", tmp_path, "--skip-existing")[0] == 0
    assert tifffile.imread(tmp_path / "a_labels.tif").max() > 5


# ------------------------------------------------------------ Python


def test_stacks_in_python(run: Run, stack: Path, tiny_model: ModelInfo) -> None:
    array = tifffile.imread(stack)
    model = api.load_model("nuclei", device="cpu", precision="float32")
    found = api.segment(array, model, axes="TZCYX", channel=1, t=(0, 1), stitch=0.3, level=1, scale=1.0)
    assert found.labels.shape == found.mask.shape == (3, 96, 96) and found.probability.shape == (1, 3, 96, 96)
    assert run(stack, "--out", stack.parent, "--channel", 1, "--t", 0, "--stitch", 0.3)[0] == 0
    np.testing.assert_array_equal(found.labels, tifffile.imread(stack.parent / "cells_labels.tif"))
