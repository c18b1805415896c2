"""The one mutable thing: what the user wants at the moment. Set on the GUI thread only."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_unetpp._types import LabelsAs
from napari_unetpp.session.values import ResultKind, Rule


@dataclass
class SessionState:
    """Intent of the user; every field announces its change as ``state.events.FIELD``.

    Attributes
    ----------
    image : hashable or None
        Key of the chosen image layer.
    model : str or None
        Key of the chosen model.
    level : int
        Depth, 1-4, or `AUTO`.
    scale : float or None
        Working grid = input grid times `scale`; None follows the model's sampling rule.
    live : bool
        Whether moving the slider or the displayed plane segments again.
    uncertainty, depth : bool
        Whether the uncertainty of the result, and how deep Auto went, are shown.
    labels_as : LabelsAs
        What the labels of the chosen image say.
    background : int
        ``sparse``: the label value that stands for background.
    budget : int
        Seconds that a fine-tuning may take.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    image: Hashable | None = None
    model: str | None = None
    device: str = "auto"
    level: int = 4
    live: bool = True
    kind: ResultKind = "labels"
    threshold: float = 0.5
    min_size: int = 15
    split: bool = True
    uncertainty: bool = False
    depth: bool = False
    scale: float | None = None
    labels_as: LabelsAs = "corrections"
    background: int = 1
    budget: int = 60

    @property
    def rule(self) -> Rule:
        """The part of the intent that needs no network, frozen."""
        return Rule(self.kind, self.threshold, self.min_size, self.split)
