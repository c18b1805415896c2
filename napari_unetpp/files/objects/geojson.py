"""Outlines for QuPath: GeoJSON, in pixels of the image."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from napari_unetpp.files.objects.outlines import ObjectOutline, Ring, object_outlines
from napari_unetpp.files.objects.planes import ObjectPlane, Subject

NAMES = uuid.uuid5(uuid.NAMESPACE_DNS, "napari-unetpp")


def write_geojson(file: BinaryIO, planes: Iterable[ObjectPlane], subject: Subject) -> None:
    """Write a feature collection: one feature for each object of each plane.

    How the labels were made is its member ``napari_unetpp``, which other readers ignore (RFC 7946, 6.1).
    """
    made = f'"napari_unetpp": {json.dumps(dict(subject.facts))}, ' if subject.facts else ""
    file.write(f'{{"type": "FeatureCollection", {made}"features": ['.encode())
    before = b"\n"
    for plane in planes:
        for feature in features(plane, subject):
            file.write(before + json.dumps(feature).encode())
            before = b",\n"
    file.write(b"\n]}\n")


def features(plane: ObjectPlane, subject: Subject) -> Iterator[dict[str, Any]]:
    """The objects of a plane: detections with their measurements; classes are annotations."""
    rows = {int(number): row for row, number in enumerate(plane.columns.get("label", ()))}
    for outline in object_outlines(plane.labels):
        properties: dict[str, Any] = {
            "objectType": "detection" if subject.instances else "annotation",
            "name": str(outline.number),
            "classification": {"name": subject.class_of(outline.number)[1]},
        }
        if outline.number in rows:
            properties["measurements"] = _measurements(plane.columns, rows[outline.number])
        yield {
            "type": "Feature",
            "id": str(uuid.uuid5(NAMES, f"{subject.image} {dict(plane.position)} {outline.number}")),
            "geometry": _geometry(outline, plane),
            "properties": properties,
        }


def _geometry(outline: ObjectOutline, plane: ObjectPlane) -> dict[str, Any]:
    polygons = [[_closed(ring) for ring in part] for part in outline.parts]
    one = len(polygons) == 1
    geometry: dict[str, Any] = {
        "type": "Polygon" if one else "MultiPolygon",
        "coordinates": polygons[0] if one else polygons,
    }
    if plane.position:  # as QuPath writes it; channel -1 stands for all
        geometry["plane"] = {"c": -1, "z": plane.index("z") or 0, "t": plane.index("t") or 0}
    return geometry


def _closed(ring: Ring) -> list[list[int]]:
    """Corners x, y, the first again at the end."""
    corners: list[list[int]] = ring[:, ::-1].tolist()
    return [*corners, corners[0]]


def _measurements(columns: Mapping[str, Any], row: int) -> dict[str, float]:
    """The finite numbers of a row: QuPath takes no other measurements."""
    cells = {name: float(np.asarray(values)[row]) for name, values in columns.items() if name != "label"}
    return {name: value for name, value in cells.items() if math.isfinite(value)}
