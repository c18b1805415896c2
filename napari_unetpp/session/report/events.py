"""Events of jobs that gather what a report says."""

from __future__ import annotations

from dataclasses import dataclass

from napari_unetpp.session.report.command import Input, Made


@dataclass(frozen=True, eq=False)
class CommandFound:
    """Where the command of a result finds its image, and notes on what it does not repeat."""

    made: Made
    image: Input
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A text for a report."""

    text: str


ReportEvent = CommandFound | Diagnosed
