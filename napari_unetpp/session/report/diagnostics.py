"""A text for reports: versions, machine, device, model, image, settings, last error. No names of files."""

from __future__ import annotations

import getpass
import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from napari_unetpp._types import ModelInfo
from napari_unetpp.files.machine_cache import processor
from napari_unetpp.files.models.own_models import is_shipped
from napari_unetpp.session.events import Ready
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import Plane
from napari_unetpp.volumes.axes import Axes

PACKAGES = (
    *("napari-unetpp", "napari", "npe2", "magicgui", "superqt", "psygnal", "numpy", "scipy", "scikit-image"),
    *("torch", "openvino", "monai", "tifffile", "zarr", "dask", "onnx", "onnxruntime", "bioimageio.core"),
)
"""Whose versions are told, where they are installed."""

KEPT = ("site-packages", "napari_unetpp", "lib/python")
"""Parts of paths that belong to programs: what follows is told, what comes before is not."""

PATH = re.compile(
    r"""(?P<quote>["'])(?P<quoted>(?:[A-Za-z]:)?[\\/~][^"'\n]*)(?P=quote)"""
    r"""|(?<![\w.])(?P<bare>(?:[A-Za-z]:[\\/]|~?[\\/][\w.])[^\s"',;()<>]*)"""
)


@dataclass(frozen=True, eq=False)
class Facts:
    """What the dock knows, and in `machine` what else is told, a line each.

    Attributes
    ----------
    array : array-like or None
        The pixels of the whole image.
    names : tuple of str
        Of image layers: they are not told.
    error : str
        The last traceback.
    toolkit : str
        What draws the windows.
    machine : tuple of (str, str)
        Topic and text.
    """

    state: SessionState
    model: ModelInfo | None
    ready: Ready | None
    plane: Plane | None
    array: Any
    axes: Axes | None
    shown: SegmentRequest | None
    names: tuple[str, ...]
    error: str
    toolkit: str
    machine: tuple[tuple[str, str], ...] = ()


def machine_facts(facts: Facts) -> Facts:
    """The same with what libraries and the machine say; only loaded libraries are asked."""
    cores = os.cpu_count() or 0
    lines = [
        ("versions", ", ".join(_versions(PACKAGES))),
        ("python", f"{platform.python_version()}, {platform.platform()}"),
        ("cpu", f"{processor()}, {cores} threads"),
        ("gpu", _gpu()),
    ]
    return replace(facts, machine=tuple(lines))


def report(facts: Facts) -> str:
    """The text. Paths are cut to what belongs to programs; names of layers, of files and of the user go."""
    lines = [f"{topic + ':':<13} {text}" for topic, text in _lines(facts)]
    error = facts.error or "none"
    text = "\n".join(["napari-unetpp diagnostics", *lines, "last error:", error])
    return anonymous(text, _secrets(facts))


def anonymous(text: str, secrets: Iterable[str]) -> str:
    """A text without these words, and without paths but those of programs.

    Examples
    --------
    >>> anonymous("/data/ann/my cells.tif of ann", ["/data/ann/my cells.tif", "ann"])
    '… of …'
    """
    for secret in sorted({one for one in secrets if len(one) > 2}, key=len, reverse=True):
        # a name within a longer word of the same letters is another word
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "…", text)
    return PATH.sub(_without_folders, text)


def _lines(facts: Facts) -> Iterator[tuple[str, str]]:
    yield from facts.machine
    yield "window", facts.toolkit
    state, ready = facts.state, facts.ready
    yield "device", f"asked for: {state.device}, {state.precision}; {_used(ready)}"
    yield "model", _model(facts.model)
    yield "image", _image(facts)
    yield "settings", _settings(state)
    yield "shown", _shown(facts.shown)
    preferences = asdict(state.preferences)
    preferences["autosave_folder"] = "one of the user's" if preferences["autosave_folder"] else ""
    yield "preferences", ", ".join(f"{name}={value!r}" for name, value in preferences.items())


def _used(ready: Ready | None) -> str:
    if ready is None:
        return "not ready"
    note = f" ({ready.note})" if ready.note else ""
    return f"used: {ready.device}, {ready.dtype}{note}; usable: {', '.join(ready.devices)}"


def _model(model: ModelInfo | None) -> str:
    if model is None:
        return "none"
    name = model.name if is_shipped(model) else "an own one"  # its name is that of its file
    return f"{name} ({model.task}, {model.net.arch}), sha256 {model.sha256}"


def _image(facts: Facts) -> str:
    plane, array = facts.plane, facts.array
    if plane is None or array is None:
        return "none, or no plane of it is displayed"
    kind = f"{type(array).__module__.partition('.')[0]}.{type(array).__name__}"
    said = [f"{kind} of {array.dtype}, shape {tuple(array.shape)}", "colour" if plane.rgb else "grey"]
    said += [] if facts.axes is None else [f"read as {facts.axes} ({facts.axes.source})"]
    said += [] if plane.level is None else [f"level {plane.level} of several"]
    said += ["opened from a file" if plane.path else "opened from no file"]
    said += [f"pixel {plane.pixel.sides or 'of unknown size'} µm", f"replaced {plane.version} times"]
    return ", ".join(said)


def _settings(state: SessionState) -> str:
    rule = "threshold", "min_size", "max_size", "split", "fill_holes", "drop_border"
    names = "level", "kind", *rule, "scale", "contrast", "range", "planes", "live"
    return ", ".join(f"{name}={getattr(state, name)!r}" for name in names)


def _shown(shown: SegmentRequest | None) -> str:
    if shown is None:
        return "nothing, or all planes"
    choice = "unknown scale" if shown.choice is None else f"scale {shown.scale:g}: {shown.choice.reason}"
    return f"level {shown.level}, {choice}"


def _versions(packages: Sequence[str]) -> Iterator[str]:
    for package in packages:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue


def _gpu() -> str:
    torch = sys.modules.get("torch")
    if torch is None:
        return "not known: torch is not loaded"
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    return "Metal" if torch.backends.mps.is_available() else f"none (CUDA of torch: {torch.version.cuda})"


def _secrets(facts: Facts) -> list[str]:
    """What says who somebody is, or what the images are called."""
    plane = facts.plane
    path = None if plane is None else plane.path
    parts = [] if path is None else [str(path), path.name, path.stem, str(path.parent), path.parent.name]
    return [*facts.names, *parts, _user(), platform.node()]


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such entry on this system
        return ""


def _without_folders(found: re.Match[str]) -> str:
    quote, path = found["quote"] or "", (found["quoted"] or found["bare"]).replace("\\", "/")
    starts = [path.find(part) for part in KEPT if part in path]
    return f"{quote}…/{path[min(starts) :]}{quote}" if starts else f"{quote}…{quote}"
