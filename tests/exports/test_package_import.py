"""Importing: only the model file of a package is read, and a package can do no harm."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_unetpp import cli
from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.exports import importing
from napari_unetpp.exports.importing import import_model
from napari_unetpp.files.models.model_list import find_model, models_folder


def pack(path: Path, files: dict[str, bytes]) -> Path:
    """A zip file with these members, whatever they are called."""
    with zipfile.ZipFile(path, "w") as package:
        for name, content in files.items():
            package.writestr(name, content)
    return path


def content_of(model: ModelInfo) -> bytes:
    assert model.path is not None
    return model.path.read_bytes()


def test_the_model_file_comes_back_as_it_was(model: ModelInfo, tmp_path: Path) -> None:
    package = pack(tmp_path / "a.zip", {"rdf.yaml": b"", "tiny.safetensors": content_of(model)})
    info = import_model(package)
    assert (info.sha256, info.name) == (model.sha256, "tiny")
    assert find_model("tiny").path == models_folder() / "tiny.safetensors"


def test_a_model_file_can_be_imported_too_and_a_taken_name_gets_a_number(
    model: ModelInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("tiny", "tiny-2"):
        assert cli.main(["import", str(model.path)]) == 0
        assert capsys.readouterr().out.strip() == f"{name}: {models_folder() / name}.safetensors"


def test_a_name_leads_nowhere_else(write_model: Callable[..., ModelInfo], tmp_path: Path) -> None:
    evil = write_model(name="../../../evil")
    info = import_model(pack(tmp_path / "a.zip", {"m.safetensors": content_of(evil)}))
    assert info.path is not None and info.path.parent == models_folder()


def test_nothing_but_the_model_is_taken_out(model: ModelInfo, tmp_path: Path) -> None:
    files = {
        "../up.safetensors": b"x",
        "/abs.safetensors": b"x",
        "sub/other.safetensors": b"x",
        "weights.pt": pickle.dumps(print),
        "tiny.safetensors": content_of(model),
    }
    (tmp_path / "in").mkdir()
    import_model(pack(tmp_path / "in" / "a.zip", files))
    assert [file.name for file in models_folder().iterdir()] == ["tiny.safetensors"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in", models_folder().name]


BAD: dict[str, tuple[dict[str, bytes], str]] = {
    "of another program": ({"rdf.yaml": b"", "weights.pt": b"x"}, "holds 0 model files"),
    "two models": ({"a.safetensors": b"x", "b.safetensors": b"x"}, "holds 2 model files"),
    "a pickle by that name": ({"a.safetensors": pickle.dumps(print)}, "could run code"),
    "nonsense": ({"a.safetensors": b"nonsense" * 9}, "the model in it cannot be used"),
    "only on another path": ({"../a.safetensors": b"x"}, "holds 0 model files"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_packages(case: str, tmp_path: Path) -> None:
    files, message = BAD[case]
    with pytest.raises(UnetppError, match=message):
        import_model(pack(tmp_path / "a.zip", files))
    assert not models_folder().exists()


def test_a_model_that_is_too_large(model: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MAX_BYTES", 100)
    with pytest.raises(UnetppError, match="at most 100 are read"):
        import_model(pack(tmp_path / "a.zip", {"tiny.safetensors": content_of(model)}))


def test_damaged_files(model: ModelInfo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = pack(tmp_path / "a.zip", {"tiny.safetensors": content_of(model)}).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    for name, content in {"cut": whole[:-30], "flipped": bytes(flipped), "no zip": b"GIF89a"}.items():
        (tmp_path / f"{name}.zip").write_bytes(content)
        with pytest.raises(UnetppError, match="is not a sound zip file"):
            import_model(tmp_path / f"{name}.zip")
    assert cli.main(["import", str(tmp_path / "nowhere.zip")]) == 1
    assert "nowhere.zip cannot be read: No such file" in capsys.readouterr().err
    assert not models_folder().exists()
