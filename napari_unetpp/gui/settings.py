"""The plugin's page of napari's preferences."""

from __future__ import annotations

import logging

from napari_unetpp.gui.compat import plugin_settings
from napari_unetpp.session.values import Settings

PLUGIN = "napari-unetpp"
log = logging.getLogger(__name__)


def read_settings() -> Settings:
    """What the user chose there; the defaults where this napari has no such page."""
    try:
        page = plugin_settings(PLUGIN).segmentation
        return Settings(
            device=str(page.device),
            memory_budget_gb=float(page.memory_budget_gb),
            default_level=int(page.default_level),
            live=bool(page.live),
        )
    except (AttributeError, TypeError, ValueError) as error:
        log.debug("no preferences page: %s", error)
        return Settings()
