"""Measurements of a series, taken plane by plane while its result is written: table, tracks, counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region
from napari_unetpp.files.objects import table as objects
from napari_unetpp.files.objects.planes import ObjectPlane
from napari_unetpp.files.results.outputs import Output
from napari_unetpp.session.segment.objects import areas, median_diameter
from napari_unetpp.volumes.inputs.source import LARGE, ImageSource
from napari_unetpp.volumes.planes import read_plane
from napari_unetpp.volumes.selection import Position, Selection
from napari_unetpp.volumes.tracks import TrackRows

if TYPE_CHECKING:
    from napari_unetpp.commands.segment.values import Options

Table = dict[str, NDArray[Any]]

POSITION_COLUMNS = {"centroid_y": 0, "y0": 0, "y1": 0, "centroid_x": 1, "x0": 1, "x1": 1}
"""Columns that are positions, and along which axis."""

PLANES = ("frame", "time_s", "plane")
"""Columns that say which plane an object is on."""


@dataclass(eq=False)
class Measured:
    """Collects the measurements of a series.

    Attributes
    ----------
    image : ImageSource
    selection : Selection
    table, tracks, outlines : bool
        Whether these are wanted.
    stitched, tracked : bool
        Whether numbers go through depth, and through time.
    region : Region or None
        The part of the image that is segmented: positions are given on the grid of the whole image.
    """

    image: ImageSource
    selection: Selection
    table: bool = False
    tracks: bool = False
    outlines: bool = False
    stitched: bool = False
    tracked: bool = False
    region: Region | None = None
    areas: list[NDArray[np.int64]] = field(default_factory=list)
    _largest: dict[int, int] = field(default_factory=dict)
    _tables: list[Table] = field(default_factory=list)

    @classmethod
    def of(cls, output: Output, image: ImageSource, chosen: Selection, options: Options) -> Measured:
        """A collector for the requested measurements."""
        stack = options.stack
        return cls(
            image,
            chosen,
            table=output.table is not None,
            outlines=bool(output.also),
            tracks=output.tracks is not None,
            stitched=stack.stitch is not None,
            tracked=stack.track is not None,
            region=stack.region,
        )

    def __post_init__(self) -> None:
        self._tracks = TrackRows(deep=self.selection.depth > 1)

    def measure(self, planes: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """Measure planes one after the other, and yield each unchanged."""
        for number, (position, labels) in enumerate(zip(self.selection.positions(), planes, strict=True)):
            self.add(number, position, labels)
            yield labels

    def add(self, number: int, position: Position, labels: NDArray[Any]) -> None:
        """Measure one plane."""
        self.areas.append(areas(labels))
        group = 0 if self.tracked else position.t if self.stitched else number
        count = int(labels.max(initial=0)) if self.stitched or self.tracked else self.areas[-1].size
        self._largest[group] = max(self._largest.get(group, 0), count)
        if self.tracks:
            self._tracks.add(labels, position.t, position.z or 0)
        if self.table or self.outlines:
            self._tables.append(self._rows(position, labels))

    def count(self, number: int, bands: Iterable[NDArray[Any]]) -> None:
        """Count the objects of a plane that comes in bands of rows."""
        pixels = np.zeros(1, np.int64)
        for band in bands:
            found = np.bincount(band.ravel(), minlength=pixels.size)
            found[: pixels.size] += pixels
            pixels = found
        self.areas.append(pixels[1:][pixels[1:] > 0])
        self._largest[number] = self.areas[-1].size

    @property
    def objects(self) -> int:
        """Objects in all; one that goes through several planes counts once where they are linked."""
        return sum(self._largest.values())

    @property
    def pixels(self) -> NDArray[np.int64]:
        """Pixels of all objects of all planes."""
        return np.concatenate([np.zeros(0, np.int64), *self.areas])

    @property
    def median_diameter(self) -> float | None:
        """Of all objects of all planes, px."""
        return median_diameter(self.pixels)

    def objects_of(self, planes: Iterable[NDArray[Any]]) -> Iterator[ObjectPlane]:
        """Planes of the result with what was measured of them, on the grid of the whole image."""
        y0, x0 = self._origin
        for position, labels, table in zip(self.selection.positions(), planes, self._tables, strict=True):
            where = {"t": position.t} if self.selection.axes.size("T") > 1 else {}
            if position.z is not None and self.selection.axes.size("Z") > 1:
                where["z"] = position.z
            columns = {name: values for name, values in table.items() if name not in PLANES}
            yield ObjectPlane(np.pad(labels, ((y0, 0), (x0, 0))), where, columns)

    def write_table(self, path: Path, *, overwrite: bool) -> None:
        """One row for each object of each plane."""
        names = self._tables[0]
        joined = {name: np.concatenate([table[name] for table in self._tables]) for name in names}
        objects.write_csv(path, joined, overwrite=overwrite)

    def write_tracks(self, path: Path, *, overwrite: bool) -> None:
        """One row for each object of each frame, the first object first."""
        rows = self._tracks.table()
        rows[:, -2:] += self._origin
        names = ("track", "frame", *(("plane",) if self.selection.depth > 1 else ()), "y", "x")
        columns = [column.astype(np.int64) if n < 2 else column for n, column in enumerate(rows.T)]
        objects.write_csv(path, dict(zip(names, columns, strict=True)), overwrite=overwrite)

    @property
    def _origin(self) -> tuple[int, int]:
        return (0, 0) if self.region is None else (self.region.y0, self.region.x0)

    def _rows(self, position: Position, labels: NDArray[Any]) -> Table:
        size = self.image.pixel_size
        where: dict[str, float] = {}
        if self.selection.axes.size("T") > 1:
            where["frame"] = position.t
            seconds = self.image.seconds(position.t)
            where |= {} if seconds is None else {"time_s": seconds}
        if position.z is not None and self.selection.axes.size("Z") > 1:
            where["plane"] = position.z
        rows = objects.object_table(
            labels,
            read_plane(self.image.array, self.selection, position),
            pixel_area=None if size is None else size.area,
            position=where,
            shapes=self.table,
        )
        return {
            name: values + self._origin[POSITION_COLUMNS[name]] if name in POSITION_COLUMNS else values
            for name, values in rows.items()
        }


def without_unmeasured(output: Output, chosen: Selection) -> Output:
    """The same without table and outlines where planes are too large to be measured in memory."""
    height, width = chosen.plane_shape
    return replace(output, table=None, also=()) if height * width > LARGE else output
