"""What the user has set. The only mutable value of the session; set on the window's thread only."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_unetpp._types import LabelsAs
from napari_unetpp.session.values import (
    DEFAULTS,
    Contrast,
    DeviceRequest,
    Interval,
    ResultKind,
    Rule,
    Scope,
    Settings,
)
from napari_unetpp.volumes.selection import ALL, Span


@dataclass
class SessionState:
    """What the user has set; every field announces its change as ``state.events.FIELD``.

    Attributes
    ----------
    image : hashable or None
        Key of the chosen image layer.
    model : str or None
        Key of the chosen model.
    device, precision : str
        Where the network is computed, and in which number format; see `Settings`.
    level : int
        Depth, 1-4, or `AUTO`.
    min_size : int or None
        Smaller objects are dropped (pixels of the image); None: the model's own minimum.
    max_size : int or None
        Larger objects are dropped (pixels of the image); None: none are.
    split, fill_holes, drop_border : bool
        As in `DecodeRule`.
    scale : float or None
        Working grid = grid of the full image times `scale`; None: chosen for the image by the model.
    contrast : {"auto", "displayed", "given"}
        Which intensities become 0 and 1: measured ones, the layer's contrast limits, or two numbers.
    range : (float, float)
        The two numbers; those of the layer when Segment was pressed last while `contrast` is "displayed".
    planes : {"plane", "all", "range", "max", "mean"}
        What Segment segments: the displayed plane, every plane of the image, those within `t_span` and
        `z_span`, or a projection of these along depth.
    t_span, z_span : (int or None, int or None)
        First frame and plane, and the one after the last; None: from the start, to the end.
    region : hashable or None
        What of each plane is segmented: None: all; the view; the key of a layer of shapes.
    stitch, track : bool
        Whether objects of all planes are linked through depth, and over time.
    live : bool
        Whether moving the slider or the displayed plane segments again.
    uncertainty, depth : bool
        Whether the uncertainty of the result, and how deep Auto went, are shown.
    probability : bool
        Whether Save writes the probability beside the labels.
    labels_as : LabelsAs
        What the labels of the chosen image mean.
    background : int
        ``sparse``: the label value that stands for background.
    budget : int
        Seconds that a fine-tuning may take.
    preferences : Settings
        What the page of preferences says; `session.preferences` brings it into the other fields.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    image: Hashable | None = None
    model: str | None = None
    device: str = "auto"
    precision: str = "auto"
    level: int = 4
    planes: Scope = "plane"
    t_span: Span = ALL
    z_span: Span = ALL
    region: Hashable | None = None
    stitch: bool = True
    track: bool = False
    live: bool = True
    kind: ResultKind = "labels"
    threshold: float = 0.5
    min_size: int | None = None
    split: bool = True
    max_size: int | None = None
    fill_holes: bool = False
    drop_border: bool = False
    uncertainty: bool = False
    depth: bool = False
    scale: float | None = None
    contrast: Contrast = "auto"
    range: Interval = (0.0, 255.0)
    probability: bool = False
    labels_as: LabelsAs = "corrections"
    background: int = 1
    budget: int = 60
    preferences: Settings = DEFAULTS

    @property
    def device_request(self) -> DeviceRequest:
        """Device and number format together."""
        return DeviceRequest(self.device, self.precision)

    @property
    def rule(self) -> Rule:
        """The part that needs no network, frozen."""
        return Rule(
            self.kind,
            self.threshold,
            self.min_size,
            self.split,
            self.max_size,
            self.fill_holes,
            self.drop_border,
        )
