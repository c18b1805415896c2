"""The fold Result: how objects are made of the probabilities, and what is laid over the image."""

from __future__ import annotations

from magicgui.widgets import ComboBox
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QPushButton, QSpinBox

from napari_unetpp.gui.dock.forms.fields import Field, Form, button, checkbox
from napari_unetpp.gui.dock.forms.threshold import ThresholdSlider
from napari_unetpp.gui.dock.widgets import Note
from napari_unetpp.gui.layers.overlay import DEPTH_LEGEND, UNCERTAINTY_LEGEND
from napari_unetpp.gui.tools.shortcuts import CLICK, NEXT

SAVE_TIP = (
    "Write the result and a table of its objects, also with the probability, or outlines for other programs;"
    " nothing is overwritten"
)


SIZE = {
    "range": (0, 1_000_000),
    "keyboardTracking": False,
    "buttonSymbols": QSpinBox.ButtonSymbols.NoButtons,  # two of them fit side by side
    "styleSheet": "min-width: 50px",  # napari's is too wide
    "alignment": Qt.AlignmentFlag.AlignLeft,
}
"""Of a number of pixels."""


class ResultForm(Form):
    """Kind, threshold, sizes, splitting, holes, border; overlays; click tool; saving."""

    kind_combo: QComboBox
    threshold_slider: ThresholdSlider
    min_size_spin: QSpinBox
    max_size_spin: QSpinBox
    split_checkbox: QCheckBox
    fill_holes_checkbox: QCheckBox
    drop_border_checkbox: QCheckBox
    uncertainty_checkbox: QCheckBox
    depth_checkbox: QCheckBox
    next_button: QPushButton
    legend_label: Note
    click_tool_button: QPushButton
    save_button: QPushButton

    FIELDS = (
        Field(
            "kind_combo",
            ComboBox,
            "Objects in colours, or foreground in one",
            caption="Sh&ow",
            spoken="Show",
            options={"choices": ("labels", "mask")},
        ),
        Field(
            "threshold_slider",
            ThresholdSlider,
            "Foreground probability from which a pixel counts; acts at once, the network does not run again",
            caption="&Threshold",
            spoken="Threshold",
            convert=lambda value: round(value, 2),
        ),
        Field(
            "min_size_spin",
            QSpinBox,
            "Objects of fewer pixels are dropped",
            caption="Size, p&x",
            spoken="Minimum size",
            stretch=1,
            qt={"prefix": "≥ ", **SIZE},
        ),
        Field(
            "max_size_spin",
            QSpinBox,
            "Objects of more pixels are dropped; the lowest value: none are",
            spoken="Maximum size",
            beside=True,
            convert=lambda size: size or None,
            stretch=1,
            qt={"prefix": "≤ ", "specialValueText": "no limit", **SIZE},
        ),
        checkbox("split", "Split", "Tell touching objects apart"),
        checkbox("fill_holes", "Fill holes", "Fill background that one object encloses", beside=True),
        checkbox(
            "drop_border",
            "Drop at border",
            "Drop objects that touch the border of the image: they are cut off",
            beside=True,
            stretch=1,
        ),
        checkbox(
            "uncertainty",
            "Uncertainty",
            "Highlight what the model is not sure of; the network does not run again",
        ),
        checkbox(
            "depth",
            "Auto levels",
            "Colour the places where Auto went deeper; at a fixed depth nothing",
            beside=True,
            stretch=1,
        ),
        button(
            "next",
            f"Next  ({NEXT})",
            f"Go to the most uncertain place that you have neither seen nor corrected ({NEXT})",
            beside=True,
            stretch=0,
        ),
        Field("legend_label", Note, shown=False),
        button(
            "click_tool",
            f"Click tool  ({CLICK})",
            "Click an object to add it to the corrections, Shift+click to remove one, drag a box to add all"
            " inside; also before anything was segmented: then a small part around the click is computed"
            f" ({CLICK})",
            checkable=True,
        ),
        button(
            "save",
            "Save labels + CSV",
            SAVE_TIP,
            beside=True,
            enabled=False,
        ),
    )

    def show_legends(self) -> None:
        """Say what the colours of the overlays mean that are shown."""
        legends = ((self.uncertainty_checkbox, UNCERTAINTY_LEGEND), (self.depth_checkbox, DEPTH_LEGEND))
        shown = [legend for box, legend in legends if box.isChecked()]
        self.legend_label.setText("<br>".join(shown))
        self.legend_label.setVisible(bool(shown))
