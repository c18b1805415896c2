"""The whole loop in a real viewer with the real trainer: segment, correct, fine-tune, keep, segment again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unetpp.files.models.model_list import list_models

LONG = 180_000


@pytest.mark.slow
@pytest.mark.parametrize("labels_as", ["corrections", "reviewed", "sparse"])
def test_the_loop(
    viewer: Any, image: np.ndarray, open_dock: Any, wait: Any, qtbot: Any, labels_as: str
) -> None:
    image = np.tile(image, (2, 2))
    viewer.add_image(image, name="cells")
    dock = open_dock()
    dock.controller.state.min_size = 0
    dock.form.head.segment_button.click()
    wait(dock)
    fold = dock.form.correct
    fold.correct_button.click()
    row = fold.labels_as_combo.findData(labels_as)
    fold.labels_as_combo.setCurrentIndex(row)
    fold.labels_as_combo.activated.emit(row)
    wait(dock)
    layer = viewer.layers["cells corrections"]
    layer.data_setitem(np.nonzero(image == 0), 1 if labels_as == "sparse" else 0)
    layer.data_setitem(np.nonzero(image > 0), 60000)
    fold.budget_spin.setValue(6)
    painted = layer.data.copy()
    fold.finetune_button.click()
    qtbot.waitUntil(lambda: dock.correcting.finetuning.busy, timeout=LONG)
    qtbot.waitUntil(
        lambda: not dock.correcting.finetuning.busy and fold.finetune_button.isEnabled(), timeout=LONG
    )
    assert dock.correcting.finetuning.done is not None, dock.form.head.message_label.text()
    done = dock.correcting.finetuning.done
    assert done.steps > 0 and dock.correcting.finetuning._points
    assert fold.scores_table.rowCount() == (0 if done.better is None else 4)
    fold.keep_button.click()
    qtbot.waitUntil(lambda: len(list_models()) == 2, timeout=LONG)
    qtbot.waitUntil(lambda: dock.controller.model.name != "tiny", timeout=LONG)
    wait(dock)
    kept = dock.controller.model
    assert dock.form.head.model_combo.currentText().startswith(kept.name)
    assert kept.provenance
    certain = dock.correcting.corrections.corrected(dock.controller.context.plane()).certain
    assert np.array_equal(viewer.layers["cells corrections"].data[certain], painted[certain])
