"""There is room for what the dock says, in napari's font."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def dock(viewer: Any, open_dock: Any, qtbot: Any) -> Any:
    viewer.window._qt_window.resize(1366, 740)
    viewer.window._qt_window.show()
    dock = open_dock()
    qtbot.wait(100)
    return dock


def test_a_message_of_four_lines_does_not_scroll(dock: Any, qtbot: Any) -> None:
    """The height was that of four lines of another font: the offer to restore had a scroll bar."""
    dock.set_message("one\ntwo\nthree", "warning", [("restore", "restore:1"), ("delete", "restore:0")])
    qtbot.wait(50)
    area = dock.form.head.message_area
    assert area.verticalScrollBar().maximum() == 0
    assert area.height() < 5 * dock.form.head.message_label.fontMetrics().height() + 4


def test_the_heading_of_correct_is_not_covered_by_its_count(dock: Any, qtbot: Any) -> None:
    dock.open_correct()
    dock.set_correction_count("128 corrections, 12 images", can_forget=True)
    qtbot.wait(50)
    button, count = dock.form.correct_fold.button, dock.form.correct.count
    assert count.isVisible() and count.x() >= button.fontMetrics().horizontalAdvance(button.text())
    label = dock.form.correct.correction_count_label
    assert label.width() >= label.sizeHint().width()
