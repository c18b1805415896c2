"""Video, one frame at a time, in any order; needs the package av."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import UnetppError
from napari_unetpp.volumes.axes import Axes

NEAR = 64
"""Up to a frame at most this far ahead all frames are decoded; for others the file seeks a key frame."""


class Video:
    """The frames of a video as an array (T, Y, X, 3), or (T, Y, X) if grey; one frame is in memory.

    Opening it counts the frames by reading the file once without decoding it, because the length that files
    give is often wrong. Use it in a ``with`` statement, or close it.

    Attributes
    ----------
    axes : Axes
    shape : tuple of int
    dtype : dtype
    times : ndarray of float
        Seconds of each frame from the first, as the file gives them.

    Raises
    ------
    UnetppError
        The package av is not installed, or the file holds no video that can be decoded.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._av = _load_av(path)
        try:
            self._file = self._av.open(str(path))
        except Exception as error:  # av raises a kind for each error of FFmpeg
            raise UnetppError(f"{path} cannot be read as video: {error}. It may be damaged.") from error
        try:
            self._stream = self._file.streams.video[0]
            self._stamps = self._counted()
            self._stream.thread_type = "AUTO"
            self._decoder: Iterator[Any] | None = None
            self._kept: tuple[int, NDArray[Any]] = (-1, np.zeros(0, np.uint8))
            first = self._frame(0)
        except IndexError as error:
            self.close()
            raise UnetppError(f"{path} holds no picture, only sound or nothing.") from error
        except UnetppError:
            self.close()
            raise
        except Exception as error:
            self.close()
            raise UnetppError(f"{path} cannot be decoded: {error}. It may be damaged.") from error
        unit = float(self._stream.time_base or 1)
        self.times: NDArray[np.float64] = (self._stamps - self._stamps[0]) * unit
        self.shape: tuple[int, ...] = (len(self._stamps), *first.shape)
        self.dtype: np.dtype[Any] = first.dtype
        self.ndim = len(self.shape)
        interval = float(np.median(np.diff(self.times))) if len(self.times) > 1 else None
        self.axes = Axes("TYXS"[: self.ndim], self.shape, "video", interval=interval or None)

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """A part of one frame; the first index must be its number."""
        number, *within = index
        if not isinstance(number, (int, np.integer)):
            raise UnetppError(f"{index} was asked for; a video is read frame by frame: give a number first.")
        part: NDArray[Any] = self._frame(int(number))[tuple(within)]
        return part

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _counted(self) -> NDArray[np.int64]:
        """Times of all frames in display order, in units of the stream."""
        packets = self._file.demux(self._stream)
        stamps = [
            packet.dts if packet.pts is None else packet.pts
            for packet in packets
            if packet.size and not packet.is_discard
        ]
        found = np.unique(np.asarray([stamp for stamp in stamps if stamp is not None], np.int64))
        if not found.size:
            raise UnetppError(f"{self._path} holds no frames. It may be damaged, or not complete.")
        return found

    def _frame(self, number: int) -> NDArray[Any]:
        """One frame; the last one is kept."""
        if self._kept[0] != number:
            ahead = number - self._kept[0]
            frame = self._next(number) if self._decoder is not None and 0 < ahead <= NEAR else None
            frame = frame or self._searched(number, self._stamps[number])
            frame = frame or self._searched(number, self._stamps[0])
            if frame is None:
                raise UnetppError(
                    f"frame {number} of {self._path} cannot be decoded: the video is damaged there. Leave it "
                    "out with --t."
                )
            self._kept = number, _pixels(frame)
        return self._kept[1]

    def _searched(self, number: int, stamp: int) -> Any:
        """The frame with this number, searched from the key frame before a time."""
        self._file.seek(int(stamp), stream=self._stream, backward=True)
        self._decoder = self._file.decode(self._stream)
        return self._next(number)

    def _next(self, number: int) -> Any:
        """The frame with this number among the following ones; None if it is missing."""
        for frame in self._decoder or ():
            stamp = frame.dts if frame.pts is None else frame.pts
            if stamp is not None and stamp >= self._stamps[number]:
                return frame if stamp == self._stamps[number] else None
        return None


def _load_av(path: Path) -> Any:
    try:
        import av
    except ImportError as error:
        raise UnetppError(
            f"{path} is a video; reading it needs the package av (PyAV): pip install 'napari-unetpp[video]'."
        ) from error
    return av


def _pixels(frame: Any) -> NDArray[Any]:
    """Grey frames (Y, X), others (Y, X, 3)."""
    name = frame.format.name
    if name.startswith("gray"):
        pixels: NDArray[Any] = frame.to_ndarray(format="gray" if name == "gray" else "gray16le")
        return pixels
    coloured: NDArray[Any] = frame.to_ndarray(format="rgb24")
    return coloured
