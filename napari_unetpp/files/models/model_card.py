"""The model card as JSON: `ModelInfo` to plain values and back, with every value checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from napari_unetpp._types import ModelInfo, UnetppError

SET_BY_USERS = ("split", "max_size", "fill_holes", "drop_border")
"""Fields of the rule for objects that are no part of a model."""


def card_to_json(info: ModelInfo) -> dict[str, Any]:
    """Plain JSON values of a model card; `path` and `sha256` belong to a file and are left out."""
    card = asdict(replace(info, path=None, sha256=None))
    del card["path"], card["sha256"]
    for name in SET_BY_USERS:
        del card["decode"][name]
    plain: dict[str, Any] = _plain(card)
    return plain


def card_from_json(card: Any) -> ModelInfo:
    """A model card from JSON values. pydantic is imported when the first one is read.

    Raises
    ------
    UnetppError
        When a value is missing, of the wrong type or out of range.
    """
    from pydantic import ValidationError

    from napari_unetpp.files.models.card_schema import Card

    try:
        info: ModelInfo = Card.model_validate(card).frozen()
    except ValidationError as error:
        raise UnetppError(f"the model card is damaged: {_first_problem(error.errors())}") from error
    return info


def _first_problem(errors: Any) -> str:
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"{where!r} is missing"
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    return f"{where or 'the card'}: {first['msg']}, not {str(first['input'])[:60]!r}"


def _plain(value: Any) -> Any:
    """Only what JSON knows: a path becomes text, a numpy scalar a number, NaN and infinity null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    return _plain(value.item()) if hasattr(value, "item") else str(value)
