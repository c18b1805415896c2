"""NIfTI, DICOM, video and the files of microscopes: written here by their own packages, and read back."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from one_by_one import iterate_planes

from napari_unetpp._types import UnetppError
from napari_unetpp.files.formats import stack_kinds
from napari_unetpp.files.results.inputs import find_inputs
from napari_unetpp.volumes.inputs import video as video_files
from napari_unetpp.volumes.inputs.dicom_order import Slice, in_order
from napari_unetpp.volumes.inputs.source import is_stack, open_image
from napari_unetpp.volumes.planes import read_plane
from napari_unetpp.volumes.selection import Position, select

STACK = np.random.default_rng(0).integers(0, 4000, (4, 30, 40)).astype(np.int16)


def planes_of(path: Path, **options: object) -> tuple[str, list[np.ndarray]]:
    """How an image is read, and all its planes."""
    assert is_stack(path)
    with open_image(path, **options) as image:  # type: ignore[arg-type]
        chosen = select(image.axes)
        return str(chosen), [plane for _, plane in iterate_planes(image.array, chosen)]


# ------------------------------------------------------------ NIfTI


def write_nifti(path: Path, array: np.ndarray, units: str = "mm", **options: float) -> Path:
    """An array (X, Y, Z, ...) with voxels of 0.5 x 0.5 x 2."""
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image(array, np.diag([0.5, 0.5, 2, 1]))
    image.header.set_xyzt_units(units, "sec")
    image.header.set_slope_inter(options.get("slope"), options.get("inter"))
    if array.ndim == 4:
        image.header.set_zooms((0.5, 0.5, 2, 3))
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", ["brain.nii", "brain.nii.gz"])
def test_nifti(name: str, tmp_path: Path) -> None:
    path = write_nifti(tmp_path / name, STACK.T)
    read_as, planes = planes_of(path)
    assert read_as == "X 40, Y 30, Z 4"
    np.testing.assert_array_equal(planes, STACK)
    with open_image(path) as image:
        assert image.axes.spacing == (2000.0, 500.0, 500.0)
        assert image.pixel_size is not None and image.pixel_size.side == 500.0


def test_nifti_over_time_in_other_units_big_endian_and_scaled(tmp_path: Path) -> None:
    film = np.stack([STACK, STACK[::-1]]).T  # (X, Y, Z, T)
    path = write_nifti(tmp_path / "a.nii", film.astype(">i2"), "micron")
    read_as, planes = planes_of(path)
    assert read_as == "X 40, Y 30, Z 4, T 2"
    np.testing.assert_array_equal(planes, [*STACK, *STACK[::-1]])
    assert planes[0].dtype == np.int16 and planes[0].dtype.isnative
    with open_image(path) as image:
        assert image.axes.spacing == (2.0, 0.5, 0.5) and image.axes.interval == 3.0
    scaled = write_nifti(tmp_path / "b.nii", STACK.T, slope=0.5, inter=10.0)
    np.testing.assert_allclose(planes_of(scaled)[1], STACK * 0.5 + 10)


def test_nifti_in_colour(tmp_path: Path) -> None:
    colour = np.random.default_rng(1).integers(0, 255, (40, 30, 4, 3)).astype(np.uint8)
    voxels = np.ascontiguousarray(colour).view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    read_as, planes = planes_of(write_nifti(tmp_path / "a.nii", voxels))
    assert read_as.endswith("RGB")
    np.testing.assert_array_equal(planes, colour.transpose(2, 1, 0, 3))


def test_a_nifti_that_is_cut_off(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", STACK.T)
    path.write_bytes(path.read_bytes()[:3000])
    with open_image(path) as image, pytest.raises(UnetppError, match="Z 3 cannot be read"):
        read_plane(image.array, select(image.axes), Position(0, 3))
    path.write_bytes(b"\x1f\x8bnonsense")
    with pytest.raises(UnetppError, match="cannot be read as NIfTI"), open_image(path):
        pass


# ------------------------------------------------------------ DICOM


def write_dicom(path: Path, pixels: np.ndarray, series: str = "1.2.3", **tags: object) -> Path:
    """A DICOM file of one plane or several frames; it is not named after what it is."""
    pydicom = pytest.importorskip("pydicom", minversion="3")
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    data = pydicom.Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = pydicom.uid.generate_uid()
    data.SeriesInstanceUID, data.Modality = series, "MR"
    colour = pixels.shape[-1] == 3
    data.Rows, data.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    if pixels.ndim - colour == 3:
        data.NumberOfFrames = len(pixels)
    data.SamplesPerPixel = 3 if colour else 1
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(pixels.dtype.kind == "i")
    for name, value in tags.items():
        setattr(data, name, value)
    data.PixelData = pixels.tobytes()
    data.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """A folder of a series: names, numbers and positions each in another order."""
    folder = tmp_path / "head"
    folder.mkdir()
    for n, name in enumerate(("IM3", "IM1", "IM4", "IM2")):
        write_dicom(
            folder / name,
            STACK[n],
            InstanceNumber=9 - n,
            ImagePositionPatient=[0, 0, -2.0 * n],
            ImageOrientationPatient=[1, 0, 0, 0, -1, 0],
            PixelSpacing=[0.5, 0.25],
            RescaleSlope=1,
            RescaleIntercept=-1024,
        )
    return folder


def test_a_folder_of_a_dicom_series_is_one_stack(series: Path) -> None:
    (found,) = find_inputs([series]).sources
    assert found.path == series
    (found,) = find_inputs([series.parent], recursive=True).sources
    assert (found.path, found.folder) == (series, Path())
    read_as, planes = planes_of(series)
    assert read_as == "Z 4, Y 30, X 40"
    np.testing.assert_array_equal(planes, STACK.astype(np.float32) - 1024)
    with open_image(series) as image:
        assert image.axes.spacing == (2000.0, 500.0, 250.0)


def test_several_series_in_a_folder_are_told_apart(series: Path) -> None:
    for n in range(2):
        write_dicom(series / f"other{n}", STACK[n, :20], "1.2.4", InstanceNumber=n)
    with (
        pytest.raises(UnetppError, match=r"holds 2 DICOM series \(0: 4 files, 1: 2 files\)"),
        open_image(series),
    ):
        pass
    assert planes_of(series, series=1)[0] == "Z 2, Y 20, X 40"


def test_single_dicom_images_in_a_folder_are_images_of_their_own(tmp_path: Path) -> None:
    for n in range(2):
        write_dicom(tmp_path / f"a{n}", STACK[n], f"1.2.{n}")
    assert [source.path.name for source in find_inputs([tmp_path]).sources] == ["a0", "a1"]
    assert planes_of(tmp_path / "a1")[0] == "Y 30, X 40"


def test_dicom_of_many_frames(tmp_path: Path) -> None:
    colour = np.random.default_rng(1).integers(0, 255, (5, 30, 40, 3)).astype(np.uint8)
    path = write_dicom(tmp_path / "clip.dcm", colour, Modality="ES", FrameTime=40.0)
    read_as, planes = planes_of(path)
    assert read_as == "T 5, Y 30, X 40, RGB"
    np.testing.assert_array_equal(planes, colour)
    with open_image(path) as image:
        assert image.axes.interval == 0.04


def test_an_enhanced_file_says_of_each_frame_where_it_is(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom", minversion="3")
    from pydicom.dataset import Dataset

    def group(**sequences: dict[str, object]) -> Dataset:
        found = Dataset()
        for name, tags in sequences.items():
            inner = Dataset()
            for tag, value in tags.items():
                setattr(inner, tag, value)
            setattr(found, name, pydicom.Sequence([inner]))
        return found

    shared = group(
        PixelMeasuresSequence={"PixelSpacing": [0.5, 0.5]},
        PlaneOrientationSequence={"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
    )
    frames = [
        group(
            PlanePositionSequence={"ImagePositionPatient": [0, 0, -3 * n]},
            PixelValueTransformationSequence={"RescaleSlope": n + 1, "RescaleIntercept": 0},
        )
        for n in range(4)
    ]
    path = write_dicom(
        tmp_path / "a",
        STACK,
        PerFrameFunctionalGroupsSequence=pydicom.Sequence(frames),
        SharedFunctionalGroupsSequence=pydicom.Sequence([shared]),
    )
    np.testing.assert_array_equal(planes_of(path)[1], [(n + 1.0) * STACK[n] for n in (3, 2, 1, 0)])
    with open_image(path) as image:
        assert image.axes.spacing == (3000.0, 500.0, 500.0)
    write_dicom(path, STACK, TotalPixelMatrixColumns=80)
    with pytest.raises(UnetppError, match="whole slide"), open_image(path):
        pass


def test_dicom_in_which_white_is_0_and_run_lengths(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom", minversion="3")
    path = write_dicom(tmp_path / "a", STACK[0].astype(np.uint16), PhotometricInterpretation="MONOCHROME1")
    data = pydicom.dcmread(path)
    data.compress(pydicom.uid.RLELossless)
    data.save_as(path)
    np.testing.assert_array_equal(planes_of(path)[1], [65535 - STACK[0].astype(np.uint16)])


def test_dicom_that_cannot_be_decoded(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom", minversion="3")
    path = write_dicom(tmp_path / "a.dcm", STACK[0])
    data = pydicom.dcmread(path)
    data.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8nonsense"])
    data.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLSLossless
    data["PixelData"].VR = "OB"
    data.save_as(path)
    with pytest.raises(UnetppError, match=r"needs another package.*pylibjpeg"), open_image(path):
        pass
    path.write_bytes(path.read_bytes()[:300])
    with (
        pytest.raises(UnetppError, match=r"a\.dcm .*(cannot be read as DICOM|without an image)"),
        open_image(path),
    ):
        pass


def slices(*positions: float | None) -> list[Slice]:
    return [Slice(Path("a"), n, position, n) for n, position in enumerate(positions)]


@pytest.mark.parametrize(
    ("positions", "film", "order"),
    [
        ((3, 1, 2), False, [[1, 2, 0]]),
        ((1, 2, 1, 2), False, [[0, 1], [2, 3]]),  # twice through depth
        ((1, 1, 2, 2), False, [[0, 2], [1, 3]]),  # twice at each place
        ((None, None), False, [[0, 1]]),
        ((None, None), True, [[0], [1]]),
        ((1, 1), True, [[0], [1]]),
    ],
)
def test_order_of_planes(positions: tuple[float | None, ...], film: bool, order: list[list[int]]) -> None:
    found = in_order(slices(*positions), film=film)
    assert [[one.frame for one in time] for time in found.slices] == order
    assert not found.notes


def test_planes_that_are_missing_are_told() -> None:
    assert "2 to 4 mm apart" in in_order(slices(0, 2, 4, 8)).notes[0]
    assert "1 to 2 planes each" in in_order(slices(0, 2, 2)).notes[0]


# ------------------------------------------------------------ video

COUNT = 30


def frame_of(number: int) -> np.ndarray:
    """A bar that moves by two pixels from frame to frame."""
    frame = np.full((48, 64, 3), 40, np.uint8)
    frame[:, 2 * number : 2 * number + 6] = 230, 120, 60
    return frame


@pytest.fixture(params=["mp4", "avi", "mov", "mkv", "mp4 libx264"])
def video(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A film with a key frame every 10 frames and frames that refer to later ones."""
    suffix, _, codec = request.param.partition(" ")
    if codec and codec not in pytest.importorskip("av").codecs_available:
        pytest.skip(f"this build of av has no {codec}")
    return write_video(tmp_path / f"film.{suffix}", codec or "mpeg4")


