"""Every command that the README and the documentation show: it runs, on small inputs and with small budgets.

What cannot run here stands in `NOT_RUN` with the reason; anything new either runs or is added there.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pages import ROOT, Shown, commands

from napari_unetpp import cli

NOT_RUN = {
    "bash docs/demo.sh": "makes an environment; tests/test_scripts.py",
    "bash tests/run.sh": "runs these tests",
    ".ci/run": "runs these tests",
    "napari-unetpp benchmark": "takes minutes; test_benchmark_measures_every_level in tests/test_cli.py",
    "napari-unetpp export": "needs the extra export; tests/exports",
    "napari-unetpp import": "needs an exported package; tests/exports/test_package_import.py",
    "bioimageio test": "needs the extra export; tests/exports/test_bioimageio_package.py",
    "torchrun": "several processes; tests/train/scratch/test_several_processes.py",
    "napari-unetpp segment stack.ome.tif --out results --workers": "tests/test_segment_workers.py",
    "napari-unetpp segment plates/ --out results --scheduler": "tests/test_segment_workers.py",
    "dask worker": "a program of dask; tests/test_segment_workers.py",
    "napari-unetpp segment cells.czi": "needs bioio-czi; tests/volumes/inputs/test_other_formats.py",
    "napari-unetpp segment series_folder": "DICOM; tests/volumes/inputs/test_other_formats.py",
    "napari-unetpp calibrate": "a table names it without --out; tests/test_cli.py",
    "python": "takes hours; its options are checked below",
    "mkdocs serve": "serves the pages until it is stopped; .ci/run builds them",
    "pip": "installs; its extras are checked below",
}
"""Beginnings of commands."""

SMALL = {
    "NAME": "nuclei",
    "0:4096,0:4096": "0:48,0:48",
    "0:512,0:512": "0:48,0:48",
    "--minutes": "--megapixels",
    "--seconds": "--steps",
}
BUDGETS = {"--megapixels": "0.005", "--steps": "2", "--batch": "2"}
CPU = ("--device", "cpu", "--precision", "float32")
LENGTHS = {"train": ("--batch", "1"), "finetune": ("--steps", "2")}
"""Of runs that do not say it themselves."""

OPTIONS = {
    "segment": CPU,
    "evaluate": CPU,
    "finetune": CPU,
    "train": (*CPU, "--patch", "32"),
}
"""Added to each command."""


def reason_not_to(shown: Shown) -> str | None:
    """Why a command is not run; None: it is."""
    text = " ".join(shown.words)
    return next((reason for start, reason in NOT_RUN.items() if text.startswith(start)), None)


def arguments(words: tuple[str, ...]) -> tuple[str, ...]:
    """What is run: the command with small inputs and budgets."""
    small = [SMALL.get(word, word) for word in words[1:]]
    for n, word in enumerate(small[:-1]):
        small[n + 1] = BUDGETS.get(word, small[n + 1])
    if small[0] == "segment" and "--out" not in small:
        small += ["--out", "results"]
    if small[0] in ("train", "finetune"):  # of runs that differ in names and seeds alone one is enough
        small[1] = "polyps_kvasir/train" if "--frame" in small else "FOLDER"
        small += [word for word in LENGTHS[small[0]] if not set(LENGTHS[small[0]][::2]) & set(small)]
        for option, value in (("--out", "new.safetensors"), ("--from", "nuclei"), ("--seed", "0")):
            if option in small:
                small[small.index(option) + 1] = value
        small = small if "--seed" in small else [*small, "--seed", "0"]
        small[2:] = [word for pair in sorted(zip(small[2::2], small[3::2], strict=True)) for word in pair]
    if small[0] in ("segment", "evaluate", "finetune") and not {"--scale", "--diameter"} & set(small):
        small += ["--scale", "1"]
    return (*small, *OPTIONS.get(small[0], ()))


SHOWN = commands()
RUN = sorted({arguments(shown.words) for shown in SHOWN if reason_not_to(shown) is None})


def test_there_are_commands() -> None:
    pages = {shown.page for shown in SHOWN}
    assert {"README.md", "docs/stacks.md", "docs/start/quick-start.md"} <= pages and len(RUN) > 20


@pytest.mark.parametrize("words", RUN, ids=" ".join)
def test_it_runs(words: tuple[str, ...], inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 0, capsys.readouterr().err
    for name in ("--out", "--json"):
        if name in words[:-1]:
            assert Path(words[words.index(name) + 1]).exists()


def test_what_is_not_run_is_still_shown() -> None:
    texts = [" ".join(shown.words) for shown in SHOWN]
    assert [start for start in NOT_RUN if not any(text.startswith(start) for text in texts)] == []
    named = re.findall(r"tests/[\w/.]+", " ".join(NOT_RUN.values()))
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("shown", [s for s in SHOWN if s.words[0] == "python"], ids=lambda s: s.text)
def test_scripts_have_the_options_that_are_shown(shown: Shown) -> None:
    script = (ROOT / shown.words[1]).read_text()
    options = [word.strip("[]") for word in shown.words[2:] if word.strip("[]").startswith("--")]
    assert [option for option in options if f'"{option}"' not in script] == []


@pytest.mark.parametrize("shown", [s for s in SHOWN if s.words[0] == "pip"], ids=lambda s: s.text)
def test_extras_that_are_shown_exist(shown: Shown) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name, given in re.findall(r"(\S*?)\[([\w,]+)\]", " ".join(shown.words)):
        if name in (".", "napari-unetpp"):
            assert set(given.split(",")) <= set(extras)


@pytest.mark.parametrize(
    "shown", [s for s in SHOWN if s.words[0] in ("bash", ".ci/run")], ids=lambda s: s.text
)
def test_shell_scripts_exist(shown: Shown) -> None:
    assert (ROOT / (shown.words[1] if shown.words[0] == "bash" else shown.words[0])).exists()
