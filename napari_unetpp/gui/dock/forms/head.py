"""The upper part of the dock, always in sight: the pickers, the depth, the run, and what came of it."""

from __future__ import annotations

from dataclasses import replace

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QPushButton

from napari_unetpp.gui.dock.forms.fields import BAR, Field, Form, button, checkbox
from napari_unetpp.gui.dock.forms.message_area import MessageArea
from napari_unetpp.gui.dock.forms.picker import Picker
from napari_unetpp.gui.dock.forms.planes import AxesRow, SpansRow, show_channels, show_link, show_planes
from napari_unetpp.gui.dock.level_slider import LevelSlider
from napari_unetpp.gui.dock.menu.button import MenuButton
from napari_unetpp.gui.dock.widgets import Note, ProgressBar
from napari_unetpp.gui.tools.shortcuts import SEGMENT
from napari_unetpp.session.ports import ViewSignals
from napari_unetpp.session.stacks.values import StackShown

MENU_TIP = "Own models, export, the model card; the command of the result; files, diagnostics"

IMAGE_TIP = "Image layer to segment"
MODEL_TIP = "What the network was trained to find"
DEVICE_TIP = "Where the network is computed"


def picker(name: str, tip: str, caption: str) -> Field:
    """Not magicgui's combo box: the entries are set anew all the time, some with a tip or disabled."""
    return Field(f"{name}_combo", Picker, tip, caption=caption, spoken=caption.replace("&", ""))


class Head(Form):
    """Image, model, device and depth; Segment, Live and Stop; progress and message."""

    image_combo: QComboBox
    image_note: Note
    file_note: Note
    axes_row: AxesRow
    channel_combo: QComboBox
    planes_combo: QComboBox
    spans_row: SpansRow
    stitch_checkbox: QCheckBox
    track_checkbox: QCheckBox
    planes_note: Note
    model_combo: QComboBox
    model_menu: MenuButton
    model_note: Note
    device_combo: QComboBox
    device_note: Note
    levels: LevelSlider
    level_readout: Note
    segment_button: QPushButton
    live_checkbox: QCheckBox
    stop_button: QPushButton
    progress_bar: ProgressBar
    message_area: MessageArea

    FIELDS = (
        picker("image", IMAGE_TIP, "&Image"),
        Field("image_note", Note, options={"lines": 2}),
        Field("file_note", Note, shown=False),
        Field("axes_row", AxesRow, caption="Axes", shown=False),
        Field(
            "channel_combo",
            QComboBox,
            "Which channel is displayed and segmented",
            caption="C&hannel",
            spoken="Channel",
            shown=False,
        ),
        replace(picker("model", MODEL_TIP, "&Model"), stretch=1),
        Field("model_menu", MenuButton, MENU_TIP, beside=True, spoken="Menu of models"),
        Field("model_note", Note, caption="", shown=False),
        picker("device", DEVICE_TIP, "&Device"),
        Field("device_note", Note, caption="", shown=False),
        Field("levels", LevelSlider, caption="De&pth"),
        Field("level_readout", Note, options={"lines": 2}),
        Field(
            "planes_combo",
            QComboBox,
            "What Segment segments: the displayed plane; all planes or a range of them, with one range of"
            " intensities and one scale; or a projection along depth. Takes the time of all planes",
            caption="&Planes",
            spoken="Planes",
            shown=False,
            stretch=1,
        ),
        checkbox(
            "stitch",
            "link Z",
            "Objects that overlap in neighbouring planes of depth get one number",
            beside=True,
            shown=False,
        ),
        checkbox(
            "track",
            "link T",
            "Objects that overlap in successive frames get one number; shown as tracks, too",
            beside=True,
            shown=False,
        ),
        Field("spans_row", SpansRow, caption="Range", shown=False),
        Field("planes_note", Note, shown=False, options={"lines": 2}),
        button(
            "segment",
            f"Segment  ({SEGMENT})",
            f"Segment what is displayed at the chosen depth; above stands how long it takes ({SEGMENT})",
        ),
        checkbox(
            "live",
            "Live",
            "Segment again when the slider goes deeper, the scale or the contrast changes, or another plane"
            " is displayed. Each time takes as long as Segment does",
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
        Field("progress_bar", ProgressBar, qt=BAR),
        Field("message_area", MessageArea),
    )

    def __init__(self, signals: ViewSignals) -> None:
        super().__init__(signals)
        self.message_label = self.message_area.label
        self.message_label.linkActivated.connect(lambda action: signals.offer_taken.emit(action))
        self.message_area.step.linkActivated.connect(lambda _action: signals.steps_hidden.emit())
        self.model_menu.chosen.connect(lambda name: getattr(signals, f"{name}_pressed").emit())
        self.axes_row.chosen.connect(signals.axis_chosen.emit)
        self.spans_row.changed.connect(signals.span_changed.emit)
        for name in ("axes_row", "channel_combo", "planes_combo", "spans_row"):
            self.captions[name].hide()
        self.levels.level_changed.connect(lambda level: signals.level_changed.emit(level))
        self.grid.setContentsMargins(8, 8, 8, 4)
        self.grid.setAlignment(self.captions["levels"], Qt.AlignmentFlag.AlignTop)

    def set_stack(self, shown: StackShown) -> None:
        """Show the pickers of an image of several planes; hidden for others."""
        self.axes_row.set_axes(shown.axes)
        for widget in (self.axes_row, self.captions["axes_row"]):
            widget.setVisible(bool(shown.axes))
        show_channels(self.channel_combo, self.captions["channel_combo"], shown)
        show_planes(self.planes_combo, self.captions["planes_combo"], shown)
        self.spans_row.set_spans(shown.spans)
        for row in (self.spans_row, self.captions["spans_row"]):
            row.setVisible(bool(shown.spans))
        show_link(self.stitch_checkbox, shown.stitch)
        show_link(self.track_checkbox, shown.track)
        self.planes_note.show_text(shown.note, faint=True)
        self.planes_note.setVisible(bool(shown.note))
