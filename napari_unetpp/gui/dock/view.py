"""The dock's half of `session.ports.View`: shows what the controller says."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QComboBox, QFileDialog
from superqt.utils import signals_blocked

from napari_unetpp._types import ModelInfo
from napari_unetpp.files.models.model_list import scan_models
from napari_unetpp.files.objects.formats import FORMATS, file_name_for, suffix_of
from napari_unetpp.gui.dock.charts import chart_tip
from napari_unetpp.gui.dock.forms.fields import select, set_checked, show_fraction, show_number
from napari_unetpp.gui.dock.forms.head import DEVICE_TIP, IMAGE_TIP, MODEL_TIP
from napari_unetpp.gui.dock.forms.result import SAVE_TIP
from napari_unetpp.gui.dock.menu.view import MenuDockView
from napari_unetpp.session.display.costs import ChartPoint
from napari_unetpp.session.messages.image import ScaleShown
from napari_unetpp.session.messages.models import restriction
from napari_unetpp.session.ports import ViewSignals
from napari_unetpp.session.stacks.values import VIEW, StackShown
from napari_unetpp.session.values import Contrast, ImageChoice, Interval, Rule, Tone, model_key

LABELS_AND_TABLE = "Label image and CSV (*.tif)"
WITH_PROBABILITY = "Label image, CSV and probability (*.tif)"
OUTLINES = {f"Outlines for {kind.program} (*{suffix_of(name)})": name for name, kind in FORMATS.items()}
"""Kinds of files that Save offers, and what their formats are called."""


class DockView(MenuDockView):
    """Sets the widgets of the head, the chart, and the folds Input and Result; emits nothing by that."""

    signals: ViewSignals
    _saved_as = LABELS_AND_TABLE  # what Save wrote last

    def set_images(self, images: Sequence[ImageChoice], current: Hashable | None) -> None:
        combo = self.form.head.image_combo
        _fill(combo, [(image.key, image.name) for image in images], current)
        combo.setToolTip(_with_choice(IMAGE_TIP, combo))
        if not images:
            combo.setPlaceholderText("no image")

    def set_image_note(self, text: str, tone: Tone) -> None:
        self.form.head.image_note.show_text(text, tone, faint=True)

    def set_regions(self, choices: Sequence[ImageChoice], current: Hashable | None) -> None:
        shapes = [(one.key, one.name) for one in choices]
        _fill(self.form.input.region_combo, [(None, "whole image"), (VIEW, "the view"), *shapes], current)

    def set_stack(self, shown: StackShown) -> None:
        self.form.head.set_stack(shown)

    def set_models(self, models: Sequence[ModelInfo], current: str | None) -> None:
        combo = self.form.head.model_combo
        _fill(combo, [(model_key(model), f"{model.name} – {model.task}") for model in models], current)
        for row, model in enumerate(models):
            licence = f"\nLicence: {model.licence}" if model.licence else ""
            combo.setItemData(row, (model.title or model.name) + licence, Qt.ItemDataRole.ToolTipRole)
        _add_unusable(combo)
        combo.setToolTip(_with_choice(MODEL_TIP, combo))
        warning = next((restriction(model) for model in models if model_key(model) == current), "")
        self.form.head.model_note.show_or_hide(warning, "warning")

    def set_devices(self, devices: Sequence[tuple[str, str]], current: str, note: str) -> None:
        _fill(self.form.head.device_combo, devices, current)
        self.form.head.device_note.show_or_hide(note, "warning")

    def set_memory_use(self, text: str) -> None:
        self.form.head.device_combo.setToolTip(f"{DEVICE_TIP}\n{text}")

    def set_levels(self, levels: Sequence[int], current: int) -> None:
        self.form.head.levels.set_levels(levels, current)

    def set_readout(self, text: str, tip: str) -> None:
        self.form.head.level_readout.show_text(text)
        self.form.head.level_readout.setToolTip(tip)

    def set_chart(self, points: Sequence[ChartPoint], current: int) -> None:
        chart, text = self.form.chart, chart_tip(points)
        chart.set_points(points, current)
        chart.setToolTip(text)
        chart.setAccessibleDescription(text)

    def set_live(self, live: bool) -> None:
        set_checked(self.form.head.live_checkbox, live)

    def set_rule(self, rule: Rule, *, can_split: bool) -> None:
        form = self.form.result
        select(form.kind_combo, rule.kind)
        if round(form.threshold_slider.value(), 2) != rule.threshold:
            with signals_blocked(form.threshold_slider):
                form.threshold_slider.setValue(rule.threshold)
        show_number(form.min_size_spin, rule.min_size or 0)
        show_number(form.max_size_spin, rule.max_size or 0)
        set_checked(form.split_checkbox, rule.split)
        set_checked(form.fill_holes_checkbox, rule.fill_holes)
        set_checked(form.drop_border_checkbox, rule.drop_border)
        form.split_checkbox.setEnabled(can_split)
        for widget in (form.min_size_spin, form.max_size_spin, form.drop_border_checkbox):
            widget.setEnabled(rule.kind == "labels")

    def set_scale(self, shown: ScaleShown) -> None:
        form = self.form.input
        form.scale_spin.set_auto(shown.auto)
        show_number(form.scale_spin, shown.value or 0.0)
        form.scale_note.show_text(shown.hint, shown.tone, faint=True)
        form.circle_button.setEnabled(shown.circle)

    def set_contrast(self, contrast: Contrast, numbers: Interval, undisplayed: str) -> None:
        form = self.form.input
        form.set_undisplayed(undisplayed)
        select(form.contrast_combo, contrast)
        form.set_numbers(*numbers, shown=contrast == "given")

    def set_range_used(self, text: str) -> None:
        self.form.input.contrast_note.show_text(text, faint=True)

    def open_input(self) -> None:
        self.form.input_fold.button.setChecked(True)

    def set_circle(self, shown: bool) -> None:
        set_checked(self.form.input.circle_button, shown)
        self.form.input.circle_hint.setVisible(shown)

    def set_uncertainty(self, shown: bool) -> None:
        set_checked(self.form.result.uncertainty_checkbox, shown)
        self.form.result.show_legends()

    def set_depth_shown(self, shown: bool) -> None:
        set_checked(self.form.result.depth_checkbox, shown)
        self.form.result.show_legends()

    def set_can_segment(self, can: bool) -> None:
        self.form.head.segment_button.setEnabled(can)

    def set_can_save(self, can: bool, why_not: str = "") -> None:
        self.form.result.save_button.setEnabled(can)
        self.form.result.save_button.setToolTip(SAVE_TIP if can else why_not)

    def set_progress(self, fraction: float | None, text: str) -> None:
        show_fraction(self.form.head.progress_bar, fraction, text)

    def set_message(self, text: str, tone: Tone = "info", offers: Sequence[tuple[str, str]] = ()) -> None:
        self.form.head.message_label.show_text(text, tone, offers=offers)

    def set_first_step(self, text: str) -> None:
        self.form.head.message_area.set_step(text)

    def ask_path(self, suggestion: Path) -> Path | None:
        chosen, kind = QFileDialog.getSaveFileName(
            self,
            "Save labels and table, with probability, or outlines",
            str(suggestion),
            ";;".join([LABELS_AND_TABLE, WITH_PROBABILITY, *OUTLINES]),
            self._saved_as,
            options=QFileDialog.Option.DontConfirmOverwrite,  # a free name is chosen instead
        )
        if not chosen:
            return None
        self._saved_as = kind
        self.signals.probability_toggled.emit(kind == WITH_PROBABILITY)
        return file_name_for(Path(chosen), OUTLINES[kind]) if kind in OUTLINES else Path(chosen)

    def ask_zarr(self, suggestion: Path, size: str) -> Path | None:
        title = f"Where to keep {size} of labels, which do not fit into memory"
        chosen, _ = QFileDialog.getSaveFileName(self, title, str(suggestion), "OME-Zarr (*.zarr)")
        if not chosen:
            return None
        return Path(chosen if chosen.endswith(".zarr") else f"{chosen}.ome.zarr")


def _fill(combo: QComboBox, entries: Sequence[tuple[Any, str]], current: Any) -> None:
    """Show `entries`, select `current`; emits nothing."""
    with signals_blocked(combo):
        combo.clear()
        for key, text in entries:
            combo.addItem(text, key)
        keys = [key for key, _ in entries]
        combo.setCurrentIndex(keys.index(current) if current in keys else -1)


def _with_choice(tip: str, combo: QComboBox) -> str:
    """A tool tip, and in full what is chosen: a long name is cut off."""
    return f"{tip}\n{combo.currentText()}".strip()


def _add_unusable(combo: QComboBox) -> None:
    """Rows that cannot be chosen, for the model files that cannot be used; the tip says why."""
    found, current, model = scan_models(), combo.currentIndex(), combo.model()
    assert isinstance(model, QStandardItemModel)
    with signals_blocked(combo):
        for path, problem in zip(found.skipped, found.problems, strict=True):
            item = QStandardItem(f"{path.name} – not usable")
            item.setToolTip(problem)
            item.setEnabled(False)
            model.appendRow(item)
        combo.setCurrentIndex(current)  # the first row of an empty list would be chosen by itself
