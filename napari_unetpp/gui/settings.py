"""The plugin's page of napari's preferences."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from weakref import WeakMethod

from qtpy.QtCore import QObject
from superqt.utils import qdebounced

from napari_unetpp.gui.compat import plugin_settings
from napari_unetpp.session.values import Settings

PLUGIN = "napari-unetpp"
REST_MS = 700
"""A change counts when nothing was changed for so long: a name that is being typed is none yet."""

log = logging.getLogger(__name__)


def read_settings() -> Settings:
    """What the user chose there; the defaults where this napari has no such page."""
    try:
        page = plugin_settings(PLUGIN).segmentation
        return Settings(
            device=str(page.device),
            precision=str(page.precision),
            memory_budget_gb=float(page.memory_budget_gb),
            default_level=int(page.default_level),
            default_model=str(page.default_model),
            autosave_folder=str(page.autosave_folder),
            live=bool(page.live),
            first_steps=bool(page.first_steps),
        )
    except (AttributeError, TypeError, ValueError) as error:
        log.debug("no preferences page: %s", error)
        return Settings()


def forget_first_steps() -> None:
    """They are not shown again, unless the user ticks them on the page."""
    page = getattr(plugin_settings(PLUGIN), "segmentation", None)
    if page is not None:
        page.first_steps = False


def _tell(told: WeakMethod[Callable[[Settings], None]]) -> None:
    changed = told()
    if changed is not None:
        changed(read_settings())


class SettingsPage:
    """Tells what is changed on the page while the dock is open.

    Parameters
    ----------
    changed : bound method
        Given the settings.
    parent : QObject
    """

    def __init__(self, changed: Callable[[Settings], None], parent: QObject) -> None:
        told = WeakMethod(changed)  # Qt keeps what a timer calls, and with it the whole session
        self._rested = qdebounced(lambda: _tell(told), REST_MS, parent=parent)
        self._events: Any = getattr(getattr(plugin_settings(PLUGIN), "segmentation", None), "events", None)
        if self._events is not None:
            self._events.connect(self._on_changed)

    def close(self) -> None:
        """Tell nothing more."""
        self._rested.cancel()
        if self._events is not None:
            self._events.disconnect(self._on_changed)
            self._events = None

    def _on_changed(self, _event: object = None) -> None:
        self._rested()
