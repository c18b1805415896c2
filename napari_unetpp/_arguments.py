"""The arguments of the command line, declared; `cli` does what they say."""

from __future__ import annotations

import argparse
from importlib.metadata import version

from napari_unetpp._types import LARGEST_SCALE, LEVELS, SMALLEST_SCALE, SUPERVISIONS
from napari_unetpp.commands.argument_types import (
    count,
    file_path,
    finite,
    folder_path,
    formats,
    index,
    level,
    model_path,
    names,
    positive,
    scale,
    seed,
    share,
    shares,
    side,
    some_name,
    some_path,
    values,
)
from napari_unetpp.commands.cluster_arguments import add_cluster_arguments
from napari_unetpp.commands.stack_arguments import add_stack_arguments
from napari_unetpp.net.baselines import BASELINES

KINDS = ("labels", "mask", "probability")
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; the chosen one is ``args.command``."""
    parser = argparse.ArgumentParser(
        prog="napari-unetpp",
        description="Segment images with UNet++ at any depth. Exit status: 0 done, 1 failed, 2 wrong usage.",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument("--version", action=ShowVersion, nargs=0, help="show the version and end")
    # The same switch after the command; SUPPRESS keeps it from undoing the one before it.
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, summary: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=summary, description=summary, parents=[common])

    add("models", "List shipped and own models.")
    _info(add("info", "Show the card of a model."))
    _segment(add("segment", "Segment images and folders of images."))
    _evaluate(add("evaluate", "Measure all levels of a model on a folder of labelled images."))
    _calibrate(add("calibrate", "Measure where Auto may stop, and store that in a copy of the model."))
    _train(add("train", "Train a model on a folder of labelled images."))
    _finetune(add("finetune", "Fine-tune a model on labelled or corrected images."))
    _export(add("export", "Write a level of a model for other programs: ONNX, or a BioImage.IO package."))
    _import(add("import", "Add a model file, or the model of an exported package, to your own models."))
    _benchmark(add("benchmark", "Measure how fast this machine is at every level."))
    _demo(add("demo", "Open napari on a sample; without a screen, write pictures instead."))
    return parser


def _info(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", type=some_name, help="name or file")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _segment(parser: argparse.ArgumentParser) -> None:
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
        "--level", type=level, default="auto", help="depth: 1, 2, 3, 4 or auto (as deep as each place needs)"
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
        "--json", metavar="FILE", type=file_path, help="also write what was done with each image"
    )
    add_stack_arguments(parser)
    add_cluster_arguments(parser, count)
    parser.add_argument(
        "--recursive", action="store_true", help="also the images in subfolders, into equal subfolders of DIR"
    )
    _size(parser)
    _device(parser)
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--skip-existing", action="store_true", help="do only what is missing: go on")
    existing.add_argument("--overwrite", action="store_true", help="replace results that exist")


def _evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", metavar="FOLDER", type=some_path, help="holds images/ and labels/ with equal stems"
    )
    parser.add_argument("--model", type=some_name, required=True, help="name or file")
    _foreground(parser)
    _size(parser)
    _device(parser)
    parser.add_argument("--json", metavar="FILE", type=file_path, help="also write the scores as JSON")


def _calibrate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", metavar="FOLDER", type=some_path, help="holds images/ and labels/ with equal stems"
    )
    parser.add_argument("--model", type=some_name, required=True, help="name or file")
    parser.add_argument("--out", metavar="FILE", type=model_path, required=True, help="NAME.safetensors")
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="use only what train holds out of FOLDER: for the folder the model was trained on",
    )
    parser.add_argument(
        "--tolerance",
        type=share,
        default=0.003,
        help="Dice that Auto may lose against the deepest level (default: 0.003)",
    )
    _device(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace a model that exists")


def _train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders",
        metavar="FOLDER",
        nargs="+",
        type=some_path,
        help="holds images/ and labels/ with equal stems; several: data sets that are learned together",
    )
    parser.add_argument(
        "--out", metavar="FILE", type=model_path, required=True, help="the model: NAME.safetensors"
    )
    parser.add_argument("--task", choices=("instances", "semantic"), help="needed unless --from is given")
    parser.add_argument(
        "--share",
        dest="shares",
        metavar="A,B,...",
        type=shares,
        help="how often each FOLDER is shown, in their order (default: by its images)",
    )
    parser.add_argument(
        "--val",
        metavar="FOLDER",
        type=some_path,
        help="held-out images of one FOLDER (default: 10 %% of each)",
    )
    parser.add_argument(
        "--arch", default="unetpp", choices=tuple(BASELINES), help="architecture (default: unetpp)"
    )
    parser.add_argument(
        "--supervision",
        choices=SUPERVISIONS,
        help="heads that are trained: of all levels (deep, the default), or the last one alone",
    )
    parser.add_argument("--from", dest="start", metavar="MODEL", type=some_name, help="start from this model")
    parser.add_argument(
        "--maps",
        metavar="NAME,...",
        type=names,
        help="what separates objects: edge_distance (default), object_border",
    )
    parser.add_argument(
        "--classes",
        metavar="NAME,...",
        type=names,
        help="names of the classes, by label value",
    )
    parser.add_argument(
        "--megapixels",
        metavar="N",
        type=positive,
        help="length in megapixels of patches: the same on every machine",
    )
    parser.add_argument("--minutes", type=positive, help="time budget")
    parser.add_argument("--epochs", type=count, help="length of the training")
    parser.add_argument(
        "--frame",
        type=side,
        metavar="PX",
        help="whole frames of a camera: the longer side of the lit part becomes PX (default: as they are)",
    )
    parser.add_argument(
        "--diameter",
        type=positive,
        metavar="PX",
        help="typical diameter of objects as the network sees them (default: that of --from, or measured)",
    )
    parser.add_argument(
        "--patch", type=side, metavar="PX", help="side of the training patches (default: 256, or the frame)"
    )
    parser.add_argument("--batch", type=count, metavar="N", help="patches in one step")
    parser.add_argument("--rate", type=positive, help="peak learning rate (default: 0.0015)")
    parser.add_argument("--resume", action="store_true", help="go on after a stop or a kill")
    parser.add_argument("--title", metavar="TEXT", help="what the model is for, in a line (model card)")
    parser.add_argument("--licence", metavar="TEXT", help="licence of the weights (model card)")
    parser.add_argument(
        "--data-credit",
        dest="credits",
        metavar="TEXT",
        action="append",
        help="who made the images of a FOLDER and their licence (model card); once for each, in their order",
    )
    _foreground(parser)
    _device(parser)
    parser.add_argument("--seed", type=seed, default=0, help="seed of all randomness (default: 0)")
    parser.add_argument(
        "--json",
        dest="json_path",
        metavar="FILE",
        type=file_path,
        help="also write the log as JSON lines, one object a report, the scores last",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a model that exists")


class ShowVersion(argparse.Action):
    """Print the version; it is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print it and end."""
        print(f"{parser.prog} {version('napari-unetpp')}")
        parser.exit()


def problem_of(args: argparse.Namespace) -> str | None:
    """What is wrong with the arguments of a command together; None: nothing."""
    if args.command == "train":
        return train_problem(args)
    if args.command in ("segment", "evaluate", "finetune") and (problem := size_problem(args)):
        return problem
    if args.command == "segment" and args.json is not None and args.json == args.out:
        return f"--json and --out are both {args.out}; expected a file and a folder"
    if args.command == "segment" and args.table and args.kind != "labels":
        return "--table lists objects: it goes with --kind labels"
    if args.command == "segment" and (args.stitch or args.track) and args.kind != "labels":
        return "--stitch and --track link objects: they go with --kind labels"
    if args.command == "segment" and args.also and args.kind != "labels":
        return "--also writes outlines of objects: it goes with --kind labels"
    return None


def size_problem(args: argparse.Namespace) -> str | None:
    """What contradicts itself of the size of objects; None: nothing."""
    if args.scale is None or args.diameter is None:
        return None
    given = f"--scale {args.scale} and --diameter {args.diameter:g} were given"
    return f"{given}; expected one of them: the diameter of the objects gives a scale"


def train_problem(args: argparse.Namespace) -> str | None:
    """What is wrong with the arguments of ``train`` together; None: nothing."""
    folders = len(args.folders)
    if not (args.task or args.start):
        return "--task is needed unless --from gives a model to start from"
    if args.val is not None and folders > 1:
        return "--val goes with a single FOLDER; of several, a tenth of each is held out"
    for name, given in (("--share", args.shares), ("--data-credit", args.credits)):
        if given and len(given) != folders:
            return f"{name} has {len(given)} value(s) for {folders} FOLDER(s); expected one each"
    if args.diameter is not None and args.frame is not None:
        return "--diameter does not go with --frame: frames are not scaled by the size of objects"
    return None


def _finetune(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=some_path,
        help="images/ and labels/ with equal stems, optionally certain/, ignore/ and session.json",
    )
    parser.add_argument("--model", type=some_name, required=True, help="model to start from: name or file")
    parser.add_argument("--out", metavar="FILE", type=model_path, required=True, help="NAME.safetensors")
    parser.add_argument("--seconds", type=positive, help="time budget (default: 60, unless --steps is given)")
    parser.add_argument("--steps", type=count, help="length in steps: the same steps give the same weights")
    parser.add_argument(
        "--labels-as",
        choices=("corrections", "reviewed", "sparse"),
        help="what the labels say (default: as saved; with certain/ corrections, else reviewed)",
    )
    parser.add_argument("--background", type=index, metavar="V", help="sparse: the label value of background")
    parser.add_argument(
        "--add-classes", metavar="NAME,...", type=names, default=(), help="classes that a semantic model gets"
    )
    _foreground(parser)
    _size(parser)
    _device(parser)
    parser.add_argument("--seed", type=seed, default=0, help="seed of all randomness (default: 0)")
    parser.add_argument(
        "--json", metavar="FILE", type=file_path, help="also write scores and history as JSON"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a model that exists")


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", type=some_name, help="name or file")
    parser.add_argument("--format", choices=("onnx", "bioimageio"), required=True, help="what to write")
    parser.add_argument("--level", type=index, choices=LEVELS, help="depth (default: the recommended one)")
    parser.add_argument("--out", metavar="PATH", type=some_path, required=True, help="NAME.onnx or NAME.zip")
    parser.add_argument(
        "--author",
        dest="authors",
        metavar="NAME",
        action="append",
        default=[],
        help="who made the model (bioimageio); once for each",
    )
    parser.add_argument(
        "--sample",
        metavar="IMAGE",
        type=some_path,
        help="image to check the export with, shown by a package (default: one of ours)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")


def _import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "package", metavar="PACKAGE", type=some_path, help="a package that export wrote, or NAME.safetensors"
    )


def _benchmark(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=some_name, default="nuclei", help="name or file (default: nuclei)")
    _device(parser)
    parser.add_argument("--json", metavar="FILE", type=file_path, help="also write the figures as JSON")


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=folder_path,
        help="write pictures there and close (default without a screen: demo)",
    )


def _device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=DEVICES, default="auto", help="default: auto")
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="number format; auto (default): the fastest that agrees with float32 here, timed once",
    )


def _size(parser: argparse.ArgumentParser) -> None:
    """What is known of the size of things and of the intensities."""
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


def _foreground(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--foreground", metavar="V,...", type=values, help="label values that are foreground; the rest is not"
    )
