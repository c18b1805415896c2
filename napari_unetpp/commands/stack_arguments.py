"""The arguments of ``segment`` that say how stacks, films and channels are read, and what of them."""

from __future__ import annotations

import argparse

from napari_unetpp.commands.argument_types import axes, names, region, share, spacing, span
from napari_unetpp.volumes.selection import ALL


def add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """What is segmented of stacks, films and images of several channels; parts of a plane."""
    group = parser.add_argument_group("stacks, films, channels, parts of an image")
    group.add_argument(
        "--axes",
        metavar="AXES",
        type=axes,
        help="a letter of TCZYXS for each axis (default: as the file says, or guessed)",
    )
    group.add_argument(
        "--channel",
        metavar="N|NAME[,...]",
        type=names,
        default=(),
        help="which channel, from 0 or by name (default: the first); several: see --combine",
    )
    group.add_argument(
        "--combine",
        choices=("inputs", "mean"),
        default="inputs",
        help="several channels are the inputs of the model (default), or their mean is segmented",
    )
    for axis, what in (("z", "planes of depth"), ("t", "frames")):
        group.add_argument(
            f"--{axis}",
            metavar="A:B",
            type=span,
            default=ALL,
            help=f"which {what}, from 0, the end excluded; one number: that alone (default: all)",
        )
    group.add_argument(
        "--project", choices=("max", "mean"), help="segment the projection along depth, not every plane"
    )
    group.add_argument(
        "--stitch",
        metavar="IOU",
        type=share,
        help="link objects through depth from this overlap of planes, such as 0.3 (default: off)",
    )
    group.add_argument(
        "--track",
        metavar="IOU",
        type=share,
        help="link objects over time from this overlap, such as 0.3; also STEM_tracks.csv (default: off)",
    )
    group.add_argument(
        "--directions",
        metavar="N",
        type=int,
        choices=(1, 3),
        default=1,
        help="3: the mean of planes cut along Z, Y and X; distances must be known (default: 1, along Z)",
    )
    group.add_argument(
        "--spacing",
        metavar="Z,Y,X",
        type=spacing,
        help="micrometres between planes, rows and columns (default: as the file says)",
    )
    group.add_argument(
        "--region", metavar="Y0:Y1,X0:X1", type=region, help="segment these rows and columns only"
    )
