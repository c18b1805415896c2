"""UNet++ and the networks it is built up from, trained alike and scored on test images.

    python tests/benchmarks/compare_architectures.py --out docs/results              # what is missing
    python tests/benchmarks/compare_architectures.py --out docs/results --speed      # time and memory
    python tests/benchmarks/compare_architectures.py --out docs/results --report     # the pages
    python tests/benchmarks/compare_architectures.py --out FOLDER --protocol dsb96   # the public protocol

One small JSON file for each (data set, system, seed). A run that has its file is skipped, so that the
command goes on where it was stopped. Every system of a data set is trained for the same number of steps
with the same settings, as foreground against background; nothing is chosen on test images.
On a CPU the default is two data sets and eight systems at half width; ``--device cuda`` runs the whole table.
Needs UNETPP_DATA (or the labelled images next to the checkout).
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from comparison import plan
from comparison.records import SPEED, is_done, write
from conftest import find_data

SPEED_IMAGES = 1
SPEED_WIDTHS = (("trained", plan.Settings().widths), ("full", 1.0))
"""Factors on the widths at which time and memory are measured: that of the comparison, and none."""


def compare(options: argparse.Namespace, root: Path) -> None:
    """Run whatever has no record yet."""
    from comparison.one_run import Images, read_images, run

    given = {name: getattr(options, name) for name in ("widths", "steps", "rate", "limit")}
    data = [plan.DSB96] if options.protocol == plan.DSB96 else options.data
    images: Images | None = None
    for name, system, seed in plan.runs(data, options.systems, options.seeds, options.device):
        path = plan.record_path(options.out, name, system, seed)
        if name != plan.DSB96 and is_done(path, plan.settings_of(name, given)):
            continue
        if images is None or images.name != name:
            images = read_images(root, name, options.limit)
        settings = plan.settings_of(name, given, len(images.train))
        if is_done(path, settings):
            continue
        record = run(images, system, seed, settings, options.device)
        write(path, {**record, "command": command()})
        levels = "  ".join(f"L{d} {row['iou']:.3f}" for d, row in record["levels"].items())
        print(f"{name} {system} seed {seed}: {record['training']['seconds']} s  IoU {levels}", flush=True)


def measure_speed(options: argparse.Namespace, root: Path) -> None:
    """Time and memory of every level, at the widths that are trained and at full width."""
    from comparison.one_run import machine, read_images
    from comparison.speed import SIDE, speed

    square = [s for s in read_images(root, "nuclei_dsb2018", 20).test if s.labels.shape == (SIDE, SIDE)][
        :SPEED_IMAGES
    ]
    systems = {name: speed(square, factor, options.device, options.turns) for name, factor in SPEED_WIDTHS}
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
    parser.add_argument("--data", nargs="+", choices=plan.DATA_SETS, help="default: those of the plan")
    parser.add_argument("--systems", nargs="+", choices=plan.SYSTEMS, help="default: those of the plan")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--widths", type=float, help="factor on all widths (0.5; dsb96: 1)")
    parser.add_argument("--steps", type=int, help="training steps (800; dsb96: 100 epochs)")
    parser.add_argument("--rate", type=float, help="peak learning rate (0.0015; dsb96: 0.001)")
    parser.add_argument("--limit", type=int, help="read only so many images of each part, for a trial")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--speed", action="store_true", help="measure time and memory instead")
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
