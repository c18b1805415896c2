"""The results of a series: its planes, numbered, as TIFF or OME-Zarr, with table and tracks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.commands.segment.stack_extra_files import write_extra_files
from napari_unetpp.commands.segment.stack_tables import Measured, without_unmeasured
from napari_unetpp.files.notes import Note
from napari_unetpp.files.results.outputs import Output
from napari_unetpp.files.results.result_file import About, is_result, write_stack
from napari_unetpp.volumes.inputs.source import LARGE, ImageSource
from napari_unetpp.volumes.ome_zarr import LabelsZarr, create_labels
from napari_unetpp.volumes.selection import Selection
from napari_unetpp.volumes.series.numbering import numbered
from napari_unetpp.volumes.series.store import PlaneStore

if TYPE_CHECKING:
    from napari_unetpp.commands.segment.values import Options

TILE = 512
"""Rows that are written at a time, and the side of a tile, of results of large planes, px."""


def finish(
    output: Output,
    store: PlaneStore,
    image: ImageSource,
    chosen: Selection,
    options: Options,
    facts: Mapping[str, Any],
    note: Note,
) -> Measured:
    """Write all results from the stored planes, and remove the store; returns the measurements.

    Each result is written under a temporary name, so this step can be repeated after an interruption.
    """
    large = store.shape[-2] * store.shape[-1] > LARGE
    if large and (output.table is not None or output.also):
        note(f"no table, no outlines: planes of more than {LARGE // 1_000_000} megapixels are not measured")
    output = without_unmeasured(output, chosen)
    measured = Measured.of(output, image, chosen, options)
    about = About(image.pixel_size, facts)
    with tempfile.TemporaryDirectory(dir=store.folder, prefix="result-") as folder:
        run = _Writing(output, store, chosen, options, about, measured, Path(folder))
        try:
            if store.beside is not None:
                run.of_probability(store.beside).write(in_bands=large)
            run.write(in_bands=large and not (measured.stitched or measured.tracked))
        except (UnetppError, OSError) as error:
            raise UnetppError(
                f"{error} All {store.count} planes are kept in {store.folder}; give --skip-existing to go on."
            ) from error
    store.remove()
    return measured


@dataclass(frozen=True, eq=False)
class _Writing:
    """What is written of one series, and where."""

    output: Output
    store: PlaneStore
    chosen: Selection
    options: Options
    about: About
    measured: Measured
    folder: Path

    @property
    def overwrite(self) -> bool:
        """Whether a file that is there is replaced: also one of ours, when this is done again."""
        return self.options.overwrite or (self.options.stack.resume and is_result(self.output.target))

    def of_probability(self, store: PlaneStore) -> _Writing:
        """The same of the probabilities, which have no files beside them."""
        assert self.output.probability is not None
        output = Output(self.output.source, self.output.probability)
        return replace(self, output=output, store=store, options=replace(self.options, kind="probability"))

    def write(self, *, in_bands: bool) -> None:
        """All results; `in_bands`: only some rows of a plane are in memory."""
        zarr = self.output.target.suffix == ".zarr"
        if in_bands:
            self._zarr_in_bands() if zarr else self._tiff_in_tiles()
            self._count()
        else:
            self._zarr() if zarr else self._tiff(self._planes())
        write_extra_files(self.output, self.measured, self.options, overwrite=self.overwrite)

    def _planes(self) -> Iterator[NDArray[Any]]:
        """The planes of the result, one after the other; of probabilities those of each class."""
        stack = self.options.stack
        if self.options.kind == "labels":
            planes = numbered(
                self.store.read, self.chosen, self.folder, stitch=stack.stitch, track=stack.track
            )
            yield from self.measured.measure(planes)
            return
        for number in range(self.store.count):
            plane = self._stored_values(self.store.read(number))
            yield from plane if plane.ndim == 3 else (plane,)

    def _stored_values(self, part: NDArray[Any]) -> NDArray[Any]:
        """Pixel values of the result: masks in TIFF are 0 and 255."""
        return part * np.uint8(255) if self.options.kind == "mask" else part

    # ------------------------------------------------------------------- TIFF

    def _tiff(self, planes: Iterator[NDArray[Any]], tile: tuple[int, int] | None = None) -> None:
        axes, shape = self.chosen.stack_axes, self.chosen.stack_shape
        if len(self.store.shape) == 3:  # probabilities of classes
            axes, shape = f"{axes[:-2]}CYX", (*shape[:-2], *self.store.shape)
        spacing = self.chosen.axes.spacing[0] if "Z" in axes else None
        interval = self.chosen.axes.interval if "T" in axes else None
        write_stack(
            self.output.target,
            planes,
            shape,
            axes,
            self.store.dtype,
            self.about,
            spacing=spacing,
            interval=interval,
            overwrite=self.overwrite,
            tile=tile,
        )

    def _tiff_in_tiles(self) -> None:
        tiles = (tile for number in range(self.store.count) for tile in self._tiles(number))
        self._tiff(tiles, (TILE, TILE))

    def _tiles(self, number: int) -> Iterator[NDArray[Any]]:
        """Tiles of a plane, row by row, the last ones filled up; of probabilities those of each class."""
        classes = range(self.store.shape[0]) if len(self.store.shape) == 3 else (None,)
        for one in classes:
            for band in self._bands():
                part = self.store.read(number, band)
                part = self._stored_values(part if one is None else part[one])
                whole = np.pad(part, [(0, -side % TILE) for side in part.shape])
                for x0 in range(0, whole.shape[1], TILE):
                    yield np.ascontiguousarray(whole[:, x0 : x0 + TILE])

    # ------------------------------------------------------------------- zarr

    def _zarr(self) -> None:
        made = self._create_zarr()
        for number, plane in enumerate(self._planes()):
            made.write((*self._leading(number), slice(None), slice(None)), self._as_labels(plane))
        self._finish_zarr(made)

    def _zarr_in_bands(self) -> None:
        made = self._create_zarr()
        for number in range(self.store.count):
            for band in self._bands():
                made.write((*self._leading(number), *band.slices), self.store.read(number, band))
        self._finish_zarr(made)

    def _create_zarr(self) -> LabelsZarr:
        axes = replace(
            self.chosen.axes, names=self.chosen.stack_axes, shape=self.chosen.stack_shape, channels=()
        )
        return create_labels(self.folder / self.output.target.name, axes)

    def _as_labels(self, plane: NDArray[Any]) -> NDArray[Any]:
        """A mask as labels of 0 and 1."""
        return plane > 0 if self.options.kind == "mask" else plane

    def _leading(self, number: int) -> tuple[int, ...]:
        """Frame and depth of a plane in the result, as far as it has these axes."""
        leading = self.chosen.stack_shape[:-2]
        return tuple(int(n) for n in np.unravel_index(number, leading)) if leading else ()

    def _finish_zarr(self, made: LabelsZarr) -> None:
        """Write the coarser levels and rename the zarr to its target."""
        target = self.output.target
        made.group.attrs["about"] = dict(self.about.facts)
        for _ in made.write_coarser():
            pass
        if target.exists():
            if not (self.overwrite and is_result(target)):
                raise UnetppError(f"{target} exists and is no result of this program. Choose another --out.")
            shutil.rmtree(target)
        made.path.rename(target)

    # ------------------------------------------------------------------- bands

    def _bands(self) -> Iterator[Region]:
        """Rows of a plane that are in memory at a time."""
        height, width = self.store.shape[-2:]
        for y0 in range(0, height, TILE):
            yield Region(y0, 0, min(y0 + TILE, height), width)

    def _count(self) -> None:
        """Count the objects of planes that were not in memory."""
        if self.options.kind == "labels":
            for number in range(self.store.count):
                self.measured.count(number, (self.store.read(number, band) for band in self._bands()))
