"""The recorded runs, and what two systems differ by."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import Any

from comparison import plan

MARGIN = 0.01
"""Smaller differences of a score count as none, as in the choice of the recommended level."""

SPEED = "speed.json"
"""The file of the speeds, beside the records."""

LEARNED = 0.5
"""A data set counts only when some network reached this mean Dice on it; else all of them are guessing."""

UNTOLD = "not learned"

Record = Mapping[str, Any]
Values = Mapping[int, float]
"""A figure by seed."""


def write(path: Path, record: Record) -> None:
    """Write a record whole or not at all."""
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(partial, path)


def is_done(path: Path, settings: plan.Settings) -> bool:
    """Whether a run has its record; one with other settings stops the command."""
    if not path.exists():
        return False
    recorded = json.loads(path.read_text())["settings"]
    if recorded != settings.plain():
        raise SystemExit(
            f"{path} was made with {recorded}, but this command asks for {settings.plain()}. "
            "Give other settings another --out."
        )
    return True


class Records:
    """Records by data set and system, seeds in order.

    Parameters
    ----------
    records : sequence of mappings
        What `one_run.run` returned.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self._runs: dict[tuple[str, str], dict[int, Record]] = {}
        for record in sorted(records, key=lambda r: int(r["seed"])):
            self._runs.setdefault((record["data"], record["system"]), {})[int(record["seed"])] = record

    @classmethod
    def read(cls, folder: Path) -> Records:
        """All records of a folder; the file of the speeds is none."""
        files = sorted(path for path in folder.glob("*_*.json"))
        return cls([json.loads(path.read_text()) for path in files])

    def __iter__(self) -> Iterator[Record]:
        return (record for runs in self._runs.values() for record in runs.values())

    def data(self) -> list[str]:
        """Data sets with records, in the order of the plan."""
        known = {data for data, _ in self._runs}
        return [name for name in (*plan.DATA_SETS, plan.DSB96) if name in known]

    def systems(self, data: str) -> list[str]:
        """Systems with records on a data set: those of the plan in its order, then any others."""
        known = [system for name, system in self._runs if name == data]
        return [name for name in plan.ALL if name in known] + sorted(set(known) - set(plan.ALL))

    def runs(self, data: str, system: str) -> list[Record]:
        """The records of one system, by seed; empty without any."""
        return list(self._runs.get((data, system), {}).values())

    def levels(self, data: str, system: str) -> list[str]:
        """The levels of a system that were scored."""
        runs = self.runs(data, system)
        return list(runs[0]["levels"]) if runs else []

    def learned(self, data: str) -> bool:
        """Whether any level of any network reached the Dice `LEARNED` on a data set, over its seeds."""
        return any(
            mean(dice.values()) >= LEARNED
            for system in self.systems(data)
            for level in self.levels(data, system)
            if (dice := self.values(data, system, level, "dice"))
        )

    def difference(self, data: str, a: tuple[str, str], b: tuple[str, str]) -> Difference | None:
        """IoU of `a` minus that of `b`, both (system, level); None where one has no record."""
        return difference(
            self.values(data, *a, "iou"),
            self.values(data, *b, "iou"),
            learned=self.learned(data),
            margin=self.chance(data),
        )

    def chance(self, data: str) -> float:
        """What two runs of one network differ by on a data set, at least `MARGIN`.

        The mean, over all systems, of the distance between the IoU of two seeds at the deepest level.
        """
        gaps = [
            abs(a - b)
            for system in self.systems(data)
            for a, b in combinations(
                self.values(data, system, self.levels(data, system)[-1], "iou").values(), 2
            )
        ]
        return max(MARGIN, mean(gaps)) if gaps else MARGIN

    def values(self, data: str, system: str, level: str, name: str) -> dict[int, float]:
        """A figure of one level by seed; empty where there is none."""
        runs = self._runs.get((data, system), {})
        found = {seed: r["levels"].get(level, {}).get(name) for seed, r in runs.items()}
        return {seed: value for seed, value in found.items() if value is not None}


@dataclass(frozen=True)
class Difference:
    """What a figure of one system has more than that of another, over the seeds that both have.

    Attributes
    ----------
    mean, low, high : float
        Over seeds.
    seeds : int
    learned : bool
        Whether the networks had learned anything to compare.
    margin : float
        What the mean must exceed to count.
    """

    mean: float
    low: float
    high: float
    seeds: int
    learned: bool = True
    margin: float = MARGIN

    @property
    def verdict(self) -> str:
        """``higher`` or ``lower`` when every seed says so and the mean exceeds the margin; else not clear."""
        if not self.learned:
            return UNTOLD
        if self.low > 0 and self.mean > self.margin:
            word = "higher"
        elif self.high < 0 and self.mean < -self.margin:
            word = "lower"
        else:
            word = "no clear difference"
        return word if self.seeds > 1 else f"{word} (one seed)"

    def text(self) -> str:
        """As ``+0.012 (-0.001 to +0.025)``."""
        spread = f" ({self.low:+.3f} to {self.high:+.3f})" if self.seeds > 1 else ""
        return f"{self.mean:+.3f}{spread}"


def difference(a: Values, b: Values, *, learned: bool = True, margin: float = MARGIN) -> Difference | None:
    """How much higher `a` is than `b`, seed by seed; None without a seed that both have."""
    each = [a[seed] - b[seed] for seed in sorted(a.keys() & b.keys())]
    return Difference(mean(each), min(each), max(each), len(each), learned, margin) if each else None


def spread(values: Values) -> str:
    """Mean over seeds, and half of the range between them, as ``0.712 ± 0.008``."""
    if not values:
        return "-"
    numbers = list(values.values())
    half = f" ± {(max(numbers) - min(numbers)) / 2:.3f}" if len(numbers) > 1 else ""
    return f"{mean(numbers):.3f}{half}"
