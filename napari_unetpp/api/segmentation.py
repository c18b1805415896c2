"""Segmentation of a plane, or of all planes of a stack."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ObjectOptions, Segmentation, UnetppError
from napari_unetpp.api.models import loaded_model
from napari_unetpp.engine.memory import SMALLER, enough_memory

if TYPE_CHECKING:
    from napari_unetpp.engine.decode.plane_result import PlaneResult
    from napari_unetpp.engine.loaded_model import LoadedModel
    from napari_unetpp.volumes.inputs.source import ImageSource

Image = NDArray[Any]
Auto = Literal["auto"]


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
    z: int | tuple[int | None, int | None] | None = None,
    t: int | tuple[int | None, int | None] | None = None,
    project: Literal["max", "mean"] | None = None,
    stitch: float | None = None,
    track: float | None = None,
    directions: Literal[1, 3] = 1,
    spacing: tuple[float, float, float] | None = None,
    threshold: float | None = None,
    min_size: float | None = None,
    max_size: float | None = None,
    fill_holes: bool = False,
    drop_border: bool = False,
    split: bool = True,
    augment: bool = False,
) -> Segmentation:
    """Segment one plane; or a stack, a film or an image of several channels, plane by plane.

    Parameters
    ----------
    image : ndarray of shape (Y, X), (Y, X, 3) or (Y, X, 4), array-like with more axes, or ImageSource
        Any real dtype. An ImageSource (of `open_image`) has the axes of its file. Arrays of more axes need
        one of the options from `axes` on; they may be lazy (dask, zarr, xarray, a memory map).
    model : str, Path or LoadedModel
        Name, file, or what `load_model` returned (saves loading it again).
    level : int or "auto"
        Depth of the network; "auto": each square of the image as deep as it needs, or the recommended level
        of a model without a stopping rule.
    scale : float or "auto"
        Working grid = image grid times `scale`; "auto": by what is given below, or by the model's sampling
        rule; a model that goes by the size of objects searches for it in the image.
    diameter : float, optional
        Typical diameter of the objects, px of the image.
    pixel_size : float, optional
        Micrometres per px of the image, for models that go by it.
    range : (float, float), optional
        Intensities that become 0 and 1; None: measured.
    device : {"auto", "cpu", "cuda", "mps"}
    precision : {"auto", "float32", "bfloat16", "float16", "int8"}
        As in `load_model`; like `device` not used if `model` is already loaded.
    axes : str, optional
        A letter of TCZYXS for each axis of the array; None: the names of its dimensions if it has them, else
        guessed from the shape (the notes say how it was read).
    channel : int, str or sequence, optional
        Which channel, from 0 or by name; several are the inputs of the model, or (`combine` "mean") their
        mean is segmented. None: the first.
    z, t : int or (int or None, int or None), optional
        Which planes of depth and which frames: one, or the first and the one after the last. None: all.
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
    threshold : float, optional
        Foreground probability from which a pixel counts; None: the model's.
    min_size, max_size : float, optional
        Smaller and larger objects are dropped, px of the image; None: the model's minimum, and no maximum.
    fill_holes : bool
        Fill background that one object encloses, also in the mask.
    drop_border : bool
        Drop objects that touch the border of the plane.
    split : bool
        Separate touching objects; False: every connected part of the mask is one object.
    augment : bool
        Average the maps over the eight orientations of the plane: somewhat better, and eight times as long.
        Planes only; `level` "auto" is the recommended level then.

    Returns
    -------
    Segmentation
        On the grid of the image. Results of stacks have the shape (T, Z, Y, X), without T or Z where there is
        only one; the probability has C first.

    Raises
    ------
    UnetppError
        An image, model, level, size, range, device or option cannot be used, or memory runs out.

    Examples
    --------
    >>> result = segment(image, "nuclei", level=2)  # doctest: +SKIP
    >>> result.labels.max()  # doctest: +SKIP
    """
    from napari_unetpp.engine.collect import predict_maps
    from napari_unetpp.engine.level import memory_remedy, resolve_level
    from napari_unetpp.volumes.inputs.source import ImageSource

    objects = ObjectOptions(threshold, min_size, max_size, fill_holes, drop_border, split)
    loaded = loaded_model(model, device, precision)
    asked = (axes, channel, z, t, project, stitch, track, spacing)
    named = len(getattr(image, "dims", ())) > 2
    if (
        isinstance(image, ImageSource)
        or named
        or directions != 1
        or any(option is not None for option in asked)
    ):
        from napari_unetpp.volumes.selection import SelectionRequest, as_span
        from napari_unetpp.volumes.series.in_memory import segment_array

        _check_options(axes, channel, spacing, {"stitch": stitch, "track": track})
        if augment:
            raise UnetppError(
                "augment=True was given with a stack, or an option of stacks; expected one plane (Y, X) or "
                "(Y, X, C). Leave augment out, or give the planes one by one."
            )
        channels = (channel,) if isinstance(channel, (int, str)) else tuple(channel or ())
        return segment_array(
            image,
            loaded,
            SelectionRequest(axes, channels, combine, as_span("t", t), as_span("z", z), project),
            stitch=stitch,
            track=track,
            directions=directions,
            spacing=spacing,
            level=level,
            objects=objects,
            scale=scale,
            diameter=diameter,
            pixel_size=pixel_size,
            range=range,
        )
    chosen = resolve_level(loaded.info, level, augment=augment)
    with enough_memory("the network ran", memory_remedy(loaded.info, chosen)):
        found = predict_maps(
            image,
            loaded,
            level=level,
            scale=scale,
            diameter=diameter,
            pixel_size=pixel_size,
            range=range,
            objects=objects,
            augment=augment,
        )
    with enough_memory("telling objects apart", SMALLER):
        labels = found.labels()
    with enough_memory("bringing the result to the grid of the image", SMALLER):
        return _segmentation(found, labels, loaded)


def _check_options(axes: object, channel: object, spacing: object, links: Mapping[str, object]) -> None:
    """Raise UnetppError for options of stacks that are of another kind than expected."""
    if axes is not None and not isinstance(axes, str):
        raise UnetppError(
            f"axes={axes!r} was given; expected a letter of TCZYXS for each axis, such as 'ZYX'."
        )
    if isinstance(channel, (tuple, list)) and not channel:
        raise UnetppError("channel=() was given; expected a number, a name, or several of them.")
    for name, overlap in links.items():
        if overlap is not None and (isinstance(overlap, bool) or not isinstance(overlap, (int, float))):
            raise UnetppError(
                f"{name}={overlap!r} was given; expected an overlap above 0, up to 1, such as 0.3."
            )
    if spacing is not None:
        given = tuple(spacing) if isinstance(spacing, (tuple, list)) else ()
        if len(given) != 3 or not all(isinstance(n, (int, float)) and 0 < n < math.inf for n in given):
            raise UnetppError(
                f"spacing={spacing!r} was given; expected three distances above 0: between planes, rows and "
                "columns, in micrometres."
            )


def _segmentation(found: PlaneResult, labels: NDArray[np.uint32], loaded: LoadedModel) -> Segmentation:
    from napari_unetpp.engine.loaded_model import origin

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
        **origin(loaded),
    )
