"""Many images from the dock: the command ``segment`` with the dock's settings, and its summary in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_unetpp._types import AUTO, ModelInfo
from napari_unetpp.files.text import counted
from napari_unetpp.session.messages.common import seconds_text
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import Interval

HEADS = ("image", "objects", "median px", "result")
STOPPED = "Stopped. What was done is kept; Start goes on with the others."


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """Segment images and folders into a folder.

    Attributes
    ----------
    inputs : tuple of Path
        Images and folders.
    out : Path
    recursive : bool
        Subfolders, too.
    table : bool
        A table of objects for each image, and a summary of all.
    also : tuple of str
        Formats of outlines for other programs.
    best : bool
        The mean of the eight orientations of each image.
    """

    inputs: tuple[Path, ...]
    out: Path
    recursive: bool = False
    table: bool = True
    also: tuple[str, ...] = ()
    best: bool = False


def arguments(
    request: BatchRequest,
    state: SessionState,
    model: ModelInfo,
    report: Path,
    limits: Interval | None = None,
) -> list[str]:
    """Arguments of the command, which goes on with what is missing.

    Depth, scale, contrast, kind, device, number format and what is asked of objects are those of the dock.

    Parameters
    ----------
    request : BatchRequest
    state : SessionState
    model : ModelInfo
    report : Path
        Where the command writes JSON.
    limits : (float, float), optional
        The intensities that the image in the dock is displayed between; without them, as in colour, the
        contrast *as displayed* is measured in each image, as Segment does.
    """
    options = ["--out", str(request.out), "--model", str(model.path or model.name)]
    options += ["--level", "auto" if state.level == AUTO else str(state.level), "--kind", state.kind]
    options += [
        "--device",
        state.device,
        "--precision",
        state.precision,
        "--json",
        str(report),
        "--skip-existing",
    ]
    if state.scale is not None:
        options += ["--scale", number(state.scale)]
    intensities = {"auto": None, "given": state.range, "displayed": limits}[state.contrast]
    if intensities is not None:
        options += ["--range", *map(number, intensities)]
    options += object_arguments(state.rule.given(model.decode))
    options += ["--recursive"] if request.recursive else []
    options += ["--augment"] if request.best else []
    options += ["--table"] if request.table and state.kind == "labels" else []
    options += ["--also", ",".join(request.also)] if request.also else []
    return ["segment", *map(str, request.inputs), *options]


def number(value: float) -> str:
    """A number that is read back as exactly this one."""
    return np.format_float_positional(float(value), trim="-")  # argparse knows no -1e-5


def object_arguments(given: Mapping[str, float | bool]) -> list[str]:
    """``min_size`` becomes ``--min-size``, a choice that is off ``--no-``."""
    found: list[str] = []
    for name, value in given.items():
        word = name.replace("_", "-")
        if isinstance(value, bool):
            found.append(f"--{word}" if value else f"--no-{word}")
        else:
            found += [f"--{word}", str(value)]
    return found


def rows(entries: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The summary: a row for each image, with what `HEADS` says."""
    return [(Path(str(one["input"])).name, *_result(one)) for one in entries]


def _result(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    if "error" in entry:
        return "", "", str(entry["error"])
    if entry.get("skipped"):
        return "", "", "was there already"
    objects, diameter = entry.get("objects"), entry.get("median_diameter_px")
    return (
        "" if objects is None else str(objects),
        "" if diameter is None else f"{diameter:.0f}",
        seconds_text(float(entry.get("seconds") or 0.0)),
    )


def summary(entries: Sequence[Mapping[str, Any]], out: Path) -> str:
    """What came of it in a line."""
    failed = sum("error" in one for one in entries)
    text = f"{counted(len(entries), 'image')} in {out}"
    return f"{text}; {failed} failed" if failed else text
