"""Objects keep their number, and so their colour, from the former model's result to that of the kept one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_unetpp.files.models.model_list import SHIPPED
from napari_unetpp.gui import samples

LONG = 180_000
SAME = 0.9
"""Of what two objects cover together, if they count as the same one."""


def same_objects(before: np.ndarray, now: np.ndarray) -> list[tuple[int, int]]:
    """Numbers before and now of objects that did not change."""
    pairs = []
    for number in np.setdiff1d(np.unique(now), [0]):
        own = now == number
        values, counts = np.unique(before[own], return_counts=True)
        best = values[counts.argmax()]
        if best and counts.max() >= SAME * np.count_nonzero(own | (before == best)):
            pairs.append((int(best), int(number)))
    return pairs


@pytest.mark.slow
@pytest.mark.skipif(not (SHIPPED / "nuclei.safetensors").exists(), reason="no model is shipped")
def test_unchanged_objects_keep_their_colour_over_keep(
    viewer: Any, dock_opener: Callable[[], Any], wait: Any, qtbot: Any
) -> None:
    ((data, options, _),) = samples.dense_fluorescence()
    viewer.add_image(np.asarray(data)[:256, :320], **(options | {"name": "cells"}))
    dock = dock_opener()
    dock.controller.state.scale, dock.controller.state.level = 1.0, 2
    dock.form.head.segment_button.click()
    wait(dock)
    fold, learning = dock.form.correct, dock.correcting.finetuning
    fold.correct_button.click()
    seen = viewer.layers["cells corrections"]
    erased = int(seen.data[seen.data > 0][0])
    seen.data_setitem(np.nonzero(seen.data == erased), 0)
    seen.data_setitem(tuple(np.indices((9, 9)).reshape(2, -1) + 120), 60000)
    fold.budget_spin.setValue(5)
    fold.finetune_button.click()
    qtbot.waitUntil(lambda: learning.done is not None, timeout=LONG)
    results = viewer.layers["cells prediction"], seen
    before = [layer.data.copy() for layer in results]
    former = dock.controller.state.model
    fold.keep_button.click()
    qtbot.waitUntil(lambda: dock.controller.state.model != former, timeout=LONG)
    wait(dock)
    assert dock.controller.runs.shown.model.provenance["parent"] == former
    for layer, old in zip(results, before, strict=True):
        pairs = same_objects(old, layer.data)
        kept = sum(one == other for one, other in pairs)
        assert len(pairs) > 20 and kept >= 0.95 * len(pairs), (layer.name, kept, len(pairs))
