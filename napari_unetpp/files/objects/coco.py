"""Objects in COCO's format. Masks are run lengths, because polygons cannot have holes in COCO."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np

from napari_unetpp.files.objects.planes import ObjectPlane, Subject


def write_coco(file: BinaryIO, planes: Iterable[ObjectPlane], subject: Subject) -> None:
    """Write images, annotations and categories; every plane of a stack is an image of its own.

    ``info`` says how the labels were made.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories: dict[int, str] = {}
    for plane in planes:
        height, width = plane.labels.shape
        image = {"id": len(images) + 1, "file_name": subject.image, "width": width, "height": height}
        images.append(image | {axis: int(index) for axis, index in plane.position.items()})
        for number, mask in masks(plane.labels):
            category, name = subject.class_of(number)
            categories[category] = name
            ids = {"id": len(annotations) + 1, "image_id": image["id"], "category_id": category}
            annotations.append(ids | mask | {"iscrowd": 0, "label": number})
    named = [{"id": number, "name": name} for number, name in sorted(categories.items())]
    info = {"info": dict(subject.facts)} if subject.facts else {}
    content = {**info, "images": images, "categories": named, "annotations": annotations}
    file.write(json.dumps(content).encode() + b"\n")


def masks(labels: np.ndarray[Any, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number, run lengths, area and box (x, y, width, height) of each object, by rising number.

    Run lengths of pixels outside and inside alternate, column by column, as COCO defines them.
    """
    height, width = labels.shape
    columns = np.ascontiguousarray(labels.T).ravel()
    if not columns.any():
        return
    starts = np.flatnonzero(np.r_[True, columns[1:] != columns[:-1]])
    ends = np.r_[starts[1:], columns.size]
    values = columns[starts]
    order = np.argsort(values, kind="stable")
    order = order[values[order] > 0]
    numbers, firsts = np.unique(values[order], return_index=True)
    for number, runs in zip(numbers.tolist(), np.split(order, firsts[1:]), strict=True):
        start, end = starts[runs], ends[runs]
        gaps = start - np.r_[0, end[:-1]]
        counts = np.stack([gaps, end - start], axis=1).ravel().tolist()
        rest = columns.size - int(end[-1])
        x0, x1 = int(start[0]) // height, (int(end[-1]) - 1) // height
        y0, y1 = _rows(start, end, height)
        yield (
            number,
            {
                "segmentation": {"size": [height, width], "counts": [*counts, rest] if rest else counts},
                "area": int((end - start).sum()),
                "bbox": [x0, y0, x1 - x0 + 1, y1 - y0 + 1],
            },
        )


def _rows(start: np.ndarray[Any, Any], end: np.ndarray[Any, Any], height: int) -> tuple[int, int]:
    """First and last row of runs; a run may continue from the end of a column in the next one."""
    last = end - 1
    if (start // height != last // height).any():
        return 0, height - 1
    return int((start % height).min()), int((last % height).max())
