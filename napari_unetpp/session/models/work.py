"""Importing a model as generators of frozen events (see `session.segment.work`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from napari_unetpp._types import ShouldStop, UnetppError
from napari_unetpp.exports.importing import import_model, model_file
from napari_unetpp.files.models.model_file import read_info, read_tensors
from napari_unetpp.session.events import Event
from napari_unetpp.session.models.events import ModelChecked, ModelImported


def check_file(path: Path, should_stop: ShouldStop) -> Iterator[Event]:
    """Read the card and the weights of a file, which anyone may have written; nothing is kept."""
    del should_stop  # short
    with model_file(path) as file:
        info = read_info(file)
        read_tensors(file)
    yield ModelChecked(path, info)


def import_file(path: Path, name: str, should_stop: ShouldStop) -> Iterator[Event]:
    """Copy the model of a file into the user's folder, under exactly this name."""
    del should_stop  # half a model helps nobody
    try:
        yield ModelImported(import_model(path, name))
    except OSError as error:
        raise UnetppError(
            f"The model could not be imported: {error}. Free some space, then try again."
        ) from error
