"""Plain text for people: counts with their noun, scores, tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def counted(count: int, noun: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def number(value: float | None, digits: int) -> str:
    """A number with so many digits; what is undefined is a dash, never 0."""
    return "-" if value is None else f"{value:.{digits}f}"


def table(rows: Iterable[Sequence[str]]) -> str:
    """Columns padded to equal width, two spaces between them."""
    rows = [tuple(row) for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
