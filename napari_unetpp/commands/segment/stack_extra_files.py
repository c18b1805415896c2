"""The files beside the result of a series: table, tracks, outlines for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import UnetppError
from napari_unetpp.commands.segment.stack_tables import Measured
from napari_unetpp.files.objects.formats import write_objects
from napari_unetpp.files.objects.planes import Subject
from napari_unetpp.files.results.outputs import Output
from napari_unetpp.files.results.result_file import read_facts
from napari_unetpp.volumes.inputs.tiff_stack import TiffStack
from napari_unetpp.volumes.ome_zarr import open_labels
from napari_unetpp.volumes.selection import Selection

if TYPE_CHECKING:
    from napari_unetpp.commands.segment.values import Options


def write_extra_files(output: Output, measured: Measured, options: Options, *, overwrite: bool) -> None:
    """Write the requested files; outlines are made of the planes of the result, one at a time."""
    if output.table is not None:
        measured.write_table(output.table, overwrite=overwrite)
    if output.tracks is not None:
        measured.write_tracks(output.tracks, overwrite=overwrite)
    subject = Subject(output.source.name, options.classes, options.instances, read_facts(output.target))
    for name, path in output.also:
        with read_result(output.target, measured.selection) as planes:
            write_objects(path, name, measured.objects_of(planes), subject, overwrite=overwrite)


@contextmanager
def read_result(path: Path, chosen: Selection) -> Iterator[Iterator[NDArray[Any]]]:
    """The planes of a result, one after the other.

    Raises
    ------
    UnetppError
        It has another shape than what would be segmented.
    """
    with ExitStack() as stack:
        labels = open_labels(path).levels[0] if path.is_dir() else stack.enter_context(TiffStack(path))
        shape = (*(n for n in labels.shape[:-2] if n > 1), *labels.shape[-2:])
        if shape != chosen.stack_shape:
            raise UnetppError(
                f"{path} has shape {shape}, but {chosen.stack_shape} would be segmented ({chosen}). Give the "
                "options with which it was made, or --overwrite."
            )
        leading = labels.shape[:-2]
        yield (np.asarray(labels[(*where, slice(None), slice(None))]) for where in np.ndindex(*leading))
