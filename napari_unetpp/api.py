"""The public functions, used by the command line, the dock and scripts alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import (
    FinetuneDone,
    FinetuneEvent,
    FinetuneRequest,
    LabelledPlane,
    LabelsAs,
    ModelInfo,
    Segmentation,
    UnetppError,
)
from napari_unetpp.engine.memory import SMALLER, enough_memory
from napari_unetpp.files.models.model_list import find_model, list_models

if TYPE_CHECKING:
    from napari_unetpp.engine.decode.plane_result import PlaneResult
    from napari_unetpp.engine.loaded_model import LoadedModel
    from napari_unetpp.volumes.inputs.source import ImageSource

__all__ = ["evaluate", "finetune", "list_models", "load_model", "segment"]

Image = NDArray[Any]
Auto = Literal["auto"]


def load_model(name_or_path: str | Path, *, device: str = "auto", precision: str = "auto") -> LoadedModel:
    """Load a model, by its name in the list or from a file, on a device.

    Parameters
    ----------
    name_or_path : str or Path
    device : {"auto", "cpu", "cuda", "mps"}
    precision : {"auto", "float32", "bfloat16", "float16"}
        Number format of the network; "auto": the fastest that agrees with float32 on this machine.

    Examples
    --------
    >>> model = load_model("nuclei")  # doctest: +SKIP
    """
    from napari_unetpp.engine.loaded_model import LoadedModel

    return LoadedModel.load(find_model(name_or_path), device=device, precision=precision)


def segment(
    image: Image | ImageSource,
    model: str | Path | LoadedModel,
    *,
    level: int | Auto = "auto",
    scale: float | Auto = "auto",
    diameter: float | None = None,
    pixel_size: float | None = None,
    range: tuple[float, float] | None = None,
    device: str = "auto",
    precision: str = "auto",
    axes: str | None = None,
    channel: int | str | Sequence[int | str] | None = None,
    combine: Literal["inputs", "mean"] = "inputs",
    z: tuple[int | None, int | None] | None = None,
    t: tuple[int | None, int | None] | None = None,
    project: Literal["max", "mean"] | None = None,
    stitch: float | None = None,
    track: float | None = None,
    directions: Literal[1, 3] = 1,
    spacing: tuple[float, float, float] | None = None,
) -> Segmentation:
    """Segment one plane; or a stack, a film or an image of several channels, plane by plane.

    Parameters
    ----------
    image : ndarray of shape (Y, X), (Y, X, 3) or (Y, X, 4), array-like with more axes, or ImageSource
        Any real dtype. What `open_image` gives is read as the file says. Arrays of more axes need one of the
        options from `axes` on; they may be lazy (dask, zarr, xarray, a memory map).
    model : str, Path or LoadedModel
        Name, file, or what `load_model` returned (saves loading it again).
    level : int or "auto"
        Depth of the network; "auto": each square of the image as deep as it needs, or, of a model that
        has no rule for that, the level it recommends.
    scale : float or "auto"
        Working grid = image grid times `scale`; "auto": it follows from what is given below, or from the
        model's sampling rule; a model that goes by the size of objects looks for it in the image.
    diameter : float, optional
        Typical diameter of the objects, px of the image.
    pixel_size : float, optional
        Micrometres per px of the image, for models that go by it.
    range : (float, float), optional
        Intensities that become 0 and 1; None: measured.
    device : {"auto", "cpu", "cuda", "mps"}
    precision : {"auto", "float32", "bfloat16", "float16"}
        As in `load_model`; like `device` not used where `model` is loaded already.
    axes : str, optional
        A letter of TCZYXS for each axis of the array; None: the names of its dimensions where it has them,
        else guessed from the shape (the notes say how it was read).
    channel : int, str or sequence, optional
        Which channel, from 0 or by name; several are the inputs of the model, or (`combine` "mean") their
        mean is segmented. None: the first.
    z, t : (int or None, int or None), optional
        Which planes of depth and which frames: the first, and the one after the last. None: all.
    project : {"max", "mean"}, optional
        Segment the projection along depth.
    stitch, track : float, optional
        Intersection over union from which objects of neighbouring planes, and of neighbouring frames, get one
        number, such as 0.3. None: each plane is numbered from 1.
    directions : {1, 3}
        3: segment a stack in planes along Z, Y and X, and average the maps. The distances between planes,
        rows and columns must be known; the stack is resampled to equal ones.
    spacing : (float, float, float), optional
        Micrometres between planes, rows and columns.

    Returns
    -------
    Segmentation
        On the grid of the image. Of stacks all results have the shape (T, Z, Y, X), without T or Z where
        there is but one; of the probability C comes first.

    Raises
    ------
    UnetppError
        For an image, model, level, size, range or device that cannot be used; where memory runs out.

    Examples
    --------
    >>> result = segment(image, "nuclei", level=2)  # doctest: +SKIP
    >>> result.labels.max()  # doctest: +SKIP
    """
    from napari_unetpp.engine.collect import predict_maps
    from napari_unetpp.engine.level import resolve_level, shallower
    from napari_unetpp.volumes.inputs.source import ImageSource

    loaded = _loaded(model, device, precision)
    asked = (axes, channel, z, t, project, stitch, track, spacing)
    if isinstance(image, ImageSource) or directions != 1 or any(option is not None for option in asked):
        from napari_unetpp.volumes.selection import ALL, SelectionRequest
        from napari_unetpp.volumes.series.in_memory import segment_array

        channels = (channel,) if isinstance(channel, (int, str)) else tuple(channel or ())
        return segment_array(
            image,
            loaded,
            SelectionRequest(axes, channels, combine, t or ALL, z or ALL, project),
            stitch=stitch,
            track=track,
            directions=directions,
            spacing=spacing,
            level=level,
            scale=scale,
            diameter=diameter,
            pixel_size=pixel_size,
            range=range,
        )
    with enough_memory("the network ran", shallower(loaded.info, resolve_level(loaded.info, level))):
        found = predict_maps(
            image, loaded, level=level, scale=scale, diameter=diameter, pixel_size=pixel_size, range=range
        )
    with enough_memory("telling objects apart", SMALLER):
        labels = found.labels()
    with enough_memory("bringing the result to the grid of the image", SMALLER):
        return _segmentation(found, labels, loaded)


def _segmentation(found: PlaneResult, labels: NDArray[np.uint32], loaded: LoadedModel) -> Segmentation:
    return Segmentation(
        labels=labels,
        mask=found.mask(),
        probability=found.probability(),
        level=found.level,
        uncertainty=found.uncertainty(),
        depth=found.depth(),
        scale=found.scale.scale,
        scale_reason=found.scale.reason,
        range=found.range,
        notes=found.notes,
        precision=loaded.choice.dtype,
    )


def evaluate(
    folder: str | Path,
    model: str | Path | LoadedModel,
    *,
    device: str = "auto",
    precision: str = "auto",
    foreground: Sequence[int] | None = None,
    scale: float | Auto = "auto",
    diameter: float | None = None,
    range: tuple[float, float] | None = None,
    progress: Callable[[int, int], None] | None = None,
    on_problem: Callable[[str], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Score all levels of a model on a folder of labelled images.

    Parameters
    ----------
    folder : str or Path
        Holds `images/` and `labels/` with equal stems, optionally `ignore/`.
    model : str, Path or LoadedModel
    device, precision
        As in `segment`.
    foreground : sequence of int, optional
        These label values are foreground, the others background; AP50 is then undefined.
    scale, diameter, range
        As in `segment`, for all images; what is not given is found for each of them.
    progress : callable, optional
        Told ``(images done, images in all)``.
    on_problem : callable, optional
        Told what is wrong with an image, which is then left out; without it the first bad image raises.
    on_note : callable, optional
        Told in the end what of the files was handled specially.

    Returns
    -------
    dict
        As ``evaluate --json`` writes it: ``model``, ``device``, ``images``, ``recommended_level``,
        ``best_level_here``, and per level ``dice``, ``iou``, ``ap50``, ``parameters``,
        ``seconds_per_megapixel``; ``auto`` holds the same for Auto, with ``share_of_flops`` executed of the
        deepest level's (None without a stopping rule). ``scales``: the lowest, median and highest scale of
        an image. What is undefined is None.
    """
    from napari_unetpp.files.labels.folders import read_pairs
    from napari_unetpp.files.notes import Notes
    from napari_unetpp.train.choose.evaluation import evaluate_pairs

    pairs, notes = read_pairs(folder), Notes()
    scores = evaluate_pairs(
        _loaded(model, device, precision),
        pairs,
        foreground=foreground,
        scale=scale,
        diameter=diameter,
        range=range,
        progress=progress,
        on_problem=on_problem,
        notes=notes,
    )
    if on_note is not None:
        for line in notes.lines():
            on_note(line)
    return scores


