"""Output and options that several commands share."""

from __future__ import annotations

import argparse
from typing import Any, Literal

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.commands.console import Console
from napari_unetpp.engine.memory import is_out_of_memory

console = Console()
say, tell, progress = console.say, console.tell, console.progress


def sentence(error: Exception) -> str:
    """An error in words."""
    if isinstance(error, UnetppError):
        return str(error)
    if is_out_of_memory(error):
        return "not enough memory"
    return f"unexpected {type(error).__name__}: {error} (--debug shows where)"


def size_options(args: argparse.Namespace, info: ModelInfo) -> dict[str, Any]:
    """Scale, diameter and range as given; raises UsageError, before any work, if they are not valid."""
    from napari_unetpp.engine.input.scale import check_range, check_size, scale_number

    scale: float | Literal["auto"] = args.scale or "auto"
    check_size(info, scale=scale_number(scale), diameter=args.diameter)
    return {"scale": scale, "diameter": args.diameter, "range": check_range(args.range)}
