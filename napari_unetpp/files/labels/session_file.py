"""``session.json`` of a folder of corrections: what is known beside its images and labels."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from napari_unetpp._types import LabelledPlane, LabelsAs, ModelInfo, Outline, UnetppError
from napari_unetpp.files.atomic import write_atomically

FORMAT_VERSION = 1
LABELS_AS: tuple[LabelsAs, ...] = get_args(LabelsAs)


@dataclass(frozen=True, slots=True)
class PlaneRecord:
    """What `session.json` says about one plane."""

    name: str
    labels_as: LabelsAs
    background: int | None = None
    scale: float | None = None
    objects: bool = True
    range: tuple[float, float] | None = None
    regions: tuple[Outline, ...] = ()
    scale_searched: bool = False


def write_session(
    path: Path, stems: Sequence[str], planes: Sequence[LabelledPlane], model: ModelInfo | None
) -> None:
    """Write the record of every plane under the stem of its files, and the model that they correct."""
    session = {
        "format_version": FORMAT_VERSION,
        "model": None if model is None else {"name": model.name, "sha256": model.sha256},
        "planes": {
            stem: {
                "name": plane.name,
                "labels_as": plane.labels_as,
                "background": None if plane.background is None else int(plane.background),
                "scale": None if plane.scale is None else float(plane.scale),
                "scale_searched": bool(plane.scale_searched),
                "objects": bool(plane.objects),
                "range": None if plane.range is None else [float(value) for value in plane.range],
                "regions": plane.regions,
            }
            for stem, plane in zip(stems, planes, strict=True)
        },
    }
    text = json.dumps(session, indent=1) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()), overwrite=True)


def read_session(path: Path) -> dict[str, PlaneRecord]:
    """Records by stem; empty without a file."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = int(content["format_version"])
        if version > FORMAT_VERSION:
            raise UnetppError(
                f"{path} has version {version}; this napari-unetpp reads up to {FORMAT_VERSION}. "
                "Update napari-unetpp."
            )
        return {stem: _record(values) for stem, values in content["planes"].items()}
    except (
        OSError,
        ValueError,
        LookupError,
        ArithmeticError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise UnetppError(
            f"{path} is damaged ({error}). Delete it to read the folder as plain images and labels."
        ) from error


def _record(values: Mapping[str, Any]) -> PlaneRecord:
    labels_as, background, scale = values["labels_as"], values["background"], values["scale"]
    limits = values.get("range")
    if labels_as not in LABELS_AS:
        raise ValueError(f"labels_as {labels_as!r}")
    if scale is not None and not 0 < float(scale) < math.inf:
        raise ValueError(f"scale {scale!r}")
    if limits is not None and not -math.inf < float(limits[0]) < float(limits[1]) < math.inf:
        raise ValueError(f"range {limits!r}")
    return PlaneRecord(
        name=str(values["name"]),
        labels_as=labels_as,
        background=None if background is None else int(background),
        scale=None if scale is None else float(scale),
        objects=bool(values["objects"]),
        range=None if limits is None else (float(limits[0]), float(limits[1])),
        regions=tuple(
            (str(kind), tuple((float(y), float(x)) for y, x in corners))
            for kind, corners in values.get("regions", ())
        ),
        scale_searched=bool(values.get("scale_searched", False)),
    )
