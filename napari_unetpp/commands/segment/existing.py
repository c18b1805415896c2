"""A result that is there already: whether it was made as it would be made now."""

from __future__ import annotations

from pathlib import Path

from napari_unetpp._types import ModelInfo
from napari_unetpp.commands.report import sentence
from napari_unetpp.commands.segment.stack import chosen_planes, goes_by_planes
from napari_unetpp.commands.segment.stack_input import file_version, open_input
from napari_unetpp.commands.segment.values import Options, asked_facts
from napari_unetpp.engine.level import resolve_level
from napari_unetpp.files.results.outputs import Output
from napari_unetpp.files.results.result_file import read_facts
from napari_unetpp.files.results.settings import CHANGED, differences

NEWER = ("given", "read_as", CHANGED)
"""Facts that results of earlier versions, or of another way of reading the image, do not have."""


OPTIONAL = ("augment", "directions", "spacing", "stitch", "track", "rows", "columns")
"""Facts that are there only where the option was given."""

REMEDY = "Give the same options, --overwrite to replace it, or another --out (in the dock: other Results)."


def made_otherwise(output: Output, info: ModelInfo, options: Options) -> str:
    """Why an existing result is not what would be made now, in words; empty where it is.

    The same holds for probabilities beside it. A result that does not say how it was made counts as the same.
    """
    made = {path: read_facts(path) for path in (output.target, output.probability) if path and path.exists()}
    made = {path: facts for path, facts in made.items() if "model_sha256" in facts}
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


def made_of(source: Path, result: Path) -> bool:
    """Whether a result says that it was made of this file as it is now."""
    return read_facts(result).get(CHANGED) == file_version(source)
