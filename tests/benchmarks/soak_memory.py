"""Resident memory of a soak: with the dock closed, and how much of its growth is napari's own."""

from __future__ import annotations

import gc
import threading
from typing import Any

import numpy as np
import psutil

PAIRS = 30
"""Images and labels that are added and deleted to measure what napari keeps of them."""


def workers() -> list[str]:
    """Threads of ours, and processes."""
    threads = [one.name for one in threading.enumerate() if one.name.startswith("unetpp")]
    return threads + [one.name() for one in psutil.Process().children()]


def resident() -> float:
    """Resident memory, in MB, without what the C library keeps for later."""
    from napari_unetpp.engine.memory import release_free_memory

    gc.collect()
    release_free_memory()
    return float(psutil.Process().memory_info().rss) / 1e6


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


def at_rest(sitting: Any) -> float:
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
    used = resident()
    sitting.open_dock()
    sitting.rest()
    return used


def kept_by_napari(sitting: Any) -> float:
    """MB that napari keeps of each layer that was added and deleted; the dock is closed."""
    sitting.only_one_image()
    sitting.remove_dock()
    sitting.wait(lambda: not workers(), "workers are alive")
    layers, before = sitting.viewer.layers, resident()
    for number in range(PAIRS):
        pixels = np.random.default_rng(number).integers(0, 255, (384, 384), np.uint8)
        for layer in (sitting.viewer.add_image(pixels), sitting.viewer.add_labels(pixels // 25)):
            sitting.spin(0.1)
            layers.remove(layer)
        sitting.spin(0.05)
    kept = (resident() - before) / (2 * PAIRS)
    sitting.open_dock()
    return kept
