"""A layer may hold anything that can be indexed, transposed or not; what cannot be read is said in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
import zarr


class OnFile:
    """No more than a layer asks of its data, as many libraries offer it; `broken`: the file is gone."""

    def __init__(self, data: np.ndarray, *, broken: str | None = None) -> None:
        self._data, self._broken = data, broken
        self.shape, self.ndim, self.dtype, self.size = data.shape, data.ndim, data.dtype, data.size

    def __getitem__(self, key: Any) -> OnFile:
        return OnFile(self._data[key], broken=self._broken)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if self._broken is not None:
            raise KeyError(self._broken)
        return self._data if dtype is None else self._data.astype(dtype)


def plain(data: np.ndarray, _folder: Path) -> Any:
    return data


def on_file(data: np.ndarray, _folder: Path) -> Any:
    return OnFile(data)


def memmap(data: np.ndarray, folder: Path) -> Any:
    np.save(folder / "stack.npy", data)
    return np.load(folder / "stack.npy", mmap_mode="r")


def dask(data: np.ndarray, _folder: Path) -> Any:
    return pytest.importorskip("dask.array").from_array(data, chunks=(1, 40, 50))


def data_array(data: np.ndarray, _folder: Path) -> Any:
    return xarray.DataArray(data, dims=("z", "y", "x"))


def zarr_array(data: np.ndarray, folder: Path) -> Any:
    array = zarr.create_array(folder / "stack.zarr", shape=data.shape, dtype=data.dtype, chunks=(1, 40, 50))
    array[:] = data
    return array


def sliced(data: np.ndarray, folder: Path) -> Any:
    return memmap(np.repeat(data, 2, axis=2), folder)[:, ::1, ::2]


@pytest.mark.parametrize(
    ("make", "order"),
    [
        *((make, (0, 2, 1)) for make in (plain, on_file, memmap, dask, data_array, zarr_array, sliced)),
        (on_file, (0, 1, 2)),
        (on_file, (2, 0, 1)),
    ],
)
def test_any_array_any_way_round(
    viewer: Any,
    image: np.ndarray,
    open_dock: Any,
    wait: Any,
    tmp_path: Path,
    make: Callable[[np.ndarray, Path], Any],
    order: tuple[int, ...],
) -> None:
    stack = np.stack([image, image[::-1], np.roll(image, 9, 1)] * 6)
    viewer.add_image(make(stack, tmp_path), name="cells")
    viewer.dims.order = order
    viewer.dims.set_point(order[0], 1)
    dock = open_dock()
    dock.controller.state.level, dock.controller.state.scale = 1, 1.0
    dock.form.head.segment_button.click()
    wait(dock)
    assert "L1" in dock.form.head.message_label.text()
    plane = dock.controller.context.plane()
    at = int(viewer.dims.current_step[order[0]])
    expected = np.take(stack, at, order[0])
    expected = expected.T if order[1] > order[2] else expected
    assert np.array_equal(np.asarray(plane.data), expected)


def test_pixels_that_cannot_be_read_are_told_in_words(
    viewer: Any, image: np.ndarray, open_dock: Any, wait: Any
) -> None:
    data = OnFile(np.stack([image, image]))
    viewer.add_image(data, name="cells")
    dock = open_dock()
    data._broken = "c/0/1's chunk is gone"
    dock.form.head.segment_button.click()
    wait(dock)
    text = dock.form.head.message_label.text()
    assert "could not be read" in text and "Open the image again" in text
    assert "c/0/1's chunk is gone" in text  # no HTML escape of the apostrophe


@pytest.mark.parametrize("error", [AttributeError("no 'swapaxes'"), KeyError(), AssertionError()])
def test_no_message_is_the_name_of_an_exception_alone(error: Exception) -> None:
    from napari_unetpp.session.messages import common as messages

    text = messages.error(error, "")
    assert text.startswith("This failed") and "report" in text
    assert len(text.replace(type(error).__name__, "").split()) > 10
