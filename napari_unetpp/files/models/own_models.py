"""The user's own models: renamed, moved away and back. A file keeps its content, so a hash stays valid.

Models name their parent by its hash, and so do the ranges of int8: another name of the file changes neither.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.files.atomic import TargetExists, move_to_free
from napari_unetpp.files.models import model_list
from napari_unetpp.files.models.model_file import file_hash, read_tensors
from napari_unetpp.files.models.model_list import SUFFIX, file_stems, model_files, models_folder

if TYPE_CHECKING:
    from torch import Tensor

DELETED = "deleted"
"""Folder of deleted models in the folder of models. What is in it is not listed."""

MOVES = 3
"""So often a file may be moved between the search for it and its reading."""

LONGEST = 100
"""Characters of a name."""

DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
"""Names that Windows keeps for devices."""


def is_shipped(info: ModelInfo) -> bool:
    """Whether the model came with the package."""
    return info.path is not None and info.path.parent == model_list.SHIPPED


def deleted_folder() -> Path:
    """Where deleted models are; may not exist yet."""
    return models_folder() / DELETED


def name_problem(name: str, taken: Collection[str]) -> str:
    """Why a model cannot have this name, as a sentence; empty where it can.

    Parameters
    ----------
    name : str
    taken : collection of str
        Names of the other models; some disks do not tell capitals from small letters.
    """
    odd = sorted({c for c in name if not (c.isalnum() or c in " -_.")})
    if not name.strip():
        return "No name was given. Use letters, digits, spaces, dots, - and _."
    if odd:
        return f"{name!r} has {' '.join(map(repr, odd))}. Use letters, digits, spaces, dots, - and _."
    if not name[0].isalnum() or name[-1] in " .":
        return f"{name!r} must begin with a letter or a digit, and not end with a space or a dot."
    if len(name) > LONGEST:
        return f"The name has {len(name)} characters; at most {LONGEST} are possible."
    if name.lower().endswith(SUFFIX) or name.split(".")[0].lower() in DEVICES:
        return f"{name!r} means something else to a computer. Choose another name."
    if name.casefold() in {other.casefold() for other in taken}:
        return f"There is a model {name!r} already, which stays as it is. Choose another name."
    return ""


def taken_names() -> list[str]:
    """Names of all model files, also of those that cannot be used."""
    return [path.stem for folder in (model_list.SHIPPED, models_folder()) for path in model_files(folder)]


def free_name(name: str) -> str:
    """`name` as a file can have it, numbered until no model has it."""
    taken = taken_names()
    return next(stem for stem in file_stems(name) if not name_problem(stem, taken))


def rename_model(info: ModelInfo, name: str) -> ModelInfo:
    """Give an own model another name.

    Raises
    ------
    UnetppError
        It is a shipped model, or a name that it cannot have.
    """
    path = _own_path(info, "renamed")
    others = [other for other in taken_names() if other != path.stem]
    if problem := name_problem(name, others):
        raise UnetppError(problem)
    if name == path.stem:
        return info
    target = path.with_name(f"{name}{SUFFIX}")
    _move(path, target)
    return replace(info, name=name, path=target)


def delete_model(info: ModelInfo) -> Path:
    """Move an own model to the folder of deleted ones; gives its path there.

    Raises
    ------
    UnetppError
        It is a shipped model, or its file cannot be moved.
    """
    path = _own_path(info, "deleted")
    for stem in file_stems(path.stem):
        target = deleted_folder() / f"{stem}{SUFFIX}"
        try:
            _move(path, target)
        except TargetExists:
            continue
        return target
    raise UnetppError(f"{deleted_folder()} is full of models named {path.stem!r}: move some of them away.")


def restore_model(path: Path) -> Path:
    """Move a deleted model back into the list, under its name or a free one; gives its path there."""
    target = models_folder() / f"{free_name(path.stem)}{SUFFIX}"
    _move(path, target)
    return target


def file_of(info: ModelInfo) -> Path:
    """The file of a model, also where it was renamed or deleted since the card was read.

    So work that has begun goes on with its model, whatever is done with the file meanwhile, in any window.
    Where no file has the hash of the card, the path of the card is given.
    """
    assert info.path is not None, f"the model {info.name!r} has no file"
    if info.sha256 is None or _has_hash(info.path, info.sha256):
        return info.path
    folders = (models_folder(), deleted_folder())
    found = (path for folder in folders for path in model_files(folder) if _has_hash(path, info.sha256))
    return next(found, info.path)


def tensors_of(info: ModelInfo) -> dict[str, Tensor]:
    """The weights of a model as `read_tensors` gives them; its file may be renamed or deleted at this moment.

    Raises
    ------
    UnetppError
        As `read_tensors`.
    """
    for _ in range(MOVES):
        path = file_of(info)
        try:
            return read_tensors(path)
        except UnetppError:
            if path.exists():
                raise
    return read_tensors(file_of(info))


def _has_hash(path: Path, sha256: str) -> bool:
    try:
        return file_hash(path) == sha256
    except (OSError, ValueError):  # gone, not ours to read, or empty
        return False


def _own_path(info: ModelInfo, done: str) -> Path:
    """The file of an own model; UnetppError for another one."""
    if is_shipped(info):
        raise UnetppError(
            f"{info.name!r} came with napari-unetpp and cannot be {done}: results and other models refer to "
            "it, and the next installation would bring it back."
        )
    assert info.path is not None, f"the model {info.name!r} has no file"
    return info.path


def _move(source: Path, target: Path) -> None:
    """Rename a file to a free name; nothing is overwritten."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        move_to_free(source, target)
    except FileNotFoundError as error:
        raise UnetppError(f"{source} is no longer there: reopen the panel to see which are.") from error
    except OSError as error:
        raise UnetppError(
            f"{source} could not be moved to {target}: {error.strerror or error}. It is where it was. Check "
            f"that {os.fspath(target.parent)} may be written to."
        ) from error
