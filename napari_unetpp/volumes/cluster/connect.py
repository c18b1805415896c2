"""Connections to workers of dask.distributed: our own processes on this machine, or those of a scheduler."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from napari_unetpp._types import UnetppError
from napari_unetpp.files.text import counted
from napari_unetpp.volumes.cluster.address import PACKAGE
from napari_unetpp.volumes.cluster.workers import Workers

if TYPE_CHECKING:
    from napari_unetpp.engine.loaded_model import LoadedModel

CONNECT_SECONDS = 10.0


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
        Number of our own workers.
    load : callable
        Loads the model; called when the workers are connected.
    say : callable
        Receives a line about the workers.

    Raises
    ------
    UnetppError
        The package distributed is missing here, ours is missing there or has another version, or the
        scheduler does not answer.
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
        workers_text, threads_text = counted(len(threads), "worker"), counted(sum(threads.values()), "thread")
        say(f"{workers_text} with {threads_text} at {client.scheduler.address}")
        yield workers, model


def _plugin(model: LoadedModel, *, own: bool) -> Any:
    from safetensors.torch import save

    from napari_unetpp.files.models.model_file import read_tensors
    from napari_unetpp.volumes.cluster.on_worker import ModelPlugin

    info = model.info
    assert info.path is not None, "a model that was loaded from a file"
    name = f"{PACKAGE}-{uuid.uuid4()}"
    return ModelPlugin(name, info, save(read_tensors(info.path)), model.choice, model.scales, own=own)


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
        memory_limit=0,  # large planes are done in parts anyway
        silence_logs=logging.CRITICAL,
    )
    stack.enter_context(cluster)
    return stack.enter_context(distributed.Client(cluster, set_as_default=False))


def _cluster(address: str, stack: ExitStack) -> Any:
    """The workers of a running scheduler."""
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
    """Raise UnetppError unless all have this version of the package: another may give other results."""
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
