"""Corrections as a folder: what "Save corrections" writes and ``napari-unetpp finetune`` reads.

``images/STEM.tif`` and ``labels/STEM.tif`` as in every folder of labelled images; beside them
``certain/STEM.tif`` and ``ignore/STEM.tif`` (0 or 255) where there are such masks, and ``session.json``.
Where regions were reviewed, pixels outside them are 128 in ``ignore/``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_unetpp._types import LabelledPlane, LabelsAs, ModelInfo, UnetppError
from napari_unetpp.files.atomic import write_atomically
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import Pair, list_images, read_label, read_pairs, stem_of
from napari_unetpp.files.labels.label_values import whole_numbers
from napari_unetpp.files.labels.session_file import LABELS_AS, PlaneRecord, read_session, write_session
from napari_unetpp.files.notes import Notes

SESSION = "session.json"
FOLDERS = ("images", "labels", "certain", "ignore")
PAINTED, OUTSIDE = 255, 128
"""Why a pixel is ignored."""


# ---------------------------------------------------------------------- write


def save_corrections(
    folder: str | Path,
    planes: Sequence[LabelledPlane],
    model: ModelInfo | None,
    *,
    overwrite: bool = False,
) -> None:
    """Write planes so that `read_corrections` gives them back; every file appears whole or not at all.

    Parameters
    ----------
    folder : path
        Made when missing. One with content is refused unless `overwrite`, and then it must have
        been written by this function; planes that are no longer there are removed from it.
    planes : sequence of LabelledPlane
    model : ModelInfo or None
        The model whose result they correct; its name and hash are stored.

    Raises
    ------
    UnetppError
        The folder has other content, shapes of a plane differ, or the folder cannot be written.
    """
    folder = Path(folder)
    _check_target(folder, overwrite=overwrite)
    for plane in planes:
        check_plane(plane)
    stems = safe_stems([plane.name for plane in planes])
    for stem, plane in zip(stems, planes, strict=True):
        _write_plane(folder, stem, plane)
    write_session(folder / SESSION, stems, planes, model)
    _remove_stale(folder, dict(zip(stems, planes, strict=True)))


def check_plane(plane: LabelledPlane) -> None:
    """Raise UnetppError unless labels are whole numbers, and all of a plane has one height and width."""
    shape = plane.image.shape[:2]
    for what in ("labels", "certain", "ignore", "ignored"):
        array = getattr(plane, what)
        if array is not None and array.shape != shape:
            raise UnetppError(
                f"{plane.name}: {what} has shape {array.shape}, but the image has {shape}; expected the same "
                "height and width, one value a pixel."
            )
    whole_numbers(plane.labels, plane.name)
    if plane.labels_as not in LABELS_AS:
        raise UnetppError(
            f"{plane.name}: labels count as {plane.labels_as!r}; expected {', '.join(LABELS_AS)}."
        )
    if plane.labels_as == "corrections" and plane.certain is None:
        raise UnetppError(
            f"{plane.name}: labels that count as corrections need the mask of certain pixels (certain/); "
            "without it let them count as reviewed or sparse."
        )


def safe_stems(names: Sequence[str]) -> list[str]:
    """File stems for names: letters, digits, space and ``-_.`` only, unique without regard to case."""
    stems: list[str] = []
    taken: set[str] = set()
    for name in names:
        stem = "".join(c if c.isalnum() or c in " -_." else "_" for c in name)[:120].strip(" .")
        stem = stem.removesuffix(".ome") or "plane"
        number, free = 1, stem
        while free.lower() in taken:
            number += 1
            free = f"{stem}-{number}"
        taken.add(free.lower())
        stems.append(free)
    return stems


def _check_target(folder: Path, *, overwrite: bool) -> None:
    try:
        content = any(folder.iterdir()) if folder.exists() else False
    except OSError as error:
        raise UnetppError(f"{folder} cannot be used: {error.strerror or error}.") from error
    if content and not overwrite:
        raise UnetppError(f"{folder} is not empty. Choose another folder, or allow overwriting.")
    if content and not (folder / SESSION).is_file():
        raise UnetppError(
            f"{folder} holds other files and no {SESSION}: it was not written by this program and is left "
            "alone. Choose an empty folder."
        )


def _write_plane(folder: Path, stem: str, plane: LabelledPlane) -> None:
    labels = plane.labels.astype(np.uint8) if plane.labels.dtype == np.bool_ else plane.labels
    _write(folder / "images" / f"{stem}.tif", plane.image)
    _write(folder / "labels" / f"{stem}.tif", labels)
    if plane.certain is not None:
        _write(folder / "certain" / f"{stem}.tif", np.where(plane.certain, 255, 0).astype(np.uint8))
    if plane.ignore is not None:
        painted = plane.ignore if plane.ignored is None else plane.ignored
        values = np.where(painted, PAINTED, np.where(plane.ignore, OUTSIDE, 0)).astype(np.uint8)
        _write(folder / "ignore" / f"{stem}.tif", values)


def _write(path: Path, array: NDArray[Any]) -> None:
    colour = array.ndim == 3
    if colour and array.dtype == np.bool_:  # TIFF packs bits of grey images only
        array = array.astype(np.uint8)
    write_atomically(
        path,
        lambda file: tifffile.imwrite(
            file,
            array,
            photometric="rgb" if colour and array.shape[-1] in (3, 4) else "minisblack",
            planarconfig="contig" if colour else None,
            compression="zlib",
            metadata={"axes": "YXS" if colour else "YX"},
        ),
        overwrite=True,
    )


def _remove_stale(folder: Path, planes: Mapping[str, LabelledPlane]) -> None:
    """Remove files of the overwritten folder that belong to no plane of the new one."""
    for what in FOLDERS:
        if not (folder / what).is_dir():
            continue
        for path in list_images(folder / what):
            plane = planes.get(stem_of(path))
            if plane is None or (what in ("certain", "ignore") and getattr(plane, what) is None):
                path.unlink(missing_ok=True)


# ----------------------------------------------------------------------- read


def read_corrections(
    folder: str | Path,
    *,
    labels_as: LabelsAs | None = None,
    background: int | None = None,
    notes: Notes | None = None,
    on_problem: Callable[[str], None] | None = None,
) -> tuple[LabelledPlane, ...]:
    """Read saved corrections, or a plain folder of `images/` and `labels/`, in the order of the names.

    Parameters
    ----------
    folder : path
    labels_as : {"corrections", "reviewed", "sparse"}, optional
        How all labels are read; None: as saved, else ``corrections`` where there is a mask in
        `certain/`, else ``reviewed``.
    background : int, optional
        ``sparse``: the label value of background; None: as saved.
    notes : Notes, optional
        Collects notes on unusual files.
    on_problem : callable, optional
        Called with the error of a plane, which is then left out; without it the first bad plane raises.

    Raises
    ------
    UnetppError
        Files without a partner, damaged or of a newer version, shapes that do not fit.
    """
    folder = Path(folder)
    pairs = read_pairs(folder)
    records = read_session(folder / SESSION)
    certain = (
        {stem_of(p): p for p in list_images(folder / "certain")} if (folder / "certain").is_dir() else {}
    )
    unmatched = sorted(certain.keys() - {pair.stem for pair in pairs})
    if unmatched:
        raise UnetppError(f"{folder}: masks in certain/ without an image: {', '.join(unmatched[:5])}.")
    notes = notes or Notes()
    planes = []
    for pair in pairs:
        try:
            record = records.get(pair.stem)
            planes.append(_read_plane(pair, certain.get(pair.stem), record, labels_as, background, notes))
        except UnetppError as error:
            if on_problem is None:
                raise
            on_problem(str(error))
    return tuple(sorted(planes, key=lambda plane: plane.name))


def _read_plane(
    pair: Pair,
    certain: Path | None,
    record: PlaneRecord | None,
    labels_as: LabelsAs | None,
    background: int | None,
    notes: Notes,
) -> LabelledPlane:
    if record is None:
        record = PlaneRecord(pair.stem, "reviewed" if certain is None else "corrections")
    ignore = None if pair.ignore is None else read_label(pair.ignore)
    plane = LabelledPlane(
        name=record.name,
        image=read_image(pair.image, note=notes.of(pair.image)),
        labels=read_label(pair.label, note=notes.of(pair.label)),
        labels_as=labels_as or record.labels_as,
        certain=None if certain is None else read_label(certain) != 0,
        ignore=None if ignore is None else ignore != 0,
        background=record.background if background is None else background,
        scale=record.scale,
        objects=record.objects,
        range=record.range,
        regions=record.regions,
        ignored=None if ignore is None or not record.regions else ignore == PAINTED,
        scale_searched=record.scale_searched,
    )
    check_plane(plane)
    return plane
