"""A dock that was closed is not kept in memory by the signals that its preferences listened to."""

from __future__ import annotations

import gc
import weakref
from typing import Any
from unittest.mock import MagicMock

from napari_unetpp.session.ports import ViewSignals
from napari_unetpp.session.preferences import Preferences


def test_preferences_are_freed_while_the_signals_live() -> None:
    context: Any = MagicMock()
    context.view.signals = ViewSignals()
    preferences = Preferences(context, MagicMock())
    preferences.connect()
    there = weakref.ref(preferences)
    del preferences
    context.reset_mock()
    gc.collect()
    assert there() is None
