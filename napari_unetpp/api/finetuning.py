"""Fine-tuning of a model on labelled images in memory."""

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
    UnetppError,
)
from napari_unetpp.api.models import model_card

if TYPE_CHECKING:
    from napari_unetpp.engine.loaded_model import LoadedModel

Image = NDArray[Any]


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
    scale: float | Literal["auto"] = "auto",
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
        "reviewed": all pixels are labelled correctly. "corrections": only `certain` ones are, the others
        follow the model's prediction. "sparse": 0 is unlabelled, and `background` is the value of background.
    certain, ignore : sequence of ndarray of shape (Y, X), or None for an image without, optional
        Non-zero: pixels that the user decided; pixels that are left out.
    background : int, optional
        See `labels_as`.
    foreground : sequence of int, optional
        These label values are foreground, the others background; objects are then not told apart.
    classes : sequence of str
        Classes to add to a semantic model, after its own.
    scale, diameter, range
        As in `segment`, for all images; what is not given is measured for each image.
    seconds, steps : float or None, int or None
        The run ends when either is reached. With steps alone the same call gives the same weights.
    device : {"auto", "cpu", "cuda", "mps"}
    precision : {"auto", "float32", "bfloat16"}
        Number format of the convolutions; "auto": the faster one on this machine.
    seed : int
        Of all random choices.
    out : str or Path, optional
        File for the new model; an existing one is refused unless `overwrite`, the parent always.
    progress : callable, optional
        Called with every event.

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
    from napari_unetpp.train.finetune.data.planes import map_label_values, with_options
    from napari_unetpp.train.parent import check_target

    planes = _labelled_planes(images, labels, certain, ignore, labels_as=labels_as, background=background)
    parent, notes = model_card(model), Notes()
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
