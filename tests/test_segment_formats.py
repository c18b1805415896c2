"""``napari-unetpp segment`` of videos, medical images, and stacks seen from three sides; in Python, too."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

import napari_unetpp
from napari_unetpp import api
from napari_unetpp._types import UnetppError
from napari_unetpp.files.models.model_list import SHIPPED
from napari_unetpp.volumes.series import run as series_run
from napari_unetpp.volumes.series import three_directions

Run = Callable[..., tuple[int, str, str]]
SAMPLES = SHIPPED.parent / "samples"
NUCLEI = np.asarray(Image.open(SAMPLES / "dense_fluorescence.png"))


# ------------------------------------------------------------ video


@pytest.fixture
def endoscopy(data_root: Path, tmp_path: Path) -> Path:
    """A film of 12 frames: the view moves over a picture of a polyp."""
    av = pytest.importorskip("av")
    picture = np.asarray(Image.open(min((data_root / "polyps_kvasir/test/images").iterdir())))
    with av.open(str(tmp_path / "colon.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 160, "yuv420p"
        stream.bit_rate = 4_000_000
        for n in range(12):
            frame = np.ascontiguousarray(picture[80 + 2 * n : 240 + 2 * n, 80:272])
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        file.mux(stream.encode())
    return tmp_path / "colon.mp4"


def test_a_video_gives_labels_and_a_table_with_times(run: Run, endoscopy: Path, tmp_path: Path) -> None:
    log, out = tmp_path / "log.json", tmp_path / "out"
    options = ("--model", "polyps", "--table", "--json", log, "--t", "2:10")
    status, _, err = run(endoscopy, "--out", out, *options)
    assert status == 0, err
    assert "T 12, Y 160, X 192, RGB; segmenting T 2:10" in err
    labels = tifffile.imread(out / "colon_labels.tif")
    assert labels.shape == (8, 160, 192)
    with tifffile.TiffFile(out / "colon_labels.tif") as file:
        assert 'TimeIncrement="0.04"' in (file.ome_metadata or "")
    rows = list(csv.DictReader((out / "colon_objects.csv").open()))
    assert list(rows[0])[:4] == ["frame", "time_s", "label", "area_px"]
    assert len(rows) == sum(len(np.unique(frame[frame > 0])) for frame in labels) > 3
    for row in rows:
        assert float(row["time_s"]) == pytest.approx(int(row["frame"]) / 25, abs=1e-3)
        inside = labels[int(row["frame"]) - 2] == int(row["label"])
        assert int(row["area_px"]) == inside.sum()
    (entry,) = json.loads(log.read_text())
    assert entry["frames"] == 8


def test_a_video_is_gone_on_with(
    run: Run, endoscopy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (endoscopy, "--out", tmp_path / "out", "--model", "polyps", "--t", ":5")
    real, calls = series_run.predict_plane, []

    def failing(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise OSError("gone")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(series_run, "predict_plane", failing)
    assert "2 planes are kept in" in run(*options)[2]
    status, _, err = run(*options, "--skip-existing")
    assert status == 0 and "2 of 5 planes are there; going on" in err and len(calls) == 3 + 3


def test_a_video_in_python(run: Run, endoscopy: Path, tmp_path: Path) -> None:
    model = api.load_model("polyps", device="cpu", precision="float32")
    with napari_unetpp.open_image(str(endoscopy)) as image:
        found = napari_unetpp.segment(image, model, t=(2, 4), level=1, scale=1.0)
    assert run(endoscopy, "--out", tmp_path, "--model", "polyps", "--t", "2:4")[0] == 0
    np.testing.assert_array_equal(found.labels, tifffile.imread(tmp_path / "colon_labels.tif"))
    picture = tmp_path / "a.png"
    Image.fromarray(NUCLEI[:64, :64]).save(picture)
    with napari_unetpp.open_image(picture) as image:
        found = napari_unetpp.segment(image, "nuclei", level=1, scale=1.0)
    assert found.labels.shape == (64, 64)


# ------------------------------------------------------------ medical images


def test_nifti_on_the_command_line(run: Run, tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    stack = np.stack([NUCLEI[2 * n : 2 * n + 96, :80] for n in range(3)])
    nibabel.save(nibabel.Nifti1Image(stack.T, np.diag([0.5, 0.5, 2, 1])), tmp_path / "cells.nii.gz")
    status, _, err = run(tmp_path, "--out", tmp_path / "out", "--stitch", 0.3, "--table")
    assert status == 0, err
    tifffile.imwrite(tmp_path / "same.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    assert run(tmp_path / "same.tif", "--out", tmp_path, "--stitch", 0.3)[0] == 0
    labels = tifffile.imread(tmp_path / "out/cells_labels.tif")
    np.testing.assert_array_equal(labels, tifffile.imread(tmp_path / "same_labels.tif"))


def test_a_dicom_series_with_results_in_its_own_folder(run: Run, tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom", minversion="3")
    for n in range(2):
        data = pydicom.dcmread(pydicom.examples.get_path("ct"))
        data.InstanceNumber, data.ImagePositionPatient = n, [0, 0, 5 * n]
        data.save_as(tmp_path / f"IM{n}")
    options = ("--z", "0:2", "--region", "0:64,0:64", "--table")
    for again in ((), ("--overwrite",)):
        status, _, err = run(tmp_path, "--out", tmp_path, *options, *again)
        assert status == 0 and "Z 2, Y 64, X 64" in err, err
    assert tifffile.imread(tmp_path / f"{tmp_path.name}_labels.tif").shape == (2, 64, 64)


# ------------------------------------------------------------ three directions


def balls(shape: tuple[int, int, int], centres: list[tuple[int, int, int]], radius: float) -> np.ndarray:
    """Bright balls on a dark noisy ground, blurred as a microscope does."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"))
    found = np.zeros(shape, np.float32)
    for centre in centres:
        found[((grid - np.reshape(centre, (3, 1, 1, 1))) ** 2).sum(axis=0) <= radius**2] = 1
    noise = np.random.default_rng(0).normal(0, 0.02, shape)
    return ((ndimage.gaussian_filter(found, 1) + noise + 0.1) * 1000).clip(0).astype(np.uint16)


