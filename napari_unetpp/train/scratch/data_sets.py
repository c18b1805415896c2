"""The labelled images of a training, from one or several folders; a part of each is held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_unetpp._types import ModelInfo, ShouldStop, UnetppError, UsageError
from napari_unetpp.files.labels.folders import folder_name, read_pairs
from napari_unetpp.files.notes import Notes
from napari_unetpp.files.text import counted
from napari_unetpp.train.data.held_out import split_samples
from napari_unetpp.train.data.labels import foreground_of_folder
from napari_unetpp.train.data.samples import Sample, load_sample
from napari_unetpp.train.scratch.request import TrainingStopped, TrainRequest


@dataclass(frozen=True, eq=False)
class DataSets:
    """Images to learn from and images held out, of all folders (`Sample.folder` is their number).

    Attributes
    ----------
    names : tuple of str
        Each folder with its parent folder: ``"nuclei_tissue/train"``.
    held_out_from : tuple of str
        The data sets of the held-out images: `names`, unless a folder was given for them.
    """

    names: tuple[str, ...]
    held_out_from: tuple[str, ...]
    train: tuple[Sample, ...]
    held_out: tuple[Sample, ...]


def read_data_sets(
    request: TrainRequest, info: ModelInfo, log: Callable[[str], None], should_stop: ShouldStop
) -> DataSets:
    """Read all folders of a request for a model of this card; `should_stop` is asked before every image.

    Raises
    ------
    UnetppError
        Unreadable images, options that do not fit the folders, or nothing to learn.
    """
    check_folders(request)
    train: list[Sample] = []
    held_out: list[Sample] = []
    for number, folder in enumerate(request.folders):
        log(f"reading {folder}")
        learned = _read(folder, number, request, info, log, should_stop)
        apart: list[Sample] = []
        if request.val is not None:
            apart = _read(request.val, number, request, info, log, should_stop)
        elif not request.folds:
            learned, apart = split_samples(learned)
        train, held_out = [*train, *learned], [*held_out, *apart]
        log(f"{folder_name(folder)}: {counted(len(learned), 'image')} to learn from, {len(apart)} held out")
    if not any(s.labels.any() for s in (*train, *held_out)):
        asked = info.task == "semantic" and request.foreground is None
        hint = "255 means: ignore; is it foreground, give --foreground 255" if asked else ""
        raise UnetppError(
            f"no label image in {', '.join(map(str, request.folders))} has any foreground, so there is "
            f"nothing to learn.{f' In them {hint}.' if hint else ''}"
        )
    if not held_out and not request.folds:
        log("no validation: nothing can be held out")
    names = tuple(folder_name(folder) for folder in request.folders)
    held_out_from = names if request.val is None else (folder_name(request.val),)
    return DataSets(names, held_out_from, tuple(train), tuple(held_out))


def _read(
    folder: Path,
    number: int,
    request: TrainRequest,
    info: ModelInfo,
    log: Callable[[str], None],
    should_stop: ShouldStop,
) -> list[Sample]:
    pairs, notes, samples = read_pairs(folder), Notes(), []
    foreground = foreground_of_folder(pairs, info.task, request.foreground, notes)
    for pair in pairs:
        if should_stop():
            raise TrainingStopped("stopped while images were read; nothing was trained in this run.")
        samples.append(load_sample(pair, info, foreground, number, notes))
    for line in notes.lines():
        log(f"note: {line}")
    return samples


def check_folders(request: TrainRequest) -> None:
    """Raise UnetppError where folders do not fit together with their shares, credits or held-out folder."""
    count = len(request.folders)
    if len({folder.resolve() for folder in request.folders}) < count:
        raise UsageError("a folder was given twice; name each data set once, and weigh it by its share.")
    for what, values in (("share", request.shares or ()), ("credit", request.credits)):
        if values and len(values) != count:
            raise UsageError(f"{len(values)} {what}(s) were given for {count} folder(s); expected one each.")
    if request.val is not None and request.folds:
        raise UsageError("held-out images and folds were given; expected one of them, or neither.")
    if request.val is not None and count > 1:
        raise UsageError(
            f"held-out images were given for {count} folders; give them for a single one, or none: a tenth "
            "of each folder is held out then."
        )


def count_of(samples: Sequence[Sample], folder: int) -> int:
    """How many of the samples come from a folder."""
    return sum(sample.folder == folder for sample in samples)
