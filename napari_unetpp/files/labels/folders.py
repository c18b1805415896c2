"""Folders of labelled images: `images/` and `labels/` with equal stems, optionally `ignore/`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_unetpp._types import UnetppError
from napari_unetpp.files.formats.kinds import image_format
from napari_unetpp.files.images.image_file import IMAGE_SUFFIXES, read_array
from napari_unetpp.files.labels.label_values import whole_numbers
from napari_unetpp.files.notes import Note, no_note
from napari_unetpp.files.results.result_file import is_result

NAMED_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class Pair:
    """One labelled image; non-zero pixels of `ignore` are left out of training and scores."""

    stem: str
    image: Path
    label: Path
    ignore: Path | None = None


def stem_of(path: Path) -> str:
    """File name without its suffix; ``.ome``, and ``.nii`` before ``.gz``, belong to the suffix."""
    return path.stem.removesuffix(".ome").removesuffix(".nii")


def named_once(path: Path, sentence: str) -> str:
    """A sentence that names the file exactly once."""
    return sentence if str(path) in sentence else f"{path}: {sentence}"


def list_images(folder: Path) -> list[Path]:
    """Image files directly in `folder`, by name; hidden files are skipped."""
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise UnetppError(f"folder {folder} cannot be read: {error.strerror or error}.") from error
    return [p for p in files if p.suffix.lower() in IMAGE_SUFFIXES and p.name[0] != "." and _is_listed(p)]


def folder_name(folder: Path) -> str:
    """A folder with its parent folder: ``"nuclei_tissue/train"``."""
    return "/".join(Path(os.path.abspath(folder)).parts[-2:])


def _is_listed(path: Path) -> bool:
    """Whether it is a file, or a link to nothing, which is said as such: no folder, pipe or device."""
    return path.is_file() or not path.exists()


def read_pairs(folder: str | Path) -> list[Pair]:
    """Pairs of a folder, by stem. Results of this program in `images/` without labels are left out.

    Raises
    ------
    UnetppError
        No `images/` or `labels/`, stems without a partner, or two files with one stem.
    """
    folder = Path(folder)
    for name in ("images", "labels"):
        if not (folder / name).is_dir():
            raise UnetppError(
                f"{folder} has no folder {name}/. Expected {folder}/images and {folder}/labels with equal "
                "file names (the suffix may differ)."
            )
    images, labels = _by_stem(folder / "images"), _by_stem(folder / "labels")
    ignore = _by_stem(folder / "ignore") if (folder / "ignore").is_dir() else {}
    for stem in images.keys() - labels.keys():  # results that were written into this folder
        if is_result(images[stem]):
            del images[stem]
    unmatched = [
        _sentence("without labels", images.keys() - labels.keys()),
        _sentence("labels without an image", labels.keys() - images.keys()),
        _sentence("ignore masks without an image", ignore.keys() - images.keys()),
    ]
    if any(unmatched):
        raise UnetppError(
            f"{folder}: {'; '.join(filter(None, unmatched))}. Every file in images/ needs one in labels/ "
            "with the same name (the suffix may differ)."
        )
    if not images:
        raise UnetppError(f"{folder}/images holds no images: expected {', '.join(IMAGE_SUFFIXES)}.")
    return [Pair(stem, images[stem], labels[stem], ignore.get(stem)) for stem in sorted(images)]


def read_label(path: str | Path, *, note: Note = no_note) -> NDArray[Any]:
    """Read labels (or an ignore mask): the stored numbers, or the indices of a colour table.

    Parameters
    ----------
    path : path
    note : callable, optional
        Called with notes on what was unusual, without the path.

    Returns
    -------
    ndarray of shape (Y, X)
        Unsigned integers. The model or `--task` decides what they mean.

    Raises
    ------
    UnetppError
        Unreadable, lossy, not 2D, negative or not whole numbers.
    """
    path = Path(path)
    if _is_jpeg(path):
        raise UnetppError(f"{path}: JPEG changes label values. Save labels as PNG or TIFF.")
    labels = read_array(path, stored=True, note=note)
    if labels.ndim == 3 and labels.shape[-1] >= 3 and bool((labels[..., :3] == labels[..., :1]).all()):
        labels = labels[..., 0]  # grey, saved as RGB
    if labels.ndim != 2 or 0 in labels.shape:
        raise UnetppError(f"{path} has shape {labels.shape}; expected labels of shape (Y, X).")
    return whole_numbers(labels, path)


def _is_jpeg(path: Path) -> bool:
    try:
        return image_format(path) == "JPEG"
    except OSError:  # the reader says what is wrong
        return False


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in list_images(folder):
        other = found.setdefault(stem_of(path), path)
        if other is not path:
            raise UnetppError(f"{folder} has both {other.name} and {path.name}: remove one of them.")
    return found


def _sentence(what: str, stems: Iterable[str]) -> str:
    names = sorted(stems)
    more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    return f"{what}: {', '.join(names[:NAMED_AT_MOST])}{more}" if names else ""
