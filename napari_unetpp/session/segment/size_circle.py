"""The controller's part for the size of objects: a circle that the user drags to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from napari_unetpp._types import ModelInfo
from napari_unetpp.session.display.readout import Presenter, scale_for
from napari_unetpp.session.ports import Layers, View
from napari_unetpp.session.state import SessionState


class Sizing:
    """Shows and hides the circle; its size sets the scale.

    Parameters
    ----------
    model : callable
        Gives the chosen model.
    telling : callable
        Gives a context in which errors go to the message line.
    """

    def __init__(
        self,
        view: View,
        layers: Layers,
        state: SessionState,
        presenter: Presenter,
        model: Callable[[], ModelInfo | None],
        telling: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.view, self.layers, self.state, self.presenter = view, layers, state, presenter
        self._model, self._telling = model, telling

    def connect(self) -> None:
        """Listen."""
        self.view.signals.circle_toggled.connect(self.show)
        self.layers.signals.circle_changed.connect(self._on_changed)
        self.layers.signals.circle_removed.connect(self._on_removed)

    def show(self, shown: bool) -> None:
        """Draw the circle anew, or take it away."""
        self.layers.hide_circle()
        drawn = False
        with self._telling():
            model = self._model()
            if shown and model is not None:
                self.presenter.circle(model)
                self.view.open_input()  # which says what to drag
                drawn = True
        self.view.set_circle(drawn)

    def _on_changed(self, diameter: float) -> None:
        model = self._model()
        if model is not None and diameter > 0:
            self.state.scale = scale_for(model, diameter) / self.presenter.factor

    def _on_removed(self) -> None:
        self.view.set_circle(False)
