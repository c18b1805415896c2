"""All labelled images of a folder, as samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_unetpp._types import ModelInfo
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.files.notes import Notes
from napari_unetpp.train.data.labels import foreground_of_folder
from napari_unetpp.train.data.samples import Sample, load_sample


def read_samples(folder: Path, info: ModelInfo, log: Callable[[str], None]) -> list[Sample]:
    """The images of a folder with their labels, on the working grid; `log` receives notes on the files."""
    pairs, notes = read_pairs(folder), Notes()
    foreground = foreground_of_folder(pairs, info.task, None, notes)
    samples = [load_sample(pair, info, foreground, notes=notes) for pair in pairs]
    for line in notes.lines():
        log(f"note: {line}")
    return samples
