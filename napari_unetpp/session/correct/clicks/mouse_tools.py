"""Which tool the mouse is over the image: Click, Merge or Split; or none of ours."""

from __future__ import annotations

from functools import partial

from napari_unetpp.session.context import Context
from napari_unetpp.session.correct.clicks.reshaping import Reshaping
from napari_unetpp.session.messages import correcting
from napari_unetpp.session.segment.runs import Runs
from napari_unetpp.session.values import MouseTool


class MouseTools:
    """Takes one tool at a time and says what it does, until it is put away."""

    def __init__(self, context: Context, runs: Runs, reshaping: Reshaping) -> None:
        self.context, self.runs, self.reshaping = context, runs, reshaping
        self.view, self.layers = context.view, context.layers
        signals = self.view.signals
        signals.click_tool_toggled.connect(partial(self._on_toggled, "click"))
        signals.merge_objects_toggled.connect(partial(self._on_toggled, "merge"))
        signals.split_object_toggled.connect(partial(self._on_toggled, "split"))
        self.layers.signals.mouse_tool_ended.connect(self.end)
        context.state.events.image.connect(self.end)

    def end(self, _value: object = None) -> None:
        """Put the tool away."""
        self._set(None)

    def _on_toggled(self, tool: MouseTool, on: bool) -> None:
        """A tool that cannot be taken is put away: there is no image, or no model."""
        self._set(None)
        if on:
            with self.context.reporting():
                image = self.context.plane().image
                if self.context.model is not None:
                    self._set(tool)
                    self.layers.set_mouse_tool(image, tool)
                    self.runs.show_hint(correcting.TOOLS[tool])

    def _set(self, tool: MouseTool | None) -> None:
        self.runs.end_hint()
        self.reshaping.forget_click()
        if tool is None:
            self.layers.set_mouse_tool(None)
        self.view.set_mouse_tool(tool)
