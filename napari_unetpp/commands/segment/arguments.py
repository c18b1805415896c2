"""The arguments of ``segment``."""

from __future__ import annotations

import argparse

from napari_unetpp.commands.arguments.shared import add_augment, add_device, add_size, size_problem
from napari_unetpp.commands.arguments.types import (
    area,
    axes,
    count,
    file_path,
    folder_path,
    formats,
    index,
    level,
    names,
    region,
    share,
    some_name,
    some_path,
    spacing,
    span,
    threshold,
)
from napari_unetpp.volumes.selection import ALL

KINDS = ("labels", "mask", "probability")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``segment``."""
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        type=some_path,
        help="images (PNG, JPEG, TIFF, OME-Zarr), folders of images, or patterns such as '*.tif'",
    )
    parser.add_argument(
        "--out", metavar="DIR", type=folder_path, required=True, help="folder for STEM_KIND.tif"
    )
    parser.add_argument("--model", type=some_name, default="nuclei", help="name or file (default: nuclei)")
    parser.add_argument(
        "--level",
        type=level,
        default="auto",
        help="depth: 1, 2, 3, 4 or auto (as deep as each place needs; default: auto)",
    )
    parser.add_argument("--kind", choices=KINDS, default="labels", help="what to write (default: labels)")
    parser.add_argument(
        "--series",
        metavar="N",
        type=index,
        help="which image of a TIFF that holds several, from 0 (default: the largest that is no preview)",
    )
    parser.add_argument(
        "--table",
        action="store_true",
        help="also STEM_objects.csv: size, place and intensity of each object; summary.csv: a row an image",
    )
    parser.add_argument(
        "--also",
        metavar="FORMAT,...",
        type=formats,
        default=(),
        help="also outlines for other programs: rois (ImageJ), geojson (QuPath), coco",
    )
    parser.add_argument(
        "--probability",
        action="store_true",
        help="also STEM_probability.tif beside labels or mask, from the same run",
    )
    _add_object_arguments(parser)
    parser.add_argument(
        "--json", metavar="FILE", type=file_path, help="also write a report on each image as JSON"
    )
    _add_stack_arguments(parser)
    _add_cluster_arguments(parser)
    parser.add_argument(
        "--recursive", action="store_true", help="also the images in subfolders, into equal subfolders of DIR"
    )
    add_size(parser)
    add_augment(parser)
    add_device(parser)
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--skip-existing", action="store_true", help="write missing results only; go on after a stop"
    )
    existing.add_argument("--overwrite", action="store_true", help="replace results that exist")


def _add_object_arguments(parser: argparse.ArgumentParser) -> None:
    """Which objects are kept, and what becomes of them."""
    group = parser.add_argument_group("objects")
    group.add_argument(
        "--threshold",
        metavar="P",
        type=threshold,
        help="foreground probability from which a pixel counts, between 0 and 1 (default: the model's)",
    )
    for name, what in (("min", "smaller"), ("max", "larger")):
        group.add_argument(
            f"--{name}-size",
            metavar="PX",
            type=area,
            help=f"drop {what} objects, area in px of the image"
            + (" (default: the model's)" if name == "min" else ""),
        )
    group.add_argument(
        "--fill-holes", action="store_true", help="fill background that one object encloses, also in masks"
    )
    group.add_argument(
        "--drop-border", action="store_true", help="drop objects that touch the border of the plane"
    )
    group.add_argument(
        "--no-split",
        dest="split",
        action="store_false",
        help="leave touching objects together, as one object",
    )


def _add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of stacks, films, images of several channels, and regions."""
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
            help=f"range of {what}, from 0, the end excluded; or one number (default: all)",
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


def _add_cluster_arguments(parser: argparse.ArgumentParser) -> None:
    """Several worker processes, of this machine or of a cluster."""
    group = parser.add_argument_group("several processes or machines (needs the package distributed)")
    workers = group.add_mutually_exclusive_group()
    workers.add_argument("--workers", metavar="N", type=count, help="so many processes on this machine")
    workers.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="the workers of a running scheduler of dask.distributed, such as tcp://HOST:8786",
    )


def segment_problem(args: argparse.Namespace) -> str | None:
    """An error in the combination of arguments of ``segment``, or None."""
    if args.json is not None and args.json == args.out:
        return f"--json and --out are both {args.out}; expected a file and a folder"
    if args.kind != "labels":
        if args.table:
            return "--table lists objects: it goes with --kind labels"
        if args.stitch or args.track:
            return "--stitch and --track link objects: they go with --kind labels"
        if args.also:
            return "--also writes outlines of objects: it goes with --kind labels"
        if args.min_size is not None or args.max_size is not None or args.drop_border or not args.split:
            return (
                "--min-size, --max-size, --drop-border and --no-split are of objects: they go with --kind"
                " labels"
            )
    if args.kind == "probability" and (args.probability or args.fill_holes or args.threshold is not None):
        return "--probability, --fill-holes and --threshold do not go with --kind probability"
    if None not in (args.min_size, args.max_size) and args.min_size > args.max_size:
        return f"--min-size {args.min_size:g} is above --max-size {args.max_size:g}"
    return size_problem(args)