def write_video(path: Path, codec: str = "mpeg4") -> Path:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.gop_size, stream.max_b_frames = 10, 2 if path.suffix != ".avi" else 0
        for number in range(COUNT):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame_of(number))))
        file.mux(stream.encode())
    return path


def test_video_in_any_order(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_files, "NEAR", 5)
    with pytest.importorskip("av").open(str(video)) as file:
        expected = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(np.unique(expected, axis=0)) == COUNT, "frames differ"
    with open_image(video) as image:
        chosen = select(image.axes)
        assert str(chosen) == f"T {COUNT}, Y 48, X 64, RGB"
        order = [0, 1, 2, 8, 29, 28, 3, 3, 11, 12, 20, 0, *range(COUNT)]
        for number in order:
            plane = read_plane(image.array, chosen, Position(number, 0))
            np.testing.assert_array_equal(plane, expected[number], err_msg=str(number))
        assert [image.seconds(n) for n in (0, 1, 29)] == pytest.approx([0, 0.04, 1.16], abs=2e-3)


def test_frames_that_follow_are_not_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []
    real = video_files.Video._searched
    monkeypatch.setattr(
        video_files.Video, "_searched", lambda self, n, stamp: searched.append(n) or real(self, n, stamp)
    )
    assert len(planes_of(write_video(tmp_path / "a.mp4"))[1]) == COUNT
    assert searched == [0]


