"""What real runs took on this machine, kept between sessions. Used by the worker only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Hints:
    """Seconds per megapixel that say about what levels take that were not run.

    Attributes
    ----------
    first : mapping from level
        The first run of a process, which loads libraries and chooses kernels.
    added : mapping from (level, deeper level)
        What was added to cached nodes of a level that was never timed.
    """

    first: Mapping[int, float] = field(default_factory=dict)
    added: Mapping[tuple[int, int], float] = field(default_factory=dict)


NO_HINTS = Hints()


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
        kernels: their times are hints only.
    """

    def __init__(self, machine: Mapping[str, str]) -> None:
        self._machine = machine
        self._record = from_text(recall(FILE, machine))
        self._first: dict[int, float] = {}  # what the first run took
        self._added: dict[tuple[int, int], float] = {}  # from a level that was never timed to a deeper one
        self.warm = False

    @property
    def levels(self) -> dict[int, float]:
        """Seconds per megapixel of each level that was run."""
        return typical(self._record)

    @property
    def hints(self) -> Hints:
        """What says something of levels that were not run."""
        return Hints(dict(self._first), dict(self._added))

    def add(self, level: int, seconds: float, megapixels: float, known: int | None) -> bool:
        """Add a run to the record (see `add_run`), or to the hints; False where it says nothing."""
        cold, self.warm = not self.warm, True
        if megapixels < SMALLEST or known is None or known >= level:
            return False
        seconds /= megapixels
        if cold:
            self._first = {} if known or level in self._record else {level: seconds}
            return bool(self._first)
        before, added = self._record, known and known not in self._record and AUTO not in (level, known)
        if added:
            self._added[known, level] = seconds
        else:
            self._record = add_run(self._record, level, seconds, known)
        self._record_added()
        if self._record is not before:
            remember(FILE, self._machine, to_text(self._record))
        return bool(added) or self._record is not before

    def _record_added(self) -> None:
        """Record the levels that follow from one that was timed, by what was added to it or led to it."""
        while found := next((pair for pair in self._added if len(self._record.keys() & pair) == 1), None):
            known, level = found
            more = self._added.pop(found)
            if known in self._record:
                self._record = add_run(self._record, level, more, known)
            elif (less := median(self._record[level]) - more) > 0:
                self._record = add_run(self._record, known, less, 0)
        self._added = {pair: more for pair, more in self._added.items() if not self._record.keys() & pair}


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
