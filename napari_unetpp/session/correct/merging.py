"""Puts a new result below the user's corrections, merged in a worker: a large plane takes half a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ShouldStop
from napari_unetpp.session.context import Context
from napari_unetpp.session.correct.planes import CorrectedPlane, LabelEncoding, encoded
from napari_unetpp.session.correct.ports import CorrectionsLayers
from napari_unetpp.session.events import Merged
from napari_unetpp.session.ports import Runner
from napari_unetpp.session.values import Plane

REMEDY = "close other programs, then press Segment"


@dataclass(frozen=True, eq=False)
class Merge:
    """A result that is merged: what the layer held when that began, and how often it had changed by then."""

    plane: Plane
    result: NDArray[Any]
    encoding: LabelEncoding
    corrected: CorrectedPlane
    changes: int


Hold = Callable[[Plane, NDArray[Any], NDArray[np.bool_], LabelEncoding], None]


class Merging:
    """Merges one result at a time; the latest counts.

    Parameters
    ----------
    runner : Runner
        Of its own: a run goes on meanwhile.
    hold : callable
        Puts labels and certain pixels into the layer of a plane that has one.
    """

    def __init__(self, context: Context, runner: Runner, corrections: CorrectionsLayers, hold: Hold) -> None:
        self.jobs, self.runner, self.corrections, self._hold = context.jobs, runner, corrections, hold
        self._number = 0
        self._current: Merge | None = None
        self.jobs.on(Merged, self._on_merged)

    @property
    def busy(self) -> bool:
        """Whether a result is being merged."""
        return self._current is not None

    def start(self, plane: Plane, result: NDArray[Any], encoding: LabelEncoding) -> None:
        """Merge a result with what the layer holds for its plane; nothing where there is no layer."""
        self._current = None
        corrected = self.corrections.corrected(plane)
        if corrected is None:
            return
        self._number += 1
        self._current = Merge(plane, result, encoding, corrected, self.corrections.changes)
        job = partial(merged, self._current, self._number)
        self.jobs.submit(self.runner, job, partial(self._on_end, self._number), remedy=REMEDY)

    def finish(self) -> None:
        """Merge at once what is still being merged: it is about to be saved, or learnt from."""
        current, self._current = self._current, None
        corrected = None if current is None else self.corrections.corrected(current.plane)
        if current is not None and corrected is not None:
            labels, certain = encoded(current.result, corrected, current.encoding)
            self._hold(current.plane, labels, certain, current.encoding)

    def _on_merged(self, event: Merged) -> None:
        current = self._current
        if current is None or event.number != self._number:
            return
        if self._is_outdated(current):
            self.start(current.plane, current.result, current.encoding)
        else:
            self._current = None
            self._hold(current.plane, event.labels, event.certain, current.encoding)

    def _is_outdated(self, merge: Merge) -> bool:
        """Whether the user went on; the pixels tell of a stroke that has not ended."""
        labels = self.corrections.labels(merge.plane)
        unchanged = labels is not None and np.array_equal(labels, merge.corrected.labels)
        return self.corrections.changes != merge.changes or not unchanged

    def _on_end(self, number: int, error: BaseException | None) -> None:
        if error is not None and number == self._number:
            self._current = None


def merged(merge: Merge, number: int, should_stop: ShouldStop) -> Iterator[Merged]:
    """What the layer is to hold."""
    del should_stop  # short, and its result is wanted whatever comes next
    yield Merged(number, *encoded(merge.result, merge.corrected, merge.encoding))
