"""Export from the dock: the command in a process, its steps, Stop; nothing is overwritten without asking."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from napari_unetpp.session.models import export

LONG = 180_000

COMMAND = '''
"""Stands for the command ``export``: says its steps, then writes the file that was asked for."""
import sys, time
from pathlib import Path
for step in ("1/3 reading the model", "2/3 writing the file"):
    print(step, file=sys.stderr, flush=True)
    time.sleep(0.05)
if any("slow" in one for one in sys.argv):
    time.sleep(60)
out = Path(sys.argv[sys.argv.index("--out") + 1])
if out.exists() and "--overwrite" not in sys.argv:
    sys.exit("error: it exists")
if "fails" in out.name:
    sys.exit("error: the written file gives other results")
out.write_text(" ".join(sys.argv[1:]))
print(f"{out}: done")
'''


@pytest.fixture
def form(open_dock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The form, whose process is a stand-in for the command."""
    script = tmp_path / "command.py"
    script.write_text(COMMAND)
    monkeypatch.setattr(export, "missing", lambda _kind: "")
    dock = open_dock()
    dock.controller.state.level = 3
    dock.signals.export_model_pressed.emit()
    (dialog,) = dock._dialogs
    start = dialog.command.process.start
    monkeypatch.setattr(
        dialog.command.process,
        "start",
        lambda _python, arguments: start(sys.executable, [str(script), *arguments[2:]]),
    )
    yield dialog
    dock.close_session()


def done(form: Any, qtbot: Any) -> str:
    qtbot.waitUntil(lambda: not form.command.running and form.start_button.isEnabled(), timeout=LONG)
    return form.note.text().replace("\u00a0", " ")


def test_the_shown_level_is_written(form: Any, tmp_path: Path, qtbot: Any) -> None:
    assert form.level_combo.currentText() == "L3" and form.out_edit.text().endswith("tiny-L3.onnx")
    form.level_combo.setCurrentIndex(0)
    assert form.out_edit.text().endswith("tiny-L1.onnx")
    out = tmp_path / "mine"
    form.out_edit.setText(str(out))
    form.format_combo.setCurrentIndex(1)
    assert form.out_edit.text() == str(out)  # what was typed stays
    form.author_edit.setText("Ann Smith")
    form.start_button.click()
    assert form.stop_button.isEnabled() and not form.start_button.isEnabled()
    qtbot.waitUntil(lambda: form.bar.maximum() == 3, timeout=LONG)
    assert f"Written: {out}.zip: done" in done(form, qtbot)
    asked = (tmp_path / "mine.zip").read_text()
    assert asked == f"export tiny --format bioimageio --level 1 --out {out}.zip --author Ann Smith"


def test_a_file_that_exists_is_replaced_only_if_the_user_says_so(
    form: Any, tmp_path: Path, qtbot: Any, monkeypatch: Any
) -> None:
    out = tmp_path / "there.onnx"
    out.write_text("precious")
    form.out_edit.setText(str(out))
    asked: list[Path] = []
    answers = [False, True]
    monkeypatch.setattr(form, "ask_whether_to_replace", lambda path: (asked.append(path), answers.pop(0))[1])
    form.start_button.click()
    assert not form.command.running and out.read_text() == "precious" and asked == [out]
    form.start_button.click()
    assert "Written" in done(form, qtbot)
    assert "--overwrite" in out.read_text()


def test_stop(form: Any, tmp_path: Path, qtbot: Any) -> None:
    form.out_edit.setText(str(tmp_path / "slow.onnx"))
    form.start_button.click()
    qtbot.waitUntil(lambda: "writing the file" in form.note.text(), timeout=LONG)
    began = time.perf_counter()
    form.stop_button.click()
    assert done(form, qtbot) == export.STOPPED and time.perf_counter() - began < 10
    assert not list(tmp_path.glob("slow*"))


def test_what_went_wrong_is_said(form: Any, tmp_path: Path, qtbot: Any) -> None:
    form.out_edit.setText(str(tmp_path / "fails.onnx"))
    form.start_button.click()
    assert ">the written file gives other results<" in done(form, qtbot)


def test_no_name(form: Any) -> None:
    form.out_edit.clear()
    form.start_button.click()
    assert not form.command.running and "Choose a file" in form.note.text()


def test_closing_the_dock_ends_it(form: Any, tmp_path: Path, qtbot: Any) -> None:
    form.out_edit.setText(str(tmp_path / "slow.onnx"))
    form.start_button.click()
    qtbot.waitUntil(lambda: "writing the file" in form.note.text(), timeout=LONG)
    process = form.command.process
    form.parent().close_session()

    def ended() -> bool:
        try:
            return process.state() == process.ProcessState.NotRunning
        except RuntimeError:  # deleted with the dock, which ends it, too
            return True

    qtbot.waitUntil(ended, timeout=LONG)


def test_what_is_missing_is_said_before(open_dock: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(export, "missing", lambda kind: f"{kind} needs onnx: {export.PIP}")
    dock = open_dock()
    dock.signals.export_model_pressed.emit()
    (dialog,) = dock._dialogs
    assert "pip install 'napari-unetpp[export]'" in dialog.note.text()
    assert not dialog.start_button.isEnabled()
    dock.close_session()


def test_for_real(open_dock: Any, tmp_path: Path, qtbot: Any) -> None:
    """The command itself: the written file gives the same in ONNX Runtime, or it says what to install."""
    dock = open_dock()
    dock.signals.export_model_pressed.emit()
    (dialog,) = dock._dialogs
    dialog.out_edit.setText(str(tmp_path / "a.onnx"))
    lacking = export.missing("onnx")
    if lacking:
        dialog.start_button.setEnabled(True)  # as if it were installed: the command says the same
    dialog.start_button.click()
    qtbot.waitUntil(lambda: not dialog.command.running, timeout=LONG)
    text = dialog.note.text()
    assert (
        ("pip install 'napari-unetpp[export]'" in text)
        if lacking
        else ("ONNX Runtime gives the same" in text)
    )
    assert (tmp_path / "a.onnx").exists() != bool(lacking)
    dock.close_session()
