"""Fills the generated parts of the pages and draws their figures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from comparison import claims, plan, tables
from comparison.records import SPEED, Records

PAGES = ("results.md", "the-talk.md")

BLOCK = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def blocks(folder: Path) -> dict[str, str]:
    """Every generated part by its name, made of the records in `folder`."""
    records = Records.read(folder)
    if not records.data():
        raise SystemExit(f"{folder} holds no records; run the comparison first (see --help).")
    public = Records.read(folder / plan.DSB96)
    speed = folder / SPEED
    measured = json.loads(speed.read_text()) if speed.exists() else None
    return {
        "settings": tables.settings(records),
        "machines": tables.machines(records),
        **{f"iou-{tables.TITLES[data]}": tables.iou(records, data) for data in plan.DATA_SETS},
        "chance": tables.chance(records),
        "dice": tables.dice(records),
        "pruned": tables.pruned(records),
        "supervision": tables.supervision(records),
        "sizes": tables.sizes(records),
        "size-limits": tables.limits(records),
        "cost": tables.NOT_RUN if measured is None else tables.cost(records, measured),
        "speed": tables.NOT_RUN if measured is None else tables.speed(measured),
        "timing": tables.NOT_RUN if measured is None else tables.timing(measured),
        "claims": claims.claims(records, measured),
        "depth": claims.depth(records),
        "by-size": claims.by_size(records),
        "skips": claims.skips(records),
        "parameters": claims.parameters(records),
        "pruning": claims.pruning(records, measured),
        "dsb96-settings": tables.settings(public),
        "dsb96": tables.iou(public, plan.DSB96),
    }


def filled(page: str, parts: Mapping[str, str]) -> str:
    """A page with every part between ``<!-- generated: NAME -->`` and ``<!-- end -->`` made anew.

    Raises
    ------
    ValueError
        The page asks for a part that there is not.
    """

    def fill(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in parts:
            raise ValueError(f"the page asks for {name!r}; there are {', '.join(sorted(parts))}.")
        return f"{match[1]}\n{parts[name]}\n\n{match[3]}"

    return BLOCK.sub(fill, page)


def write_pages(folder: Path) -> None:
    """Fill the pages beside the folder of the records, and draw their figures."""
    from comparison.figures import draw

    parts = blocks(folder)
    for name in PAGES:
        path = folder.parent / name
        if path.exists():
            path.write_text(filled(path.read_text(), parts))
    draw(folder, folder.parent / "images")
