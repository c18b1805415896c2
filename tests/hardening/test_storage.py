"""Folders that cannot be written, a full disk, and files that vanish: a sentence, and nothing is lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unetpp import cli, load_model
from napari_unetpp._types import LabelledPlane, ModelInfo, UnetppError
from napari_unetpp.files.labels.corrections_folder import save_corrections
from napari_unetpp.files.models import model_file
from napari_unetpp.files.models.model_file import read_info
from napari_unetpp.files.models.model_list import find_model, list_models, register
from napari_unetpp.session.correct.saving.autosave_folder import SessionFolder

Run = Callable[..., tuple[int, str, str]]


@contextmanager
def full_disk(room: int = 300) -> Iterator[None]:
    """No file can grow beyond so many bytes."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """A folder that cannot be made, not even by root: a file is in its place."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "folder"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "a.tif", np.random.default_rng(0).integers(0, 255, (96, 96), np.uint8))
    return tmp_path / "a.tif"


# ------------------------------------------------------------------- a full disk


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("options", [("--kind", "probability"), ("--kind", "probability", "--axes", "YX")])
def test_segmenting_on_a_full_disk(run: Run, image: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with full_disk():
        status, _, err = run(image, "--model", "tiny", "--out", out, *options)
    assert status == 1 and "could not be written" in err and "disk has room" in err
    assert not list(out.glob("*.tif")) and not list(out.rglob("*.tmp"))
    assert run(image, "--model", "tiny", "--out", out, *options, "--skip-existing")[0] == 0
    assert (out / "a_probability.tif").exists()


def test_an_old_result_survives_a_full_disk(
    run: Run, image: Path, tmp_path: Path, tiny_model: ModelInfo
) -> None:
    arguments = (image, "--model", tiny_model.path, "--out", tmp_path, "--kind", "probability")
    assert run(*arguments)[0] == 0
    before = (tmp_path / "a_probability.tif").read_bytes()
    with full_disk():
        assert run(*arguments, "--overwrite")[0] == 1
    assert (tmp_path / "a_probability.tif").read_bytes() == before


def test_corrections_and_models_on_a_full_disk(tmp_path: Path, tiny_model: ModelInfo) -> None:
    noise = np.random.default_rng(0).integers(0, 2**16, (64, 64), np.uint16)
    plane = LabelledPlane("a", noise, noise % 5, labels_as="reviewed")
    with full_disk(), pytest.raises(UnetppError, match="could not be written"):
        save_corrections(tmp_path / "corrections", [plane], tiny_model)
    assert tiny_model.path is not None
    copy = shutil.copy(tiny_model.path, tmp_path / "b.safetensors")
    with full_disk(), pytest.raises(UnetppError, match="could not be written"):
        register(copy)
    assert [info.name for info in list_models() if info.name.startswith("tiny")] == ["tiny"]


# ------------------------------------------------------------------- folders that cannot be written


def test_a_home_that_cannot_be_written(
    run: Run,
    image: Path,
    nowhere: Path,
    tmp_path: Path,
    tiny_model: ModelInfo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Segmenting needs neither the cache nor the models folder; what does says which folder it is."""
    path = shutil.copy(tiny_model.path, tmp_path / "tiny.safetensors")
    for name in ("UNETPP_CACHE", "UNETPP_MODELS", "UNETPP_SITTINGS", "HOME"):
        monkeypatch.setenv(name, str(nowhere))
    assert run(image, "--model", path, "--out", tmp_path / "out", "--precision", "auto")[0] == 0
    assert cli.main(["models"]) == 0
    with pytest.raises(UnetppError, match=r"file is a file; expected a folder"):
        register(path)


def test_an_output_folder_that_cannot_be_made(
    run: Run, image: Path, nowhere: Path, tiny_model: ModelInfo
) -> None:
    for options in ((), ("--axes", "YX"), ("--table",)):
        status, _, err = run(image, "--model", tiny_model.path, "--out", nowhere, *options)
        assert status in (1, 2) and "expected a folder" in err and "Traceback" not in err


def test_an_autosave_that_cannot_be_written_says_so(nowhere: Path) -> None:
    folder = SessionFolder(nowhere)
    with pytest.raises((UnetppError, OSError)):
        folder.write(lambda _: None)
    assert not folder.made
    folder.close()


# ------------------------------------------------------------------- files that vanish


def test_the_models_folder_is_removed(tiny_model: ModelInfo, models_folder: Path) -> None:
    info = find_model("tiny")
    shutil.rmtree(models_folder)
    with pytest.raises(UnetppError, match=r"tiny\.safetensors cannot be read: No such file"):
        load_model(info.path)
    with pytest.raises(UnetppError, match="there is no model 'tiny'"):
        find_model("tiny")
    assert "nuclei" in [info.name for info in list_models()]


def test_a_model_is_removed_while_it_is_read(tiny_model: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    read, path = model_file.read_header, tiny_model.path
    assert path is not None

    def read_and_remove(path: Path) -> model_file.Header:
        header = read(path)
        path.unlink()
        return header

    monkeypatch.setattr(model_file, "read_header", read_and_remove)
    with pytest.raises(UnetppError, match="cannot be read: No such file"):
        read_info(path)
