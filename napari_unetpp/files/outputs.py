"""Where results go: which images are meant, and which file each result is written to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_unetpp._types import Kind, UnetppError
from napari_unetpp.files.folders import list_images, stem_of


@dataclass(frozen=True, slots=True)
class Output:
    """One image and the file its result is written to."""

    source: Path
    target: Path


def find_inputs(inputs: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """Images that are meant, each once, and a sentence for every input that gives none.

    Parameters
    ----------
    inputs : iterable of Path
        Files are taken as they are, of a folder the images directly in it.
    """
    found: dict[Path, Path] = {}
    problems: list[str] = []
    for path in inputs:
        try:
            for image in _images(path):
                found.setdefault(image.resolve(), image)
        except UnetppError as error:
            problems.append(str(error))
    return list(found.values()), problems


def plan_outputs(sources: Iterable[Path], out: Path, kind: Kind) -> list[Output]:
    """Targets ``STEM_kind.tif``; what would clash gets the source suffix, then the folder, then a number."""
    sources = list(sources)
    stems = [_first_free(source, _clashes(sources)) for source in sources]
    taken: set[str] = set()
    outputs = []
    for source, stem in zip(sources, stems, strict=True):
        name = next(n for n in _numbered(stem) if n.lower() not in taken)
        taken.add(name.lower())
        outputs.append(Output(source, out / f"{name}_{kind}.tif"))
    return outputs


def check_target(output: Output, sources: Iterable[Path], *, overwrite: bool) -> None:
    """Raise UnetppError if writing the result would touch an input, or an old file without `overwrite`."""
    target = output.target
    if not target.exists():
        return
    if any(target.resolve() == source.resolve() for source in sources):
        raise UnetppError(f"{target} is one of the inputs and is never written to. Choose another --out.")
    if not overwrite:
        raise UnetppError(f"{target} exists already. Choose another --out, or allow --overwrite.")


def _images(path: Path) -> list[Path]:
    if path.suffix == ".zarr" or any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zarray")):
        raise UnetppError(f"{path} is a zarr, which this version does not read yet. Save the planes as TIFF.")
    if not path.is_dir():
        return [path]
    images = list_images(path)
    if not images:
        raise UnetppError(f"folder {path} holds no images (PNG, JPEG, TIFF).")
    return images


Naming = Callable[[Path], str]


def _with_suffix(source: Path) -> str:
    return f"{stem_of(source)}_{source.suffix.lstrip('.')}"


def _with_folder(source: Path) -> str:
    return f"{source.resolve().parent.name}_{_with_suffix(source)}"


NAMINGS: tuple[Naming, ...] = (stem_of, _with_suffix, _with_folder)


def _clashes(sources: list[Path]) -> list[Counter[str]]:
    """How often each naming gives each name; case is ignored, as some file systems do."""
    return [Counter(naming(source).lower() for source in sources) for naming in NAMINGS]


def _first_free(source: Path, clashes: list[Counter[str]]) -> str:
    for naming, counts in zip(NAMINGS, clashes, strict=True):
        name = naming(source)
        if counts[name.lower()] == 1:
            return name
    return _with_folder(source)


def _numbered(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}_{number}"
        number += 1
