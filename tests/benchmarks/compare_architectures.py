"""UNet++ and the networks it is built up from, trained alike and scored on test images.

    python tests/benchmarks/compare_architectures.py --out docs/results              # what is missing
    python tests/benchmarks/compare_architectures.py --out docs/results --speed      # time and memory
    python tests/benchmarks/compare_architectures.py --out docs/results --report     # the pages
    python tests/benchmarks/compare_architectures.py --out FOLDER --protocol dsb96   # the public protocol

One small JSON file for each (data set, system, seed). A run that has its file is skipped, so that the
command goes on where it was stopped. Every system of a data set is trained for the same number of steps
with the same settings, as foreground against background; nothing is chosen on test images.
Needs UNETPP_DATA (or the labelled images next to the checkout).
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from comparison import plan
from conftest import find_data

SPEED = "speed.json"
SPEED_IMAGES = 2


def write(path: Path, record: dict[str, Any]) -> None:
    """Write a record whole or not at all."""
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(partial, path)


def is_done(path: Path, settings: plan.Settings) -> bool:
    """Whether a run has its record; one with other settings stops the command."""
    if not path.exists():
        return False
    recorded = json.loads(path.read_text())["settings"]
    if recorded != settings.plain():
        raise SystemExit(
            f"{path} was made with {recorded}, but this command asks for {settings.plain()}. "
            "Give other settings another --out."
        )
    return True


def settings_of(data: str, options: argparse.Namespace, train_images: int = 0) -> plan.Settings:
    """The settings of a data set: those of the plan, and what the command line changes."""
    if data == plan.DSB96:
        per_epoch = -(-train_images // plan.DSB96_BATCH)
        steps = plan.DSB96_EPOCHS * per_epoch
        default = plan.Settings(1.0, steps, plan.DSB96_SIDE, plan.DSB96_BATCH, 1e-3)
    else:
        default = plan.Settings(steps=plan.DATA_SETS[data].steps)
    given = {name: getattr(options, name) for name in ("widths", "steps", "rate", "limit")}
    return replace(default, **{name: value for name, value in given.items() if value is not None})


def compare(options: argparse.Namespace, root: Path) -> None:
    """Run whatever has no record yet."""
    from comparison.one_run import Images, read_images, run

    data = [plan.DSB96] if options.protocol == plan.DSB96 else options.data
    images: Images | None = None
    for name, system, seed in plan.runs(data, options.systems, options.seeds):
        path = plan.record_path(options.out, name, system, seed)
        if name != plan.DSB96 and is_done(path, settings_of(name, options)):
            continue
        if images is None or images.name != name:
            images = read_images(root, name, options.limit)
        settings = settings_of(name, options, len(images.train))
        if is_done(path, settings):
            continue
        record = run(images, system, seed, settings, options.device)
        write(path, {**record, "command": command()})
        levels = "  ".join(f"L{d} {row['iou']:.3f}" for d, row in record["levels"].items())
        print(f"{name} {system} seed {seed}: {record['training']['seconds']} s  IoU {levels}", flush=True)


def measure_speed(options: argparse.Namespace, root: Path) -> None:
    """Time and memory of every level at full width."""
    from comparison.one_run import machine, read_images
    from comparison.speed import SIDE, full_width_speed

    square = [s for s in read_images(root, "nuclei_dsb2018", 20).test if s.labels.shape == (SIDE, SIDE)][
        :SPEED_IMAGES
    ]
    systems = full_width_speed(square, options.device, options.turns)
    about = {"side": SIDE, "images": len(square), "turns": options.turns}
    about |= {"machine": machine(options.device), "command": command()}
    write(options.out / SPEED, {**about, "systems": systems})


def command() -> str:
    """This command, as it can be given again from the top of the checkout."""
    return shlex.join(["python", "tests/benchmarks/compare_architectures.py", *sys.argv[1:]])


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--out", type=Path, required=True, help="folder of the records")
    parser.add_argument("--protocol", choices=["short", plan.DSB96], default="short")
    parser.add_argument("--data", nargs="+", choices=plan.DATA_SETS, default=list(plan.DATA_SETS))
    parser.add_argument("--systems", nargs="+", choices=plan.SYSTEMS, help="default: those of the plan")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--widths", type=float, help="factor on all widths (0.25; dsb96: 1)")
    parser.add_argument("--steps", type=int, help="training steps (by data set; dsb96: 100 epochs)")
    parser.add_argument("--rate", type=float, help="peak learning rate (0.0015; dsb96: 0.001)")
    parser.add_argument("--limit", type=int, help="read only so many images of each part, for a trial")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--speed", action="store_true", help="measure time and memory at full width instead")
    parser.add_argument(
        "--turns", type=int, default=3, help="with --speed: timings, of which the best counts"
    )
    parser.add_argument("--report", action="store_true", help="write tables and figures of the pages instead")
    return parser.parse_args(arguments)


def main() -> None:
    options = parse()
    if options.report:
        from comparison.report import write_pages

        write_pages(options.out)
        return
    root = find_data()
    if root is None:
        raise SystemExit("The labelled images were not found: set UNETPP_DATA to their folder.")
    options.out.mkdir(parents=True, exist_ok=True)
    (measure_speed if options.speed else compare)(options, root)


if __name__ == "__main__":
    main()
