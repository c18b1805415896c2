"""Connected worker processes of dask.distributed, and the work they are given."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.volumes.cluster.address import ImageAddress
from napari_unetpp.volumes.cluster.jobs import SeriesJob, plane_results, series_job, tile_maps
from napari_unetpp.volumes.selection import Position

if TYPE_CHECKING:
    from napari_unetpp.engine.input.normalise import NormStats
    from napari_unetpp.volumes.series.plane import SeriesRequest

ALONE_SECONDS = 60.0
"""How long a run waits for workers when none is left."""

AHEAD = 2
"""Jobs per thread of a worker that are sent in advance."""

LOST = "the connection to the scheduler was lost. Start it anew, then go on with --skip-existing."

J = TypeVar("J", bound=tuple[Any, ...])


class Workers:
    """Connected workers that have the model.

    Parameters
    ----------
    client : distributed.Client
    model : str
        The name of the model on the workers.
    """

    def __init__(self, client: Any, model: str) -> None:
        self._client = client
        self.model = model

    @property
    def threads(self) -> int:
        """Jobs that run at a time."""
        try:
            return sum(self._client.nthreads().values())
        except OSError as error:
            raise UnetppError(LOST) from error

    def each(self, function: Callable[..., Any], jobs: Iterable[J]) -> Iterator[tuple[J, Any]]:
        """Do all jobs, each a tuple of arguments.

        Jobs of a worker that is lost are done again by others.

        Yields
        ------
        job, result
            As soon as a job is done. The result is an Exception if the job has failed.

        Raises
        ------
        UnetppError
            The scheduler, or all workers, are lost.
        """
        waiting = iter(jobs)
        running: dict[Any, J] = {}
        try:
            while True:
                for job in islice(waiting, max(0, AHEAD * self.threads - len(running))):
                    running[self._client.submit(function, *job, pure=False)] = job
                if not running:
                    return
                for future in self._ready(running):
                    yield running.pop(future), _outcome(future)
        finally:
            # Fails where the scheduler is lost or the client closed: then no job goes on anyway.
            with suppress(OSError, RuntimeError):
                self._client.cancel(list(running))

    def series(self, request: SeriesRequest, image: ImageAddress) -> SeriesElsewhere:
        """These workers as those of one series."""
        return SeriesElsewhere(self, series_job(request, image, self.model))

    def _ready(self, running: Mapping[Any, Any]) -> Sequence[Any]:
        """Jobs that are done, at least one."""
        from distributed import CancelledError, wait

        last_seen = time.monotonic()
        while True:
            try:
                with self._client.as_current():
                    found = wait(list(running), 1, "FIRST_COMPLETED")  # type: ignore[no-untyped-call]
                    return list(found.done)
            except CancelledError as error:
                raise UnetppError(LOST) from error
            except TimeoutError:
                if self.threads:
                    last_seen = time.monotonic()
                elif time.monotonic() - last_seen > ALONE_SECONDS:
                    raise UnetppError(
                        f"no worker has been there for {ALONE_SECONDS:.0f} s. Start workers, then go on with "
                        "--skip-existing."
                    ) from None


class SeriesElsewhere:
    """Planes and tiles of one series, done by workers (`volumes.series.plane.SeriesWorkers`)."""

    def __init__(self, workers: Workers, job: SeriesJob) -> None:
        self._workers, self._job = workers, job

    def planes(
        self, positions: Mapping[int, Position]
    ) -> Iterator[tuple[int, tuple[NDArray[Any], ...] | Exception]]:
        """Number and results of each plane; an Exception for one that has failed."""
        number_of = {position: number for number, position in positions.items()}
        jobs = ((self._job, position) for position in number_of)
        for (_, position), found in self._workers.each(plane_results, jobs):
            yield number_of[position], found

    def tiles(
        self, position: Position, stats: NormStats, regions: Sequence[Region], cell: int | None
    ) -> Iterator[tuple[Region, NDArray[np.floating]]]:
        """Region and maps (K, h, w) of each tile of one plane."""
        jobs = ((self._job, position, stats, region, cell) for region in regions)
        for _, found in self._workers.each(tile_maps, jobs):
            if isinstance(found, Exception):
                raise found
            yield found


def _outcome(future: Any) -> Any:
    """The result of a job, or the exception with which it ended."""
    from distributed import CancelledError, KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        return UnetppError(
            f"the same job ended {error.allowed_failures + 1} workers, the last one "
            f"{error.last_worker.address}: most often their memory does not suffice. Give them "
            "more memory, or a shallower --level."
        )
    except CancelledError as error:
        raise UnetppError(LOST) from error
    except Exception as error:  # raised by the job
        return error