def finetune(
    model: str | Path | ModelInfo | LoadedModel,
    images: Sequence[Image],
    labels: Sequence[Image],
    *,
    labels_as: LabelsAs = "reviewed",
    certain: Sequence[Image | None] | None = None,
    ignore: Sequence[Image | None] | None = None,
    background: int | None = None,
    foreground: Sequence[int] | None = None,
    classes: Sequence[str] = (),
    scale: float | Auto = "auto",
    diameter: float | None = None,
    range: tuple[float, float] | None = None,
    seconds: float | None = 60.0,
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Callable[[FinetuneEvent], None] | None = None,
) -> FinetuneDone:
    """Fine-tune a copy of a model on labelled images.

    Parameters
    ----------
    model : str, Path, ModelInfo or LoadedModel
        The model to start from; its file is only read.
    images : sequence of ndarray of shape (Y, X), (Y, X, 3) or (Y, X, 4)
    labels : sequence of ndarray of shape (Y, X)
        Objects (instances) or classes (semantic); whole numbers of any type. Of a semantic model 255 is
        ignored, unless all labels are masks of 0 and 255: then it is foreground.
    labels_as : {"reviewed", "corrections", "sparse"}
        Every pixel is true; only `certain` ones are, the rest is left to the model; or 0 is
        unlabelled and `background` names the label value of background.
    certain, ignore : sequence of ndarray of shape (Y, X), or None for an image without, optional
    foreground : sequence of int, optional
        These label values are foreground, the others background; objects are then not told apart.
    classes : sequence of str
        Classes to add to a semantic model, after its own.
    scale, diameter, range
        As in `segment`, for all images; what is not given is found for each of them.
    seconds, steps : float or None, int or None
        The run ends when either is reached. With steps alone the same call gives the same weights.
    device : {"auto", "cpu", "cuda", "mps"}
    precision : {"auto", "float32", "bfloat16"}
        Number format of the convolutions; "auto": the faster one on this machine.
    out : str or Path, optional
        File for the new model; an existing one is refused unless `overwrite`, the parent always.
    progress : callable, optional
        Told every event.

    Returns
    -------
    FinetuneDone
        Card, weights, and the scores of all levels before and after on held-out pixels.

    Raises
    ------
    UnetppError
        Labels that do not fit, nothing to learn from, or a file that must not be written.

    Examples
    --------
    >>> done = finetune("nuclei", [image], [labels], out="mine.safetensors")  # doctest: +SKIP
    >>> done.better, done.info.recommended_level  # doctest: +SKIP
    """
    from napari_unetpp.files.notes import Notes
    from napari_unetpp.train.finetune import result
    from napari_unetpp.train.finetune import run as learning
    from napari_unetpp.train.finetune.planes import map_label_values, with_options
    from napari_unetpp.train.parent import check_target

    planes = _labelled_planes(images, labels, certain, ignore, labels_as=labels_as, background=background)
    parent, notes = _card(model), Notes()
    planes = map_label_values(planes, parent.task, foreground, notes)
    planes = with_options(planes, parent, scale=scale, diameter=diameter, range=range)
    target = None if out is None else Path(out)
    if target is not None:
        check_target(target, parent, overwrite=overwrite)
    request = FinetuneRequest(
        parent,
        planes,
        seconds=seconds,
        steps=steps,
        seed=seed,
        device=device,
        precision=precision,
        classes=tuple(classes),
    )
    event: FinetuneEvent | None = None
    for event in learning.finetune(request):
        if progress is not None:
            progress(event)
    assert isinstance(event, FinetuneDone)
    done = replace(event, notes=(*notes.lines(), *event.notes))
    return done if target is None else result.write(done, target, parent, overwrite=overwrite)


