"""The log of a training as JSON lines: one object a line, on disk as soon as it is told."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_unetpp._types import UnetppError
from napari_unetpp.files.atomic import write_atomically


class JsonLines:
    """Appends to a file; None: to nothing.

    Parameters
    ----------
    path : Path or None
    step : int or None
        None: the file begins anew. Else a run goes on at this step: what is in the file stays, but for lines
        of later steps, which the run will tell again.
    """

    def __init__(self, path: Path | None, step: int | None = None) -> None:
        self.path = path
        if path is None:
            return
        kept = _lines_until(path, step) if step is not None and path.exists() else []
        write_atomically(path, lambda file: file.write("".join(kept).encode()), overwrite=True)

    def tell(self, content: Mapping[str, Any]) -> None:
        """Append one line."""
        if self.path is None:
            return
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(content, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _lines_until(path: Path, step: int) -> list[str]:
    kept = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(keepends=True), start=1):
        if not line.endswith("\n"):  # the run was killed while it wrote this
            break
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, TypeError, KeyError) as error:
            raise UnetppError(
                f"{path}, line {number}, is not of a training's log ({error}); give another --json file."
            ) from error
    return kept