CENTRES = [(16, 14, 14), (16, 14, 34), (16, 34, 24)]


def test_three_directions_of_a_stack_turned_give_the_result_turned() -> None:
    """As far as the network is alike for planes that are mirrored; from one direction that is not so."""
    stack = balls((32, 48, 48), CENTRES, 7)
    model = api.load_model("nuclei", device="cpu", precision="float32")
    options = {"axes": "ZYX", "level": 1, "scale": 1.0, "range": (50.0, 1100.0), "spacing": (1, 1, 1)}

    def difference(directions: int) -> float:
        """Between the result of the stack and that of the stack turned."""
        found, turned = (
            api.segment(array, model, directions=directions, **options).probability[0]  # type: ignore[arg-type]
            for array in (stack, stack.transpose(1, 0, 2))
        )
        return float(np.abs(found.transpose(1, 0, 2) - turned).mean())

    assert difference(3) < difference(1) / 3


def test_the_same_on_the_command_line_in_small_slabs(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planes that are twice as far apart as pixels are brought to equal distances."""
    stack = balls((32, 48, 48), CENTRES, 7)[::2]
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    problem = run(tmp_path / "a.tif", "--out", tmp_path, "--directions", 3)
    assert problem[0] == 1 and "--spacing Z,Y,X" in problem[2]
    options = ("--directions", 3, "--spacing", "1,0.5,0.5", "--stitch", 0.3, "--table", "--range", 50, 1100)
    monkeypatch.setattr("napari_unetpp.volumes.directions.SLAB", 100_000)
    status, said, err = run(tmp_path / "a.tif", "--out", tmp_path, *options)
    assert status == 0, err
    assert "16 planes, 3 objects" in said
    labels = tifffile.imread(tmp_path / "a_labels.tif")
    assert labels.shape == stack.shape
    for z, y, x in CENTRES:
        inside = labels == labels[z // 2, y, x]
        assert labels[z // 2, y, x] and 4 <= np.ptp(np.nonzero(inside)[0]) <= 9
    (row, *_) = csv.DictReader((tmp_path / "a_objects.csv").open())
    assert float(row["area_um2"]) == int(row["area_px"]) / 4
    found = api.segment(
        stack, "nuclei", axes="ZYX", level=1, scale=1.0, directions=3, spacing=(1, 0.5, 0.5), stitch=0.3,
        range=(50.0, 1100.0), device="cpu", precision="float32",
    )  # fmt: skip
    np.testing.assert_array_equal(found.labels, labels)


def test_three_directions_that_are_interrupted(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = balls((8, 32, 32), [(4, 16, 16)], 5)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    options = (tmp_path / "a.tif", "--out", tmp_path / "out", "--directions", 3, "--spacing", "1,1,1")
    full = OSError(28, "No space left on device")
    real = three_directions.predict
    monkeypatch.setattr(three_directions, "predict", lambda *a, **o: (_ for _ in ()).throw(full))
    status, _, err = run(*options)
    assert status == 1 and "Nothing is kept" in err
    assert not (tmp_path / "out/a_labels.partial").exists()
    monkeypatch.setattr(three_directions, "predict", real)
    assert run(*options, "--skip-existing")[0] == 0
    assert run(tmp_path / "a.tif", "--out", tmp_path / "out", "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("options", "problem"),
    [({"directions": 2}, "expected 1 or 3"), ({"project": "max"}, "one plane of depth")],
)
def test_directions_that_cannot_be(options: dict[str, object], problem: str) -> None:
    stack = np.zeros((4, 20, 20), np.uint8)
    with pytest.raises(UnetppError, match=problem):
        api.segment(stack, "nuclei", axes="ZYX", spacing=(1, 1, 1), **{"directions": 3, **options})  # type: ignore[arg-type]
