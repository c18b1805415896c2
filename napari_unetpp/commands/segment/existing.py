"""A result that is there already: whether it was made as it would be made now."""

from __future__ import annotations

from pathlib import Path

import tifffile

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.commands.report import sentence
from napari_unetpp.commands.segment.stack import chosen_planes, goes_by_planes
from napari_unetpp.commands.segment.stack_input import file_version, open_input
from napari_unetpp.commands.segment.values import Options, asked_facts
from napari_unetpp.engine.level import resolve_level
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.results.outputs import Output
from napari_unetpp.files.results.result_file import read_facts
from napari_unetpp.files.results.settings import CHANGED, differences

NEWER = ("given", "read_as", CHANGED)
"""Facts that results of earlier versions, or of another way of reading the image, do not have."""


OPTIONAL = ("augment", "directions", "spacing", "stitch", "track", "rows", "columns")
"""Facts that are there only where the option was given."""

REMEDY = "Give the same options, --overwrite to replace it, or another --out (in the dock: other Results)."

MOVE = "Move it away, or give --overwrite to replace it, or another --out (in the dock: other Results)."


def made_otherwise(output: Output, info: ModelInfo, options: Options) -> str:
    """Why an existing result is not what would be made now, in words; empty where it is.

    The same holds for probabilities beside it. A result that does not say how it was made, because another
    program saved it again, counts as the same if it is a TIFF of the image's size.
    """
    made = {path: read_facts(path) for path in (output.target, output.probability) if path and path.exists()}
    for path in [path for path, facts in made.items() if "model_sha256" not in facts]:
        del made[path]
        if problem := _no_result(path, output, options):
            return problem
    if not made:
        return ""
    now = asked_facts(info, resolve_level(info, options.level, augment=options.augment), options)
    now[CHANGED] = file_version(output.source)
    if goes_by_planes(output.source, options):
        try:
            with open_input(output, options) as image:
                now["read_as"] = str(chosen_planes(image, info, options))
        except Exception as error:  # said as of any other image
            return sentence(error)
    for path, then in made.items():
        ours = {name: value for name, value in then.items() if name in (*now, *OPTIONAL)}
        asked = {name: value for name, value in now.items() if name in then or name not in NEWER}
        if found := differences(ours, asked):
            return f"{path} was made otherwise: {found}. {REMEDY}"
    return ""


def _no_result(path: Path, output: Output, options: Options) -> str:
    """Why a file that does not say what made it cannot be the result, in words; empty where it can."""
    if path.is_dir():
        return ""
    try:
        with tifffile.TiffFile(path) as file:
            found = file.series[0].shape
    except Exception as error:
        return f"{path} is there, but it cannot be read as a result: {error}. {MOVE}"
    if goes_by_planes(output.source, options):
        return ""
    try:
        size = read_image(output.source, series=options.series).shape[:2]
    except UnetppError as error:  # said as of any other image
        return sentence(error)
    if found[-2:] == size:
        return ""
    its, wanted = (" x ".join(map(str, shape)) for shape in (found, size))
    return f"{path} is there, but it has {its} px, and the image {wanted}. {MOVE}"


def made_of(source: Path, result: Path) -> bool:
    """Whether a result says that it was made of this file as it is now."""
    return read_facts(result).get(CHANGED) == file_version(source)
