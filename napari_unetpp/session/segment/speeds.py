"""What real runs took on this machine, kept between sessions. Used by the worker only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING

from napari_unetpp._types import AUTO
from napari_unetpp.files.machine_cache import recall, remember, this_machine

if TYPE_CHECKING:
    from napari_unetpp.engine.loaded_model import LoadedModel

FILE = "speed"
SMALLEST = 0.05
"""Megapixels: what a smaller plane takes says little about megapixels."""

RUNS = 5
"""The last runs of a level that are remembered: their median is what it takes."""

Record = Mapping[int, tuple[float, ...]]
"""Seconds per megapixel that the last runs of each level took from the image on, the newest last."""


class Speeds:
    """What the levels of a network took on a device in a number format.

    Parameters
    ----------
    machine : mapping from str to str
        All that the time depends on (see `files.machine_cache`).

    Attributes
    ----------
    warm : bool
        Whether a run, or the trial, has ended in this process. Calls before that load libraries and choose
        kernels, so their times are shown, but not kept for other sessions, and the next run replaces them.
    """

    def __init__(self, machine: Mapping[str, str]) -> None:
        self._machine = machine
        self._record = from_text(recall(FILE, machine))
        self._cold: set[int] = set()  # levels that are known from the first run alone
        self.warm = False

    @property
    def levels(self) -> dict[int, float]:
        """Seconds per megapixel of each level that was run."""
        return typical(self._record)

    def add(self, level: int, seconds: float, megapixels: float, known: int | None) -> bool:
        """Add a run to the record (see `add_run`); False where it says nothing."""
        cold, self.warm = not self.warm or known in self._cold, True
        if megapixels < SMALLEST or (cold and level in self._record):
            return False
        replaced = self._cold & {level}
        before = {other: runs for other, runs in self._record.items() if other not in replaced}
        record = add_run(before, level, seconds / megapixels, known)
        if record is before:
            return False
        self._record = record
        self._cold = (self._cold | {level}) if cold else (self._cold - {level})
        kept = {other: runs for other, runs in record.items() if other not in self._cold}
        remember(FILE, self._machine, to_text(kept))
        return True


def machine(model: LoadedModel) -> Mapping[str, str]:
    """All that the time of a run depends on, but for the image."""
    import torch

    device, info = model.choice.device, model.info
    return {
        **this_machine(),
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "threads": str(torch.get_num_threads()),
        "precision": model.choice.dtype,
        "network": repr(info.net),
        "stopping rule": repr(info.stopping),
    }


def add_run(record: Record, level: int, seconds: float, known: int | None) -> Record:
    """The record after one more run.

    Parameters
    ----------
    record : mapping
    level : int
        What the run gave: 1-4, or `AUTO`.
    seconds : float
        What it took, per megapixel of the working grid.
    known : int or None
        The level whose nodes were cached for all of the plane and not computed again; 0: there were none.
        None: parts of the plane differed, so the time compares with no other and is not added.

    Notes
    -----
    A run that continued from cached nodes took only what it added: the time of their level is added to it.
    Auto is counted only after level 1 or nothing: deeper cached nodes save it more than it would compute.
    A deeper level never takes less than a shallower one. Runs of other levels that contradict this were made
    under other conditions (a smaller image, a busy machine) and are dropped.
    """
    if known is None or known >= level or (level == AUTO and known > 1):
        return record
    if known:
        if known not in record:
            return record
        seconds += median(record[known])
    runs = (*record.get(level, ()), seconds)[-RUNS:]
    now = median(runs)
    agrees = {
        other: values
        for other, values in record.items()
        if AUTO in (level, other) or (other < level) == (median(values) <= now)
    }
    return {**agrees, level: runs}


def typical(record: Record) -> dict[int, float]:
    """Seconds per megapixel of each level that was run."""
    return {level: median(runs) for level, runs in record.items()}


def to_text(record: Record) -> str:
    """The record as a text for a file."""
    return json.dumps(record)


def from_text(text: str | None) -> Record:
    """The record in a text; empty where the text is no record."""
    try:
        return {
            int(level): tuple(map(float, runs)) for level, runs in json.loads(text or "{}").items() if runs
        }
    except (AttributeError, TypeError, ValueError):
        return {}
