"""What is built and installed: contents, entry points, and what importing the package loads."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

import napari_unetpp

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "napari_unetpp"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with wheel and sdist; no network: the builder is part of the test environment."""
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return out


def test_the_wheel_holds_all_that_is_needed(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
        points = ConfigParser()
        name = next(n for n in names if n.endswith("entry_points.txt"))
        points.read_string(wheel.read(name).decode())
    assert points["console_scripts"]["napari-unetpp"] == "napari_unetpp.cli:main"
    assert points["napari.manifest"]["napari-unetpp"] == "napari_unetpp:napari.yaml"
    needed = [PACKAGE / "napari.yaml", PACKAGE / "py.typed", *PACKAGE.rglob("*.py")]
    needed += [p for folder in ("weights", "samples") for p in (PACKAGE / folder).iterdir() if p.is_file()]
    missing = {p.relative_to(ROOT).as_posix() for p in needed} - set(names)
    assert not missing
    assert not [n for n in names if not n.startswith(("napari_unetpp/", "napari_unetpp-"))]


def test_the_sdist_holds_the_manifest_once(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        manifests = [n for n in sdist.getnames() if n.endswith("napari.yaml")]
    assert [n.split("/", 1)[1] for n in manifests] == ["napari_unetpp/napari.yaml"]


def test_the_manifest_at_the_top_is_a_link_to_the_one_in_the_package() -> None:
    link = ROOT / "napari.yaml"
    if not link.is_symlink():  # a clone without symbolic links holds the target's path as text
        assert link.read_text().strip() == "napari_unetpp/napari.yaml"
    else:
        assert link.resolve() == PACKAGE / "napari.yaml"


def test_importing_the_package_loads_neither_torch_nor_qt() -> None:
    code = "import sys, napari_unetpp; print(*sorted(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
    )
    heavy = {"torch", "monai", "napari", "qtpy", "PyQt6", "numpy"}
    assert not heavy & set(found.stdout.split())


def test_public_names_are_there() -> None:
    for name in napari_unetpp.__all__:
        assert getattr(napari_unetpp, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = napari_unetpp.nonsense


def test_version_is_that_of_the_project_file() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{napari_unetpp.__version__}"' in text
    assert f"version: {napari_unetpp.__version__}" in (ROOT / "CITATION.cff").read_text()
