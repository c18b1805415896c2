"""What is kept on disk: named with its size, cleared where it can be made again, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.files.caches import Kept, clear, kept_files, size_text
from napari_unetpp.files.models.int8_file import write_int8
from napari_unetpp.files.models.model_list import models_folder, register
from napari_unetpp.files.models.own_models import delete_model


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder with measurements, and a file that is not ours."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("UNETPP_CACHE", str(folder))
    for name in ("inference-1.json", "training-1.json", "speed-1.json"):
        (folder / name).write_text("x" * 1000)
    (folder / "thesis.json").write_text("x" * 5000)
    return folder


@pytest.fixture
def sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Unsaved corrections of a crashed session."""
    folder = tmp_path / "sittings"
    (folder / "1" / "save-0001").mkdir(parents=True)
    (folder / "1" / "save-0001" / "a.tif").write_bytes(b"x" * 2000)
    monkeypatch.setenv("UNETPP_SITTINGS", str(folder))
    return folder


@pytest.fixture
def filled(cache: Path, sessions: Path, tiny_model: ModelInfo) -> Path:
    """Something of every kind."""
    write_int8(tiny_model, {"ranges": {}})
    delete_model(register(tiny_model.path, "old"))
    return sessions


def by_name(sessions: Path) -> dict[str, Kept]:
    return {one.name: one for one in kept_files(sessions)}


def test_what_is_kept(filled: Path) -> None:
    kept = by_name(filled)
    assert {name: len(one.files) for name, one in kept.items()} == {
        "measurements": 3,
        "int8": 1,
        "corrections": 1,
        "models": 1,
        "deleted": 1,
    }
    assert kept["measurements"].amount == "3 files, 3.0 kB"
    assert (kept["measurements"].size, kept["corrections"].size) == (3000, 2000)


def test_clearing_deletes_nothing_of_the_users(filled: Path, cache: Path) -> None:
    kept = by_name(filled)
    before = {name: one.files for name, one in kept.items()}
    freed = clear([one for one in kept.values() if one.clearable])
    assert freed == kept["measurements"].size + kept["int8"].size
    after = {name: one.files for name, one in by_name(filled).items()}
    assert after == before | {"measurements": (), "int8": ()}
    assert (cache / "thesis.json").exists()


@pytest.mark.parametrize("name", ["corrections", "models", "deleted"])
def test_what_is_no_cache_cannot_be_cleared(filled: Path, name: str) -> None:
    with pytest.raises(UnetppError, match="cannot be cleared"):
        clear([by_name(filled)["measurements"], by_name(filled)[name]])
    assert by_name(filled)[name].files and by_name(filled)["measurements"].files


def test_folders_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNETPP_CACHE", str(tmp_path / "nothing"))
    assert [one.size for one in kept_files(tmp_path / "nothing")] == [0] * 5


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (36_400_000, "36 MB"), (2e12, "2000 GB")]
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


def test_the_command(filled: Path, run_command: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = run_command("cache")
    assert status == 0 and "3 files, 3.0 kB" in out and str(models_folder()) in out
    status, out, err = run_command("cache", "--clear")
    assert status == 0 and "freed 3." in err and "0 files, 0 B" in out
    assert by_name(filled)["corrections"].files and by_name(filled)["models"].files
