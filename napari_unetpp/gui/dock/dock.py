"""The dock: the session with its view, layers and workers. It decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QDialog, QVBoxLayout
from superqt.utils import qdebounced

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.files.caches import kept_files
from napari_unetpp.files.models.model_list import list_models
from napari_unetpp.gui.compat import main_window, unwrapped
from napari_unetpp.gui.dock.batch import BatchDialog
from napari_unetpp.gui.dock.file_note import FileNote
from napari_unetpp.gui.dock.form import DockForm
from napari_unetpp.gui.dock.menu.caches import CachesDialog
from napari_unetpp.gui.dock.menu.export import ExportDialog
from napari_unetpp.gui.dock.view import DockView
from napari_unetpp.gui.dock.widgets import is_alive
from napari_unetpp.gui.layers.corrections_layers import NapariCorrections
from napari_unetpp.gui.layers.layers import NapariLayers
from napari_unetpp.gui.layers.other_images import NapariOtherImages
from napari_unetpp.gui.layers.stack_layers import NapariStacks
from napari_unetpp.gui.settings import SettingsPage, forget_first_steps, read_settings
from napari_unetpp.gui.tools.shortcuts import CLICK, CORRECT, MERGE, NEXT, SEGMENT, SPLIT, Shortcuts
from napari_unetpp.gui.viewer_memory import memory_of
from napari_unetpp.gui.worker import ThreadRunner, import_ahead
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.correct.work import TorchTrainer
from napari_unetpp.session.correct.workflow import CorrectionWorkflow
from napari_unetpp.session.display.object_features import ObjectFeatures
from napari_unetpp.session.first_steps import FirstSteps
from napari_unetpp.session.models.own_models import OwnModels
from napari_unetpp.session.ports import ViewSignals
from napari_unetpp.session.report.reports import Reports
from napari_unetpp.session.segment.cache import WorkerCache
from napari_unetpp.session.stacks.stacks import Stacks
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import Interval, Settings

if TYPE_CHECKING:
    from napari.viewer import Viewer

WIDTH = 300
AUTOSAVE_MS, AUTOSAVE_REST_MS = 120_000, 15_000
"""Corrections are saved every two minutes, and when nothing was painted for so long."""


class UnetppDock(DockView):
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
        self.form = DockForm(self.signals)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.form)
        viewer = unwrapped(napari_viewer)
        self._make_session(viewer)
        self._shortcuts = Shortcuts(main_window(viewer) or self)
        for key, button in (
            (SEGMENT, self.form.head.segment_button),
            (CORRECT, self.form.correct.correct_button),
            (NEXT, self.form.result.next_button),
            (CLICK, self.form.result.click_tool_button),
            (MERGE, self.form.correct.merge_objects_button),
            (SPLIT, self.form.correct.split_object_button),
        ):
            self._shortcuts.add(key, button.click)
        self._autosave = QTimer(self)
        self._autosave.setInterval(AUTOSAVE_MS)
        self._autosave.timeout.connect(self.correcting.autosave)
        self._rested = qdebounced(self.correcting.autosave, AUTOSAVE_REST_MS, parent=self)
        self.correcting.corrections.signals.painted.connect(lambda _image: self._rested())
        self._started = self._docked = False
        self._batch: BatchDialog | None = None
        self._dialogs: list[QDialog] = []
        self.signals.batch_pressed.connect(self.open_batch)
        self.signals.export_model_pressed.connect(self.open_export)
        self.signals.caches_pressed.connect(self.open_caches)
        preferences = SettingsPage(self._on_preferences, self)
        parts = self._parts = (
            preferences,
            self.file_note,
            self.features,
            self.own_models,
            self.reports,
            self.correcting,
            self.stacks,
            self.controller,
            self._shortcuts,
        )
        self._on_destroyed: Any = self.destroyed.connect(lambda: _close(parts))

    def _make_session(self, viewer: Viewer) -> None:
        settings = read_settings()
        layers = self._layers = NapariLayers(viewer, self)
        self._runner = ThreadRunner(self)
        self.controller = Controller(
            self,
            layers,
            self._runner,
            WorkerCache(budget_gb=settings.memory_budget_gb),
            list_models=list_models,
            settings=settings,
        )
        note = self.form.head.file_note
        self.file_note = FileNote(viewer, layers.open, note, self.signals.image_chosen.emit, self)
        self.controller.state.events.image.connect(self.file_note.check)
        corrections = NapariCorrections(viewer, layers, self)
        self.stacks = Stacks(self.controller, NapariStacks(viewer, layers, self), ThreadRunner(self))
        self.own_models = OwnModels(self.controller, ThreadRunner(self))
        self.reports = Reports(self.controller, self.stacks, ThreadRunner(self))
        self.features = ObjectFeatures(self.controller, layers, corrections, self.stacks, ThreadRunner(self))
        self.correcting = CorrectionWorkflow(
            self.controller,
            corrections=corrections,
            other_images=NapariOtherImages(viewer),
            trainer=TorchTrainer(),
            finetune_runner=ThreadRunner(self),
            file_runner=ThreadRunner(self),
            merge_runner=ThreadRunner(self),
            store=memory_of(viewer).store,
        )

        self.first_steps = FirstSteps(
            self.controller, self.correcting.corrections.signals, forget_first_steps
        )

    def _on_preferences(self, settings: Settings) -> None:
        self.controller.state.preferences = settings

    def open_batch(self) -> BatchDialog:
        """Open the form for many images, once."""
        if self._batch is None or not is_alive(self._batch):
            paths = [layer.source.path for layer in self._layers.open.all()]
            files = [Path(path) for path in dict.fromkeys(paths) if path and Path(path).exists()]
            self._batch = BatchDialog(self, self._settings, files)
            self._batch.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._batch.show()
        self._batch.raise_()
        return self._batch

    def _settings(self) -> tuple[SessionState, ModelInfo | None, Interval | None]:
        """What is set, the chosen model, and the intensities that the image is displayed between."""
        controller = self.controller
        return controller.state, controller.model, self._layers.limits(controller.state.image)

    def open_export(self) -> None:
        """Open the form for exports of the chosen model, one each time: they run beside each other."""
        controller = self.controller
        with controller.context.reporting():
            model, level = controller.context.needed_model(), controller.state.level
            folder = Path.home()
            with suppress(UnetppError):
                folder = controller.context.plane().folder or folder
            self._open(ExportDialog(self, model, level, folder))

    def open_caches(self) -> None:
        """Open the form of what is kept on disk."""
        self._open(CachesDialog(self, lambda: kept_files(self.correcting.autosaving.root)))

    def _open(self, dialog: QDialog) -> None:
        self._dialogs = [*(one for one in self._dialogs if is_alive(one)), dialog]
        dialog.show()
        dialog.raise_()

    def sizeHint(self) -> QSize:
        return QSize(WIDTH + 20, 640)

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self._shortcuts.set_enabled(True)
        if not self._started:
            self._started = True
            QTimer.singleShot(0, self.start)  # first paint, then load

    def start(self) -> None:
        """Fill the pickers; the worker starts to load torch."""
        self._started = True
        self._runner.submit(import_ahead, lambda _event: None, lambda _error: None)
        self.stacks.connect()
        self.controller.start()
        self.correcting.start()
        self.own_models.connect()
        self.reports.connect()
        self.features.connect()
        self.first_steps.connect()
        self._autosave.start()

    def hideEvent(self, event: QHideEvent | None) -> None:
        self._shortcuts.set_enabled(False)
        super().hideEvent(event)

    def event(self, event: QEvent | None) -> bool:
        # napari removes the widget from a dock that is closed, without a close event
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._docked = True
            elif self._docked:
                self.close_session()
        return super().event(event)

    def close_session(self) -> None:
        """Stop the worker and let go of the viewer."""
        if self._on_destroyed is not None:
            if is_alive(self):  # the Qt half may be gone
                self.destroyed.disconnect(self._on_destroyed)  # Qt would keep the whole session alive
            self._on_destroyed = None
        for dialog in (self._batch, *self._dialogs):
            if dialog is not None and is_alive(dialog):
                dialog.close()
        with suppress(RuntimeError):
            self._autosave.stop()
            self._rested.cancel()
        _close(self._parts)


def _close(parts: Iterable[Any]) -> None:
    for part in parts:
        part.close()
