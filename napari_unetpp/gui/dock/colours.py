"""Colours of text in dark and light themes: each has a contrast of 4.5 or more against the background."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtGui import QPalette
from qtpy.QtWidgets import QWidget


@dataclass(frozen=True, slots=True)
class TextColours:
    """Colours of text in one kind of theme; "" is the theme's own colour."""

    warning: str
    error: str
    faint: str
    link: str
    info: str = ""


DARK = TextColours(warning="#e0a100", error="#ff7b72", faint="#9aa0aa", link="#6cb4ff")
LIGHT = TextColours(warning="#7a5200", error="#b3261e", faint="#5a6069", link="#0a58b0")


def text_colours(widget: QWidget) -> TextColours:
    """Those of the theme that a widget has now."""
    bright_text = widget.palette().color(QPalette.ColorRole.WindowText).lightness() > 127
    return DARK if bright_text else LIGHT
