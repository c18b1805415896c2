"""The public functions, used by the command line, the dock and scripts alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from napari_unetpp._types import Segmentation
from napari_unetpp.files.model_list import find_model, list_models

if TYPE_CHECKING:
    from napari_unetpp.engine.evaluator import Evaluator

__all__ = ["evaluate", "list_models", "load_model", "segment"]

Image = NDArray[Any]
Auto = Literal["auto"]


def load_model(name_or_path: str | Path, *, device: str = "auto") -> Evaluator:
    """Load a model by its name in the list or from a file.

    Parameters
    ----------
    name_or_path : str or Path
    device : {"auto", "cpu", "cuda", "mps"}

    Examples
    --------
    >>> model = load_model("nuclei")  # doctest: +SKIP
    """
    from napari_unetpp.engine.evaluator import Evaluator

    return Evaluator.load(find_model(name_or_path), device=device)


def segment(
    image: Image,
    model: str | Path | Evaluator,
    *,
    level: int | Auto = "auto",
    scale: float | Auto = "auto",
    device: str = "auto",
) -> Segmentation:
    """Segment one plane.

    Parameters
    ----------
    image : ndarray of shape (Y, X), (Y, X, 3) or (Y, X, 4)
        Any real dtype.
    model : str, Path or Evaluator
        Name, file, or what `load_model` returned (saves loading it again).
    level : int or "auto"
        Depth of the network; "auto": the level the model recommends.
    scale : float or "auto"
        Working grid = image grid times `scale`; "auto": the model's sampling rule.
    device : {"auto", "cpu", "cuda", "mps"}
        Not used where `model` is loaded already.

    Returns
    -------
    Segmentation
        On the grid of the image.

    Raises
    ------
    UnetppError
        For an image, model, level or device that cannot be used.

    Examples
    --------
    >>> result = segment(image, "nuclei", level=2)  # doctest: +SKIP
    >>> result.labels.max()  # doctest: +SKIP
    """
    from napari_unetpp.engine.collect import predict_maps

    evaluator = load_model(model, device=device) if isinstance(model, (str, Path)) else model
    found = predict_maps(image, evaluator, level=level, scale=scale, all_levels=True)
    return Segmentation(
        labels=found.labels(),
        mask=found.mask(),
        probability=found.probability(),
        level=found.level,
        uncertainty=found.uncertainty(),
        notes=found.notes,
    )


def evaluate(
    folder: str | Path,
    model: str | Path | Evaluator,
    *,
    device: str = "auto",
    foreground: Sequence[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Score all levels of a model on a folder of labelled images.

    Parameters
    ----------
    folder : str or Path
        Holds `images/` and `labels/` with equal stems, optionally `ignore/`.
    model : str, Path or Evaluator
    device : {"auto", "cpu", "cuda", "mps"}
    foreground : sequence of int, optional
        These label values are foreground, the others background; AP50 is then undefined.
    progress : callable, optional
        Told ``(images done, images in all)``.

    Returns
    -------
    dict
        As ``evaluate --json`` writes it: ``model``, ``device``, ``images``, ``recommended_level``,
        ``best_level_here`` and per level ``dice``, ``iou``, ``ap50``, ``parameters``,
        ``seconds_per_megapixel``. What is undefined is None.
    """
    from napari_unetpp.files.folders import read_pairs
    from napari_unetpp.train.evaluation import evaluate_pairs

    pairs = read_pairs(folder)
    evaluator = load_model(model, device=device) if isinstance(model, (str, Path)) else model
    return evaluate_pairs(evaluator, pairs, foreground=foreground, progress=progress)
