"""The dock: emits what the user does, shows what the controller says, decides nothing."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QComboBox, QFileDialog, QVBoxLayout

from napari_unetpp.files.models.model_list import list_models, scan_models
from napari_unetpp.gui.dock.charts import chart_tip
from napari_unetpp.gui.dock.correct_view import CorrectViewMixin
from napari_unetpp.gui.dock.form import DEVICE_TIP, Form
from napari_unetpp.gui.dock.widgets import quietly, show_number
from napari_unetpp.gui.layers.corrections_layers import NapariSheets
from napari_unetpp.gui.layers.layers import NapariLayers
from napari_unetpp.gui.settings import read_settings
from napari_unetpp.gui.tools.other_images import NapariOtherImages
from napari_unetpp.gui.tools.shortcuts import CLICK, CORRECT, NEXT, SEGMENT, Shortcuts
from napari_unetpp.gui.viewer_memory import memory_of
from napari_unetpp.gui.viewers import bare, window_around
from napari_unetpp.gui.worker import ThreadRunner, import_ahead
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.correct.controller import CorrectController
from napari_unetpp.session.correct.trainer import TorchTrainer
from napari_unetpp.session.ports import ViewSignals
from napari_unetpp.session.segment.cache import Workshop
from napari_unetpp.session.segment.engine import TorchEngine

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_unetpp._types import ModelInfo
    from napari_unetpp.session.display.image_description import ScaleShown
    from napari_unetpp.session.display.level_costs import ChartPoint
    from napari_unetpp.session.values import Contrast, ImageChoice, Interval, Rule, Tone

WIDTH = 300
AUTOSAVE_MS, AUTOSAVE_REST_MS = 120_000, 15_000
"""Corrections are saved every two minutes, and when the brush has rested for so long."""


class UnetppDock(CorrectViewMixin):
    """Segmentation with UNet++: pick an image, press Segment, slide the depth.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.setObjectName("unetpp_dock")
        self.setMinimumWidth(WIDTH)
        self.signals = ViewSignals()
        self.form = Form(self.signals)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.form)
        settings = read_settings()
        napari_viewer = bare(napari_viewer)
        self._layers = NapariLayers(napari_viewer, self)
        self._runner = ThreadRunner(self)
        self.controller = Controller(
            self,
            self._layers,
            self._runner,
            Workshop(TorchEngine(), budget_gb=settings.memory_budget_gb),
            models=list_models,
            settings=settings,
        )
        self.correcting = CorrectController(
            self.controller,
            sheets=NapariSheets(napari_viewer, self._layers, self),
            other_images=NapariOtherImages(napari_viewer),
            trainer=TorchTrainer(),
            learn_runner=ThreadRunner(self),
            file_runner=ThreadRunner(self),
            lessons=memory_of(napari_viewer).lessons,
        )
        self._shortcuts = Shortcuts(window_around(napari_viewer) or self)
        self._shortcuts.add(SEGMENT, self.form.segment_button.click)
        self._shortcuts.add(CORRECT, self.form.correct.correct_button.click)
        self._shortcuts.add(NEXT, self.form.next_button.click)
        self._shortcuts.add(CLICK, self.form.click_tool_button.click)
        self._autosave = QTimer(self)
        self._autosave.setInterval(AUTOSAVE_MS)
        self._autosave.timeout.connect(self.correcting.autosave)
        self._rested = QTimer(self)
        self._rested.setSingleShot(True)
        self._rested.setInterval(AUTOSAVE_REST_MS)
        self._rested.timeout.connect(self.correcting.autosave)
        self.correcting.sheets.signals.painted.connect(lambda _image: self._rested.start())
        self._started = self._docked = False
        self._connect()
        session = self.correcting, self.controller, self._shortcuts
        self._farewell = self.destroyed.connect(lambda: _close(*session))

    def _connect(self) -> None:
        form, signals = self.form, self.signals
        for combo, signal in (
            (form.image_combo, signals.image_chosen),
            (form.model_combo, signals.model_chosen),
            (form.device_combo, signals.device_chosen),
            (form.kind_combo, signals.kind_chosen),
            (form.input.contrast_combo, signals.contrast_chosen),
        ):
            combo.activated.connect(lambda _=0, c=combo, s=signal: s.emit(c.currentData()))
        # lambdas, because PySide6 looks at the signature of what it calls and drops what it cannot see
        form.depth.level_changed.connect(lambda level: signals.level_changed.emit(level))
        form.chart.level_clicked.connect(form.depth.slider.setValue)
        form.live_checkbox.toggled.connect(lambda on: signals.live_toggled.emit(on))
        form.split_checkbox.toggled.connect(lambda on: signals.split_toggled.emit(on))
        form.threshold_slider.valueChanged.connect(lambda v: signals.threshold_changed.emit(round(v, 2)))
        form.min_size_spin.valueChanged.connect(lambda size: signals.min_size_changed.emit(size))
        low, high = form.input.contrast_low_spin, form.input.contrast_high_spin
        for spin in (low, high):
            spin.valueChanged.connect(lambda _: signals.range_changed.emit((low.value(), high.value())))
        form.input.scale_spin.valueChanged.connect(lambda v: signals.scale_changed.emit(v or None))
        form.input.circle_button.toggled.connect(lambda on: signals.circle_toggled.emit(on))
        form.segment_button.clicked.connect(lambda: signals.segment_pressed.emit())
        form.stop_button.clicked.connect(lambda: signals.stop_pressed.emit())
        form.uncertainty_checkbox.toggled.connect(lambda on: signals.uncertainty_toggled.emit(on))
        form.depth_checkbox.toggled.connect(lambda on: signals.depth_toggled.emit(on))
        form.click_tool_button.toggled.connect(lambda on: signals.click_tool_toggled.emit(on))
        form.next_button.clicked.connect(lambda: signals.next_pressed.emit())
        form.save_button.clicked.connect(lambda: signals.save_pressed.emit())
        form.message_label.linkActivated.connect(lambda action: signals.offer_taken.emit(action))

    def sizeHint(self) -> QSize:
        return QSize(WIDTH + 20, 640)

    # ------------------------------------------------------------------- life

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._shortcuts.set_enabled(True)
        if not self._started:
            self._started = True
            QTimer.singleShot(0, self.start)  # first paint, then load

    def start(self) -> None:
        """Fill the pickers; the worker begins to load torch."""
        self._started = True
        self._runner.submit(import_ahead, lambda _event: None, lambda _error: None)
        self.controller.start()
        self.correcting.start()
        self._autosave.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._shortcuts.set_enabled(False)
        super().hideEvent(event)

    def event(self, event: QEvent) -> bool:
        # napari takes the widget out of a dock that is closed and forgets it, without a close event
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._docked = True
            elif self._docked:
                self.close_session()
        return super().event(event)

    def close_session(self) -> None:
        """Stop the worker and let go of the viewer."""
        if self._farewell is not None:
            with suppress(RuntimeError):  # the Qt half may be gone
                self.destroyed.disconnect(self._farewell)  # Qt would keep all of us alive
            self._farewell = None
        with suppress(RuntimeError):
            self._autosave.stop()
            self._rested.stop()
        _close(self.correcting, self.controller, self._shortcuts)

    # ------------------------------------------------- what the controller says

    def set_images(self, images: Sequence[ImageChoice], current: Hashable | None) -> None:
        _fill(self.form.image_combo, [(image.key, image.name) for image in images], current)
        if not images:
            self.form.image_combo.setPlaceholderText("no image")

    def set_image_note(self, text: str, tone: Tone) -> None:
        self.form.image_note.say(text, tone, faint=True)

    def set_models(self, models: Sequence[ModelInfo], current: str | None) -> None:
        from napari_unetpp.session.messages import restriction
        from napari_unetpp.session.values import model_key

        combo = self.form.model_combo
        _fill(combo, [(model_key(model), f"{model.name} – {model.task}") for model in models], current)
        for row, model in enumerate(models):
            licence = f"\nLicence: {model.licence}" if model.licence else ""
            combo.setItemData(row, (model.title or model.name) + licence, Qt.ItemDataRole.ToolTipRole)
        _name_skipped(combo)
        note = next((restriction(model) for model in models if model_key(model) == current), "")
        self.form.model_note.say(note, "warning")
        self.form.model_note.setVisible(bool(note))

    def set_devices(self, devices: Sequence[tuple[str, str]], current: str, note: str) -> None:
        _fill(self.form.device_combo, devices, current)
        self.form.device_note.say(note, "warning")
        self.form.device_note.setVisible(bool(note))

    def set_held(self, text: str) -> None:
        self.form.device_combo.setToolTip(f"{DEVICE_TIP}\n{text}")

    def set_levels(self, levels: Sequence[int], current: int) -> None:
        self.form.depth.set_levels(levels, current)

    def set_readout(self, text: str, tip: str) -> None:
        self.form.level_readout.say(text)
        self.form.level_readout.setToolTip(tip)

    def set_chart(self, points: Sequence[ChartPoint], current: int) -> None:
        self.form.chart.set_points(points, current)
        self.form.chart.setToolTip(chart_tip(points))
        self.form.chart.setAccessibleDescription(chart_tip(points))

    def set_live(self, live: bool) -> None:
        quietly(self.form.live_checkbox, "setChecked", live)

    def set_rule(self, rule: Rule, *, can_split: bool) -> None:
        form = self.form
        quietly(form.kind_combo, "setCurrentIndex", form.kind_combo.findData(rule.kind))
        if round(form.threshold_slider.value(), 2) != rule.threshold:
            quietly(form.threshold_slider, "setValue", rule.threshold)
        show_number(form.min_size_spin, rule.min_size)
        quietly(form.split_checkbox, "setChecked", rule.split)
        form.split_checkbox.setEnabled(can_split)
        form.min_size_spin.setEnabled(rule.kind == "labels")

    def set_scale(self, shown: ScaleShown) -> None:
        fold = self.form.input
        fold.scale_spin.set_auto(shown.auto)
        show_number(fold.scale_spin, shown.value or 0.0)
        fold.scale_note.say(shown.hint, shown.tone, faint=True)
        fold.circle_button.setEnabled(shown.circle)

    def set_contrast(self, contrast: Contrast, numbers: Interval, undisplayed: str) -> None:
        fold = self.form.input
        fold.set_undisplayed(undisplayed)
        quietly(fold.contrast_combo, "setCurrentIndex", fold.contrast_combo.findData(contrast))
        fold.set_numbers(*numbers)
        fold.show_numbers(contrast == "given")

    def set_range_used(self, text: str) -> None:
        self.form.input.contrast_note.say(text, faint=True)

    def open_input(self) -> None:
        self.form.input_fold.button.setChecked(True)

    def set_circle(self, shown: bool) -> None:
        quietly(self.form.input.circle_button, "setChecked", shown)
        self.form.input.circle_hint.setVisible(shown)

    def set_uncertainty(self, shown: bool) -> None:
        quietly(self.form.uncertainty_checkbox, "setChecked", shown)
        self.form.show_legends()

    def set_depth_shown(self, shown: bool) -> None:
        quietly(self.form.depth_checkbox, "setChecked", shown)
        self.form.show_legends()

    def set_can_segment(self, can: bool) -> None:
        self.form.segment_button.setEnabled(can)

    def set_can_save(self, can: bool) -> None:
        self.form.save_button.setEnabled(can)

    def set_progress(self, fraction: float | None, text: str) -> None:
        bar = self.form.progress_bar
        bar.setRange(0, 0 if fraction is None else 1000)
        if fraction is not None:
            bar.setValue(int(1000 * fraction))
        bar.setFormat(text)
        bar.setTextVisible(bool(text))

    def set_message(self, text: str, tone: Tone = "info", offers: Sequence[tuple[str, str]] = ()) -> None:
        self.form.message_label.say(text, tone, offers=offers)

    def ask_path(self, suggestion: Path) -> Path | None:
        chosen, _ = QFileDialog.getSaveFileName(
            self,
            "Save labels and table",
            str(suggestion),
            "Label image and CSV (*.tif)",
            options=QFileDialog.Option.DontConfirmOverwrite,  # a free name is chosen instead
        )
        return Path(chosen) if chosen else None


def _close(correcting: CorrectController, controller: Controller, shortcuts: Shortcuts) -> None:
    correcting.close()
    controller.close()
    shortcuts.close()


def _fill(combo: QComboBox, entries: Sequence[tuple[Hashable, str]], current: Hashable | None) -> None:
    """Show `entries`, select `current`; emits nothing."""
    blocked = combo.blockSignals(True)
    combo.clear()
    for key, text in entries:
        combo.addItem(text, key)
    keys = [key for key, _ in entries]
    combo.setCurrentIndex(keys.index(current) if current in keys else -1)
    combo.blockSignals(blocked)


def _name_skipped(combo: QComboBox) -> None:
    """Rows that cannot be chosen, for the model files that cannot be used; the tip says why."""
    found, current = scan_models(), combo.currentIndex()
    blocked = combo.blockSignals(True)
    for path, problem in zip(found.skipped, found.problems, strict=True):
        combo.addItem(f"{path.name} – not usable")
        combo.setItemData(combo.count() - 1, problem, Qt.ItemDataRole.ToolTipRole)
        combo.model().item(combo.count() - 1).setEnabled(False)
    combo.setCurrentIndex(current)  # the first row of an empty list would be chosen by itself
    combo.blockSignals(blocked)
