"""The controller's part for corrections that are not wanted any more, and can be brought back."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from psygnal import Signal

from napari_unetpp.session import messages
from napari_unetpp.session.correct.planes import Drawn, Lessons
from napari_unetpp.session.correct.ports import Sheets
from napari_unetpp.session.ports import Layers, View
from napari_unetpp.session.state import SessionState

NAME = "forget"
"""Of the actions of the offers."""


class Forgetting:
    """Forgets the corrections of an image, of closed images, or all of them.

    Parameters
    ----------
    view, layers, sheets
        The ports; see `session.ports`.
    tell : callable
        Counts the corrections anew.
    reopen : callable
        Puts remembered corrections of what is shown into a layer.

    Attributes
    ----------
    forgotten : list of Drawn
        What was forgotten last, and can be brought back.
    changed : Signal
        Something was forgotten, or brought back: what is saved is out of date.
    """

    changed = Signal()

    def __init__(
        self,
        view: View,
        layers: Layers,
        sheets: Sheets,
        state: SessionState,
        lessons: Lessons,
        tell: Callable[[], None],
        reopen: Callable[[], None],
    ) -> None:
        self.view, self.layers, self.sheets = view, layers, sheets
        self.state, self.lessons = state, lessons
        self._tell, self._reopen = tell, reopen
        self.forgotten: list[Drawn] = []
        sheets.signals.deleted.connect(self._on_deleted)

    def ask(self) -> None:
        """Offer what can be forgotten."""
        groups = self._groups()
        offers = [(messages.FORGET[name], f"{NAME}:{name}") for name, images in groups.items() if images]
        back = [(messages.BRING_BACK, f"{NAME}:back")] if self.forgotten else []
        self.view.set_message(
            messages.FORGET_WHAT if offers else messages.FORGOTTEN, "info", [*offers, *back]
        )

    def answer(self, what: str) -> None:
        """The user took an offer."""
        if what == "back":
            self.bring_back()
        else:
            self._forget(self._groups().get(what, ()))

    def bring_back(self) -> None:
        """What was forgotten last counts again."""
        self.lessons.shelve(self.forgotten)
        self.forgotten = []
        self._reopen()
        self._tell()
        self.changed.emit()
        self.view.set_message(messages.BROUGHT_BACK)

    def _groups(self) -> dict[str, tuple[Hashable, ...]]:
        """Images with corrections: the chosen one, those that are closed, all."""
        open_ = [choice.key for choice in self.layers.images()]
        images = [*dict.fromkeys((*filter(self.sheets.has, open_), *self.lessons.shelved()))]
        groups = {
            "image": tuple(image for image in images if image == self.state.image),
            "closed": tuple(image for image in images if image not in open_),
            "all": tuple(images),
        }
        return {name: found for name, found in groups.items() if name == "all" or len(found) < len(images)}

    def _forget(self, images: tuple[Hashable, ...]) -> None:
        self.forgotten = [
            one for image in images for one in (*self.sheets.drop(image), *self.lessons.drop(image))
        ]
        self._tell()
        self.changed.emit()
        self._tell_forgotten()

    def _on_deleted(self, image: Hashable) -> None:
        """The user deleted the layer with the corrections of an open image."""
        dropped = self.lessons.drop(image)
        self.forgotten = dropped or self.forgotten
        self._tell()
        self.changed.emit()
        if dropped:
            self._tell_forgotten()

    def _tell_forgotten(self) -> None:
        planes = len(self.forgotten)
        self.view.set_message(messages.forgotten(planes), "info", [(messages.BRING_BACK, f"{NAME}:back")])
