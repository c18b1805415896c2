"""Arguments that several commands have."""

from __future__ import annotations

import argparse

from napari_unetpp._types import LARGEST_SCALE, SMALLEST_SCALE
from napari_unetpp.commands.arguments.types import finite, positive, scale, values

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Device and number format."""
    parser.add_argument("--device", choices=DEVICES, default="auto", help="default: auto")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="number format; auto (default): the fastest that agrees with float32 here, timed once; int8: "
        "about twice as fast on the CPU, with nearly the same result",
    )


def add_size(parser: argparse.ArgumentParser) -> None:
    """Size of objects and range of intensities."""
    parser.add_argument(
        "--scale",
        metavar="F",
        type=scale,
        help=f"factor to the grid the network sees, {SMALLEST_SCALE} to {LARGEST_SCALE}; auto (default): by"
        " the model's rule, or searched for",
    )
    parser.add_argument(
        "--diameter", metavar="PX", type=positive, help="typical diameter of the objects, instead of --scale"
    )
    parser.add_argument(
        "--range",
        metavar=("LOW", "HIGH"),
        type=finite,
        nargs=2,
        help="intensities that become 0 and 1 (default: measured)",
    )


def add_augment(parser: argparse.ArgumentParser) -> None:
    """The mean of several orientations."""
    parser.add_argument(
        "--augment",
        action="store_true",
        help="average what the network says of the image turned by quarters and mirrored: somewhat better,"
        " and eight times as long",
    )


def add_foreground(parser: argparse.ArgumentParser) -> None:
    """Which label values are foreground."""
    parser.add_argument(
        "--foreground", metavar="V,...", type=values, help="label values that are foreground; the rest is not"
    )


def size_problem(args: argparse.Namespace) -> str | None:
    """An error in the combination of ``--scale`` and ``--diameter``, or None."""
    if args.scale is None or args.diameter is None:
        return None
    given = f"--scale {args.scale} and --diameter {args.diameter:g} were given"
    return f"{given}; expected one of them: the diameter of the objects gives a scale"
