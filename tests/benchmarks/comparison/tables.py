"""The tables of docs/results.md as Markdown, made of the records alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import Any

from comparison import plan
from comparison.records import Records, spread

LEVELS = ("1", "2", "3", "4")

TITLES = {
    "nuclei_dsb2018": "nuclei",
    "polyps_kvasir": "polyps",
    "cells_phase": "cells",
    "vessels_chase": "vessels",
    plan.DSB96: "nuclei, 96 x 96",
}


NOT_RUN = "Not measured: there are no records for it."


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; without rows, a sentence that says so."""
    if not rows:
        return NOT_RUN
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _seeds(records: Records, data: str, system: str) -> str:
    return ", ".join(str(r["seed"]) for r in records.runs(data, system))


def settings(records: Records) -> str:
    """What was run on what."""
    rows = []
    for data in records.data():
        every = [r for r in records if r["data"] == data]
        one = every[0]
        s, grid = one["settings"], f"long side {one['frame']} px" if one["frame"] else "as they are"
        if data == plan.DSB96:
            grid = f"squashed to {plan.DSB96_SIDE} x {plan.DSB96_SIDE} px"
        if one["crop"]:
            grid += f", scored on the middle {one['crop']} px"
        rows.append(
            (
                TITLES[data],
                str(one["train_images"]),
                str(one["test_images"]),
                grid,
                str(s["steps"]),
                f"{s['batch']} of {s['patch']} px",
                f"{s['widths']:g}",
                str(len(records.systems(data))),
                str(len({r["seed"] for r in every})),
            )
        )
    header = ("data", "learned from", "scored on", "images", "steps", "batch", "widths x", "systems", "seeds")
    return table(header, rows)


def machines(records: Records) -> str:
    """On what the runs were made, and how busy it was."""
    every = [r["machine"] for r in records]
    names = sorted({f"{m['processor']} ({m['device']}, {m['threads']} thread)" for m in every})
    formats = sorted({r["training"]["format"] for r in records})
    loads = [m["load"] for m in every]
    cores = max(m["logical_cores"] for m in every)
    versions = sorted({", ".join(f"{k} {v}" for k, v in m["versions"].items()) for m in every})
    minutes = sum(r["training"]["seconds"] for r in records) / 60
    return (
        f"{len(every)} runs on {'; '.join(names)}; {'; '.join(versions)}. Training alone took {minutes:.0f} "
        f"minutes, in {' or '.join(formats)}. **Times were measured on a contended machine**: the load was "
        f"{min(loads):.1f} to {max(loads):.1f} on {cores} logical cores while one thread was used here."
    )


def chance(records: Records) -> str:
    """What two runs of one network differ by."""
    rows = [
        (TITLES[data], str(len(records.systems(data))), f"{records.chance(data):.3f}")
        for data in records.data()
    ]
    return table(("data", "networks", "mean distance of two seeds"), rows)


def iou(records: Records, data: str) -> str:
    """IoU of every system and level on one data set."""
    rows = []
    for system in records.systems(data):
        runs = records.runs(data, system)
        deepest = list(runs[0]["levels"].values())[-1]
        rows.append(
            (
                system,
                "-".join(map(str, runs[0]["channels"])),
                f"{deepest['parameters'] / 1e6:.3f}",
                f"{deepest['gflop']:.2f}",
                *(spread(records.values(data, system, level, "iou")) for level in LEVELS),
                _seeds(records, data, system),
            )
        )
    header = ("system", "channels", "M par.", "GFLOP", *(f"L{level}" for level in LEVELS), "seeds")
    return table(header, rows)


def dice(records: Records) -> str:
    """Dice of the deepest level of every system on every data set."""
    systems = records.systems("nuclei_dsb2018")
    sets = records.data()

    def cell(data: str, system: str) -> str:
        levels = records.levels(data, system)
        return spread(records.values(data, system, levels[-1], "dice")) if levels else "-"

    rows = [(system, *(cell(data, system) for data in sets)) for system in systems]
    return table(("system", *(TITLES[data] for data in sets)), rows)


ALONE = {"1": "unet-1", "2": "unet-2", "3": "unet-3", "4": "unet"}


