"""Colours of what is said, in dark and in light themes: every text has a contrast of 4.5 or more."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QWidget


@dataclass(frozen=True, slots=True)
class Inks:
    """Colours of text on the background of one kind of theme; information has the theme's own."""

    warning: str
    error: str
    faint: str
    link: str
    info: str = ""


DARK = Inks(warning="#e0a100", error="#ff7b72", faint="#9aa0aa", link="#6cb4ff")
LIGHT = Inks(warning="#7a5200", error="#b3261e", faint="#5a6069", link="#0a58b0")


def inks_of(widget: QWidget) -> Inks:
    """Those that can be read where the widget stands."""
    bright_text = widget.palette().color(QPalette.ColorRole.WindowText).lightness() > 127
    return DARK if bright_text else LIGHT
