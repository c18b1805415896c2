"""The dock as a user finds it: the shipped model, a shipped sample, all depths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from napari_unetpp.files.models.model_list import SHIPPED
from napari_unetpp.gui import samples


@pytest.mark.skipif(not (SHIPPED / "nuclei.safetensors").exists(), reason="no model is shipped")
def test_a_sample_is_segmented_at_every_depth(viewer: Any, dock_opener: Callable[[], Any], wait: Any) -> None:
    ((data, options, _),) = samples.sparse_fluorescence()
    viewer.add_image(data, **options)
    dock = dock_opener()
    assert dock.form.head.model_combo.currentText().startswith("nuclei")
    dock.form.head.segment_button.click()
    wait(dock)
    for level in (1, 2, 3, 4):
        dock.form.head.levels.slider.setValue(level)
        wait(dock)
        assert f"L{level}" in dock.form.head.message_label.text()
        labels = viewer.layers[-1].data
        assert labels.shape == data.shape[:2] and labels.max() >= 3
        assert (labels > 0).mean() < 0.5, "most of a sparse image is background"
