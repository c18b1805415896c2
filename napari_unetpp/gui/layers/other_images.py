"""Other images: going to one that is open, opening the next file of a folder."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

from napari.layers import Image, Layer
from numpy.typing import NDArray

from napari_unetpp._types import UnetppError
from napari_unetpp.files.images.image_file import IMAGE_SUFFIXES
from napari_unetpp.gui.layers.corrections_layer import MARK as CORRECTIONS
from napari_unetpp.gui.layers.results import MARK as RESULT
from napari_unetpp.gui.layers.stack_layers import MARK as STACK
from napari_unetpp.gui.layers.stack_layers import TRACKS
from napari_unetpp.gui.tools.regions import MARK as REGIONS

MARKS = (RESULT, CORRECTIONS, REGIONS, STACK, TRACKS)
"""Keys of the metadata of layers that we made."""


class NapariOtherImages:
    """`OtherImages` by a napari viewer."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer

    def show(self, image: Hashable, former: Hashable | None) -> None:
        """Bring an image to view; the former one and the layers made for it are hidden."""
        layers = self._viewer.layers
        shown, gone = self._layer(image), self._layer(former)
        if shown is None:
            return
        for layer in layers:
            if gone is not None and (layer is gone or _is_of(layer, gone)):
                layer.visible = False
        for layer in layers:
            if layer is shown or (layer.editable and _is_of(layer, shown)):
                layer.visible = True
        layers.selection.active = shown
        self._viewer.reset_view()

    def next_file(self, image: Hashable) -> Path | None:
        """The file after the image's own in its folder that is not open yet."""
        layer = self._layer(image)
        path = Path(layer.source.path) if layer is not None and layer.source.path else None
        if path is None or not path.is_file():
            return None
        opened = {str(one.source.path) for one in self._viewer.layers if one.source.path}
        files = sorted(one for one in path.parent.iterdir() if one.suffix.lower() in IMAGE_SUFFIXES)
        later = [one for one in files if one.name > path.name and str(one) not in opened]
        return later[0] if later else None

    def open_file(self, path: Path, like: Hashable) -> Hashable:
        """Open a file with the reader that opened the image `like`; the key of its first image layer."""
        former = self._layer(like)
        reader = (former.source.reader_plugin if former is not None else None) or "napari"
        try:
            opened = self._viewer.open(str(path), plugin=reader, layer_type="image")
        except Exception as error:  # whatever a reader may raise: the user is told, and the session goes on
            raise UnetppError(f"{path} could not be opened: {error}") from error
        key: Hashable = next(layer.unique_id for layer in opened if isinstance(layer, Image))
        return key

    def add(self, name: str, pixels: NDArray[Any]) -> Hashable:
        """Add an image."""
        rgb = pixels.ndim == 3
        return self._viewer.add_image(pixels, name=name, rgb=rgb).unique_id  # type: ignore[no-any-return]

    def remove(self, image: Hashable) -> None:
        """Take an image away."""
        layer = self._layer(image)
        if layer is not None:
            self._viewer.layers.remove(layer)

    def _layer(self, key: Hashable | None) -> Layer | None:
        return next((layer for layer in self._viewer.layers if layer.unique_id == key), None)


def _is_of(layer: Layer, image: Layer) -> bool:
    """Whether we made a layer for an image; other values of its metadata may be of any kind."""
    return str(image.unique_id) in [layer.metadata.get(mark) for mark in MARKS]
