"""The time limit of a fine-tuning, which starts when images and model are in memory."""

from __future__ import annotations

import time
from math import inf


class Budget:
    """A clock, which starts now, and a limit.

    Parameters
    ----------
    limit : float or None
        Seconds in all, preparation and scoring included; None: no limit.

    Attributes
    ----------
    reserve : float
        Seconds reserved for what follows the last step.
    """

    def __init__(self, limit: float | None) -> None:
        self.limit = inf if limit is None else limit
        self.reserve = 0.0
        self._begun = self._learning = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    def start_learning(self) -> None:
        """End of preparation: `learned` counts from here."""
        self._learning = time.monotonic()

    @property
    def learned(self) -> float:
        """Share of the time for learning that is used up; may exceed 1. 0 without a limit."""
        left = self.limit - self.reserve - (self._learning - self._begun)
        return (time.monotonic() - self._learning) / max(left, 1e-6)

    def affords(self, share: float, seconds_each: float) -> float:
        """How many pixels, each of `seconds_each`, fit into a share of the limit."""
        return share * self.limit / max(seconds_each, 1e-12)
