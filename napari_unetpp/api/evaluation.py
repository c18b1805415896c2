"""Scores of a model on a folder of labelled images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_unetpp.api.models import loaded_model

if TYPE_CHECKING:
    from napari_unetpp.engine.loaded_model import LoadedModel


def evaluate(
    folder: str | Path,
    model: str | Path | LoadedModel,
    *,
    device: str = "auto",
    precision: str = "auto",
    foreground: Sequence[int] | None = None,
    scale: float | Literal["auto"] = "auto",
    diameter: float | None = None,
    range: tuple[float, float] | None = None,
    augment: bool = False,
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
        As in `segment`, for all images; what is not given is measured for each image.
    augment : bool
        Average the maps over the eight orientations of each image; Auto is then not scored.
    progress : callable, optional
        Called with ``(images done, images in all)``.
    on_problem : callable, optional
        Called with the error of an image, which is then left out; without it the first bad image raises.
    on_note : callable, optional
        Called at the end with notes on unusual files.

    Returns
    -------
    dict
        As ``evaluate --json`` writes it: ``model``, ``device``, ``images``, ``recommended_level``,
        ``best_level_here``, and per level ``dice``, ``iou``, ``ap50``, ``parameters``,
        ``seconds_per_megapixel``; ``auto`` holds the same for Auto, with ``share_of_flops`` executed of the
        deepest level's (None without a stopping rule). ``scales``: the lowest, median and highest scale of
        an image. What is undefined is None.

    Raises
    ------
    UnetppError
        The folder or the model cannot be used, or no image could be scored.
    """
    from napari_unetpp.files.labels.folders import read_pairs
    from napari_unetpp.files.notes import Notes
    from napari_unetpp.train.choose.evaluation import evaluate_pairs

    pairs, notes = read_pairs(folder), Notes()
    scores = evaluate_pairs(
        loaded_model(model, device, precision),
        pairs,
        foreground=foreground,
        scale=scale,
        diameter=diameter,
        range=range,
        augment=augment,
        progress=progress,
        on_problem=on_problem,
        notes=notes,
    )
    if on_note is not None:
        for line in notes.lines():
            on_note(line)
    return scores
