"""The message line: what came out, what went wrong, what comes next."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QScrollArea

from napari_unetpp.gui.dock.widgets import Note
from napari_unetpp.session.messages.first_steps import HIDE

LINKS = 2
"""A line of links is so many px higher than others."""

READABLE = Qt.TextInteractionFlag.LinksAccessibleByMouse | Qt.TextInteractionFlag.LinksAccessibleByKeyboard


class MessageArea(QScrollArea):
    """Room for a message of four lines: a longer one scrolls, so that nothing below it moves.

    The next step of a first visit stands in the lines that the message leaves free, or nowhere.
    """

    def __init__(self) -> None:
        super().__init__()
        self.label = Note(lines=4)
        self.label.setObjectName("message_label")
        self.label.setTextInteractionFlags(READABLE)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(self.label)
        self.step = Note(inline=True)
        self.step.setObjectName("first_step_label")
        self.step.setTextInteractionFlags(READABLE)
        self.step.setParent(self.viewport())
        self.step.hide()
        self._fit()
        self.label.show_all(self._fit_text)

    def set_step(self, text: str) -> None:
        """Say the next step, with a link that hides it; empty: none."""
        self.step.show_text(text, faint=True, offers=[HIDE] if text else [])
        self._place_step()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._fit_text()

    def changeEvent(self, event: QEvent | None) -> None:
        """Another font needs other room."""
        super().changeEvent(event)
        if event is not None and event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        self.setFixedHeight(self.label.room() + LINKS)

    def _fit_text(self) -> None:
        """Scroll only what does not fit without the bar, which would make the lines shorter."""
        self.label.setMinimumHeight(0)  # a label is never lower than this, whatever its text
        scrolls = self.label.heightForWidth(self.width()) > self.height()
        policy = Qt.ScrollBarPolicy.ScrollBarAlwaysOn if scrolls else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if scrolls else Qt.FocusPolicy.NoFocus)
        viewport = self.viewport()
        assert viewport is not None
        self.label.setMinimumHeight(self.label.heightForWidth(viewport.width()))
        self._place_step()

    def _place_step(self) -> None:
        """At the bottom of the room, where the message leaves enough of it."""
        width = self.width()
        height = self.step.heightForWidth(width)
        free = self.height() - self.label.heightForWidth(width)
        self.step.setGeometry(0, self.height() - height, width, height)
        self.step.setVisible(bool(self.step.text()) and height <= free)
