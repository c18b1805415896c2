"""Memory of a soak: with the dock closed, and how much of its growth is napari's own.

What counts is the memory in use, as the C library tells it (glibc; elsewhere the resident memory). Resident
memory is larger by pages that are in use in part only: how many depends on how threads happened to meet.
"""

from __future__ import annotations

import ctypes
import gc
import threading
from typing import Any, NamedTuple

import numpy as np
import psutil

PAIRS = 30
"""Images and labels that are added and deleted to measure what napari keeps of them."""


def workers() -> list[str]:
    """Threads of ours, and processes."""
    threads = [one.name for one in threading.enumerate() if one.name.startswith("unetpp")]
    return threads + [one.name() for one in psutil.Process().children()]


class Memory(NamedTuple):
    """In MB."""

    resident: float
    in_use: float


class _Mallinfo(ctypes.Structure):
    NAMES = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in NAMES.split()]


def memory() -> Memory:
    """Memory now, without what the C library keeps for later."""
    from napari_unetpp.engine.memory import release_free_memory

    gc.collect()
    release_free_memory()
    resident = psutil.Process().memory_info().rss / 1e6
    try:
        tell = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError, TypeError):
        return Memory(round(resident, 1), round(resident, 1))
    tell.restype = _Mallinfo
    told = tell()
    return Memory(round(resident, 1), round((told.uordblks + told.hblkhd) / 1e6, 1))


def warm_up(sitting: Any) -> None:
    """Do once what loads packages and models: each model, a correction, fine-tuning."""
    combo = sitting.form.head.model_combo
    for row in range(combo.count()):
        combo.setCurrentIndex(row)
        combo.activated.emit(row)
        sitting.segment()
        sitting.rest()
    sitting.correct()
    sitting.rest()
    while not sitting.paint():
        sitting.spin(0.1)
    sitting.finetune()
    sitting.rest()
    sitting.form.correct.keep_button.click()
    sitting.rest()


def at_rest(sitting: Any) -> Memory:
    """Memory with the dock closed and one image open; then the dock is opened again."""
    sitting.form.head.stop_button.click()
    sitting.rest()
    sitting.form.correct.discard_button.click()
    sitting.dock.correcting.forgetting.answer("all")
    sitting.only_one_image()
    sitting.rest()
    sitting.remove_dock()
    sitting.wait(lambda: not workers(), "workers are alive")  # what Keep has begun
    sitting.spin(0.5)
    used = memory()
    sitting.open_dock()
    sitting.rest()
    return used


def kept_by_napari(sitting: Any) -> float:
    """MB that napari keeps of each layer that was added and deleted; the dock is closed."""
    sitting.only_one_image()
    sitting.remove_dock()
    sitting.wait(lambda: not workers(), "workers are alive")
    layers, before = sitting.viewer.layers, memory()
    for number in range(PAIRS):
        pixels = np.random.default_rng(number).integers(0, 255, (384, 384), np.uint8)
        for layer in (sitting.viewer.add_image(pixels), sitting.viewer.add_labels(pixels // 25)):
            sitting.spin(0.1)
            layers.remove(layer)
        sitting.spin(0.05)
    kept = (memory().in_use - before.in_use) / (2 * PAIRS)
    sitting.open_dock()
    return kept
