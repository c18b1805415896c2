"""The upper part of the dock, always in sight: the pickers, the depth, the run, and what came of it."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QProgressBar, QPushButton, QScrollArea

from napari_unetpp.gui.dock.forms.fields import BAR, Field, Form, button, checkbox
from napari_unetpp.gui.dock.level_slider import LevelSlider
from napari_unetpp.gui.dock.widgets import Note
from napari_unetpp.gui.tools.shortcuts import SEGMENT
from napari_unetpp.session.ports import ViewSignals

DEVICE_TIP = "Where the network is computed"


class MessageArea(QScrollArea):
    """Room for a message of four lines: a longer one scrolls, so that nothing below it moves."""

    def __init__(self) -> None:
        super().__init__()
        self.label = Note(lines=4)
        self.label.setObjectName("message_label")
        self.label.setTextInteractionFlags(
            Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(self.label)
        self.setFixedHeight(self.label.minimumSizeHint().height())
        self.label.show_all()


def picker(name: str, tip: str, caption: str) -> Field:
    """Not magicgui's combo box: the entries are set anew all the time, some with a tip or disabled."""
    return Field(f"{name}_combo", QComboBox, tip, caption=caption, spoken=caption.replace("&", ""))


class Head(Form):
    """Image, model, device and depth; Segment, Live and Stop; progress and message."""

    image_combo: QComboBox
    image_note: Note
    file_note: Note
    model_combo: QComboBox
    model_note: Note
    device_combo: QComboBox
    device_note: Note
    levels: LevelSlider
    level_readout: Note
    segment_button: QPushButton
    live_checkbox: QCheckBox
    stop_button: QPushButton
    progress_bar: QProgressBar
    message_area: MessageArea

    FIELDS = (
        picker("image", "Image layer to segment", "&Image"),
        Field("image_note", Note, options={"lines": 2}),
        Field("file_note", Note, shown=False),
        picker("model", "What the network was trained to find", "&Model"),
        Field("model_note", Note, caption="", shown=False),
        picker("device", DEVICE_TIP, "&Device"),
        Field("device_note", Note, caption="", shown=False),
        Field("levels", LevelSlider, caption="De&pth"),
        Field("level_readout", Note),
        button(
            "segment", f"Segment  ({SEGMENT})", f"Segment the displayed plane at the chosen depth ({SEGMENT})"
        ),
        checkbox(
            "live",
            "Live",
            "Segment again when the slider goes deeper, the scale or the contrast changes, or another plane"
            " is displayed",
            beside=True,
        ),
        button(
            "stop",
            "Stop",
            "Stop the segmentation or, where none runs, the fine-tuning",
            beside=True,
            stretch=0,
            enabled=False,
        ),
        Field("progress_bar", QProgressBar, qt=BAR),
        Field("message_area", MessageArea),
    )

    def __init__(self, signals: ViewSignals) -> None:
        super().__init__(signals)
        self.message_label = self.message_area.label
        self.message_label.linkActivated.connect(lambda action: signals.offer_taken.emit(action))
        self.levels.level_changed.connect(lambda level: signals.level_changed.emit(level))
        self.grid.setContentsMargins(8, 8, 8, 4)
        self.grid.setAlignment(self.captions["levels"], Qt.AlignmentFlag.AlignTop)
