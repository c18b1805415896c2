"""Rename, delete and import own models: from the menu to their files, and back to the list."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from napari_unetpp.files.models import card_text, own_models
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.events import Job
from napari_unetpp.session.messages import models as messages
from napari_unetpp.session.messages.common import Advice
from napari_unetpp.session.models import work
from napari_unetpp.session.models.events import ModelChecked, ModelImported
from napari_unetpp.session.ports import Runner
from napari_unetpp.session.values import model_key

REMEDY = "close other programs"
BRING_BACK = "bring_back"


class OwnModels:
    """The user's models, on top of a `Controller`.

    Parameters
    ----------
    controller : Controller
    runner : Runner
        Of its own: segmenting goes on meanwhile.
    """

    def __init__(self, controller: Controller, runner: Runner) -> None:
        self.controller, self.context, self.runner = controller, controller.context, runner
        self.view, self.jobs = controller.view, controller.context.jobs

    def connect(self) -> None:
        """Listen. The controller has been started."""
        signals = self.view.signals
        for signal, reaction in (
            (signals.rename_model_pressed, self.rename),
            (signals.delete_model_pressed, self.delete),
            (signals.import_model_pressed, self.import_file),
            (signals.model_card_pressed, self.show_card),
        ):
            signal.connect(self._reporting(reaction))
        signals.offer_taken.connect(self._on_offer)
        self.jobs.on(ModelChecked, self._reporting(self._on_checked))
        self.jobs.on(ModelImported, self._on_imported)

    def close(self) -> None:
        """The dock is closed."""
        self.runner.close()

    # ---------------------------------------------------- what the user asks for

    def rename(self) -> None:
        """Give the chosen model another name; what it is stays, and so does what is shown."""
        model = self.context.needed_model()
        if own_models.is_shipped(model):
            raise Advice(messages.shipped(model, "renamed"))
        name = self._ask_name(f"Rename {model.name}", "New name of the model:", model.name, model.name)
        if name is not None and name != model.name:
            self.context.models[model_key(model)] = own_models.rename_model(model, name)
            self.context.show_models()
            self.view.set_message(f"“{model.name}” is now called “{name}”.")

    def delete(self) -> None:
        """Move the file of the chosen model away, and choose its parent, or the first one."""
        model = self.context.needed_model()
        if own_models.is_shipped(model):
            raise Advice(messages.shipped(model, "deleted"))
        text = messages.ask_delete(model, own_models.deleted_folder())
        if self.view.ask_whether(f"Delete {model.name}", text, "Delete"):
            moved = own_models.delete_model(model)
            self.context.read_models()
            self._choose(str(model.provenance.get("parent")))
            offer = "Bring it back", f"{BRING_BACK}:{moved.name}"
            self.controller.runs.tell(messages.deleted(model, moved), offers=[offer])

    def import_file(self) -> None:
        """Add a model file, or the model of a package, to the list."""
        path = self.view.ask_model_file()
        if path is not None:
            self.view.set_message(f"reading {path.name}")
            self._submit(partial(work.check_file, path))

    def show_card(self) -> None:
        """Show what the card of the chosen model says."""
        model = self.context.needed_model()
        self.view.show_page(f"Model card of {model.name}", card_text.model_text(model))

    # ----------------------------------------------------------- what happened

    def _on_checked(self, event: ModelChecked) -> None:
        """A file is fit: find its name, unless the list has this very model."""
        known = self.context.models.get(model_key(event.info))
        if known is not None:
            raise Advice(f"This is the model “{known.name}”, which is in the list already.")
        wanted = messages.name_of(event.path, event.info)
        name = wanted
        if problem := own_models.name_problem(wanted, own_models.taken_names()):
            free = own_models.free_name(wanted)
            asked = self._ask_name("Import a model", f"{problem}\nName of the new model:", free)
            if asked is None:
                raise Advice("Nothing was imported.")
            name = asked
        self._submit(partial(work.import_file, event.path, name))

    def _on_imported(self, event: ModelImported) -> None:
        self.context.read_models()
        self._choose(model_key(event.info))
        self.controller.runs.tell(messages.imported(event.info))

    def _on_offer(self, action: str) -> None:
        name, _, value = action.partition(":")
        if name == BRING_BACK:
            with self.context.reporting():
                back = own_models.restore_model(own_models.deleted_folder() / Path(value).name)
                self.context.read_models()
                found = [key for key, model in self.context.models.items() if model.path == back]
                self._choose(*found)
                self.controller.runs.tell(f"“{back.stem}” is in the list again.")

    def _choose(self, *keys: str) -> None:
        """Choose the first of these models that is in the list; the first one of the list where none is."""
        state, listed = self.controller.state, self.context.models
        if state.model not in listed or any(key in listed for key in keys):
            state.model = next((key for key in (*keys, *listed) if key in listed), None)

    def _ask_name(self, title: str, text: str, name: str, own: str = "") -> str | None:
        """A name that a model can have; the user is asked until it is one, or wants none."""
        taken = [other for other in own_models.taken_names() if other != own]
        asked = self.view.ask_name(title, text, name)
        while asked is not None and (problem := own_models.name_problem(asked, taken)):
            asked = self.view.ask_name(title, problem, asked)
        return asked

    def _submit(self, job: Job) -> None:
        self.jobs.submit(self.runner, job, lambda _error: None, remedy=REMEDY)

    def _reporting(self, action: Callable[..., None]) -> Callable[..., None]:
        def act(*event: ModelChecked) -> None:
            if not self.jobs.closed:
                with self.context.reporting():
                    action(*event)

        return act
