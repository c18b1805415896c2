"""What is built and installed: contents, entry points, and what importing the package loads."""

from __future__ import annotations

import importlib.util
import os
import re
import site
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from configparser import ConfigParser
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import napari_unetpp

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "napari_unetpp"
LIMIT = 70_000_000
"""Bytes of a file that is published."""


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
    licences = {n.rpartition("/")[2] for n in names if "dist-info/licenses/" in n}
    assert licences == {"LICENSE", "LICENSE.md", "CC-BY-NC-4.0.txt"}


def test_both_are_small_enough_to_be_published(built: Path) -> None:
    """PyPI takes 100 MB a file."""
    assert {path.suffix: path.stat().st_size < LIMIT for path in built.iterdir()} == {
        ".whl": True,
        ".gz": True,
    }


# ------------------------------------------------------------ installed from the wheel


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, and with all that this one has but the checkout."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    (wheel,) = built.glob("*.whl")
    python = next(programs.glob("python*"))
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel]
    subprocess.run(command, check=True, capture_output=True)
    (own,) = folder.glob("lib/python*/site-packages") if os.name != "nt" else [folder / "Lib/site-packages"]
    # A folder that a .pth file names is searched; its own .pth files, such as that of the checkout, are not.
    (own / "others.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return programs


def _run(program: Path, *arguments: str, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [program, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_installed_wheel_is_a_valid_plugin(installed: Path, tmp_path: Path) -> None:
    python = next(installed.glob("python*"))
    where = _run(python, "-c", "import napari_unetpp; print(napari_unetpp.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)
    pytest.importorskip("napari")
    found = _run(python, "-m", "npe2", "validate", "--imports", "napari-unetpp", cwd=tmp_path)
    assert "valid" in found.lower()


def test_the_installed_program_segments(installed: Path, tmp_path: Path) -> None:
    program = next(installed.glob("napari-unetpp*"))
    sample = PACKAGE / "samples" / "histology.png"
    found = _run(
        program, "segment", str(sample), *("--out", "out", "--level", "1", "--scale", "1"), cwd=tmp_path
    )
    assert "objects" in found and (tmp_path / "out" / "histology_labels.tif").exists()


# ------------------------------------------------------------ README, recipe


@pytest.fixture(scope="module")
def build_metadata() -> ModuleType:
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("build_metadata", ROOT / "docs" / "build_metadata.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_of_the_readme_lead_somewhere(build_metadata: ModuleType) -> None:
    links = [path for _, _, path in build_metadata.LINK.findall((ROOT / "README.md").read_text())]
    assert len(links) > 20
    assert [path for path in links if not (ROOT / path).exists()] == []


def test_one_setting_makes_all_links_absolute(build_metadata: ModuleType) -> None:
    text = (ROOT / "README.md").read_text()
    address = "https://example.org/owner/napari-unetpp"
    found = build_metadata.with_absolute_links(text, address)
    assert build_metadata.LINK.findall(found) == []
    assert (
        f"![The slider moves from L1 to L4 and to Auto]({address}/raw/main/docs/images/slider.gif)" in found
    )
    assert f"[changelog]({address}/blob/main/docs/changelog.md)" in found
    assert build_metadata.with_absolute_links(text, "") == text
    assert build_metadata.urls("") == {} and all(
        url.startswith(address) for url in build_metadata.urls(address).values()
    )


def test_pictures_of_the_readme_are_light(build_metadata: ModuleType) -> None:
    found = build_metadata.LINK.findall((ROOT / "README.md").read_text())
    images = [ROOT / path for image, _, path in found if image]
    assert images and all(path.stat().st_size < 1_500_000 for path in images)


def test_the_recipe_needs_what_the_project_file_says() -> None:
    recipe = yaml.safe_load((ROOT / ".conda" / "recipe.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(n for name in extras["all"] for n in _expanded(name, extras))]
    theirs = {"torch": "pytorch"}
    pip = {(theirs.get(name, name), low) for name, low in (_requirement(text) for text in wanted)}
    conda = {_requirement(text) for text in recipe["requirements"]["run"] if not text.startswith("python ")}
    assert conda == pip
    assert recipe["about"]["license"] == project["license"]


def _expanded(name: str, extras: dict[str, list[str]]) -> list[str]:
    """What an entry of the extra `all` stands for."""
    own = re.fullmatch(r"napari-unetpp\[([\w,]+)\]", name)
    return [text for extra in own[1].split(",") for text in extras[extra]] if own else [name]


def _requirement(text: str) -> tuple[str, str]:
    """Name and lowest version, as pip and as conda write them."""
    name, low = re.split(r"\s*>=\s*", text)
    return name.partition("[")[0], low


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
    assert f'version: "{napari_unetpp.__version__}"' in (ROOT / ".conda" / "recipe.yaml").read_text()
