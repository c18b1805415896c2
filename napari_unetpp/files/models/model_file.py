"""The model file: safetensors with the model card in its metadata. Nothing read here can run code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import count
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unetpp._types import ModelInfo, Normalisation, UnetppError
from napari_unetpp.files.atomic import TargetExists, write_atomically
from napari_unetpp.files.models.header import Header, check_shapes, read_header
from napari_unetpp.files.models.model_card import card_from_json, card_to_json

if TYPE_CHECKING:
    from torch import Tensor

METADATA_KEY = "napari_unetpp"
WEIGHTS_KEY = "weights_sha256"
"""Key of the hash of the weights, which shows damage. Files of early versions have none."""

FORMAT_VERSION = 2
"""The newest format that is read. `format_version` chooses the one that is written."""

LOCAL_OUTPUTS = ("edge_distance", "object_border")
"""Outputs that readers of format 1 cannot decode."""


def save_model(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    info: ModelInfo,
    *,
    half: bool = False,
    overwrite: bool = True,
) -> ModelInfo:
    """Write a model file; an old one survives any failure.

    Parameters
    ----------
    path : path
        Made or replaced.
    tensors : mapping from name to Tensor
        State dict of the network, with or without batch norms.
    info : ModelInfo
        `path` and `sha256` are not stored.
    half : bool
        Store floating point weights as float16 (half the size; read back as float32).
    overwrite : bool
        False: an existing file is refused, also one that another process writes meanwhile.

    Returns
    -------
    ModelInfo
        As read from the new file, with `path` and `sha256`.
    """
    from safetensors.torch import save

    path = Path(path)
    check_shapes({name: tuple(tensor.shape) for name, tensor in tensors.items()}, info.net, path.name)
    plain = card_to_json(info)
    card_from_json(plain)  # what could not be read again is not written
    stored = {name: _stored(tensor, half=half) for name, tensor in tensors.items()}
    card = {"format_version": format_version(info), "model": plain, WEIGHTS_KEY: weights_hash(save(stored))}
    content = save(stored, {METADATA_KEY: json.dumps(card, allow_nan=False)})
    write_atomically(path, lambda file: file.write(content), overwrite=overwrite)
    return read_info(path)


def save_finished_model(
    path: Path, tensors: Mapping[str, Tensor], info: ModelInfo, *, overwrite: bool
) -> ModelInfo:
    """Write a trained model: to ``NAME-2``, ``NAME-3``, ... where `path` was taken meanwhile.

    Weights are stored as float16. The returned card has the path of the file.
    """
    for number in count(1):
        free = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        try:
            return save_model(free, tensors, replace(info, name=free.stem), half=True, overwrite=overwrite)
        except TargetExists:
            continue
    raise AssertionError("unreachable")


def weights_hash(content: bytes) -> str:
    """sha256 (hexadecimal) of the weights of a file: all bytes after its header."""
    start = 8 + int.from_bytes(content[:8], "little")
    return hashlib.sha256(memoryview(content)[start:]).hexdigest()


def format_version(info: ModelInfo) -> int:
    """The oldest format whose readers can use this model correctly: 1 or 2."""
    maps = any(name in info.outputs for name in LOCAL_OUTPUTS)
    rules = (
        info.decode.prominence_share + info.decode.certainty > 0
        or info.normalisation.rule != Normalisation().rule
    )
    return 2 if maps or rules else 1


def read_info(path: str | Path) -> ModelInfo:
    """Read and check the model card, without loading torch or the weights.

    Raises
    ------
    UnetppError
        The file is not a valid model file of a known version.
    """
    path = Path(path)
    info = _info(path, read_header(path))
    try:
        return replace(info, path=path, sha256=file_hash(path))
    except OSError as error:  # removed just now
        raise UnetppError(f"{path} cannot be read: {error.strerror or error}.") from error


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Read the weights, floating point ones as float32.

    Raises
    ------
    UnetppError
        As `read_info`.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(path)
    header = read_header(path)
    _info(path, header)
    try:
        content = path.read_bytes()
        tensors = load(content)
    except (SafetensorError, OSError) as error:
        raise UnetppError(f"{path} cannot be read: {error}") from error
    if json.loads(header.metadata[METADATA_KEY]).get(WEIGHTS_KEY) not in (None, weights_hash(content)):
        raise UnetppError(f"{path} is damaged: its weights have changed. Copy or download it again.")
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


def _info(path: Path, header: Header) -> ModelInfo:
    text = header.metadata.get(METADATA_KEY)
    if text is None:
        raise UnetppError(
            f"{path} is a safetensors file of another program: it has no model card of napari-unetpp."
        )
    try:
        content = json.loads(text)
        version = content["format_version"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UnetppError(f"{path}: the model card is damaged: {error}") from error
    if not isinstance(version, int) or version < 1:
        raise UnetppError(f"{path}: the model card is damaged: format version {str(version)[:20]!r}")
    if version > FORMAT_VERSION:
        raise UnetppError(
            f"{path} has model format {version}; this napari-unetpp reads up to {FORMAT_VERSION}. "
            "Update napari-unetpp."
        )
    try:
        info = card_from_json(content.get("model"))
    except UnetppError as error:
        raise UnetppError(f"{path}: {error}") from error
    check_shapes(header.shapes, info.net, path)
    return info


def _stored(tensor: Tensor, *, half: bool) -> Tensor:
    tensor = tensor.detach().cpu().contiguous().clone()
    if not half or not tensor.is_floating_point():
        return tensor
    halved = tensor.half()
    # A running variance beyond 65504 would become infinite: such a tensor keeps its precision.
    return halved if bool(halved.isfinite().all()) else tensor.float()


def file_hash(path: Path) -> str:
    """sha256 (hexadecimal) of a file; counted once while the file is unchanged."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    """Hash of the whole file; size and time are arguments so that the cache notices new content."""
    # In one call: while another thread imports torch, each call would wait for the interpreter lock.
    with open(path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return hashlib.sha256(content).hexdigest()
