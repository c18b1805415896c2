"""Exports from the dock as pure functions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from napari_unetpp import cli
from napari_unetpp._types import ModelInfo
from napari_unetpp.session.models.export import (
    ExportRequest,
    arguments,
    missing,
    step_of,
    suggestion,
    with_suffix,
)


def test_the_command_takes_the_arguments(tiny_info: ModelInfo) -> None:
    request = ExportRequest(tiny_info, "bioimageio", 2, Path("a b.zip"), "Ann", overwrite=True)
    args = cli.build_parser().parse_args(arguments(request))
    assert (args.model, args.format, args.level, args.out) == ("tiny", "bioimageio", 2, Path("a b.zip"))
    assert (args.authors, args.overwrite) == (["Ann"], True)
    plain = cli.build_parser().parse_args(arguments(replace(request, format="onnx", overwrite=False)))
    assert (plain.authors, plain.overwrite) == ([], False)


def test_what_is_missing() -> None:
    assert missing("onnx", lambda _name: object()) == ""
    said = missing("onnx", lambda name: None if name == "onnxscript" else object())
    assert said == "ONNX needs onnxscript: pip install 'napari-unetpp[export]'"

    def no_parent(name: str) -> object:
        if name == "bioimageio.core":
            raise ModuleNotFoundError(name)
        return object()

    assert "bioimageio.core" in missing("bioimageio", no_parent) and missing("onnx", no_parent) == ""


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        ("a.onnx", "onnx", "a.onnx"),
        ("a", "onnx", "a.onnx"),
        ("a.zip", "onnx", "a.onnx"),
        ("a.ONNX", "onnx", "a.ONNX"),
        ("v1.2", "bioimageio", "v1.2.zip"),
    ],
)
def test_names_get_their_suffix(given: str, kind: str, expected: str) -> None:
    assert with_suffix(Path(given), kind) == Path(expected)  # type: ignore[arg-type]


def test_suggestions_are_names_that_every_system_takes(tiny_info: ModelInfo) -> None:
    named = replace(tiny_info, name="my cells (2)")
    assert suggestion(named, "onnx", 3, Path("f")) == Path("f/my-cells-2-L3.onnx")


@pytest.mark.parametrize(
    ("line", "step"),
    [("2/3 writing the file", (2, 3, "writing the file")), ("note: 1/2", None), ("error: x", None)],
)
def test_steps(line: str, step: object) -> None:
    assert step_of(line) == step
