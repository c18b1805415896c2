"""Where results go: which images are meant, and which file each result is written to."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_unetpp._types import Kind, UnetppError
from napari_unetpp.files.formats.kinds import is_zarr
from napari_unetpp.files.images.image_file import IMAGE_SUFFIXES
from napari_unetpp.files.labels.folders import list_images, stem_of
from napari_unetpp.files.results.result_files import is_result

ZARR = ".ome.zarr"
"""The suffix of results that are not TIFF: of a zarr, and of what is larger than a TIFF may be."""

PARTIAL = ".partial"
"""The suffix of the folder beside a result in which its planes are kept until all are there."""


@dataclass(frozen=True, slots=True)
class Source:
    """An image, and the folder below the output folder that its results go to."""

    path: Path
    folder: Path = Path()


@dataclass(frozen=True, slots=True)
class Found:
    """Images that are meant, each once; results of ours that were left out; a sentence for each problem."""

    sources: tuple[Source, ...]
    results: tuple[Path, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """One image, the file its result is written to, and those of its table and its tracks.

    None: no table, no tracks are asked for.
    """

    source: Path
    target: Path
    table: Path | None = None
    tracks: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that are written."""
        return tuple(path for path in (self.target, self.table, self.tracks) if path is not None)

    @property
    def partial(self) -> Path:
        """Where its planes are kept until all are there."""
        return self.target.with_name(self.target.name.removesuffix(".tif").removesuffix(ZARR) + PARTIAL)

    def as_zarr(self) -> Output:
        """The same with the result as OME-Zarr."""
        name = self.target.name.removesuffix(".tif").removesuffix(ZARR) + ZARR
        return replace(self, target=self.target.with_name(name))

    def there(self) -> Output | None:
        """The same as it is on disk, TIFF or zarr, where its result is there and complete; else None."""
        found = (output for output in (self, self.as_zarr()) if output.target.exists())
        return None if self.partial.exists() else next(found, None)

    def done(self) -> Output | None:
        """The same where table and tracks are there, too, as far as they are asked for."""
        output = self.there()
        return output if output is not None and all(path.exists() for path in output.files) else None


def find_inputs(inputs: Iterable[Path], *, recursive: bool = False) -> Found:
    """Images that are meant.

    Parameters
    ----------
    inputs : iterable of Path
        Files are taken as they are, of a folder the images directly in it; a name with ``*``, ``?`` or
        ``[...]`` that is no file stands for the images and folders that match it.
    recursive : bool
        Also the images in subfolders; their results go to subfolders of the same names.
    """
    found: dict[Path, Source] = {}
    results: dict[Path, None] = {}
    problems: list[str] = []
    for path in inputs:
        try:
            for source in _meant(path, recursive=recursive):
                if is_result(source.path):
                    results[source.path] = None
                else:
                    found.setdefault(source.path.resolve(), source)
        except UnetppError as error:
            problems.append(str(error))
    if results and not found and not problems:
        names = ", ".join(str(path) for path in list(results)[:3])
        problems.append(f"nothing is left to segment: {names} are results of napari-unetpp.")
    return Found(tuple(found.values()), tuple(results), tuple(problems))


def plan_outputs(
    sources: Iterable[Source], out: Path, kind: Kind, *, table: bool = False, tracks: bool = False
) -> list[Output]:
    """Targets ``STEM_kind.tif``; what would clash gets the source suffix, then the folder, then a number."""
    sources = list(sources)
    by_folder: dict[str, list[Path]] = {}
    for source in sources:
        by_folder.setdefault(str(source.folder).lower(), []).append(source.path)
    names = {folder: dict(zip(paths, _names(paths), strict=True)) for folder, paths in by_folder.items()}
    outputs = []
    for source in sources:
        stem = out / source.folder / names[str(source.folder).lower()][source.path]
        objects = stem.with_name(f"{stem.name}_objects.csv") if table else None
        suffix = ZARR if is_zarr(source.path) and kind != "probability" else ".tif"
        paths = stem.with_name(f"{stem.name}_tracks.csv") if tracks else None
        outputs.append(Output(source.path, stem.with_name(f"{stem.name}_{kind}{suffix}"), objects, paths))
    return outputs


