"""Colours of layers whose values are classes: none is brown, red or pink, as tissue is."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap, label_colormap

COLOURS = ("#00d1ff", "#ffe119", "#2ee66b", "#8f6bff", "#ff9f1c", "#3d7bff", "#c6ff3d", "#f0f0f0")
MARK = "napari_unetpp_classes"
"""Where a layer says that it has them."""

OBJECT_COLOURS = 49
"""How many colours napari has for objects."""


def set_colours(layer: Labels, *, classes: bool) -> None:
    """Give a layer the colours of classes, or those of objects; what the user changed since is left alone."""
    if layer.metadata.get(MARK, False) != classes:
        layer.metadata[MARK] = classes
        layer.colormap = _class_colours() if classes else label_colormap(OBJECT_COLOURS, 0.5, 0)


def _class_colours() -> CyclicLabelColormap:
    rgba = [[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] + [1.0] for colour in COLOURS]
    return CyclicLabelColormap(colors=np.array([[0.0] * 4, *rgba], np.float32), background_value=0)
