"""Train a shipped model from the labelled images, on any machine.

    python docs/train_models.py nuclei --data ../shared/data --device cuda
    python docs/train_models.py cells-phase --from nuclei.safetensors
    python docs/train_models.py polyps --arch unetpp-efficientnet-lite0

A run is stopped by Ctrl-C or SIGTERM and goes on with the same command and `--resume`. It writes
NAME.safetensors, and NAME.jsonl with a line per look at the held-out images, to the folder `--out`. It calls
`train_model`, as ``napari-unetpp train`` does: all of a recipe stands in the table below. The length is
counted in megapixels of patches, so that a run repeats whatever the machine; `--minutes` gives a length in
time instead.

What the model card cites: this command (``provenance: command``), the data sets with their shares and
credits (``provenance: data``), the licence of the weights, megapixels, steps, seed and versions, what was
held out (of cells-phase, with its 23 images: each image once, by cross-validation) and the scores on it.
Scores on test data are measured apart (``napari-unetpp evaluate``).
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_unetpp._types import UnetppError
from napari_unetpp.commands.arguments.shared import DEVICES
from napari_unetpp.commands.arguments.types import model_path, positive
from napari_unetpp.files.models.card_text import card_text
from napari_unetpp.net.baselines import BASELINES
from napari_unetpp.train.scratch.processes.signals import stopped_by_signals
from napari_unetpp.train.scratch.request import TrainRequest
from napari_unetpp.train.scratch.run import train_model

NUCLEI = (
    "2018 Data Science Bowl, stage 1, fixed (BBBC038v1), CC0; Caicedo et al., Nature Methods 2019",
    "DAPI in tissue sections at four magnifications (repository masih4/BitDepth_NucSeg), Apache-2.0",
    "DAPI in colon polyps, T. Pecot, Deep learning for biologists, CC BY 4.0; F1000Research 10:256 (2021)",
    "H&E of breast cancer (TNBC), Naylor et al., Zenodo 1175282, CC BY 4.0",
)
CELLS = ("Usiigaci, phase contrast, MIT; Tsai et al., SoftwareX 9 (2019)",)
POLYPS = ("Kvasir-SEG, Jha et al., MMM 2020, for research and education",)

RECIPES = {
    "nuclei": TrainRequest(
        [Path(name) / "train" for name in ("nuclei_dsb2018", "nuclei_tissue", "nuclei_colon", "nuclei_he")],
        Path("nuclei.safetensors"),
        "instances",
        shares=(6, 2, 1, 1),
        credits=NUCLEI,
        classes=("nucleus",),
        megapixels=10_000,
        title="Cell nuclei in fluorescence, H&E and brightfield images",
        licence="BSD-3-Clause (weights); the data sets are credited under provenance",
    ),
    "cells-phase": TrainRequest(
        [Path("cells_phase/train")],
        Path("cells-phase.safetensors"),
        "instances",
        credits=CELLS,
        start="nuclei",
        folds=4,
        diameter=48,
        classes=("cell",),
        megapixels=1_000,
        title="Cells in phase contrast images",
        licence="BSD-3-Clause (weights); training data: Usiigaci, MIT",
    ),
    "polyps": TrainRequest(
        [Path("polyps_kvasir/train")],
        Path("polyps.safetensors"),
        "semantic",
        credits=POLYPS,
        val=Path("polyps_kvasir/val"),
        frame=128,
        batch=8,
        classes=("polyp",),
        megapixels=1_000,
        title="Polyps in colonoscopy frames; not for clinical use",
        licence="CC BY-NC 4.0 (weights; data: Kvasir-SEG, Jha et al. 2020). Not for clinical use",
    ),
}
"""Folders are inside the folder of the labelled images."""


def main(argv: Sequence[str] | None = None) -> int:
    """Train one model; the exit status is 0, or 1 after a sentence on stderr."""
    args = parse(sys.argv[1:] if argv is None else argv)
    try:
        with stopped_by_signals(say) as should_stop:
            info = train_model(args.request, say, should_stop)
    except UnetppError as error:
        say(str(error))
        return 1
    print(card_text(info))
    return 0


def say(line: str) -> None:
    """One line for people, on stderr."""
    print(line, file=sys.stderr, flush=True)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments, and the request that they make."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=tuple(RECIPES))
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("UNETPP_DATA"), help="default: the variable UNETPP_DATA"
    )
    parser.add_argument("--out", type=Path, default=Path(), help="folder of the results (default: here)")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--arch", choices=tuple(BASELINES), default="unetpp")
    parser.add_argument("--from", dest="start", metavar="FILE", type=model_path, help="start from this model")
    parser.add_argument("--megapixels", type=positive, help="length (default: that of the recipe)")
    parser.add_argument("--minutes", type=positive, help="length in time instead")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args(argv)
    if args.data is None:
        parser.error("where are the labelled images? Give --data, or set UNETPP_DATA")
    args.request = request_of(args)
    return args


def request_of(args: argparse.Namespace) -> TrainRequest:
    """A recipe with what was given."""
    recipe, data = RECIPES[args.name], Path(args.data)
    request = replace(
        recipe,
        folders=[data / folder for folder in recipe.folders],
        val=None if recipe.val is None else data / recipe.val,
        out=args.out / recipe.out,
        json_path=args.out / f"{args.name}.jsonl",
        arch=args.arch,
        start=recipe.start if args.start is None else str(args.start),
        megapixels=args.megapixels or (None if args.minutes else recipe.megapixels),
        minutes=args.minutes,
        seed=args.seed,
        resume=args.resume,
        device=args.device,
    )
    return replace(request, card_command=command_of(args, request))


def command_of(args: argparse.Namespace, request: TrainRequest) -> str:
    """What repeats the run; where its files lie is left out."""
    words = ["python docs/train_models.py", args.name]
    if args.arch != "unetpp":
        words += ["--arch", args.arch]
    if args.start is not None:
        words += ["--from", shlex.quote(args.start.name)]
    length = ("--minutes", args.minutes) if args.minutes else ("--megapixels", request.megapixels)
    return " ".join([*words, length[0], f"{length[1]:g}", "--seed", str(args.seed)])


if __name__ == "__main__":
    sys.exit(main())
