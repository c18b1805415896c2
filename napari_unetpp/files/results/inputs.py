"""The images that arguments name: files, folders, patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_unetpp._types import UnetppError
from napari_unetpp.files.formats.dicom_folder import dicom_files, is_dicom_series
from napari_unetpp.files.formats.kinds import is_zarr
from napari_unetpp.files.formats.stack_kinds import STACK_SUFFIXES
from napari_unetpp.files.images.image_file import IMAGE_SUFFIXES
from napari_unetpp.files.labels.folders import list_images
from napari_unetpp.files.results.result_file import is_result

KNOWN_SUFFIXES = (*IMAGE_SUFFIXES, *STACK_SUFFIXES)

PARTIAL = ".partial"
"""The suffix of the folder beside a result in which its planes are kept until all are there."""


@dataclass(frozen=True, slots=True)
class Source:
    """An image, and the folder below the output folder that its results go to."""

    path: Path
    folder: Path = Path()


@dataclass(frozen=True, slots=True)
class Found:
    """The images, each once; results of ours, which are left out; a sentence for each problem."""

    sources: tuple[Source, ...]
    results: tuple[Path, ...]
    problems: tuple[str, ...]


def find_inputs(inputs: Iterable[Path], *, recursive: bool = False) -> Found:
    """The images that arguments name.

    Parameters
    ----------
    inputs : iterable of Path
        A file stands for itself, a folder for the images directly in it; a name with ``*``, ``?`` or
        ``[...]`` that does not exist stands for the images and folders that match it.
    recursive : bool
        Also the images in subfolders; their results go to subfolders of the same names.
    """
    found: dict[Path, Source] = {}
    results: dict[Path, None] = {}
    problems: list[str] = []
    for path in inputs:
        try:
            for source in _meant(path, recursive=recursive):
                if is_result(source.path):
                    results[source.path] = None
                else:
                    found.setdefault(source.path.resolve(), source)
        except UnetppError as error:
            problems.append(str(error))
    if results and not found and not problems:
        names = ", ".join(str(path) for path in list(results)[:3])
        problems.append(f"nothing is left to segment: {names} are results of napari-unetpp.")
    return Found(tuple(found.values()), tuple(results), tuple(problems))


def _meant(path: Path, *, recursive: bool) -> Iterator[Source]:
    if not path.exists() and path.parts[:1] in (("http:",), ("https:",)):
        raise UnetppError(f"{path} is an address; only files are read. Download the image first.")
    if path.exists() or not glob.has_magic(str(path)):
        yield from _images(path, recursive=recursive)
        return
    matches = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
    matches = [p for p in matches if p.is_dir() or p.name.lower().endswith(KNOWN_SUFFIXES)]
    if not matches:
        raise UnetppError(f"no image or folder matches {path} ({', '.join(KNOWN_SUFFIXES)}).")
    for match in matches:
        yield from _images(match, recursive=recursive)


def _images(path: Path, *, recursive: bool) -> list[Source]:
    if not path.is_dir() or is_zarr(path):
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise UnetppError(f"{path} is a pipe or a device; expected a file. Save the image first.")
        return [Source(path)]
    folders = _folders(path) if recursive else [path]
    images = [source for folder in folders for source in _directly_in(folder, path)]
    if not images:
        deeper = "" if recursive else " directly in it; --recursive looks into its subfolders"
        kinds = "PNG, JPEG, TIFF, zarr, DICOM, NIfTI, video, files of microscopes"
        raise UnetppError(f"folder {path} holds no images ({kinds}){deeper}.")
    return images


def _directly_in(folder: Path, top: Path) -> list[Source]:
    """Images directly in a folder; the DICOM files of a series are one image together, the folder."""
    images = [*list_images(folder), *_zarrs(folder)]
    dicoms = dicom_files(folder, (*IMAGE_SUFFIXES, ".json", ".csv", ".txt"))
    series = is_dicom_series(dicoms)
    images += [] if series else dicoms
    images += [path for path in _with_packages(folder) if path not in dicoms]
    sources = [Source(image, folder.relative_to(top)) for image in sorted(images)]
    if not series:
        return sources
    return [Source(folder, Path() if folder == top else folder.parent.relative_to(top)), *sources]


def _with_packages(folder: Path) -> list[Path]:
    """Files directly in a folder whose suffix belongs to a format read by a package of its own."""
    return [
        path
        for path in folder.iterdir()
        if path.name.lower().endswith(STACK_SUFFIXES) and path.name[0] != "." and path.is_file()
    ]


def _zarrs(folder: Path) -> list[Path]:
    """Zarrs directly in a folder."""
    return [path for path in folder.iterdir() if is_zarr(path) and not path.name.startswith(".")]


def _is_entered(folder: Path) -> bool:
    """Whether images are looked for in a folder: not in hidden ones, zarrs, and unfinished results."""
    return not folder.name.startswith(".") and folder.suffix != PARTIAL and not is_zarr(folder)


def _folders(path: Path) -> list[Path]:
    """A folder and all below it, by name."""
    found = []
    for folder, below, _ in os.walk(path):
        below[:] = sorted(n for n in below if _is_entered(Path(folder, n)))
        found.append(Path(folder))
    return found
