"""Own models in the dock: renamed, deleted, brought back and imported by the menu beside them."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QInputDialog, QMessageBox

from napari_unetpp.files.models import model_list
from napari_unetpp.files.models.model_file import read_tensors, save_model
from napari_unetpp.files.models.model_list import find_model, models_folder
from napari_unetpp.files.models.own_models import deleted_folder


def press(dock: Any, name: str) -> None:
    """As by the mouse: the entry of the menu."""
    (action,) = [one for one in dock.form.head.model_menu.menu().actions() if one.objectName() == name]
    action.trigger()


def listed(dock: Any) -> list[str]:
    combo = dock.form.head.model_combo
    return [combo.itemText(row).partition(" – ")[0] for row in range(combo.count())]


def said(dock: Any) -> str:
    return dock.form.head.message_label.text()


def answers(dock: Any, monkeypatch: pytest.MonkeyPatch, *names: str | None) -> list[str]:
    """The next answers to questions for a name; gives the questions."""
    questions: list[str] = []
    given = iter(names)

    def ask(_title: str, text: str, name: str) -> str | None:
        questions.append(f"{text} [{name}]")
        return next(given)

    monkeypatch.setattr(dock, "ask_name", ask)
    return questions


@pytest.fixture
def idle(qtbot: Any) -> Callable[[Any], None]:
    def until(dock: Any) -> None:
        qtbot.waitUntil(lambda: not dock.controller.runs.warming, timeout=60_000)

    return until


@pytest.fixture
def child(tiny_model: Any) -> Any:
    """A fine-tuned copy in the list: its parent is the tiny model."""
    info = replace(tiny_model, name="child", provenance={"parent": tiny_model.sha256, "parent_name": "tiny"})
    return save_model(models_folder() / "child.safetensors", read_tensors(tiny_model.path), info)


def test_rename_keeps_what_is_shown(
    viewer: Any, open_dock: Any, wait: Any, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.add_image(image, name="cells")
    dock = open_dock()
    dock.controller.segment()
    wait(dock)
    shown, before = dock.controller.runs.shown, said(dock)
    questions = answers(dock, monkeypatch, "tiny/2", "my cells")
    press(dock, "rename_model")
    assert len(questions) == 2 and "has '/'" in questions[1] and questions[1].endswith("[tiny/2]")
    assert listed(dock) == ["my cells"] and dock.controller.model.name == "my cells"
    assert "“tiny” is now called “my cells”" in said(dock) and dock.controller.runs.shown is shown
    dock.controller.state.level = 1
    wait(dock)
    assert dock.controller.runs.shown.level == 1 and said(dock) != before
    dock.controller.segment()
    wait(dock)
    assert dock.controller.runs.shown.model.name == "my cells"


def test_a_name_that_is_taken_is_refused_and_cancel_changes_nothing(
    child: Any, open_dock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = open_dock()
    assert dock.controller.model.name == "child"
    questions = answers(dock, monkeypatch, "tiny", None)
    press(dock, "rename_model")
    assert "There is a model 'tiny' already" in questions[1]
    assert listed(dock) == ["child", "tiny"] and child.path.exists()


def test_delete_asks_and_can_be_undone(
    child: Any, tiny_model: Any, open_dock: Any, idle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = open_dock()
    asked: list[str] = []
    answer = [False, True]
    monkeypatch.setattr(
        dock, "ask_whether", lambda _title, text, _yes: (asked.append(text), answer.pop(0))[1]
    )
    press(dock, "delete_model")
    assert listed(dock) == ["child", "tiny"] and str(deleted_folder()) in asked[0]
    press(dock, "delete_model")
    idle(dock)
    assert listed(dock) == ["tiny"] and dock.controller.model.path == tiny_model.path  # its parent
    assert (deleted_folder() / "child.safetensors").exists() and not child.path.exists()
    assert "Deleted “child”" in said(dock) and "Bring it back" in said(dock)
    dock.form.head.message_label.linkActivated.emit("bring_back:child.safetensors")
    idle(dock)
    assert listed(dock) == ["child", "tiny"] and dock.controller.model.name == "child"


def test_the_last_model_can_be_deleted(
    viewer: Any, open_dock: Any, wait: Any, idle: Any, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.add_image(image, name="cells")
    dock = open_dock()
    monkeypatch.setattr(dock, "ask_whether", lambda *_: True)
    press(dock, "delete_model")
    assert listed(dock) == [] and dock.controller.model is None
    assert not dock.form.head.segment_button.isEnabled()
    dock.form.head.message_label.linkActivated.emit("bring_back:tiny.safetensors")
    idle(dock)
    dock.controller.segment()
    wait(dock)
    assert dock.controller.runs.shown.model.name == "tiny"


def test_a_run_keeps_its_model(
    viewer: Any, open_dock: Any, wait: Any, image: np.ndarray, child: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that has not read the file yet: the cache of the worker is empty."""
    viewer.add_image(image, name="cells")
    dock = open_dock()
    dock.controller.context.cache._models.clear()
    dock.controller.segment()
    answers(dock, monkeypatch, "renamed meanwhile")
    press(dock, "rename_model")
    wait(dock)
    assert dock.controller.runs.shown is not None and child.path.exists() is False


