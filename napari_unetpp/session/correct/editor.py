"""Results become corrections layers; the user's pixels stay when a new result comes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from napari_unetpp.session.context import Context
from napari_unetpp.session.correct.merge import IGNORE_LABEL, Ints, Mask, free_label, merge
from napari_unetpp.session.correct.merging import Merging
from napari_unetpp.session.correct.planes import (
    CorrectedPlane,
    LabelEncoding,
    LabelMode,
    encoded,
    next_label,
)
from napari_unetpp.session.correct.ports import CorrectionsLayers
from napari_unetpp.session.correct.store import CorrectionStore
from napari_unetpp.session.messages import correcting
from napari_unetpp.session.ports import Runner
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.segment.runs import Runs
from napari_unetpp.session.values import Plane


class CorrectionEditor:
    """Puts results and kept corrections into corrections layers.

    Parameters
    ----------
    context, runs
        Of the controller.
    corrections : CorrectionsLayers
        The port; see `session.correct.ports`.
    segment : callable
        Segments the displayed plane.
    store : CorrectionStore
        Also holds what another dock of this viewer has left.
    merge_runner : Runner
        Merges results with corrections.

    Attributes
    ----------
    revision : int
        Goes up whenever a correction or its meaning changed.
    can_bring_back : bool
        Whether there are forgotten corrections.
    end_message : callable
        Shows what holds, in place of what was said of the corrections.
    """

    def __init__(
        self,
        context: Context,
        runs: Runs,
        corrections: CorrectionsLayers,
        segment: Callable[[], None],
        store: CorrectionStore,
        merge_runner: Runner,
    ) -> None:
        self.context, self.runs, self.corrections, self.store = context, runs, corrections, store
        self.view, self.layers, self.state = context.view, context.layers, context.state
        self.revision = 0
        self.can_bring_back = False
        self.end_message: Callable[[], None] = lambda: None
        self._told: int | None = None  # changes of the layers when something was said of them
        self.merging = Merging(context, merge_runner, corrections, self._hold)
        self._segment = segment
        self._wanted: tuple[Hashable, str] | None = None  # plane to open once it is segmented, and the tool
        runs.finished.connect(self._on_finished)
        runs.idle.connect(self._on_idle)
        corrections.signals.painted.connect(self._on_painted)
        corrections.signals.closed.connect(self._on_closed)

    # ---------------------------------------------------- what the user asks for

    def correct(self, tool: str = "paint") -> None:
        """Open the displayed result for correcting; segment it first where there is none."""
        self.view.open_correct()
        plane = self.context.plane()
        shown = self.runs.shown
        if self.corrections.encoding(plane) is not None:
            self._begin(plane, tool)
        elif shown is not None and shown.plane.key == plane.key:
            self._put(shown)
            self._begin(plane, tool)
        else:
            self._wanted = plane.key, tool
            if not self.runs.busy:
                self._segment()

    def open(self, plane: Plane) -> CorrectedPlane:
        """The corrections layer of a plane: with its result, or empty where there is none yet."""
        corrected = self.corrections.corrected(plane)
        if corrected is None:
            shown = self.runs.shown
            if shown is not None and shown.plane.key == plane.key:
                self._put(shown)
            else:
                self.layers.prepare(plane)
                nothing = np.zeros(plane.shape, np.uint16)
                self.corrections.put(plane, nothing, nothing > 0, self._encoding(objects=True), label=1)
            self._begin(plane, "pan_zoom")
            corrected = self.corrections.corrected(plane)
        assert corrected is not None
        return corrected

    def restore(self, plane: Plane, corrected: CorrectedPlane) -> None:
        """Open corrections that were read from a file."""
        self.store.set_mode(plane.image, corrected.mode)
        self.store.set_preprocessing(plane.image, corrected.preprocessing)
        label = free_label(corrected.labels)
        self.corrections.put(plane, corrected.labels, corrected.certain, corrected.encoding, label=label)
        self.corrections.begin(plane)
        if corrected.outlines:
            self.corrections.draw_regions(plane, corrected.outlines)
        self.follow_image()

    # -------------------------------------------------------------- corrections

    def usable(self) -> tuple[CorrectedPlane, ...]:
        """All corrected planes of the session that fine-tuning can learn from."""
        self.merging.finish()
        return self.store.usable(self.corrections.all())

    def edited(self) -> tuple[CorrectedPlane, ...]:
        """All planes of the session that the user edited, also where nothing can be learnt from them."""
        return self.store.edited(self.corrections.all())

    def mark_reviewed(self) -> None:
        """What is displayed counts as reviewed, where the user says that labels are."""
        image = self.state.image
        if image is not None and self.corrections.has(image) and self.state.labels_as == "reviewed":
            self.corrections.begin(self.context.plane())
            self.show_count()

    def mark_certain(self, planes: Sequence[CorrectedPlane]) -> None:
        """The user decided every pixel of what is learnt from as reviewed: no later result changes it."""
        for plane in planes:
            if plane.mode.labels_as == "reviewed":
                self.corrections.mark_certain(plane)

    def corrected(self, plane: Plane) -> Ints | None:
        """The corrected labels of a plane, without those that are ignored; None: not corrected."""
        self.merging.finish()
        corrected, result = self.corrections.corrected(plane), self.layers.result(plane)
        if corrected is None:
            return None
        labels, certain = corrected.as_result()
        if corrected.encoding.strokes:
            if result is None:
                return None
            labels = merge(result, labels, certain, objects=corrected.encoding.objects)
        return np.where(labels == IGNORE_LABEL, 0, labels)

    def no_objects(self, encoding: LabelEncoding) -> list[int]:
        """Labels that are no objects, beside 0: Ignore, and strokes of background."""
        found = [IGNORE_LABEL, encoding.background]
        if encoding.strokes and self.state.labels_as == "sparse":
            found.append(self.state.background)
        return found

    def certain(self, plane: Plane) -> Mask | None:
        """The pixels of a plane that the user decided; None: not corrected."""
        corrected = self.corrections.corrected(plane)
        return None if corrected is None else corrected.certain

    def reopen(self) -> None:
        """Put kept corrections of what is shown into a layer again."""
        shown = self.runs.shown
        if shown is not None and self.store.has(shown.plane.key):
            self._put(shown)
            self.corrections.begin(shown.plane)

    def follow_image(self) -> None:
        """Another image was chosen: its labels mean what they meant before."""
        self._wanted = None
        mode = self.store.mode(self.state.image)
        if mode is not None:
            self.state.labels_as, self.state.background = mode.labels_as, mode.background
        self.on_mode()

    def on_mode(self, _value: object = None) -> None:
        """The user said anew what labels mean."""
        mode = LabelMode(self.state.labels_as, self.state.background)
        self.view.set_mode(mode, correcting.hint(mode.labels_as, mode.background))
        if self.state.image is not None and self.corrections.has(self.state.image):
            self.store.set_mode(self.state.image, mode)
            self._recode()
        self.show_count()

    def told(self) -> None:
        """Something was said of the corrections: it ends with the next change of them."""
        self._told = self.corrections.changes

    def _end_told(self, changes: int) -> None:
        if self._told is not None and changes > self._told:
            self._told = None
            self.end_message()

    def show_count(self) -> None:
        """Something was corrected, or means something else: show how much there is."""
        self.revision += 1
        corrections, planes = self.store.count(self.corrections.all())
        can_forget = planes > 0 or self.can_bring_back
        self.view.set_correction_count(correcting.count(corrections, planes), can_forget=can_forget)

    # ----------------------------------------------------------- what happened

    def _on_finished(self, shown: SegmentRequest) -> None:
        wanted, self._wanted = self._wanted, None
        plane = shown.plane
        if wanted is not None and wanted[0] == plane.key:
            self._put(shown)
            self._begin(plane, wanted[1])
            self.view.open_correct()  # the fold Input may have opened above it
        elif self.corrections.has(plane.image):
            self._put(shown)

    def _on_idle(self) -> None:
        if not self.runs.busy:
            self._wanted = None  # the run was stopped or failed

    def _on_painted(self, image: Hashable) -> None:
        if self.store.mode(image) is None:
            self.store.set_mode(image, LabelMode(self.state.labels_as, self.state.background))
        self._end_told(self.corrections.changes)
        self.show_count()

    def _on_closed(self, planes: list[CorrectedPlane]) -> None:
        self.store.add(planes)
        self.show_count()

    # ------------------------------------------------------------------ helpers

    def _begin(self, plane: Plane, tool: str) -> None:
        self.corrections.begin(plane)
        self.corrections.select(plane.image, tool=tool)
        self._end_told(self.corrections.changes + 1)
        self.on_mode()

    def _recode(self) -> None:
        """Remove the prediction from below the strokes, or put it there, as the mode requires."""
        shown = self.runs.shown
        if shown is None or shown.plane.image != self.state.image or self.runs.busy:
            return  # the next result does it
        self.merging.finish()  # what the labels meant before must be known
        encoding, sparse = self.corrections.encoding(shown.plane), self.state.labels_as == "sparse"
        if encoding is None:
            return
        renamed = sparse and encoding.background != self.state.background
        if encoding.strokes != sparse or renamed:
            self._put(shown)

    def _encoding(self, *, objects: bool) -> LabelEncoding:
        strokes = self.state.labels_as == "sparse"
        return LabelEncoding(objects, strokes, self.state.background if strokes else 0)

    def _put(self, shown: SegmentRequest) -> None:
        """The new result where the user decided nothing, their pixels where they did."""
        plane, encoding = shown.plane, self._encoding(objects=shown.objects)
        result = self.layers.result(plane)
        if result is None:
            return
        self.store.set_preprocessing(plane.image, shown.preprocessing)
        if self.corrections.encoding(plane) is not None:
            self.merging.start(plane, np.array(result), encoding)
            return
        kept = self.store.take(plane.key)
        self._hold(plane, *encoded(result, kept, encoding), encoding, begun=False)
        if kept is not None and kept.outlines:
            self.corrections.draw_regions(plane, kept.outlines)

    def _hold(
        self, plane: Plane, labels: Ints, certain: Mask, encoding: LabelEncoding, *, begun: bool = True
    ) -> None:
        """Put labels into the layer of a plane; `begun`: it has had corrections before."""
        selected = self.corrections.selected(plane.image)
        label = next_label(selected, labels, certain, encoding, begun=begun)
        self.corrections.put(plane, labels, certain, encoding, label=label)
