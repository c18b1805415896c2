"""Damaged and hostile files: sound ones with random changes, read as users read them.

A reader may give a result or raise `UnetppError`, whose text is for the user; memory may run out. All else
is a fault: another exception, or a reader that does not come back.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
import signal
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from napari_unetpp._types import ModelInfo, NetConfig, UnetppError
from napari_unetpp.exports.importing import extract_model
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.images.pixel_size import read_pixel_size
from napari_unetpp.files.labels.corrections_folder import read_corrections
from napari_unetpp.files.labels.folders import read_label
from napari_unetpp.files.models.model_file import read_info, read_tensors, save_model
from napari_unetpp.files.results.result_file import is_result, read_facts
from napari_unetpp.volumes.inputs.source import open_image
from napari_unetpp.volumes.planes import read_plane
from napari_unetpp.volumes.selection import SelectionRequest, select

ZARR = Path(__file__).parents[1] / "volumes" / "inputs" / "data" / "nuclei.ome.zarr"
SECONDS = 30
"""After these a reader counts as one that does not come back."""

HOSTILE = (
    *(None, True, -1, 0, 2**31, 2**63, 10**400, 1e308, 0.5, float("nan"), float("inf"), "", "x"),
    *("../../x", "/etc/passwd", "\0", "é" * 99, [], {}, [[]], [None], ["a"], {"a": {}}, [1] * 99),
)


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Attributes
    ----------
    make : callable
        Writes sound files into a folder, and returns the one to be changed.
    read : callable
        Reads it.
    change : callable
        Changes it, given random numbers.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], object]
    change: Callable[[Path, random.Random], None]


@dataclass(frozen=True)
class Fault:
    """A reader that failed otherwise than with a sentence for the user."""

    target: str
    seed: int
    error: BaseException

    def __str__(self) -> str:
        return f"{self.target}, seed {self.seed}: {type(self.error).__name__}: {str(self.error)[:200]}"


class NotBack(BaseException):
    """The reader takes too long; no `except Exception` catches it."""


# ------------------------------------------------------------------- changes


def change_bytes(path: Path, rng: random.Random) -> None:
    """Change, cut, double or overwrite bytes, most often near the beginning."""
    data = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        size = len(data)
        if size == 0:
            break
        at = rng.randrange(min(size, 512)) if rng.random() < 0.6 else rng.randrange(size)
        length = rng.choice((1, 1, 2, 4, 8, 64))
        kind = rng.randrange(6)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at : at + length] = rng.randbytes(length)
        elif kind == 2:
            data[at : at + length] = rng.choice((b"\0", b"\xff", b"\x7f")) * min(length, size - at)
        elif kind == 3:
            del data[at : at + length]
        elif kind == 4:
            data[at:at] = data[at : at + length]
        else:
            del data[at:]
    path.write_bytes(data)


def change_json(path: Path, rng: random.Random) -> None:
    """Replace or drop values in JSON; now and then damage its text."""
    if rng.random() < 0.15:
        return change_bytes(path, rng)
    content = json.loads(path.read_text())
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = changed(content, rng)
    path.write_text(json.dumps(content))
    return None


def changed(content: Any, rng: random.Random) -> Any:
    """The same with one value replaced or dropped, at any depth."""
    places = list(_places(content))
    if not places:
        return copy.deepcopy(rng.choice(HOSTILE))
    parent, key = rng.choice(places)
    if rng.random() < 0.2:
        del parent[key]
    else:
        parent[key] = copy.deepcopy(rng.choice(HOSTILE))
    return content


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    items = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, value in list(items):
        yield content, key
        yield from _places(value)


def change_card(path: Path, rng: random.Random) -> None:
    """Change the card of a model file, or any part of its header; the weights stay."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    if rng.random() < 0.25:
        header = changed(header, rng)
    else:
        card = changed(json.loads(header["__metadata__"]["napari_unetpp"]), rng)
        header["__metadata__"]["napari_unetpp"] = json.dumps(card)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])


def change_one_of(name: str) -> Callable[[Path, random.Random], None]:
    """Change one of the JSON files of a folder."""

    def change(path: Path, rng: random.Random) -> None:
        change_json(rng.choice(sorted(path.rglob(name))), rng)

    return change


# ------------------------------------------------------------------- sound files