def test_shipped_models_say_why_they_stay(
    tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dock_opener: Any
) -> None:
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(model_list, "SHIPPED", folder)
    tiny_model.path.rename(folder / "nuclei.safetensors")
    dock = dock_opener()
    answers(dock, monkeypatch)
    for name, done in (("rename_model", "renamed"), ("delete_model", "deleted")):
        press(dock, name)
        assert f"came with napari-unetpp and cannot be {done}" in said(dock)
    assert listed(dock) == ["nuclei"]


@pytest.fixture
def other_file(child: Any, tmp_path: Path) -> Path:
    """A model that is not in the list."""
    return Path(shutil.move(child.path, tmp_path / "from a colleague.safetensors"))


def import_file(dock: Any, path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any, says: str) -> None:
    monkeypatch.setattr(dock, "ask_model_file", lambda: path)
    press(dock, "import_model")
    qtbot.waitUntil(lambda: says in said(dock), timeout=60_000)


def test_import(other_file: Path, open_dock: Any, monkeypatch: Any, qtbot: Any, idle: Any) -> None:
    dock = open_dock()
    import_file(dock, other_file, monkeypatch, qtbot, "Imported “from a colleague”")
    idle(dock)
    assert listed(dock) == ["from a colleague", "tiny"] and dock.controller.model.name == "from a colleague"
    assert "Imported" in said(dock) and other_file.exists()
    import_file(dock, other_file, monkeypatch, qtbot, "is the model “from a colleague”, which is in the list")
    assert listed(dock) == ["from a colleague", "tiny"]


@pytest.mark.parametrize("answer", ["tiny 2", None])
def test_import_of_a_name_that_is_taken_asks_for_another(
    answer: str | None, other_file: Path, tiny_model: Any, open_dock: Any, monkeypatch: Any, qtbot: Any
) -> None:
    package = other_file.with_name("p.zip")
    renamed = other_file.rename(other_file.with_name("tiny.safetensors"))
    with zipfile.ZipFile(package, "w") as file:
        file.write(renamed, "tiny.safetensors")
    dock, before = open_dock(), tiny_model.path.read_bytes()
    questions = answers(dock, monkeypatch, answer)
    import_file(dock, renamed, monkeypatch, qtbot, "Imported “tiny 2”" if answer else "Nothing was imported")
    assert "already" in questions[0] and questions[0].endswith("[tiny-2]")
    assert listed(dock) == (["tiny", "tiny 2"] if answer else ["tiny"])
    assert tiny_model.path.read_bytes() == before and find_model("tiny").sha256 == tiny_model.sha256
    if not answer:
        import_file(dock, package, monkeypatch, qtbot, "Imported “child”")  # as its card says


@pytest.mark.parametrize("hostile", ["text", "cut", "zip"])
def test_hostile_files_are_refused_with_a_sentence(
    hostile: str, other_file: Path, open_dock: Any, tmp_path: Path, monkeypatch: Any, qtbot: Any
) -> None:
    path = tmp_path / ("evil.zip" if hostile == "zip" else "evil.safetensors")
    content, says = other_file.read_bytes(), "truncated"
    if hostile == "cut":
        path.write_bytes(content[:5000])
    elif hostile == "text":
        path.write_bytes(b"this is no model, however long the text is")
        says = "evil.safetensors"
    else:
        with zipfile.ZipFile(path, "w") as package:
            package.writestr("../up.safetensors", content)
        says = "holds 0 model files"
    dock = open_dock()
    import_file(dock, path, monkeypatch, qtbot, says)
    assert listed(dock) == ["tiny"] and [one.name for one in models_folder().iterdir()] == [
        "tiny.safetensors"
    ]


def test_the_questions_themselves(open_dock: Any, qtbot: Any) -> None:
    """The real dialogs, answered by their buttons."""
    dock = open_dock()
    found: list[str] = []

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QInputDialog):
            found.append(dialog.labelText())
            dialog.setTextValue(" new name ")
            dialog.accept()
        elif isinstance(dialog, QMessageBox):
            found.append(dialog.text())
            next(one for one in dialog.buttons() if one.text() == "Delete").click()

    QTimer.singleShot(200, answer)
    assert dock.ask_name("Rename", "New name:", "tiny") == "new name"
    QTimer.singleShot(200, answer)
    assert dock.ask_whether("Delete", "Really?", "Delete")
    assert found == ["New name:", "Really?"]
    press(dock, "model_card")
    assert dock.page.isVisible() and "Model card of tiny" in dock.page.windowTitle()
    dock.page.close()
