"""The texts of a BioImage.IO package: its README, names and tags."""

from __future__ import annotations

import re

from napari_unetpp import __version__
from napari_unetpp._types import ModelInfo
from napari_unetpp.files.models.card_text import score_set_text, seeds_text
from napari_unetpp.files.text import counted
from napari_unetpp.net import graph
from napari_unetpp.net.exported import activation_of

PAPERS = (
    (
        "Zhou et al., UNet++: A Nested U-Net Architecture for Medical Image Segmentation, DLMIA 2018",
        "10.1007/978-3-030-00889-5_1",
    ),
    (
        "Zhou et al., UNet++: Redesigning Skip Connections to Exploit Multiscale Features in Image "
        "Segmentation, IEEE Transactions on Medical Imaging 2020",
        "10.1109/TMI.2019.2959609",
    ),
)
"""To be cited, with their DOIs."""

DEVELOPERS = "napari-unetpp developers"


def package_stem(info: ModelInfo) -> str:
    """The name of a model with only those characters that file names in a package can have."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", info.name).strip("_-")[:60] or "model"


def package_name(info: ModelInfo, level: int) -> str:
    """The name of a package; the specification allows 5 to 64 letters, digits and a few signs."""
    return f"UNet++ {package_stem(info)[:40]} L{level}"


def description(info: ModelInfo, level: int) -> str:
    """The description of a package in one or two lines."""
    what = info.title or f"{', '.join(info.classes)} ({info.task})"
    return f"{what}. Level L{level} of a UNet++ of depth {info.net.depth}."[:512]


def task_text(info: ModelInfo) -> str:
    """The task in the words of the field."""
    return "instance segmentation" if info.task == "instances" else "semantic segmentation"


def tags(info: ModelInfo) -> list[str]:
    """Keywords by which a package is found."""
    kind = task_text(info).replace(" ", "-")
    return ["unet++", "napari", "segmentation", kind, "2d", "pytorch", *(c.lower() for c in info.classes)]


def grid_text(info: ModelInfo) -> str:
    """The condition that a scaled image has to meet, as a part of a sentence."""
    rule = info.sampling
    return {
        "object": f"typical objects have a diameter of about {rule.value:g} px",
        "pixel": f"a pixel is {rule.value:g} micrometres",
        "frame": f"the longer side of the lit part of the frame has {rule.value:g} px",
    }[rule.kind]


def readme(info: ModelInfo, level: int) -> str:
    """The documentation of a package."""
    credit = str(info.provenance.get("data", "")) or "not stated in the model card"
    parts = [
        f"# {package_name(info, level)}",
        description(info, level),
        f"Written by napari-unetpp {__version__} from the model `{info.name}`, sha256 `{info.sha256}`. That "
        "file is in this package, with all its levels: `napari-unetpp import PACKAGE.zip` adds it to the "
        "models of napari-unetpp.",
        "## Licence and data",
        f"Licence: {info.licence or 'not stated in the model card'}.",
        f"Data: {credit}.",
        "## Input",
        f"{_channels(info)} Scale the image so that {grid_text(info)}. Sides are multiples of "
        f"{info.net.multiple} px.",
        _intensities(info),
        "## Output",
        _outputs(info),
        _objects(info),
        *_borders(info, level),
        "## Validation",
        _validation(info),
        "To measure it on images of your own: `napari-unetpp evaluate FOLDER --model MODEL` after importing.",
        "## References",
        *(f"{text}. https://doi.org/{doi}" for text, doi in PAPERS),
    ]
    return "\n\n".join(parts) + "\n"


def _channels(info: ModelInfo) -> str:
    if info.net.in_channels == 3:
        return "Red, green, blue; a grey image is given three times."
    return f"{info.net.in_channels} channel(s); a grey image is given in each of them."


def _intensities(info: ModelInfo) -> str:
    rule = info.normalisation
    text = (
        f"The package brings the percentiles {rule.low:g} and {rule.high:g} of all channels together to "
        "0 and 1, and clips to -0.5 and 2."
    )
    if rule.rule == "robust":
        return (
            f"{text} napari-unetpp itself measures what stands out of the background, which the "
            "specification cannot express: where objects are few or specks are bright, the results differ. "
            "Give an image that is already well scaled then, or use napari-unetpp."
        )
    return (
        f"{text} napari-unetpp does the same, but for images that show little more than noise or a few "
        "bright specks: there it chooses a wider or another range, which the specification cannot express."
    )


def _outputs(info: ModelInfo) -> str:
    names = ", ".join(f"`{name}`" for name in info.outputs)
    return f"Probabilities, a channel each: {names} ({activation_of(info)} of the head)."


def _objects(info: ModelInfo) -> str:
    """The decoding of objects, for which the specification has no operator."""
    rule = info.decode
    first = (
        "`foreground` is"
        if info.task == "instances"
        else "all channels but `background` together are"
        if len(info.outputs) > 1
        else f"`{info.outputs[0]}` is"
    )
    text = f"A pixel is foreground where {first} {rule.threshold:g} or more."
    if info.task == "instances":
        text += f" Objects: a watershed of that foreground; {seeds_text(rule)}."
    sure = f"{rule.sure_from:.2g}"
    surest = f", and parts without a pixel of {sure} or more" if rule.certainty else ""
    return (
        f"{text} Parts of less than {rule.min_size} px are dropped{surest}. The package stops at the "
        "probabilities: the specification has no operator for the rest, and a threshold alone would lose it."
    )


def _borders(info: ModelInfo, level: int) -> list[str]:
    if info.sampling.kind == "frame":
        return ["A frame is given in one piece, not in tiles."]
    halo = graph.aligned_halo(level, info.net)
    return [
        f"With the halo of {halo} px the result in tiles equals that of the whole image, but for {halo} px "
        "at the border of the image, where programs that follow the specification repeat the edge and "
        "napari-unetpp does not."
    ]


def _validation(info: ModelInfo) -> str:
    scores = info.test or info.validation
    if scores is None:
        return "Not measured."
    kind = "test" if info.test else "held-out training"
    where = f"On {kind} data ({scores.data}, {counted(scores.images, 'image')}), by napari-unetpp"
    return f"{where}:\n\n```\n{score_set_text(scores)}\n```"
