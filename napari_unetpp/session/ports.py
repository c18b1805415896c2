"""What the session needs from the outside: a view, the layers, a runner.

The view decides nothing: it emits `ViewSignals` and obeys ``set_*``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_unetpp._types import ModelInfo, Region
from napari_unetpp.session.correct.ports import CorrectSignals, CorrectView
from napari_unetpp.session.display.costs import ChartPoint
from napari_unetpp.session.events import Event, Job
from napari_unetpp.session.messages.image import ScaleShown
from napari_unetpp.session.models.ports import MenuSignals, MenuView
from napari_unetpp.session.stacks.values import StackShown
from napari_unetpp.session.values import Contrast, ImageChoice, Interval, MouseTool, Plane, Rule, Tone


class ViewSignals(CorrectSignals, MenuSignals):
    """What the user does."""

    image_chosen = Signal(object)
    model_chosen = Signal(str)
    device_chosen = Signal(str)
    level_changed = Signal(int)
    live_toggled = Signal(bool)
    kind_chosen = Signal(str)
    threshold_changed = Signal(float)
    min_size_changed = Signal(int)
    max_size_changed = Signal(object)
    """None: no object is too large."""

    split_toggled = Signal(bool)
    fill_holes_toggled = Signal(bool)
    drop_border_toggled = Signal(bool)
    scale_changed = Signal(object)
    contrast_chosen = Signal(str)
    range_changed = Signal(object)
    circle_toggled = Signal(bool)
    segment_pressed = Signal()
    stop_pressed = Signal()
    uncertainty_toggled = Signal(bool)
    depth_toggled = Signal(bool)
    next_pressed = Signal()
    save_pressed = Signal()
    probability_toggled = Signal(bool)
    """Whether Save writes the probability, too; chosen where the user is asked for a path."""

    batch_pressed = Signal()
    axis_chosen = Signal(int, str)
    """Number of an axis of the image, and the letter that the user gives it."""

    channel_chosen = Signal(int)
    planes_chosen = Signal(str)
    span_changed = Signal(str, str)
    """The letter T or Z, and which frames or planes, as the user wrote it: ``3:10``; empty: all."""

    region_chosen = Signal(object)
    """None: the whole image; `stacks.values.VIEW`, or the key of a Shapes layer."""

    stitch_toggled = Signal(bool)
    track_toggled = Signal(bool)
    offer_taken = Signal(str)
    steps_hidden = Signal()
    """The user needs no first steps."""


class View(CorrectView, MenuView, Protocol):
    """The dock, or a stand-in."""

    signals: ViewSignals

    def set_images(self, images: Sequence[ImageChoice], current: Hashable | None) -> None: ...
    def set_image_note(self, text: str, tone: Tone) -> None: ...
    def set_regions(self, choices: Sequence[ImageChoice], current: Hashable | None) -> None: ...
    def set_stack(self, shown: StackShown) -> None: ...
    def set_models(self, models: Sequence[ModelInfo], current: str | None) -> None: ...
    def set_devices(self, devices: Sequence[tuple[str, str]], current: str, note: str) -> None: ...
    def set_memory_use(self, text: str) -> None: ...

    def set_levels(self, levels: Sequence[int], current: int) -> None: ...
    def set_readout(self, text: str, tip: str) -> None: ...
    def set_chart(self, points: Sequence[ChartPoint], current: int) -> None: ...
    def set_live(self, live: bool) -> None: ...
    def set_rule(self, rule: Rule, *, can_split: bool) -> None: ...
    def set_scale(self, shown: ScaleShown) -> None: ...
    def set_contrast(self, contrast: Contrast, numbers: Interval, undisplayed: str) -> None:
        """`undisplayed` says why the image has no contrast limits; empty: it has."""
        ...

    def set_range_used(self, text: str) -> None:
        """Which intensities the shown result was made of."""
        ...

    def open_input(self) -> None: ...
    def set_circle(self, shown: bool) -> None: ...
    def set_uncertainty(self, shown: bool) -> None: ...
    def set_depth_shown(self, shown: bool) -> None: ...
    def set_busy(self, busy: bool) -> None: ...
    def set_can_segment(self, can: bool) -> None: ...
    def set_can_save(self, can: bool, why_not: str = "") -> None: ...
    def set_progress(self, fraction: float | None, text: str) -> None:
        """How far; None: busy, end unknown."""
        ...

    def set_message(self, text: str, tone: Tone = "info", offers: Sequence[tuple[str, str]] = ()) -> None: ...
    def set_first_step(self, text: str) -> None:
        """What somebody who is new does next; empty: nothing is said."""
        ...

    def ask_path(self, suggestion: Path) -> Path | None:
        """Where to save; emits first whether the probability is wanted, too."""
        ...

    def ask_zarr(self, suggestion: Path, size: str) -> Path | None:
        """Where to keep an OME-Zarr of this size."""
        ...


class LayerSignals:
    """What happens to the layers."""

    images_changed = Signal()
    plane_changed = Signal(object)
    rested = Signal()
    """No other plane was displayed for a while."""

    result_removed = Signal(object)
    """Key of the image whose result layer the user deleted."""
    view_moved = Signal()
    """The viewer was panned or zoomed."""

    limits_changed = Signal(object)
    """Key of the image whose contrast limits were changed, a moment ago."""

    circle_changed = Signal(float)
    circle_removed = Signal()
    clicked = Signal(object, object)
    """Key of the image and the `Click` on it."""

    drawn = Signal(object, object)
    """Key of the image and the `Line` drawn on it."""

    mouse_tool_ended = Signal()
    """Another tool was picked."""

    tool_picked = Signal(object, str)
    """Key of the image and napari's name of the paint tool, picked on our result."""


