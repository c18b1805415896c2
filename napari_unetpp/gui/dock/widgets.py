"""Parts of the dock: a progress bar, a section that folds, text that wraps, a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QIcon, QPixmap
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_unetpp.gui.dock.colours import text_colours
from napari_unetpp.session.values import Tone

HEADING = """
QPushButton { border: none; background: transparent; font-weight: bold; text-align: left; padding: 1px 4px; }
QLabel, QToolButton { font-weight: normal; font-size: 8pt; padding: 0px 2px; }
"""
NO_BREAK, JOINED = "\u00a0", "\u2060"
FIGURE = r"(< [\d.]*)?\d( [x×] \d+)?( (s|ms|min|h|px|M|[kMG]B|%|µm²?)(?!\w)| [x×] \d)"
"""The end of a figure, with its unit or the next figure."""

ABOVE, LINE = 2, 1
"""Room above a fold, and the height of its line, px."""

UNLIMITED = 16_777_215
"""Qt's QWIDGETSIZE_MAX, which PySide6 does not export."""


class ProgressBar(QProgressBar):
    """A progress bar that shows its text also while the end is unknown, where Qt shows none."""

    def text(self) -> str:
        """What stands in the bar."""
        return self.format() if self.minimum() == self.maximum() else super().text()


class Fold(QCollapsible):
    """A heading that opens and closes what is under it; `aside` stands at its right."""

    def __init__(
        self,
        title: str,
        content: QWidget,
        *,
        tip: str = "",
        open_: bool = True,
        aside: QWidget | None = None,
    ) -> None:
        super().__init__(title, expandedIcon=_invisible(), collapsedIcon=_invisible())
        self._title = title
        # superqt's limits the height to that of texts in the width they would like best
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setDuration(0)
        self.button: QPushButton = self.toggleButton()
        self.button.setStyleSheet(HEADING)
        self.button.setIconSize(QSize(0, 0))
        self.button.setAccessibleName(title)
        self.button.setToolTip(tip)
        if aside is not None:
            heading = QHBoxLayout(self.button)
            heading.setContentsMargins(0, 0, 0, 0)
            heading.addWidget(aside, alignment=Qt.AlignmentFlag.AlignRight)
        column = self.layout()
        assert isinstance(column, QVBoxLayout)
        column.setContentsMargins(0, ABOVE, 0, 0)
        column.setSpacing(0)
        column.insertWidget(0, line(90))
        self.content().deleteLater()  # superqt's own
        holder = QWidget()  # superqt changes its maximal height
        inside = QVBoxLayout(holder)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(content)
        self.setContent(holder)
        self.toggled.connect(self._on_toggled)
        self.button.setChecked(open_)
        self._on_toggled(open_)

    def heading_height(self) -> int:
        """Height where it is closed, px."""
        return self.button.sizeHint().height() + ABOVE + LINE

    def _on_toggled(self, opened: bool) -> None:
        """Hide what is closed, so that the Tab key skips it; let what is open grow.

        superqt alone limits the height to what the content needed when it was opened.
        """
        holder = self.content()
        holder.setVisible(opened)
        holder.setMaximumHeight(UNLIMITED)
        self.setText(f"{'▾' if opened else '▸'}  {self._title}")


def is_alive(widget: QObject) -> bool:
    """Whether the Qt half of a widget, or of a timer, still exists."""
    return bool(isalive(widget))  # type: ignore[no-untyped-call]


def _invisible() -> QIcon:
    """An icon of nothing: superqt draws its own once, in the colours that the theme has then.

    It takes no icon without pixels on PySide6, where such a one counts as false.
    """
    pixel = QPixmap(1, 1)
    pixel.fill(Qt.GlobalColor.transparent)
    return QIcon(pixel)


def unbroken(text: str) -> str:
    """Text in which no line ends between a number and its unit, or within ``520 x 696 px`` or ``UNet++``."""
    text = text.replace("UNet++", f"UNet{JOINED}+{JOINED}+")
    return re.sub(FIGURE, lambda found: found[0].replace(" ", NO_BREAK), text)


class Note(QLabel):
    """Text that wraps, with room for so many lines: nothing below moves when the text changes.

    Its colours follow the theme.
    """

    def __init__(self, lines: int = 0, *, inline: bool = False) -> None:
        super().__init__()
        self._before_links = " " if inline else "<br>"
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.RichText)
        self._fit: Callable[[], None] | None = None
        self._shown: tuple[str, Tone, bool, tuple[tuple[str, str], ...]] = ("", "info", False, ())
        self._full = QLabel("<br>".join("x" * lines), self)  # never shown: as high as the room for the text
        self._full.hide()
        for label in (self, self._full) if lines else ():
            label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)

    def show_text(
        self, text: str, tone: Tone = "info", *, faint: bool = False, offers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Show a text in the colour of its tone, and links: their texts and actions."""
        self._shown = text, tone, faint, tuple(offers)
        self._render()

    def show_or_hide(self, text: str, tone: Tone) -> None:
        """Show a text, or take no room where there is none."""
        self.show_text(text, tone)
        self.setVisible(bool(text))

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._render()

    def _render(self) -> None:
        text, tone, faint, offers = self._shown
        colours = text_colours(self)
        colour = colours.faint if faint and tone == "info" else getattr(colours, tone)
        body = escape(unbroken(text), quote=False).replace("\n", "<br>")
        lines = [f'<span style="color: {colour}">{body}</span>' if colour and text else body]
        links = [
            f'<a style="color: {colours.link}" href="{action}">{escape(unbroken(label), quote=False)}</a>'
            for label, action in offers
        ]
        shown = self._before_links.join((*lines, " · ".join(links))) if links else lines[0]
        if self.textInteractionFlags() & Qt.TextInteractionFlag.LinksAccessibleByKeyboard:
            self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if links else Qt.FocusPolicy.NoFocus)
        if shown != self.text():
            self.setText(shown)
            if self._fit is not None:
                self._fit()

    def show_all(self, fit: Callable[[], None]) -> None:
        """Show all of the text, in a place that scrolls; `fit` gives it its height when it changes."""
        self._fit = fit

    def heightForWidth(self, width: int) -> int:
        return max(super().heightForWidth(width), self._room())

    def minimumSizeHint(self) -> QSize:
        return super().minimumSizeHint().expandedTo(QSize(0, self._room()))

    def _room(self) -> int:
        return self.room() if self._fit is None else 0

    def room(self) -> int:
        """Height of so many lines."""
        return self._full.sizeHint().height()


def row_of(*widgets: QWidget) -> QWidget:
    """Widgets side by side, without a margin."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return row


def line(alpha: int = 60) -> QFrame:
    """A horizontal line that both kinds of theme can show."""
    frame = QFrame()
    frame.setFixedHeight(LINE)
    frame.setStyleSheet(f"background: rgba(128, 128, 128, {alpha}); border: none;")
    return frame