def check_target(output: Output, sources: Iterable[Path], *, overwrite: bool, resume: bool = False) -> None:
    """Raise UnetppError if writing the results would touch an input, or an old file without `overwrite`.

    An unfinished result is refused, too, unless it is gone on with (`resume`) or replaced.
    """
    inputs = {source.resolve() for source in sources}
    if output.partial.exists() and not overwrite:
        if resume:
            return
        raise UnetppError(
            f"{output.partial} holds planes of an earlier run that was interrupted. Give --skip-existing to "
            "go on with it, --overwrite to begin anew, or another --out."
        )
    for target in dict.fromkeys((*output.files, *output.as_zarr().files)):
        if not target.exists():
            continue
        if target.resolve() in inputs:
            raise UnetppError(f"{target} is one of the inputs and is never written to. Choose another --out.")
        if not overwrite:
            raise UnetppError(
                f"{target} exists already. Give --skip-existing to do only what is missing, --overwrite to "
                "replace it, or another --out."
            )


# ------------------------------------------------------------------- what is meant


def _meant(path: Path, *, recursive: bool) -> Iterator[Source]:
    if path.exists() or not glob.has_magic(str(path)):
        yield from _images(path, recursive=recursive)
        return
    matches = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
    matches = [p for p in matches if p.is_dir() or p.suffix.lower() in IMAGE_SUFFIXES]
    if not matches:
        raise UnetppError(f"no image or folder matches {path} ({', '.join(IMAGE_SUFFIXES)}).")
    for match in matches:
        yield from _images(match, recursive=recursive)


def _images(path: Path, *, recursive: bool) -> list[Source]:
    if not path.is_dir() or is_zarr(path):
        return [Source(path)]
    folders = _folders(path) if recursive else [path]
    images = [
        Source(image, folder.relative_to(path))
        for folder in folders
        for image in sorted([*list_images(folder), *_zarrs(folder)])
    ]
    if not images:
        deeper = "" if recursive else " directly in it; --recursive looks into its subfolders"
        raise UnetppError(f"folder {path} holds no images (PNG, JPEG, TIFF, zarr){deeper}.")
    return images


def _zarrs(folder: Path) -> list[Path]:
    """Zarrs directly in a folder."""
    return [path for path in folder.iterdir() if is_zarr(path) and not path.name.startswith(".")]


def _is_entered(folder: Path) -> bool:
    """Whether images are looked for in a folder: not in hidden ones, zarrs, and unfinished results."""
    return not folder.name.startswith(".") and folder.suffix != PARTIAL and not is_zarr(folder)


def _folders(path: Path) -> list[Path]:
    """A folder and all below it, by name."""
    found = []
    for folder, below, _ in os.walk(path):
        below[:] = sorted(n for n in below if _is_entered(Path(folder, n)))
        found.append(Path(folder))
    return found


# ------------------------------------------------------------------- names

Naming = Callable[[Path], str]


def _with_suffix(source: Path) -> str:
    return f"{stem_of(source)}_{source.suffix.lstrip('.')}"


def _with_folder(source: Path) -> str:
    return f"{source.resolve().parent.name}_{_with_suffix(source)}"


NAMINGS: tuple[Naming, ...] = (stem_of, _with_suffix, _with_folder)


def _names(sources: Sequence[Path]) -> list[str]:
    """A name for each image of one output folder."""
    clashes = _clashes(sources)
    taken: set[str] = set()
    names = []
    for stem in (_first_free(source, clashes) for source in sources):
        name = next(n for n in _numbered(stem) if n.lower() not in taken)
        taken.add(name.lower())
        names.append(name)
    return names


def _clashes(sources: Sequence[Path]) -> list[Counter[str]]:
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
