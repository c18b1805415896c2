"""The ranges with which a model is evaluated in int8: in a file beside the shipped models, or in the cache.

::

    {"model_sha256": ..., "ranges": {...}, "data": "...", "levels": {"1": {"dice": [float, int8], ...}}}
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari_unetpp._types import ModelInfo
from napari_unetpp.files.atomic import write_atomically
from napari_unetpp.files.machine_cache import cache_folder
from napari_unetpp.files.models.model_list import SHIPPED

FOLDER = "int8"


def read_int8(info: ModelInfo) -> dict[str, Any] | None:
    """What was measured for exactly these weights; None where nothing was, or nothing that can be read."""
    for path in (own_path(info), SHIPPED / FOLDER / f"{info.name}.json"):
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and info.sha256 and found.get("model_sha256") == info.sha256:
            return found
    return None


def write_int8(info: ModelInfo, measured: dict[str, Any]) -> Path:
    """Store what was measured in the user's cache folder; returns the file."""
    text = json.dumps({"model_sha256": info.sha256, **measured}, indent=1) + "\n"
    path = own_path(info)
    write_atomically(path, lambda file: file.write(text.encode()), overwrite=True)
    return path


def own_path(info: ModelInfo) -> Path:
    """The file in the cache folder, named by the weights."""
    return cache_folder() / FOLDER / f"{info.sha256}.json"
