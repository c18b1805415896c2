"""Files that napari itself does not open: lazily, with their axes, and segmented in the dock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unetpp.gui.reader import get_reader

CELLS = np.zeros((4, 40, 48), np.uint8)
CELLS[:, 8:20, 8:20] = 200
CELLS[:, 24:36, 30:42] = 150


def nifti(path: Path) -> tuple[Path, dict[str, Any]]:
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image(CELLS.transpose(2, 1, 0), np.diag([0.5, 0.5, 2, 1]))
    image.header.set_xyzt_units("micron", "sec")
    nibabel.save(image, path / "cells.nii.gz")
    return path / "cells.nii.gz", {"axis_labels": ("z", "y", "x"), "scale": (2, 0.5, 0.5)}


def video(path: Path) -> tuple[Path, dict[str, Any]]:
    av = pytest.importorskip("av")
    with av.open(str(path / "cells.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 40, "yuv420p"
        for plane in CELLS:
            frame = av.VideoFrame.from_ndarray(np.stack([plane] * 3, axis=-1), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path / "cells.mp4", {"axis_labels": ("t", "y", "x"), "rgb": True}


@pytest.mark.parametrize("make", [nifti, video])
def test_it_is_opened_lazily_and_segmented(
    viewer: Any, open_dock: Callable[[], Any], make: Any, tmp_path: Path, wait: Any
) -> None:
    path, expected = make(tmp_path)
    reader = get_reader(str(path))
    assert reader is not None
    ((data, options, kind),) = reader(str(path))
    assert kind == "image" and data.shape[:3] == CELLS.shape and data.chunksize[0] == 1
    for name, value in expected.items():
        assert options[name] == value
    assert np.abs(np.asarray(data).reshape(*CELLS.shape, -1)[..., 0].astype(int) - CELLS).max() < 60
    viewer.add_image(data, **options)
    dock = open_dock()
    assert f"{expected['axis_labels'][0].upper()} 4, Y 40, X 48" in dock.form.head.image_note.text()
    assert "guessed" not in dock.form.head.image_note.text()
    dock.form.head.segment_button.click()
    wait(dock)
    assert f"{path.name} prediction" in viewer.layers
    assert dock.controller.runs.shown is not None


def test_other_files_are_left_to_napari(tmp_path: Path) -> None:
    (tmp_path / "cells.tif").write_bytes(b"II*\0")
    assert get_reader(str(tmp_path / "cells.tif")) is None
    assert get_reader(str(tmp_path / "missing.mp4")) is None
    assert get_reader([str(tmp_path / "cells.tif")]) is None
    assert get_reader(str(tmp_path)) is None