class Layers(Protocol):
    """The image layers and our output layers."""

    signals: LayerSignals

    def images(self) -> list[ImageChoice]: ...
    def preferred(self) -> Hashable | None: ...
    def read(self, image: Hashable) -> Plane:
        """The displayed plane; UnetppError says why there is none."""
        ...

    def as_colour(self, plane: Plane) -> Hashable:
        """Open the three planes of an image as one colour image; gives its key."""
        ...

    def limits(self, image: Hashable) -> Interval | None:
        """The intensities that the image is displayed between; None for colour."""
        ...

    def prepare(self, plane: Plane, *, classes: bool = False) -> None:
        """Make or find our output layer for this plane; `classes`: its numbers are classes, not objects."""
        ...

    def paint(self, plane: Plane, region: Region, values: NDArray[Any], *, final: bool) -> bool:
        """Write a rectangle; False when the image or our layer is gone or no longer the same."""
        ...

    def result(self, plane: Plane) -> NDArray[Any] | None:
        """What our output layer shows for this plane."""
        ...

    def set_features(self, plane: Plane, columns: Mapping[str, NDArray[Any]]) -> None:
        """Give our output layer the features of the objects of this plane, one row for each number."""
        ...

    def show_circle(self, plane: Plane, diameter: float) -> None: ...
    def hide_circle(self) -> None: ...
    def set_mouse_tool(self, image: Hashable | None, tool: MouseTool = "click") -> None:
        """Let the mouse be a tool on an image; None: let it do what it does otherwise."""
        ...

    def show_uncertainty(self, plane: Plane, values: NDArray[np.uint8]) -> None: ...
    def hide_uncertainty(self) -> None: ...
    def show_depth(self, plane: Plane, values: NDArray[np.uint8]) -> None: ...
    def hide_depth(self) -> None: ...
    def go_to(self, plane: Plane, y: int, x: int, diameter: float) -> None:
        """Bring a pixel to the middle of the view, an object of this diameter (px) large enough to see."""
        ...

    def close(self) -> None: ...


class Runner(Protocol):
    """Runs one job after the other, off the GUI thread."""

    def submit(
        self,
        job: Job,
        on_event: Callable[[Event], None],
        on_end: Callable[[BaseException | None], None],
    ) -> None:
        """Ask the jobs before to stop, then queue this one. Callbacks come on the GUI thread."""
        ...

    def stop(self) -> None: ...
    def close(self) -> None: ...