def _labelled_planes(
    images: Sequence[Image],
    labels: Sequence[Image],
    certain: Sequence[Image | None] | None,
    ignore: Sequence[Image | None] | None,
    *,
    labels_as: LabelsAs,
    background: int | None,
) -> tuple[LabelledPlane, ...]:
    count = len(images)
    columns = (labels, certain or [None] * count, ignore or [None] * count)
    if any(len(column) != count for column in columns):
        raise UnetppError(
            f"{count} images were given with {', '.join(str(len(c)) for c in columns)} label images, certain "
            "and ignore masks; expected one for each image (None where there is no mask)."
        )
    return tuple(
        LabelledPlane(
            name=f"{n:04d}",
            image=np.asarray(image),
            labels=np.asarray(label),
            labels_as=labels_as,
            certain=None if sure is None else np.asarray(sure) != 0,
            ignore=None if skip is None else np.asarray(skip) != 0,
            background=background,
        )
        for n, (image, label, sure, skip) in enumerate(zip(images, *columns, strict=True))
    )


def _loaded(model: str | Path | LoadedModel, device: str, precision: str) -> LoadedModel:
    if isinstance(model, (str, Path)):
        return load_model(model, device=device, precision=precision)
    return model


def _card(model: str | Path | ModelInfo | LoadedModel) -> ModelInfo:
    if isinstance(model, ModelInfo):
        return model
    return find_model(model) if isinstance(model, (str, Path)) else model.info