def _pixels(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


def _png(folder: Path) -> Path:
    Image.fromarray(_pixels(24, 20, 3)).save(folder / "a.png")
    return folder / "a.png"


def _png16(folder: Path) -> Path:
    Image.fromarray(_pixels(24, 20, dtype=np.uint16)).save(folder / "a.png")
    return folder / "a.png"


def _jpeg(folder: Path) -> Path:
    Image.fromarray(_pixels(24, 20, 3)).save(folder / "a.jpg")
    return folder / "a.jpg"


def _tiff(folder: Path) -> Path:
    size = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(folder / "a.tif", _pixels(24, 20), ome=True, compression="zlib", metadata=size)
    return folder / "a.tif"


def _stack(folder: Path) -> Path:
    channels = {"axes": "ZCYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    tifffile.imwrite(folder / "a.tif", _pixels(3, 2, 24, 20), ome=True, metadata=channels)
    return folder / "a.tif"


def _imagej(folder: Path) -> Path:
    tifffile.imwrite(
        folder / "a.tif", _pixels(3, 24, 20), imagej=True, metadata={"axes": "TYX", "unit": "um"}
    )
    return folder / "a.tif"


def _zarr(folder: Path) -> Path:
    return Path(shutil.copytree(ZARR, folder / "a.ome.zarr"))


def _model(folder: Path) -> Path:
    from napari_unetpp.net.unetpp import UNetPlusPlus

    net = NetConfig(outputs=2, widths=(4, 4, 4))
    info = ModelInfo("tiny", "instances", ("nucleus",), ("foreground", "boundary"), net, recommended_level=2)
    save_model(folder / "a.safetensors", UNetPlusPlus(net).state_dict(), info)
    return folder / "a.safetensors"


def _package(folder: Path) -> Path:
    model = _model(folder)
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as package:
        package.write(model, model.name)
        package.writestr("rdf.yaml", "name: tiny")
    return folder / "a.zip"


def _project(folder: Path) -> Path:
    for kind in ("images", "labels", "certain"):
        (folder / kind).mkdir()
        tifffile.imwrite(folder / kind / "a.tif", _pixels(24, 20))
    plane = {
        "name": "a",
        "labels_as": "corrections",
        "background": 3,
        "scale": 0.5,
        "objects": True,
        "range": [0, 9],
        "regions": [["polygon", [[0, 0], [9, 0], [9, 9]]]],
    }
    content = {"format_version": 1, "model": {"name": "m", "sha256": "0"}, "planes": {"a": plane}}
    (folder / "session.json").write_text(json.dumps(content))
    return folder / "session.json"


def _nifti(folder: Path) -> Path:
    import nibabel

    nibabel.save(nibabel.Nifti1Image(_pixels(20, 24, 3), np.eye(4)), folder / "a.nii")
    return folder / "a.nii"


def _dicom(folder: Path) -> Path:
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    image = Dataset()
    image.file_meta = meta
    image.SOPClassUID, image.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    image.Rows, image.Columns, image.SamplesPerPixel = 24, 20, 1
    image.PhotometricInterpretation, image.PixelRepresentation = "MONOCHROME2", 0
    image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
    image.PixelData = _pixels(24, 20).tobytes()
    image.save_as(folder / "a.dcm", enforce_file_format=True)
    return folder / "a.dcm"


# ------------------------------------------------------------------- readers


def _read_plane(path: Path) -> None:
    read_image(path)
    read_pixel_size(path, None)
    is_result(path)
    read_facts(path)


def _read_label(path: Path) -> None:
    read_label(path)


def _read_source(path: Path) -> None:
    """As `segment` does: the axes, and the first and the last plane."""
    with open_image(path) as image:
        chosen = select(image.axes, SelectionRequest())
        str(chosen)
        first, *_, last = [*chosen.positions()] * 2
        for position in (first, last):
            read_plane(image.array, chosen, position)


def _read_model(path: Path) -> None:
    str(read_info(path))
    read_tensors(path)


def _read_package(path: Path) -> None:
    extract_model(path, path.with_name("out.safetensors"))


def _read_project(path: Path) -> None:
    read_corrections(path.parent)


TARGETS = {
    "PNG": Target(_png, _read_plane, change_bytes),
    "PNG of 16 bit": Target(_png16, _read_label, change_bytes),
    "JPEG": Target(_jpeg, _read_plane, change_bytes),
    "TIFF": Target(_tiff, _read_plane, change_bytes),
    "TIFF, labels": Target(_tiff, _read_label, change_bytes),
    "OME-TIFF, a stack": Target(_stack, _read_source, change_bytes),
    "ImageJ TIFF": Target(_imagej, _read_source, change_bytes),
    "OME-Zarr": Target(_zarr, _read_source, change_one_of("zarr.json")),
    "NIfTI": Target(_nifti, _read_source, change_bytes),
    "DICOM": Target(_dicom, _read_source, change_bytes),
    "model": Target(_model, _read_model, change_bytes),
    "model card": Target(_model, _read_model, change_card),
    "package": Target(_package, _read_package, change_bytes),
    "project": Target(_project, _read_project, change_json),
}


# ------------------------------------------------------------------- runs


def fuzz(name: str, count: int, folder: Path, first_seed: int = 0) -> list[Fault]:
    """Read `count` changed files of a kind; gives the faults."""
    target = TARGETS[name]
    sound = folder / "sound"
    sound.mkdir()
    file = target.make(sound).relative_to(sound)
    target.read(sound / file)
    faults = []
    for seed in range(first_seed, first_seed + count):
        case = Path(shutil.copytree(sound, folder / "case"))
        target.change(case / file, random.Random(seed))
        try:
            with _comes_back(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target.read(case / file)
        except (UnetppError, MemoryError):
            pass
        except (Exception, NotBack) as error:
            faults.append(Fault(name, seed, error))
        shutil.rmtree(case)
    return faults


@contextmanager
def _comes_back() -> Iterator[None]:
    """Interrupt a reader that takes too long; not on Windows, which has no such signal."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def late(*_: object) -> None:
        raise NotBack(f"not back after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
