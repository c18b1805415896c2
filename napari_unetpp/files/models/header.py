"""The header of a safetensors file: read as plain JSON, and checked before the rest of the file is used.

Format: 8 bytes length (little endian), a JSON header, the tensors. No torch, no pickle.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from napari_unetpp._types import NetConfig, Node, UnetppError
from napari_unetpp.net import graph
from napari_unetpp.net.encoder_plan import Stage, named_convs

MAX_HEADER = 4 * 2**20
"""Bytes. Ours have about 20 kB; a far larger one could be made to fill the memory."""

MAX_AXES = 16
"""Of a tensor. Ours have 4 at most; the product of thousands of sides would take minutes."""

FLOAT_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
ITEM_BYTES = FLOAT_BYTES | {"I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


@dataclass(frozen=True, slots=True)
class Header:
    """Metadata and tensor shapes of a file, checked against its size."""

    metadata: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]


def read_header(path: Path) -> Header:
    """Read and check the header.

    Raises
    ------
    UnetppError
        Unreadable, pickled, not safetensors, oversized header, truncated.
    """
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            start = file.read(8)
            _refuse_pickle(path, start)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            _check_length(path, length, size)
            text = file.read(length)
    except OSError as error:
        raise UnetppError(f"{path} cannot be read: {error.strerror or error}.") from error
    return _parse(path, text, size - 8 - length)


def _refuse_pickle(path: Path, start: bytes) -> None:
    if start.startswith(PICKLE_STARTS):
        raise UnetppError(
            f"{path} is a pickled checkpoint (.pt, .pth, .ckpt), which could run code when opened, so it is "
            "not read. Expected: a .safetensors file written by napari-unetpp."
        )


def _check_length(path: Path, length: int, size: int) -> None:
    if length < 2:
        raise UnetppError(f"{path} is not a model file: expected safetensors. It has {size} bytes.")
    if length > MAX_HEADER:
        raise UnetppError(
            f"{path} is not a model file of ours: its header claims {length} bytes, and at most {MAX_HEADER} "
            "are read."
        )
    if 8 + length > size:
        raise UnetppError(
            f"{path} is truncated or not a model file: its header claims {length} bytes, the file has {size}."
            " Copy or download it again."
        )


def _parse(path: Path, text: bytes, data_bytes: int) -> Header:
    try:
        header = json.loads(text)
        metadata = header.pop("__metadata__", {})
        if not all(isinstance(item, str) for item in metadata.values()):
            raise TypeError("metadata")
        end = max((_check_tensor(entry) for entry in header.values()), default=0)
        shapes = {name: tuple(entry["shape"]) for name, entry in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnetppError(f"{path} is not a model file: its header is not that of safetensors.") from error
    if end > data_bytes:
        raise UnetppError(
            f"{path} is truncated: {data_bytes} of {end} bytes of weights are there. "
            "Copy or download it again."
        )
    return Header(metadata, shapes)


def _check_tensor(entry: Mapping[str, Any]) -> int:
    """End of the tensor's bytes; raises when shape, type and bytes do not belong together."""
    begin, end = entry["data_offsets"]
    shape = entry["shape"]
    if len(shape) > MAX_AXES or not all(isinstance(n, int) and 0 <= n < 2**63 for n in (begin, end, *shape)):
        raise ValueError("shape")
    if end - begin != prod(shape) * ITEM_BYTES[entry["dtype"]]:
        raise ValueError("bytes")
    return int(end)


def expected_shapes(config: NetConfig) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights of `config`, without batch norm."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i, j in graph.nodes(config.depth, config.arch):
        name, width = f"nodes.x_{i}_{j}", config.widths[i]
        of_encoder = graph.encoder_stage((i, j), config)
        if of_encoder:
            shapes |= _stage_shapes(name, of_encoder)
            continue
        shapes[f"{name}.first.conv.weight"] = (width, graph.in_channels((i, j), config), 3, 3)
        shapes[f"{name}.second.conv.weight"] = (width, width, 3, 3)
        shapes |= {f"{name}.{unit}.conv.bias": (width,) for unit in ("first", "second")}
        under = graph.up_channels((i, j), config)
        if under:
            shapes[f"{name}.up.weight"] = (under, width, 2, 2)
            shapes[f"{name}.up.bias"] = (width,)
    for k in (level - 1 for level in config.levels):
        shapes[f"heads.{k}.weight"] = (config.outputs, config.widths[0], 1, 1)
        shapes[f"heads.{k}.bias"] = (config.outputs,)
    return shapes


def _stage_shapes(name: str, stage: Stage) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for unit, conv in named_convs(stage):
        shapes[f"{name}.{unit}.conv.weight"] = (
            conv.outputs,
            conv.inputs // conv.groups,
            conv.kernel,
            conv.kernel,
        )
        shapes[f"{name}.{unit}.conv.bias"] = (conv.outputs,)
    return shapes


def norm_shapes(config: NetConfig) -> dict[str, tuple[int, ...]]:
    """Shapes of the batch norms, which a file has either all or none of (folded)."""
    shapes: dict[str, tuple[int, ...]] = {}
    for i, j in graph.nodes(config.depth, config.arch):
        for unit, width in _normed_units((i, j), config):
            name = f"nodes.x_{i}_{j}.{unit}.norm"
            fields = ("weight", "bias", "running_mean", "running_var")
            shapes |= {f"{name}.{field}": (width,) for field in fields}
            shapes[f"{name}.num_batches_tracked"] = ()
    return shapes


def _normed_units(node: Node, config: NetConfig) -> list[tuple[str, int]]:
    """Convolutions of a node that have a batch norm, and its channels."""
    of_encoder = graph.encoder_stage(node, config)
    if of_encoder:
        return [(unit, conv.outputs) for unit, conv in named_convs(of_encoder)]
    return [(unit, config.widths[node[0]]) for unit in ("first", "second")]


def check_shapes(shapes: Mapping[str, tuple[int, ...]], config: NetConfig, where: object) -> None:
    """Raise UnetppError unless tensors of `shapes` are exactly the weights of `config`."""
    expected = expected_shapes(config)
    if any(".norm." in name for name in shapes):
        expected |= norm_shapes(config)
    wrong = sorted(name for name in expected.keys() | shapes.keys() if expected.get(name) != shapes.get(name))
    if wrong:
        name = wrong[0]
        raise UnetppError(
            f"{where}: the weights do not fit the network of the model card (widths {config.widths}, "
            f"{config.outputs} outputs): {name} has shape {shapes.get(name)}, expected {expected.get(name)}; "
            f"{len(wrong)} such tensors."
        )
