"""The list of models: those shipped with the package, and the user's own."""

from __future__ import annotations

import difflib
import os
import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import platformdirs

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.files.atomic import TargetExists, write_atomically
from napari_unetpp.files.models.model_file import read_info

SUFFIX = ".safetensors"
SHIPPED = Path(__file__).parents[2] / "weights"
FIRST = "nuclei"
"""The shipped model that comes first in the list, so that the dock starts with it."""


@dataclass(frozen=True)
class ModelList:
    """The models of both folders.

    Attributes
    ----------
    models : tuple of ModelInfo
        Shipped ones before the user's own, by name; `FIRST` before all.
    problems : tuple of str
        One sentence for each file that was skipped.
    skipped : tuple of Path
        These files, in the same order.
    """

    models: tuple[ModelInfo, ...]
    problems: tuple[str, ...]
    skipped: tuple[Path, ...] = ()


def models_folder() -> Path:
    """Folder of the user's own models (environment variable UNETPP_MODELS overrides); may not exist yet."""
    own = os.environ.get("UNETPP_MODELS")
    return Path(own) if own else Path(platformdirs.user_data_dir("napari-unetpp", False)) / "models"


def scan_models() -> ModelList:
    """Shipped and own models. A file that cannot be read is skipped and reported, never an error."""
    models: list[ModelInfo] = []
    problems: dict[Path, str] = {}
    names: set[str] = set()
    shipped = sorted(model_files(SHIPPED), key=lambda path: path.stem != FIRST)
    theirs = {path.resolve() for path in shipped}  # the variable may name the folder of the shipped ones
    for path in (*shipped, *(own for own in model_files(models_folder()) if own.resolve() not in theirs)):
        if path.stem in names:
            problems[path] = f"{path} is hidden by the shipped model of the same name: rename the file."
            continue
        try:
            models.append(_listed(path))
            names.add(path.stem)
        except (UnetppError, OSError) as error:
            problems[path] = str(error)
    return ModelList(tuple(models), tuple(problems.values()), tuple(problems))


def _listed(path: Path) -> ModelInfo:
    """The model of a listed file. Its name is the stem of the file, which may have been renamed."""
    return replace(read_info(path), name=path.stem)


def _readable(path: Path) -> ModelInfo | None:
    try:
        return _listed(path)
    except (UnetppError, OSError):  # the list names what is wrong with it
        return None


def list_models() -> list[ModelInfo]:
    """Shipped models, `FIRST` before the others, then the user's own, each by name."""
    return list(scan_models().models)


def find_model(name_or_path: str | Path) -> ModelInfo:
    """The model with this name, or in this file.

    Raises
    ------
    UnetppError
        No such model; the message names the ones there are.
    """
    path = Path(name_or_path)
    if isinstance(name_or_path, Path) or path.suffix == SUFFIX or len(path.parts) > 1:
        folders = SHIPPED, models_folder().absolute()
        return _listed(path) if path.absolute().parent in folders else read_info(path)  # it has one name
    for listed in (*model_files(SHIPPED), *model_files(models_folder())):  # no other file is read, nor hashed
        if listed.stem == path.name and (info := _readable(listed)):
            return info
    if path.is_file():
        return read_info(path)
    found = scan_models()
    by_name = [info.name for info in found.models]
    close = difflib.get_close_matches(str(name_or_path), by_name, n=1)
    known = f"Did you mean {close[0]}?" if close else f"Known models: {', '.join(by_name) or 'none'}."
    skipped = f" Skipped: {' '.join(found.problems)}" if found.problems else ""
    raise UnetppError(
        f"there is no model {str(name_or_path)!r}. {known} A path to a file works too.{skipped}"
    )


def register(path: str | Path, name: str | None = None) -> ModelInfo:
    """Copy a model file into the user's folder, so that it is listed.

    Several processes may do so at once; none overwrites the file of another.

    Parameters
    ----------
    path : path
    name : str, optional
        Exactly this name; UnetppError where it is taken. None: that of its card; a taken one gets a number.
    """
    path = Path(path)
    info = read_info(path)
    folder = models_folder()
    shipped = {known.stem for known in model_files(SHIPPED)}
    for stem in file_stems(info.name) if name is None else [name]:
        if stem in shipped:
            continue
        target = folder / f"{stem}{SUFFIX}"
        try:
            with open(path, "rb") as source:
                write_atomically(target, partial(shutil.copyfileobj, source), overwrite=False)
        except TargetExists:
            continue
        return replace(read_info(target), name=stem)
    if name is not None:
        raise UnetppError(f"there is a model {name!r} already, which stays as it is. Choose another name.")
    raise UnetppError(f"all names like {info.name!r} are taken in {folder}: remove some of these models.")


def file_stems(name: str) -> list[str]:
    """Names for a file of this name, the next ones with a number."""
    # A name comes from a file that anyone may have written: it must not lead out of the folder.
    safe = "".join(c if c.isalnum() or c in " -_." else "_" for c in name).strip(" .") or "model"
    return [safe, *(f"{safe}-{n}" for n in range(2, 1000))]


def model_files(folder: Path) -> list[Path]:
    """The model files of a folder, by name; none where it cannot be read."""
    try:
        found = [p for p in folder.iterdir() if p.suffix == SUFFIX and not p.name.startswith(".")]
        return sorted(found, key=lambda path: path.stem)
    except OSError:  # not made yet, or not ours to read
        return []
