"""The key that gives a new object its number, on corrections layers."""

from __future__ import annotations

from napari.layers import Labels

from napari_unetpp.gui.compat import keys_of
from napari_unetpp.session.correct.merge import free_label

ACTION, KEY = "napari:new_label", "m"
"""napari's action, and its key where its settings do not tell."""


def give_new_labels(layer: Labels) -> None:
    """Have the layer leave out the label that is ignored: napari takes the highest one and adds 1.

    That one is the highest that fits into 16 bits, so napari's own answer would fit no more.
    """
    for key in keys_of(ACTION) or [KEY]:
        layer.bind_key(key, _next_label, overwrite=True)


def _next_label(layer: Labels) -> None:
    layer.selected_label = free_label(layer.data)
