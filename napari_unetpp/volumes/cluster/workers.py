"""Worker processes of dask.distributed, on this machine or on a cluster: found, checked, given work."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.volumes.cluster.jobs import (
    PACKAGE,
    ImageAddress,
    SeriesJob,
    plane_result,
    series_job,
    tile_maps,
)
from napari_unetpp.volumes.selection import Position

if TYPE_CHECKING:
    from napari_unetpp.engine.input.normalise import NormStats
    from napari_unetpp.engine.loaded_model import LoadedModel
    from napari_unetpp.volumes.series.plane import SeriesRequest

CONNECT_SECONDS = 10.0
ALONE_SECONDS = 60.0
"""So long a run waits for workers when none is left."""

AHEAD = 2
"""Jobs for each thread of a worker that are sent before they are needed."""

LOST = "the connection to the scheduler was lost. Start it anew, then go on with --skip-existing."

J = TypeVar("J", bound=tuple[Any, ...])


class Workers:
    """Connected workers, of which each has the model.

    Parameters
    ----------
    client : distributed.Client
    model : str
        The name under which they know it.
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

        A worker that is lost costs the jobs it had: others do them again.

        Yields
        ------
        job, result
            In the order in which they are done. The result is an Exception where the job has failed.

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
            # The scheduler has gone, or the client was closed before, after which nobody works for it either.
            with suppress(OSError, RuntimeError):
                self._client.cancel(list(running))

    def series(self, request: SeriesRequest, image: ImageAddress) -> SeriesElsewhere:
        """The planes of a series, done by these workers."""
        return SeriesElsewhere(self, series_job(request, image, self.model))

    def _ready(self, running: Mapping[Any, Any]) -> Sequence[Any]:
        """Those that are done, at least one."""
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

    def planes(self, positions: Mapping[int, Position]) -> Iterator[tuple[int, NDArray[Any] | Exception]]:
        """Results of planes by their numbers, or what failed."""
        number_of = {position: number for number, position in positions.items()}
        jobs = ((self._job, position) for position in number_of)
        for (_, position), found in self._workers.each(plane_result, jobs):
            yield number_of[position], found

    def tiles(
        self, position: Position, stats: NormStats, regions: Sequence[Region], cell: int | None
    ) -> Iterator[tuple[Region, NDArray[np.floating]]]:
        """Maps of tiles of one plane."""
        jobs = ((self._job, position, stats, region, cell) for region in regions)
        for _, found in self._workers.each(tile_maps, jobs):
            if isinstance(found, Exception):
                raise found
            yield found


@contextmanager
def connected(
    scheduler: str | None, count: int | None, load: Callable[[], LoadedModel], say: Callable[[str], None]
) -> Iterator[tuple[Workers, LoadedModel]]:
    """Workers that have a model, and the model itself.

    Parameters
    ----------
    scheduler : str or None
        Address of a running scheduler; None: workers of our own on this machine.
    count : int or None
        How many of these.
    load : callable
        Gives the model; called when the workers are there.
    say : callable
        Told who works.

    Raises
    ------
    UnetppError
        The package distributed is missing here, or ours there; nobody answers; another version.
    """
    with ExitStack() as stack:
        client = _cluster(scheduler, stack) if scheduler else _own(count or 1, stack)
        _check_versions(client)
        model = load()
        plugin = _plugin(model, own=not scheduler)
        client.register_plugin(plugin)
        stack.callback(client.unregister_worker_plugin, plugin.name)
        workers = Workers(client, plugin.name)
        threads = client.nthreads()
        say(f"{len(threads)} workers with {sum(threads.values())} threads at {client.scheduler.address}")
        yield workers, model


def _plugin(model: LoadedModel, *, own: bool) -> Any:
    from safetensors.torch import save

    from napari_unetpp.files.models.model_file import read_tensors
    from napari_unetpp.volumes.cluster.on_worker import ModelPlugin

    info, choice = model.info, model.choice
    assert info.path is not None, "a model that was loaded from a file"
    name = f"{PACKAGE}-{uuid.uuid4()}"
    return ModelPlugin(name, info, save(read_tensors(info.path)), choice.device, choice.dtype, own=own)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise UnetppError(
            "several workers need the package distributed: pip install 'napari-unetpp[distributed]'."
        ) from error
    return distributed


def _own(count: int, stack: ExitStack) -> Any:
    """Workers of our own, one thread each, which end with the run."""
    distributed = _distributed()
    cluster = distributed.LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        memory_limit=0,  # as without workers: what does not fit is done in parts
        silence_logs=logging.CRITICAL,
    )
    stack.enter_context(cluster)
    return stack.enter_context(distributed.Client(cluster, set_as_default=False))


def _cluster(address: str, stack: ExitStack) -> Any:
    """Those of a scheduler that somebody has started."""
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UnetppError(
            f"the scheduler {address!r} does not answer ({error}). Expected the address of a running one, "
            "such as tcp://HOST:8786; `dask scheduler` prints it when it starts."
        ) from error
    stack.enter_context(client)
    if not client.nthreads():
        raise UnetppError(f"the scheduler {address} has no workers. Start some: dask worker {address}")
    return client


def _check_versions(client: Any) -> None:
    """All must have this version of the package: others may compute something else, or fail in the middle."""
    here = version(PACKAGE)
    found = dict(client.run(version, PACKAGE, on_error="return"))
    try:
        found["the scheduler"] = client.run_on_scheduler(version, PACKAGE)
    except PackageNotFoundError as error:
        found["the scheduler"] = error
    others = {where: what for where, what in found.items() if what != here}
    if not others:
        return
    where, what = next(iter(others.items()))
    has = f"has {PACKAGE} {what}" if isinstance(what, str) else f"lacks the package {PACKAGE} ({what!r})"
    more = f", and {len(others) - 1} more do not fit" if len(others) > 1 else ""
    raise UnetppError(
        f"{where} {has}{more}; here is {here}. Install the same version for the scheduler and all workers: "
        f"pip install {PACKAGE}=={here}"
    )


def _outcome(future: Any) -> Any:
    """What a job gave, or the exception that it ended in."""
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
    except Exception as error:  # whatever the job has raised
        return error
