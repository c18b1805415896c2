"""The files that results are written to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_unetpp._types import Kind, UnetppError
from napari_unetpp.files.formats.kinds import is_zarr
from napari_unetpp.files.labels.folders import stem_of
from napari_unetpp.files.objects.formats import FORMATS
from napari_unetpp.files.results.inputs import PARTIAL, Source

ZARR = ".ome.zarr"
"""The suffix of results that are not TIFF: of a zarr, and of what is larger than a TIFF may be."""

PLANES = (".tif", ".raw")
"""Suffixes of the finished planes of a result that is not complete (`volumes.series.store`)."""


@dataclass(frozen=True, slots=True)
class Output:
    """One image, the file of its result, and the files beside it.

    Attributes
    ----------
    source, target : Path
    table : Path or None
        Table of the objects; None: not asked for.
    also : tuple of (str, Path)
        Files for other programs: format (of `files.objects.formats.FORMATS`) and name.
    tracks : Path or None
        Table of the objects over time; None: not asked for.
    probability : Path or None
        Probabilities beside labels or mask; None: not asked for.
    """

    source: Path
    target: Path
    table: Path | None = None
    also: tuple[tuple[str, Path], ...] = ()
    tracks: Path | None = None
    probability: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that are written."""
        beside = (self.table, *(path for _, path in self.also), self.tracks, self.probability)
        return (self.target, *(path for path in beside if path is not None))

    @property
    def missing(self) -> Output:
        """The same without the files beside the result that exist already."""
        table, tracks, probability = (
            None if path is None or path.exists() else path
            for path in (self.table, self.tracks, self.probability)
        )
        also = tuple(pair for pair in self.also if not pair[1].exists())
        return replace(self, table=table, also=also, tracks=tracks, probability=probability)

    @property
    def partial(self) -> Path:
        """The folder in which planes are kept until all are done."""
        return self.target.with_name(self.target.name.removesuffix(".tif").removesuffix(ZARR) + PARTIAL)

    @property
    def begun(self) -> bool:
        """Whether finished planes of an interrupted run are kept (`partial`)."""
        return any(file.suffix in PLANES for file in self.partial.glob("[0-9]*"))

    def as_zarr(self) -> Output:
        """The same with the result as OME-Zarr."""
        name = self.target.name.removesuffix(".tif").removesuffix(ZARR) + ZARR
        return replace(self, target=self.target.with_name(name))

    def there(self) -> Output | None:
        """The output as it is on disk, TIFF or zarr; None where it does not exist or is not complete."""
        found = (output for output in (self, self.as_zarr()) if output.target.exists())
        return None if self.begun else next(found, None)

    @property
    def complete(self) -> bool:
        """Whether all files exist."""
        return all(path.exists() for path in self.files)


def plan_outputs(
    sources: Iterable[Source],
    out: Path,
    kind: Kind,
    *,
    table: bool = False,
    also: Sequence[str] = (),
    tracks: bool = False,
    probability: bool = False,
    made_of: Callable[[Path, Path], bool] | None = None,
) -> list[Output]:
    """Targets ``STEM_kind.tif``; equal names get the source suffix, then the folder, then a number.

    Parameters
    ----------
    made_of : callable, optional
        Whether an image (first) gave an existing result (second). Then an image keeps the result that it has
        under another of its names, from a run with fewer or more images of that stem.
    """
    sources = list(sources)
    by_folder: dict[str, list[Path]] = {}
    for source in sources:
        by_folder.setdefault(str(source.folder).lower(), []).append(source.path)
    names = {folder: dict(zip(paths, _names(paths), strict=True)) for folder, paths in by_folder.items()}

    def named(source: Source, name: str) -> Output:
        stem = out / source.folder / name
        objects = stem.with_name(f"{stem.name}_objects.csv") if table else None
        others = tuple((name, stem.with_name(f"{stem.name}{FORMATS[name].ending}")) for name in also)
        suffix = ZARR if is_zarr(source.path) and kind != "probability" else ".tif"
        paths = stem.with_name(f"{stem.name}_tracks.csv") if tracks else None
        target = stem.with_name(f"{stem.name}_{kind}{suffix}")
        maps = stem.with_name(f"{stem.name}_probability.tif") if probability else None
        return Output(source.path, target, objects, others, paths, maps)

    plan = [named(source, names[str(source.folder).lower()][source.path]) for source in sources]
    if made_of is None:
        return plan
    taken = {output.target for output in plan}
    for number, (source, output) in enumerate(zip(sources, plan, strict=True)):
        if output.begun or output.there():
            continue
        for naming in NAMINGS:
            there = named(source, naming(source.path)).there()
            if there and there.target not in taken and made_of(source.path, there.target):
                taken.add(there.target)
                plan[number] = there
                break
    return plan


def check_output(output: Output, sources: Iterable[Path], *, overwrite: bool, resume: bool = False) -> None:
    """Raise UnetppError if writing the results would touch an input, or an old file without `overwrite`.

    An unfinished result is refused, too, unless it is continued (`resume`) or replaced.
    """
    inputs = {source.resolve() for source in sources}
    if output.begun and not overwrite:
        if resume:
            return
        raise UnetppError(
            f"{output.partial} holds planes of an earlier run that was interrupted. Give --skip-existing to "
            "go on with it, --overwrite to begin anew, or another --out."
        )
    inside = next((folder for folder in output.target.resolve().parents if is_zarr(folder)), None)
    if inside is not None:
        raise UnetppError(f"{output.target} lies inside the image {inside}. Choose another --out.")
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
