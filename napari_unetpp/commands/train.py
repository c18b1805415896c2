"""``napari-unetpp train``."""

from __future__ import annotations

import argparse
import dataclasses

from napari_unetpp._types import SUPERVISIONS, UnetppError
from napari_unetpp.commands.arguments.shared import add_device, add_foreground
from napari_unetpp.commands.arguments.types import (
    count,
    file_path,
    model_path,
    names,
    positive,
    seed,
    shares,
    side,
    some_name,
    some_path,
)
from napari_unetpp.commands.report import say, tell
from napari_unetpp.files.models import card_text
from napari_unetpp.net.baselines import BASELINES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``train``."""
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
        "--folds",
        metavar="N",
        type=count,
        help="for few images: choose by cross-validation in N parts, learn from all (N + 1 trainings)",
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
    add_foreground(parser)
    add_device(parser)
    parser.add_argument("--seed", type=seed, default=0, help="seed of all randomness (default: 0)")
    parser.add_argument(
        "--json",
        dest="json_path",
        metavar="FILE",
        type=file_path,
        help="also write the log as JSON lines, one object a report, the scores last",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a model that exists")


def train_problem(args: argparse.Namespace) -> str | None:
    """An error in the combination of arguments of ``train``, or None."""
    folders = len(args.folders)
    if not (args.task or args.start):
        return "--task is needed unless --from gives a model to start from"
    if args.val is not None and folders > 1:
        return "--val goes with a single FOLDER; of several, a tenth of each is held out"
    if args.folds is not None and args.val is not None:
        return "--folds does not go with --val: every image is judged once"
    if args.folds is not None and args.folds < 2:
        return f"--folds {args.folds} was given; expected 2 or more"
    for name, given in (("--share", args.shares), ("--data-credit", args.credits)):
        if given and len(given) != folders:
            return f"{name} has {len(given)} value(s) for {folders} FOLDER(s); expected one each"
    if args.diameter is not None and args.frame is not None:
        return "--diameter does not go with --frame: frames are not scaled by the size of objects"
    return None


def run_train(args: argparse.Namespace) -> int:
    """Train on folders of labelled images."""
    if args.out.exists() and not (args.resume or args.overwrite):
        raise UnetppError(
            f"{args.out} exists already. Choose another --out, or give --resume or --overwrite."
        )
    from napari_unetpp.train.scratch.processes.signals import stopped_by_signals
    from napari_unetpp.train.scratch.request import TrainingStopped, TrainRequest
    from napari_unetpp.train.scratch.run import train_model

    names = {field.name for field in dataclasses.fields(TrainRequest)}
    given = {name: value for name, value in vars(args).items() if name in names and value is not None}
    with stopped_by_signals(say) as should_stop:
        try:
            info = train_model(TrainRequest(**given), say, should_stop)
        except TrainingStopped as stopped:
            say(str(stopped))
            return 1
    if info.path is not None:  # else another process of this training has written the model
        tell(card_text.card_text(info))
    return 0
