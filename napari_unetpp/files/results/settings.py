"""Differences between the settings of a result and those of a new run, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHANGED = "last_change"
"""The setting with the sizes and times of the image's files."""

WORDS = {
    "read_as": "read as",
    "range": "range of intensities",
    "kind": "kind of result",
    "directions": "directions",
    "dtype": "type of pixels",
    "min_size": "minimum size",
    "max_size": "maximum size",
    "fill_holes": "fill holes",
    "drop_border": "drop at the border",
    "split": "splitting of objects",
}
"""Names of settings in messages; others are called by their own name."""


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The differences of two runs, as ``level 1 then, 2 now``; empty where there are none."""
    before, after = _flat(then), _flat(now)
    return "; ".join(
        _difference(name, before.get(name), after.get(name))
        for name in {**after, **before}
        if before.get(name) != after.get(name)
    )


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without the groups in which they are stored; a model is its name and its weights."""
    found = {name: value for name, value in settings.items() if name not in ("given", "model_sha256")}
    if settings.get("model_sha256"):
        found["model"] = f"{settings['model']} ({settings['model_sha256'][:8]})"
    return {**found, **settings.get("given", {})}


def _difference(name: str, then: Any, now: Any) -> str:
    if name == CHANGED:
        return "the image was changed since"
    return f"{WORDS.get(name, name)} {_text(then)} then, {_text(now)} now"


def _text(value: Any) -> str:
    if value is None:
        return "not given"
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
