"""Outlines for ImageJ and Fiji: a ZIP of ROIs, which the ROI Manager opens."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from napari_unetpp.files.objects.outlines import ObjectOutline, Part, object_outlines
from napari_unetpp.files.objects.planes import ObjectPlane, Subject

if TYPE_CHECKING:
    from roifile import ImagejRoi

LARGEST_WHOLE = 60_535
"""ImageJ keeps whole coordinates up to this one; larger ones are kept as floats, exactly up to 2^24."""

MOVE_TO, LINE_TO, CLOSE = 0.0, 1.0, 4.0

MADE = (1980, 1, 1, 0, 0, 0)
"""Date of every file in the ZIP, so that the same labels give the same bytes."""


LONGEST_COMMENT = 65_535
"""Bytes that a ZIP can hold."""


def write_rois(file: BinaryIO, planes: Iterable[ObjectPlane], subject: Subject) -> None:
    """Write one ROI for each object of each plane, named by its number.

    The comment of the ZIP says how the labels were made, as JSON; ImageJ does not read it.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = json.dumps(dict(subject.facts)).encode()[:LONGEST_COMMENT] if subject.facts else b""
        for plane in planes:
            for roi in rois(plane):
                archive.writestr(
                    zipfile.ZipInfo(f"{roi.name}.roi", MADE), roi.tobytes(), zipfile.ZIP_DEFLATED
                )


def rois(plane: ObjectPlane) -> Iterator[ImagejRoi]:
    """The ROIs of a plane.

    An object in one piece is a traced outline, as ImageJ's wand draws it; one with holes or in several
    places is a composite.
    """
    before = "".join(f"{_plain(axis)}{index + 1:04d}-" for axis, index in plane.position.items())
    for outline in object_outlines(plane.labels):
        roi = (
            _traced(outline.parts[0])
            if len(outline.parts) == len(outline.parts[0]) == 1
            else _composite(outline)
        )
        roi.name = f"{before}{outline.number:04d}"
        _set_position(roi, plane)
        yield roi


def _traced(part: Part) -> ImagejRoi:
    from roifile import ROI_TYPE, ImagejRoi

    (ring,) = part
    corners = ring[:, ::-1]
    roi = ImagejRoi.frompoints(corners if corners.max() <= LARGEST_WHOLE else corners.astype(np.float32))
    roi.roitype = ROI_TYPE.TRACED
    return roi


def _composite(outline: ObjectOutline) -> ImagejRoi:
    from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi

    rings = [ring for part in outline.parts for ring in part]
    path: list[float] = []
    for ring in rings:
        for number, (y, x) in enumerate(ring.tolist()):
            path += (LINE_TO if number else MOVE_TO, x, y)
        path.append(CLOSE)
    corners = np.concatenate(rings)
    (top, left), (bottom, right) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return ImagejRoi(
        roitype=ROI_TYPE.RECT,
        options=ROI_OPTIONS.OVERLAY_LABELS | ROI_OPTIONS.OVERLAY_BACKGROUNDS,
        top=top,
        left=left,
        bottom=bottom,
        right=right,
        shape_roi_size=len(path),
        multi_coordinates=np.array(path, np.float32),
    )


def _plain(axis: str) -> str:
    """The name of an axis without characters that a file name cannot have."""
    return "".join(character for character in axis if character.isalnum())


def _set_position(roi: ImagejRoi, plane: ObjectPlane) -> None:
    """ImageJ finds a ROI by the number of the slice in a stack of one axis, else by channel, z and t."""
    if len(plane.position) == 1:
        (roi.position,) = (index + 1 for index in plane.position.values())
    z, t = plane.index("z"), plane.index("t")
    roi.z_position = 0 if z is None else z + 1  # 0: in all of them
    roi.t_position = 0 if t is None else t + 1
