"""Measurements of a machine, stored in the user's cache folder.

Timings vary from run to run, but a choice that depends on them must not (the number format changes single
pixels of a result): it is made once for a machine, a version of torch and one of this package
(`measured_once`). The duration of runs is recorded after every run (`recall`, `remember`).
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Collection, Mapping
from importlib.metadata import version
from pathlib import Path

from platformdirs import user_cache_path

from napari_unetpp._types import UnetppError
from napari_unetpp.files.atomic import write_atomically

CPU_LIST = Path("/proc/cpuinfo")


def cache_folder() -> Path:
    """The cache folder, which may be deleted at any time; environment variable UNETPP_CACHE overrides."""
    named = os.environ.get("UNETPP_CACHE")
    return Path(named) if named else user_cache_path("napari-unetpp", appauthor=False)


def measured_once(
    what: str, machine: Mapping[str, str], answers: Collection[str], measure: Callable[[], str]
) -> str:
    """The stored answer for this machine; without one, the result of `measure`, which is then stored.

    Parameters
    ----------
    what : str
        Name of the measurement, a part of the file name.
    machine : mapping from str to str
        What the answer depends on; another machine or version measures again.
    answers : collection of str
        All that there are: another one that is stored is measured again.
    measure : callable
        Gives the answer. Where the cache folder cannot be written, every process measures.
    """
    path = _path(what, machine)
    if (known := _read(path)) in answers:
        return str(known)
    answer = measure()
    damaged = path.exists() and _read(path) not in answers
    _write(path, machine, answer, overwrite=damaged)
    stored = _read(path)  # that of another process, which was first
    return str(stored) if stored in answers else answer


def recall(what: str, machine: Mapping[str, str]) -> str | None:
    """The stored answer for this machine, or None."""
    return _read(_path(what, machine))


def remember(what: str, machine: Mapping[str, str], answer: str) -> None:
    """Store an answer in place of the old one; where the folder cannot be written, nothing happens."""
    _write(_path(what, machine), machine, answer, overwrite=True)


def this_machine() -> dict[str, str]:
    """Processor, torch and package, on which timings depend; not the host: nodes of a cluster are alike."""
    import torch

    return {
        "processor": processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "napari-unetpp": version("napari-unetpp"),
    }


def processor() -> str:
    """Name of the processor."""
    try:
        lines = CPU_LIST.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _path(what: str, machine: Mapping[str, str]) -> Path:
    digest = hashlib.sha256(json.dumps(dict(machine), sort_keys=True).encode()).hexdigest()
    return cache_folder() / f"{what}-{digest[:16]}.json"


def _write(path: Path, machine: Mapping[str, str], answer: str, *, overwrite: bool) -> None:
    text = json.dumps({"answer": answer, "machine": dict(machine)}, indent=2) + "\n"
    try:
        write_atomically(path, lambda file: file.write(text.encode()), overwrite=overwrite)
    except UnetppError:  # a folder that may not be written to, or another process was first
        pass


def _read(path: Path) -> str | None:
    """The answer in a file; None where there is none, or it is not ours."""
    try:
        answer = json.loads(path.read_text(encoding="utf-8"))["answer"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return answer if isinstance(answer, str) else None
