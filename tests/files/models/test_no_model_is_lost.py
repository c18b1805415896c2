"""Model files of several processes, copies, removed folders, damaged weights: none is lost or used unseen."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.files import atomic
from napari_unetpp.files.atomic import TargetExists, write_atomically
from napari_unetpp.files.models import model_list
from napari_unetpp.files.models.model_file import read_info, read_tensors, save_finished_model, save_model
from napari_unetpp.files.models.model_list import find_model, list_models, models_folder, scan_models

PROCESSES, EACH = 4, 3

KEEP = """
import sys, time
from pathlib import Path
from napari_unetpp.files.models.model_list import register
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    print(register(sys.argv[1]).name)
"""


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: ModelInfo) -> Path:
    """The model ``nuclei`` of the package, and no own one."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(model_list, "SHIPPED", folder)
    assert tiny_model.path is not None
    tiny_model.path.rename(folder / "nuclei.safetensors")
    return folder / "nuclei.safetensors"


def test_processes_that_keep_at_once_keep_all(tmp_path: Path, tiny_model: ModelInfo) -> None:
    assert tiny_model.path is not None
    source = tmp_path / "new.safetensors"
    tiny_model.path.rename(source)
    command = [sys.executable, "-c", KEEP, str(source), str(EACH)]
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=os.environ)
        for _ in range(PROCESSES)
    ]
    for process in running:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    names = [name for process in running for name in process.communicate()[0].split()]
    assert len(names) == len(set(names)) == PROCESSES * EACH
    assert sorted(names) == sorted(info.name for info in list_models() if info.name.startswith("tiny"))


def test_what_a_training_made_takes_a_name_beside_a_file_that_appeared_meanwhile(
    tmp_path: Path, tiny_model: ModelInfo
) -> None:
    """`train` replaced it, and `finetune` refused to write: an hour of training was lost."""
    path, tensors = tmp_path / "mine.safetensors", read_tensors(tiny_model.path)
    path.write_bytes(b"theirs")
    for name in ("mine-2", "mine-3"):
        made = save_finished_model(path, tensors, tiny_model, overwrite=False)
        assert made.path == tmp_path / f"{name}.safetensors" and made.name == name
    assert path.read_bytes() == b"theirs"
    assert save_finished_model(path, tensors, tiny_model, overwrite=True).path == path
    assert read_info(path).name == "mine"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_while_we_write_is_left_alone(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.tif"
    if not links:
        monkeypatch.setattr(atomic.os, "link", _no_links)

    def write(file) -> None:  # type: ignore[no-untyped-def]
        file.write(b"ours")
        target.write_bytes(b"theirs")

    with pytest.raises(TargetExists, match="exists already"):
        write_atomically(target, write, overwrite=False)
    assert target.read_bytes() == b"theirs" and [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    target.unlink()
    write_atomically(target, lambda file: file.write(b"ours"), overwrite=False)
    assert target.read_bytes() == b"ours" and [p.name for p in tmp_path.iterdir()] == ["a.tif"]
    write_atomically(target, lambda file: file.write(b"new"), overwrite=True)
    assert target.read_bytes() == b"new"


def _no_links(*paths: object) -> None:
    raise PermissionError("no hard links on this disk")


def test_names_as_long_as_the_disk_takes_are_written_and_longer_ones_refused(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("a" * 255), lambda file: file.write(b"x"), overwrite=False)
    for overwrite in (False, True):
        with pytest.raises(UnetppError, match="could not be written: File name too long"):
            write_atomically(tmp_path / ("a" * 256), lambda file: file.write(b"x"), overwrite=overwrite)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(UnetppError, match="is a file; expected a folder") as caught:
        write_atomically(tmp_path / "a" / "b.tif", lambda file: file.write(b"x"), overwrite=False)
    assert not isinstance(caught.value, TargetExists)


def test_a_shipped_model_stays_when_copies_of_it_come_and_go(shipped: Path) -> None:
    models_folder().mkdir(exist_ok=True)
    for name in ("nuclei", "mine"):
        shutil.copy(shipped, models_folder() / f"{name}.safetensors")
    assert [info.path for info in list_models()] == [shipped, models_folder() / "mine.safetensors"]
    assert find_model("nuclei").path == shipped
    shutil.rmtree(models_folder())
    assert [info.path for info in list_models()] == [shipped] == [find_model("nuclei").path]


def test_a_folder_of_own_models_that_is_the_shipped_one_names_no_problem(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNETPP_MODELS", str(shipped.parent))
    assert scan_models().problems == () and [info.name for info in list_models()] == ["nuclei"]


def test_skipped_files_are_named_with_the_reason(shipped: Path) -> None:
    models_folder().mkdir(exist_ok=True)
    (models_folder() / "broken.safetensors").write_bytes(shipped.read_bytes()[:5000])
    shutil.copy(shipped, models_folder() / "nuclei.safetensors")
    found = scan_models()
    assert [path.name for path in found.skipped] == ["broken.safetensors", "nuclei.safetensors"]
    assert "truncated" in found.problems[0] and "rename" in found.problems[1]


@pytest.mark.parametrize("outputs", [("foreground", "boundary"), ("foreground", "edge_distance")])
def test_weights_that_changed_on_the_disk_are_not_used(
    outputs: tuple[str, ...], tiny_model: ModelInfo
) -> None:
    from dataclasses import replace

    path = tiny_model.path
    assert path is not None
    save_model(path, read_tensors(path), replace(tiny_model, outputs=outputs), half=True)
    assert read_tensors(path)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(UnetppError, match="is damaged: its weights have changed"):
        read_tensors(path)
    assert read_info(path).sha256 != tiny_model.sha256


def test_files_of_early_versions_have_no_hash_and_are_read(tiny_model: ModelInfo) -> None:
    path = tiny_model.path
    assert path is not None
    whole = path.read_bytes()
    length = struct.unpack("<Q", whole[:8])[0]
    header = whole[8 : 8 + length].replace(b"weights_sha256", b"nothing_of_us_")
    path.write_bytes(whole[:8] + header + whole[8 + length :])
    assert all(torch.isfinite(t).all() for t in read_tensors(path).values())
