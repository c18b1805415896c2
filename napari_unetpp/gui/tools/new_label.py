"""The key that gives a new object its number, on corrections layers."""

from __future__ import annotations

from napari.layers import Labels

from napari_unetpp.gui.compat import keys_of
from napari_unetpp.session.correct.merge import free_label

ACTION, KEY = "napari:new_label", "m"
"""napari's action, and its key where the settings do not tell."""


def bind_new_label(layer: Labels) -> None:
    """Have the key leave out the label that is ignored: napari takes the highest label and adds 1.

    The ignored label is the highest that fits into 16 bits, so napari's own answer would not fit.
    """
    keys = keys_of(ACTION)
    for key in [KEY] if keys is None else keys:
        layer.bind_key(key, _next_label, overwrite=True)


def _next_label(layer: Labels) -> None:
    layer.selected_label = free_label(layer.data)
