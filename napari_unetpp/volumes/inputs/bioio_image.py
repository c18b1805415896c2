"""Files of microscopes (CZI, ND2, LIF and others), read by the package bioio and its plug-ins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from napari_unetpp._types import UnetppError
from napari_unetpp.files.formats.stack_kinds import PLUGINS
from napari_unetpp.files.images.pixel_size import MICROMETRES
from napari_unetpp.files.notes import Note, no_note
from napari_unetpp.volumes.axes import Axes, axes_from_letters
from napari_unetpp.volumes.metadata import SECONDS

LISTED = 5
"""Most scenes of a file that a message names."""


def open_bioio(path: Path, *, series: int | None = None, note: Note = no_note) -> tuple[Any, Axes]:
    """The pixels of a file as a dask array (T, C, Z, Y, X[, S]), not read yet, and its axes.

    Parameters
    ----------
    path : Path
    series : int, optional
        Which scene (position, image) of a file that holds several, from 0; None: the first.
    note : callable, optional
        Called with a note on scenes that are left out.

    Raises
    ------
    UnetppError
        bioio or the plug-in for the format is not installed, no such scene, or the file cannot be read.
    """
    image = _opened(path)
    try:
        scenes = image.scenes
        if not 0 <= (series or 0) < len(scenes):
            raise UnetppError(
                f"series {series} was asked for, but {path} has {len(scenes)}, numbered from 0."
            )
        if len(scenes) > 1 and series is None:
            names = ", ".join(map(str, scenes[:LISTED])) + (", ..." if len(scenes) > LISTED else "")
            note(f"it holds {len(scenes)} images ({names}); the first is segmented. Choose with --series")
        image.set_scene(series or 0)
        array = image.dask_data
        return array, _axes(image, array.shape, series or 0)
    except UnetppError:
        raise
    except Exception as error:  # each plug-in raises what its library raises
        raise UnetppError(f"{path} cannot be read: {error}. It may be damaged.") from error


def has_plugin(path: Path) -> bool:
    """Whether bioio is installed, and a plug-in that reads files of this name."""
    if not path.suffix or find_spec("bioio") is None:
        return False
    from bioio.plugins import get_plugins

    return any(path.name.lower().endswith(ending) for ending in get_plugins(use_cache=True))


def _opened(path: Path) -> Any:
    plugin = PLUGINS.get(path.suffix.lower())
    wanted = f"bioio {plugin}" if plugin else "bioio and its plug-in for this format"
    java = " (which needs Java)" if plugin == "bioio-bioformats" else ""
    try:
        import bioio
        from bioio_base.exceptions import UnsupportedFileFormatError
    except ImportError as error:
        raise UnetppError(
            f"{path}: reading {path.suffix} needs the package bioio and a plug-in: pip install "
            f"{wanted}{java}. Or save the image as OME-TIFF."
        ) from error
    try:
        try:
            return bioio.BioImage(path, chunk_dims=["Y", "X"])  # one plane is read at a time
        except TypeError:  # a plug-in without this option
            return bioio.BioImage(path)
    except UnsupportedFileFormatError as error:
        raise UnetppError(
            f"{path}: no plug-in of bioio that is installed reads it. Either the plug-in is missing (pip "
            f"install {wanted}{java}), or the file is damaged."
        ) from error
    except Exception as error:  # each plug-in raises what its library raises
        raise UnetppError(f"{path} cannot be read: {error}. It may be damaged.") from error


def _axes(image: Any, shape: tuple[int, ...], scene: int) -> Axes:
    """The axes of a scene, from OME metadata where the plug-in gives them, else from bioio."""
    axes = axes_from_letters("TCZYXS"[: len(shape)], shape, "bioio")
    names = tuple(map(str, image.channel_names or ()))
    pixels = _ome(image, scene)
    spacing = tuple(
        _size(pixels, f"physical_size_{axis}", MICROMETRES) or _length(image, axis) for axis in "zyx"
    )
    return replace(
        axes,
        channels=names if len(names) == axes.size("C") > 1 else (),
        spacing=(spacing[0], spacing[1], spacing[2]),
        interval=_size(pixels, "time_increment", SECONDS) or _interval(image),
    )


def _ome(image: Any, scene: int) -> Any:
    """The OME metadata of the pixels of a scene; None where the plug-in does not give it."""
    try:
        return image.ome_metadata.images[scene].pixels
    except Exception:  # not every plug-in has it, and some files have wrong metadata
        return None


def _size(pixels: Any, name: str, units: Mapping[str, float]) -> float | None:
    """A size from OME metadata, in micrometres or seconds."""
    value, unit = getattr(pixels, name, None), getattr(pixels, f"{name}_unit", None)
    factor = units.get(str(getattr(unit, "value", unit)).lower())
    return float(value) * factor if value and factor else None


def _length(image: Any, axis: str) -> float | None:
    """A distance from bioio, in micrometres; without a unit it is taken as micrometres."""
    value = getattr(image.physical_pixel_sizes, axis.upper(), None)
    factor = MICROMETRES.get(_unit(image, axis.upper()) or "µm")
    return float(value) * factor if value and factor else None


def _interval(image: Any) -> float | None:
    value = image.time_interval
    if hasattr(value, "total_seconds"):
        return float(value.total_seconds()) or None
    factor = SECONDS.get(_unit(image, "T"))
    return float(value) * factor if value and factor else None


def _unit(image: Any, axis: str) -> str:
    """The unit of an axis in lower case; empty where the plug-in gives none."""
    try:
        unit = getattr(image.dimension_properties, axis).unit
    except Exception:  # plug-ins for an older bioio
        return ""
    return str(getattr(unit, "value", unit) or "").lower()
