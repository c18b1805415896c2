"""Forgets corrections that the user does not want any more, and brings them back."""

from __future__ import annotations

from collections.abc import Hashable

from psygnal import Signal

from napari_unetpp.session.context import Context
from napari_unetpp.session.correct.editor import CorrectionEditor
from napari_unetpp.session.correct.planes import CorrectedPlane
from napari_unetpp.session.messages import correcting

NAME = "forget"
"""Of the actions of the offers."""


class Forgetting:
    """Forgets the corrections of an image, of closed images, or all of them.

    Attributes
    ----------
    forgotten : list of CorrectedPlane
        What was forgotten last, and can be brought back.
    changed : Signal
        Corrections were forgotten or brought back: what is saved is out of date.
    """

    changed = Signal()

    def __init__(self, context: Context, editor: CorrectionEditor) -> None:
        self.view, self.layers, self.state = context.view, context.layers, context.state
        self.editor, self.corrections, self.store = editor, editor.corrections, editor.store
        self.forgotten: list[CorrectedPlane] = []
        self.corrections.signals.deleted.connect(self._on_deleted)

    def ask(self) -> None:
        """Offer what can be forgotten."""
        offers = [
            (correcting.FORGET[name], f"{NAME}:{name}") for name, images in self._groups().items() if images
        ]
        text = correcting.FORGET_WHAT if offers else correcting.FORGOTTEN
        self.view.set_message(text, "info", [*offers, *([self._back()] if self.forgotten else [])])

    def answer(self, what: str) -> None:
        """The user took an offer."""
        if what == "back":
            self.bring_back()
        else:
            self._forget(self._groups().get(what, ()))

    def bring_back(self) -> None:
        """What was forgotten last counts again."""
        self.store.add(self.forgotten)
        self._set([])
        self.editor.reopen()
        self.editor.show_count()
        self.changed.emit()
        self.view.set_message(correcting.BROUGHT_BACK)

    def _groups(self) -> dict[str, tuple[Hashable, ...]]:
        """Images with corrections: the chosen one, those that are closed, all."""
        open_ = [choice.key for choice in self.layers.images()]
        images = [*dict.fromkeys((*filter(self.corrections.has, open_), *self.store.closed_images()))]
        groups = {
            "image": tuple(image for image in images if image == self.state.image),
            "closed": tuple(image for image in images if image not in open_),
            "all": tuple(images),
        }
        return {name: found for name, found in groups.items() if name == "all" or len(found) < len(images)}

    def _forget(self, images: tuple[Hashable, ...]) -> None:
        self._set(
            [one for image in images for one in (*self.corrections.drop(image), *self.store.drop(image))]
        )
        self.editor.show_count()
        self.changed.emit()
        self._show_forgotten()

    def _on_deleted(self, image: Hashable) -> None:
        """The user deleted the layer with the corrections of an open image."""
        dropped = self.store.drop(image)
        self._set(dropped or self.forgotten)
        self.editor.show_count()
        self.changed.emit()
        if dropped:
            self._show_forgotten()

    def _set(self, forgotten: list[CorrectedPlane]) -> None:
        self.forgotten = forgotten
        self.editor.can_bring_back = bool(forgotten)

    def _show_forgotten(self) -> None:
        self.view.set_message(correcting.forgotten(len(self.forgotten)), "info", [self._back()])

    def _back(self) -> tuple[str, str]:
        return correcting.BRING_BACK, f"{NAME}:back"
