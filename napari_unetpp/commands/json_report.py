"""What `--json` writes: it replaces an earlier report of the same command, and no other file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from napari_unetpp._types import UsageError
from napari_unetpp.files.atomic import write_atomically

FIELDS: Mapping[str, frozenset[str]] = {
    "segment": frozenset({"input"}),
    "evaluate": frozenset({"model", "images", "levels", "best_level_here"}),
    "finetune": frozenset({"model", "parent", "levels", "history"}),
    "benchmark": frozenset({"model", "levels", "peak_gflops"}),
}
"""Fields by which a report of each command is known; that of `segment` is a list of entries with them."""


def check_report(path: Path | None, command: str) -> None:
    """Raise UsageError, before any work, where a report would replace something else."""
    if path is None or not path.is_file() or _may_be_replaced(path, command):
        return
    raise UsageError(
        f"--json names {path}, which is there and is no earlier report of '{command}'. "
        "Nothing else is replaced: give the name of a new file."
    )


def write_report(path: Path | None, command: str, content: object) -> None:
    """Write plain values as JSON, whole or not at all; raises UsageError as `check_report` does."""
    if path is None:
        return
    check_report(path, command)  # a result of this run may have the name
    text = json.dumps(content, indent=2) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()), overwrite=True)


def _may_be_replaced(path: Path, command: str) -> bool:
    """Whether a file is empty or a report of `command`."""
    try:
        with path.open("rb") as file:
            if file.read(1) not in (b"", b"[", b"{"):
                return False  # perhaps an image of gigabytes
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if text.strip() else []
    except (OSError, ValueError, RecursionError):
        return False
    entries = content if isinstance(content, list) and command == "segment" else [content]
    return content == [] or all(
        isinstance(entry, dict) and entry.keys() >= FIELDS[command] for entry in entries
    )
