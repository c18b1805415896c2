"""The widget in which napari shows features: kept quick."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QTableView

from napari_unetpp.gui.compat import main_window

WIDGET = "PandasView"
"""What napari calls its view of such a table."""

ROWS = 40


def fit_columns_to_few_rows(viewer: Any) -> None:
    """Let open tables of features fit the widths of their columns to some rows only.

    napari fits them to all rows whenever the features change, which for 500 objects takes the window a
    third of a second.
    """
    window = main_window(viewer)
    for view in [] if window is None else window.findChildren(QTableView):
        header = view.horizontalHeader()
        if type(view).__name__ == WIDGET and header is not None:
            header.setResizeContentsPrecision(ROWS)
