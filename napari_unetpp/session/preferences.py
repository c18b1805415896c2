"""What the preferences say, brought into the state: when the dock starts, and whenever they change."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from napari_unetpp._types import UnetppError
from napari_unetpp.session.context import Context
from napari_unetpp.session.messages import models as messages
from napari_unetpp.session.segment.runs import Runs
from napari_unetpp.session.values import Settings, levels_of


class Preferences:
    """Follows `state.preferences`: what changes there holds from the next request on.

    Depth, model and Live of the preferences are where one begins: they hold as long as the user has not
    chosen otherwise in the dock; another model, as long as nothing is shown.

    Attributes
    ----------
    set_autosave_folder : callable
        Keeps corrections in this folder (None: the usual one); UnetppError says why that is not possible.
    """

    def __init__(self, context: Context, runs: Runs) -> None:
        self.context, self.runs, self.state = context, runs, context.state
        self.set_autosave_folder: Callable[[Path | None], None] = lambda _folder: None
        self._chosen: set[str] = set()  # by the user

    def connect(self) -> None:
        """Listen."""
        signals = self.context.view.signals
        for name, signal in (
            ("level", signals.level_changed),
            ("model", signals.model_chosen),
            ("live", signals.live_toggled),
        ):
            signal.connect(partial(self._on_chosen, name))
        self.state.events.model.connect(self._on_model)
        self.state.events.preferences.connect(self._on_changed)

    # Bound methods: a signal holds a lambda, and all that it refers to, for ever.
    def _on_chosen(self, name: str, _value: object) -> None:
        self._chosen.add(name)

    def _on_model(self, _key: object) -> None:
        self._chosen.discard("level")

    def choose_model(self) -> None:
        """Choose the model of the preferences, or the first one of the list."""
        models = self.context.models
        name = self.state.preferences.default_model.strip()
        found = next((key for key, model in models.items() if model.name == name), None)
        unknown = bool(name) and found is None
        if found is None and (not name or self.state.model is None):
            found = next(iter(models), None)
        if found is not None:
            self.state.model = found
        if unknown and self.context.model is not None:
            text = messages.no_such_model(name, list(models.values()), self.context.model.name)
            self.runs.tell(text, "warning")

    def keep_autosaves(self) -> None:
        """Keep corrections where the preferences say; where that is not possible the former folder stays."""
        folder = self.state.preferences.autosave_folder.strip()
        try:
            self.set_autosave_folder(Path(folder).expanduser() if folder else None)
        except UnetppError as error:
            self.runs.tell(str(error), "warning")

    def _on_changed(self, now: Settings, before: Settings) -> None:
        changed = {name for name in Settings.__slots__ if getattr(now, name) != getattr(before, name)}
        self.context.cache.set_budget(now.memory_budget_gb)
        if "live" in changed and "live" not in self._chosen:
            self.state.live = now.live
        for name in changed & {"device", "precision"}:
            setattr(self.state, name, getattr(now, name))
        nothing_shown = self.runs.running is None and self.runs.shown is None
        if "default_model" in changed and "model" not in self._chosen and nothing_shown:
            self.choose_model()
        if "default_level" in changed and "level" not in self._chosen:
            self._choose_level(now.default_level)
        if "autosave_folder" in changed:
            self.keep_autosaves()

    def _choose_level(self, level: int) -> None:
        model = self.context.model
        if model is not None:
            self.state.level = level if level in levels_of(model) else model.recommended_level