def test_a_video_that_is_cut_off(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mkv")
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    with open_image(whole) as image:
        assert 5 < image.axes.size("T") < COUNT, "what is there is read"
    cut = write_video(tmp_path / "a.mp4")
    cut.write_bytes(cut.read_bytes()[:2000])
    with (
        pytest.raises(UnetppError, match=r"a\.mp4 (cannot be read as video|holds no frames)"),
        open_image(cut),
    ):
        pass


# ------------------------------------------------------------ microscopes


@pytest.fixture
def microscope_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An OME-TIFF that bioio has to read by its plug-in for these, as if it were a CZI."""
    pytest.importorskip("bioio_ome_tiff")
    pytest.importorskip("tifffile", "2025.5.21", reason="before, tifffile gives a store for zarr 2")
    monkeypatch.setitem(stack_kinds.PLUGINS, ".tiff", "bioio-ome-tiff")
    path = tmp_path / "cells.ome.tiff"
    metadata = {
        "axes": "TCZYX",
        "Channel": {"Name": ["GFP", "DAPI"]},
        **dict.fromkeys(("PhysicalSizeX", "PhysicalSizeY"), 250.0),
        **dict.fromkeys(("PhysicalSizeXUnit", "PhysicalSizeYUnit"), "nm"),
        "PhysicalSizeZ": 2.0,
        "TimeIncrement": 3.0,
    }
    array = np.stack([np.stack([STACK, STACK + 1])] * 2)
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(array, metadata=metadata, photometric="minisblack")
        file.write(STACK[0], metadata={"axes": "YX"}, photometric="minisblack")
    return path


def test_bioio(microscope_file: Path) -> None:
    told: list[str] = []
    with open_image(microscope_file, note=told.append) as image:
        assert str(image.axes) == "T 2, C 2, Z 4, Y 30, X 40"
        assert image.axes.channels == ("GFP", "DAPI")
        assert image.axes.spacing == pytest.approx((2.0, 0.25, 0.25)) and image.axes.interval == 3.0
        assert image.array.chunksize[-3:] == (1, 30, 40), "a plane is read at a time"
        plane = read_plane(image.array, select(image.axes), Position(1, 3))
        np.testing.assert_array_equal(plane, STACK[3])
    assert "it holds 2 images" in told[0]
    assert planes_of(microscope_file, series=1)[0] == "Y 30, X 40"
    with pytest.raises(UnetppError, match="has 2, numbered from 0"), open_image(microscope_file, series=2):
        pass


def test_a_microscope_file_without_its_plugin_or_damaged(tmp_path: Path) -> None:
    pytest.importorskip("bioio")
    (tmp_path / "a.czi").write_bytes(b"ZISRAWFILE")
    with pytest.raises(UnetppError, match="pip install bioio bioio-czi"), open_image(tmp_path / "a.czi"):
        pass


# ------------------------------------------------------------ packages that are missing


@pytest.mark.parametrize(
    ("package", "name", "advice"),
    [
        ("bioio", "a.nd2", "pip install bioio bioio-nd2"),
        ("nibabel", "a.nii", "pip install nibabel"),
        ("pydicom", "a.dcm", "pip install 'pydicom>=3'"),
        ("av", "a.mp4", r"pip install 'napari-unetpp\[video\]'"),
    ],
)
def test_without_its_package(
    package: str, name: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).write_bytes(b"something")
    assert is_stack(tmp_path / name)
    with pytest.raises(UnetppError, match=advice), open_image(tmp_path / name):
        pass


def test_folders_and_patterns_find_all_formats(tmp_path: Path) -> None:
    names = ["a.czi", "b.nii.gz", "c.MP4", "d.dcm", "e.png"]
    for name in (*names, "notes.txt", ".hidden.mp4"):
        (tmp_path / name).write_bytes(b"")
    assert [source.path.name for source in find_inputs([tmp_path]).sources] == names
    found = find_inputs([tmp_path / "*"]).sources
    assert [source.path.name for source in found if source.path.name[0] != "."] == names
