"""A note where napari's own reader shows something else than a file holds, and the image as the file says.

A reader of our own for PNG and TIFF would be no mend: wherever two plugins read a format, napari asks which
one is meant, and `viewer.open` raises in scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from napari.layers import Image, Layer
from qtpy.QtCore import QObject

from napari_unetpp.files.images.as_shown import OtherReading, read_otherwise
from napari_unetpp.gui.compat import read_from
from napari_unetpp.gui.dock.widgets import Note
from napari_unetpp.gui.layers.images import OpenImages
from napari_unetpp.gui.worker import ThreadRunner
from napari_unetpp.session.events import Job
from napari_unetpp.session.values import Tone

OPEN = "as_the_file_says"
LARGEST = 500_000_000
"""Bytes of an image that is compared: the file's pixels need as much memory again."""

OFFER = "Open as the file says", OPEN


class FileNote(QObject):
    """Compares the chosen image with its file, in a thread; says so and offers the file's where they differ.

    Parameters
    ----------
    viewer : napari.Viewer
    images : OpenImages
    note : Note
        Shown only where there is something to say.
    choose : callable
        Told the key of the image that was opened.
    parent : QObject
    """

    def __init__(
        self,
        viewer: Any,
        images: OpenImages,
        note: Note,
        choose: Callable[[Hashable], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._images, self._note, self._choose = viewer, images, note, choose
        self.runner = ThreadRunner(self)
        self._image: Hashable | None = None
        self._found: OtherReading | None = None
        self.compared: Hashable | None = None  # the last image that was compared
        note.linkActivated.connect(self._on_offer)

    def check(self, image: Hashable | None) -> None:
        """Compare another image; the note of the one before goes."""
        if image == self._image:
            return
        self._image = image
        self._show(None)
        self.runner.stop()
        layer = self._images.find(image)
        path = _path_of(layer)
        if path is None:
            return
        assert isinstance(layer, Image)
        job = partial(_compared, path, layer.data, rgb=bool(layer.rgb), sized=_is_sized(layer))
        self.runner.submit(cast("Job", job), partial(self._on_found, image), partial(self._on_end, image))

    def close(self) -> None:
        """Say nothing more."""
        self.runner.close()
        self._found = None

    def _on_found(self, image: Hashable, found: Any) -> None:
        if image == self._image:
            self._show(found)

    def _on_end(self, image: Hashable, _error: BaseException | None) -> None:
        self.compared = image

    def _show(self, found: OtherReading | None) -> None:
        self._found = found
        tone: Tone = "warning" if found is not None and found.pixels_differ else "info"
        self._note.show_text(found.text if found else "", tone, offers=[OFFER] if found else [])
        self._note.setVisible(found is not None)

    def _on_offer(self, _action: str) -> None:
        """Open the image as the file says beside the one that napari opened, which is hidden, not changed."""
        layer, found = self._images.find(self._image), self._found
        if layer is None or found is None:
            return
        options: dict[str, Any] = {"name": f"{layer.name} as the file says", "rgb": found.pixels.ndim == 3}
        if found.pixel_size is not None:
            options |= {"scale": (found.pixel_size.y, found.pixel_size.x), "units": ("um", "um")}
        with read_from(str(layer.source.path)):
            opened = self._viewer.add_image(found.pixels, **options)
        layer.visible = False
        self._choose(opened.unique_id)


def _compared(path: Path, shown: Any, should_stop: Callable[[], bool], **how: bool) -> Iterator[OtherReading]:
    del should_stop  # one file is soon read
    found = read_otherwise(path, shown, **how)
    if found is not None:
        yield found


def _path_of(layer: Layer | None) -> Path | None:
    """The file that an image with its pixels in memory was read from by napari itself."""
    if not isinstance(layer, Image) or layer.multiscale or not isinstance(layer.data, np.ndarray):
        return None
    path = Path(str(layer.source.path or ""))
    return path if layer.source.path and path.is_file() and layer.data.nbytes <= LARGEST else None


def _is_sized(layer: Image) -> bool:
    """Whether a layer says more of its pixels than that they are pixels."""
    units = [str(unit) for unit in getattr(layer, "units", ())]
    return bool(np.any(np.asarray(layer.scale) != 1)) or any(unit != "pixel" for unit in units)
