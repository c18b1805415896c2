"""What correcting and fine-tuning need from the outside; see `session.ports` for the rest."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_unetpp._types import (
    FinetuneDone,
    FinetuneEvent,
    FinetuneProgress,
    FinetuneRequest,
    LabelledPlane,
    ModelInfo,
    Outline,
    Region,
    ShouldStop,
)
from napari_unetpp.session.correct.planes import CorrectedPlane, LabelEncoding, LabelMode
from napari_unetpp.session.messages.correcting import ScoreRow
from napari_unetpp.session.values import MouseTool, Plane, Tone


class CorrectSignals:
    """What the user does in the fold Correct."""

    correct_pressed = Signal()
    click_tool_toggled = Signal(bool)
    merge_objects_toggled = Signal(bool)
    split_object_toggled = Signal(bool)
    labels_as_chosen = Signal(str)
    background_changed = Signal(int)
    ignore_pressed = Signal()
    regions_pressed = Signal()
    budget_changed = Signal(int)
    finetune_pressed = Signal()
    keep_pressed = Signal()
    discard_pressed = Signal()
    save_corrections_pressed = Signal()
    next_image_pressed = Signal()
    forget_pressed = Signal()


class CorrectView(Protocol):
    """The fold Correct, or a stand-in."""

    def open_correct(self) -> None: ...
    def set_mouse_tool(self, tool: MouseTool | None) -> None: ...
    def set_mode(self, mode: LabelMode, hint: str) -> None: ...
    def set_correction_count(self, text: str, *, can_forget: bool) -> None: ...
    def set_finetuning(self, running: bool, fraction: float | None, text: str) -> None:
        """Whether fine-tuning runs, and how far it is; a fraction of None: end unknown."""
        ...

    def set_curve(self, points: Sequence[FinetuneProgress]) -> None: ...
    def set_scores(self, rows: Sequence[ScoreRow], summary: str, tone: Tone) -> None: ...
    def set_decision(self, pending: bool, *, suggested: bool | None) -> None:
        """Whether a new model waits for Keep or Discard, and whether to keep it is suggested."""
        ...

    def ask_folder(self, suggestion: Path) -> Path | None: ...


class CorrectionsSignals:
    """What happens to the corrections layers."""

    labels_put = Signal(object)
    """Key of the image: labels were put into its layer."""

    painted = Signal(object)
    """Key of the image: something was painted, undone or drawn."""

    closed = Signal(object)
    """List of `CorrectedPlane`: the layer that held them is gone."""

    deleted = Signal(object)
    """Key of an open image: the user deleted its layer, so the planes that `closed` gave are not wanted."""


class CorrectionsLayers(Protocol):
    """The corrections layers, one for each corrected image."""

    signals: CorrectionsSignals
    changes: int
    """Counts what was painted, undone, drawn or decided in any layer, as soon as it is."""

    def has(self, image: Hashable) -> bool: ...
    def labels(self, plane: Plane) -> NDArray[Any] | None:
        """What the corrections layer shows for a plane, those that are ignored included (a view)."""
        ...

    def set_features(self, plane: Plane, columns: Mapping[str, NDArray[Any]]) -> None:
        """Give the corrections layer the features of the objects of this plane, one row for each number."""
        ...

    def corrected(self, plane: Plane) -> CorrectedPlane | None:
        """What the layer holds for a plane that it was given or that was painted on."""
        ...

    def encoding(self, plane: Plane) -> LabelEncoding | None:
        """What the labels of such a plane mean; None where there are none."""
        ...

    def all(self) -> list[CorrectedPlane]:
        """Planes with corrections or regions, and those on which correcting was begun."""
        ...

    def put(
        self,
        plane: Plane,
        labels: NDArray[Any],
        certain: NDArray[np.bool_],
        encoding: LabelEncoding,
        *,
        label: int,
    ) -> None:
        """Hold these labels for a plane, with the `certain` pixels decided; undo does not reach back.

        `label` is what the brush paints next.
        """
        ...

    def begin(self, plane: Plane) -> None:
        """The user corrects this plane, so it is one of `all` whatever is painted."""
        ...

    def mark_certain(self, plane: CorrectedPlane) -> None:
        """Every pixel of a plane, or of its reviewed regions, was decided by the user."""
        ...

    def write(
        self,
        plane: Plane,
        region: Region,
        values: NDArray[Any],
        decided: NDArray[np.bool_] | None = None,
    ) -> None:
        """Change labels (h, w) of a plane as one stroke, which undo takes back.

        `decided`: pixels (h, w) that count as decided by the user also where their label stays.
        """
        ...

    def selected(self, image: Hashable) -> int:
        """The label that the brush paints; 0 where there is no layer."""
        ...

    def select(self, image: Hashable, label: int | None = None, tool: str = "paint") -> None:
        """Select the layer, its tool and its label."""
        ...

    def show_regions(self, plane: Plane) -> None:
        """Make or select the layer in which reviewed regions are drawn."""
        ...

    def draw_regions(self, plane: Plane, outlines: Sequence[Outline]) -> None:
        """Draw reviewed regions of a plane, as if the user did."""
        ...

    def drop(self, image: Hashable) -> list[CorrectedPlane]:
        """Delete the layers with corrections and regions of an image; returns what they held."""
        ...

    def close(self) -> None: ...


class OtherImages(Protocol):
    """Other images: those that are open, and files beside them."""

    def show(self, image: Hashable, former: Hashable | None) -> None: ...
    def next_file(self, image: Hashable) -> Path | None: ...
    def open_file(self, path: Path, like: Hashable) -> Hashable: ...
    def add(self, name: str, pixels: NDArray[Any]) -> Hashable: ...
    def remove(self, image: Hashable) -> None: ...


class Trainer(Protocol):
    """Fine-tunes and keeps new models; the real one (`session.correct.work`) imports torch on first use."""

    def finetune(self, request: FinetuneRequest, should_stop: ShouldStop) -> Iterator[FinetuneEvent]: ...
    def keep(self, done: FinetuneDone) -> ModelInfo:
        """Write a new file into the folder of models."""
        ...

    def prepare_int8(
        self, model: ModelInfo, planes: tuple[LabelledPlane, ...], should_stop: ShouldStop
    ) -> bool:
        """Measure whether a new model may be evaluated in int8, which is stored; whether it may."""
        ...

    def save(self, folder: Path, planes: tuple[LabelledPlane, ...], model: ModelInfo | None) -> None:
        """Write corrections as a folder that the command line reads."""
        ...

    def read(self, folder: Path, on_problem: Callable[[str], None]) -> tuple[LabelledPlane, ...]:
        """Read such a folder; planes that cannot be read are reported and left out."""
        ...
