"""Colours in dark and light themes.

Against the background text has a contrast of 4.5 or more, and what a chart draws of 3 or more.
"""

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


@dataclass(frozen=True, slots=True)
class ChartColours:
    """Colours of charts in one kind of theme. None carries a meaning alone: marks differ in shape, too."""

    dot: str
    star: str
    loss: str
    levels: tuple[str, str, str, str]


CHART_ON_DARK = ChartColours("#4c9be8", "#f2b705", "#8a8f98", ("#9ecbff", "#4c9be8", "#f2b705", "#e5734b"))
CHART_ON_LIGHT = ChartColours("#1f6bb8", "#7a5200", "#5a6069", ("#1f6bb8", "#0b3d78", "#7a5200", "#a8380a"))


def text_colours(widget: QWidget) -> TextColours:
    """Those of the theme that a widget has now."""
    return DARK if _is_dark(widget) else LIGHT


def chart_colours(widget: QWidget) -> ChartColours:
    """Those of the theme that a widget has now."""
    return CHART_ON_DARK if _is_dark(widget) else CHART_ON_LIGHT


def _is_dark(widget: QWidget) -> bool:
    return bool(widget.palette().color(QPalette.ColorRole.WindowText).lightness() > 127)