def pruned(records: Records) -> str:
    """UNet++ pruned to a level against the U-Net of that depth trained alone."""
    rows = []
    for data in records.data():
        for level, system in ALONE.items():
            ours = records.values(data, "unetpp", level, "iou")
            alone = records.values(data, system, level, "iou")
            gain = records.difference(data, ("unetpp", level), (system, level))
            if gain is not None:
                cells = (TITLES[data], f"L{level}", spread(ours), spread(alone), gain.text(), gain.verdict)
                rows.append(cells)
    header = ("data", "level", "UNet++ pruned", "U-Net alone", "UNet++ minus U-Net", "UNet++ is")
    return table(header, rows)


def supervision(records: Records) -> str:
    """The deepest level with a head for every level in training, against the last head alone."""
    rows = []
    for data in records.data():
        for system in plan.SUPERVISED:
            deep = records.values(data, system, "4", "iou")
            last = records.values(data, f"{system}-last", "4", "iou")
            gain = records.difference(data, (system, "4"), (f"{system}-last", "4"))
            if gain is not None:
                cells = (TITLES[data], system, spread(deep), spread(last), gain.text(), gain.verdict)
                rows.append(cells)
    header = ("data", "system", "all heads", "last head alone", "all minus last", "all heads are")
    return table(header, rows)


def sizes(records: Records) -> str:
    """Boundary Dice, and recall by object size, of every level of UNet++."""
    rows = []
    for data in records.data():
        for level in records.levels(data, "unetpp"):
            by_size = [r["levels"][level]["recall_by_size"] for r in records.runs(data, "unetpp")]
            known = [r for r in by_size if r is not None]
            recall = [mean(r[k] for r in known) for k in range(3)] if known else []
            rows.append(
                (
                    TITLES[data],
                    f"L{level}",
                    spread(records.values(data, "unetpp", level, "dice")),
                    spread(records.values(data, "unetpp", level, "boundary_dice")),
                    *(f"{r:.3f}" for r in recall or ()),
                    *(() if recall else ("-", "-", "-")),
                )
            )
    return table(("data", "level", "Dice", "boundary Dice", "small", "medium", "large"), rows)


def limits(records: Records) -> str:
    """What small, medium and large mean on each data set."""
    parts = []
    for data in records.data():
        one = next(r for r in records if r["data"] == data)
        if one["size_limits"] is not None:
            low, high = one["size_limits"]
            parts.append(f"{TITLES[data]}: {low:g} and {high:g} px ({one['objects']} objects)")
    return "The areas between small, medium and large: " + "; ".join(parts) + "."


def _measured(measured: Mapping[str, Any], widths: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """System, level and cost, in the order of the tables."""
    for system in plan.ALL:
        for level, row in measured["systems"][widths].get(system, {}).items():
            yield system, level, row


def cost(records: Records, measured: Mapping[str, Any]) -> str:
    """Time of every level at the widths that were trained, for all test images of each data set."""
    sets = records.data()
    sizes = [next(r for r in records if r["data"] == data) for data in sets]
    rows = []
    for system, level, row in _measured(measured, "trained"):
        per_pixel = row["seconds_per_megapixel"]
        totals = (f"{per_pixel * r['test_megapixels']:.1f}" for r in sizes)
        rows.append((system, f"L{level}", f"{row['parameters'] / 1e6:.3f}", f"{per_pixel:.2f}", *totals))
    return table(("system", "level", "M par.", "s/MPx", *(f"s for {TITLES[data]}" for data in sets)), rows)


def speed(measured: Mapping[str, Any]) -> str:
    """Time and memory of every level at full width."""
    rows = []
    for system, level, row in _measured(measured, "full"):
        rows.append(
            (
                system,
                f"L{level}",
                f"{row['parameters'] / 1e6:.2f}",
                f"{row['gflop']:.1f}",
                f"{row['images_per_second']:.2f}",
                f"{row['peak_megabytes']:.0f}",
            )
        )
    return table(("system", "level", "M par.", "GFLOP", "images/s", "peak MB"), rows)


def timing(measured: Mapping[str, Any]) -> str:
    """On what and how the speeds were measured."""
    m = measured["machine"]
    busy = "a contended machine" if m["load"] > m["threads"] + 0.5 else "a quiet machine"
    where = f"{m['processor']}, {m['device']}, {m['threads']} thread, torch {m['versions']['torch']}"
    what = f"{measured['images']} image of {measured['side']} x {measured['side']} px in float32"
    load = f"load {m['load']:g} on {m['logical_cores']} logical cores"
    how = f"all levels of all systems in turns, the best of {measured['turns']} after a warm-up"
    return f"Measured on **{busy}** ({load}): {where}; {what}, {how}."
