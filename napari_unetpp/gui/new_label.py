"""The key that gives a new object its number, on corrections layers."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels

from napari_unetpp.session.correcting import free_label

ACTION, KEY = "napari:new_label", "m"
"""napari's action, and its key where its settings do not tell."""


def give_new_labels(layer: Labels) -> None:
    """Have the layer leave out the label that is ignored: napari takes the highest one and adds 1.

    That one is the highest that fits into 16 bits, so napari's own answer would fit no more.
    """
    for key in _keys():
        layer.bind_key(key, _next_label, overwrite=True)


def _next_label(layer: Labels) -> None:
    layer.selected_label = free_label(layer.data)


def _keys() -> list[Any]:
    """What the user chose for napari's action."""
    try:
        from napari.settings import get_settings

        return list(get_settings().shortcuts.shortcuts[ACTION])
    except (ImportError, AttributeError, KeyError, TypeError):
        return [KEY]
