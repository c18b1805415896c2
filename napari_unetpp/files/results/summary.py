"""The table of a whole output folder: one row for every image, from the table of its objects."""

from __future__ import annotations

import csv
import itertools
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_unetpp.files.atomic import write_atomically
from napari_unetpp.files.objects.table import csv_cell, csv_text
from napari_unetpp.files.results.outputs import Output
from napari_unetpp.files.results.result_file import read_facts

NAME = "summary.csv"

FIRST = ("labels", "image", "objects", "median_area_px")
"""The first columns, by which a summary of this program is recognised."""

LAST = ("level", "scale", "range_low", "range_high", "precision", "model", "model_sha256", "version")

Row = dict[str, str]


def update_summary(out: Path, outputs: Sequence[Output]) -> list[str]:
    """Write rows for the results that exist into ``summary.csv``; returns notes on what was unusual.

    Parameters
    ----------
    out : Path
        The output folder. A file ``summary.csv`` that is not ours is left alone: ours is then called
        ``summary_2.csv``.
    outputs : sequence of Output
        All that are asked for; those without labels or table get no row. A row is replaced where its table is
        newer than the summary; all other rows in the file stay.
    """
    path = _path(out)
    rows = _read(path)
    written = path.stat().st_mtime if rows else 0.0
    notes = [] if path.name == NAME else [f"{out / NAME} is another table and is left alone: see {path}"]
    for output in outputs:
        key = _below(output.target, out)
        if output.table is None or not (output.table.exists() and output.target.exists()):
            continue
        if key in rows and output.table.stat().st_mtime < written:
            continue
        try:
            rows[key] = rows.get(key, {}) | {"labels": key} | _row(output)
        except (OSError, ValueError, KeyError, csv.Error) as error:
            notes.append(f"{path} has no row for {output.table}, which could not be read: {error}")
    if rows:
        names = _columns(rows.values())
        text = csv_text([names, *([row.get(name) or "" for name in names] for row in rows.values())])
        write_atomically(path, lambda file: file.write(text.encode(errors="surrogateescape")), overwrite=True)
    return notes


def _path(out: Path) -> Path:
    """The first of ``summary.csv``, ``summary_2.csv``, ... that is ours or free."""
    numbered = (out / f"summary_{number}.csv" for number in itertools.count(2))
    return next(path for path in itertools.chain([out / NAME], numbered) if _is_ours(path))


def _is_ours(path: Path) -> bool:
    if not path.exists():
        return True
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            return tuple(next(csv.reader(file), ())[: len(FIRST)]) == FIRST
    except (OSError, ValueError, csv.Error):
        return False


def _read(path: Path) -> dict[str, Row]:
    """Rows by the name of the labels; columns that a user added stay."""
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        return {row["labels"]: row for row in csv.DictReader(file, restkey="")}


def _row(output: Output) -> Row:
    assert output.table is not None
    with open(output.table, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        reader = csv.DictReader(file)
        objects, names = list(reader), reader.fieldnames or ()
    if "label" not in names or "area_px" not in names:
        raise ValueError("it has no columns label and area_px")
    facts = read_facts(output.target)
    alone = ("label", *(axis for axis in _unlinked(facts) if axis in names))
    cells = {
        "image": output.source.name,
        "objects": str(len({tuple(row[name] for name in alone) for row in objects})),
        "median_area_px": _median(objects, "area_px"),
    }
    if "area_um2" in names:
        cells["median_area_um2"] = _median(objects, "area_um2")
    for name in names:
        if name.startswith("intensity_mean"):
            cells[name] = _mean(objects, name)
    low, high = facts.get("range") or (None, None)
    facts |= {"range_low": low, "range_high": high}
    return cells | {name: csv_cell(facts[name]) for name in LAST if facts.get(name) is not None}


def _unlinked(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Columns of the axes along which objects were not linked: equal numbers are different objects."""
    if facts.get("track") is not None:
        return ()
    return ("frame", "t") if facts.get("stitch") is not None else ("frame", "t", "plane", "z")


def _median(rows: Sequence[Row], name: str) -> str:
    return csv_cell(float(statistics.median(float(row[name]) for row in rows))) if rows else ""


def _mean(rows: Sequence[Row], name: str) -> str:
    return csv_cell(statistics.fmean(float(row[name]) for row in rows)) if rows else ""


def _columns(rows: Iterable[Row]) -> list[str]:
    """All columns: ours in a fixed order, channels among them, and those that a user added last."""
    found = dict.fromkeys(name for row in rows for name in row if name)
    channels = sorted(name for name in found if name.startswith("intensity_mean"))
    ours = [*FIRST, *(["median_area_um2"] if "median_area_um2" in found else []), *channels, *LAST]
    return [*ours, *(name for name in found if name not in ours)]


def _below(path: Path, out: Path) -> str:
    return path.relative_to(out).as_posix() if path.is_relative_to(out) else path.as_posix()
