"""The click tool: a click adds an object, Shift and a click remove one."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from functools import partial

import numpy as np

from napari_unetpp._types import Region
from napari_unetpp.session.context import Context
from napari_unetpp.session.correct.editor import CorrectionEditor
from napari_unetpp.session.correct.merge import IGNORE_LABEL, free_label, separate
from napari_unetpp.session.events import Picked, ScaleFound
from napari_unetpp.session.messages import correcting
from napari_unetpp.session.messages.common import Advice
from napari_unetpp.session.segment import work
from napari_unetpp.session.segment.runs import Runs
from napari_unetpp.session.values import Click, Plane


class Clicks:
    """Turns clicks into corrections, one after the other."""

    def __init__(self, context: Context, runs: Runs, editor: CorrectionEditor) -> None:
        self.context, self.runs, self.editor = context, runs, editor
        self.view, self.layers, self.state = context.view, context.layers, context.state
        self.waiting = 0
        self.layers.signals.clicked.connect(self._on_clicked)
        context.jobs.on(ScaleFound, self._on_scale)
        context.jobs.on(Picked, self._on_picked)

    def add(self, found: Picked) -> int:
        """Draw the objects at a click, where nothing is marked yet; returns their number."""
        plane, model = found.request.plane, found.request.model
        corrected = self.editor.open(plane)
        encoding = corrected.encoding
        values = np.array(corrected.labels[found.region.slices])
        objects = model.task == "instances" and encoding.objects
        number, count = free_label(corrected.labels), 0
        for label in np.setdiff1d(np.unique(found.labels), [0]):
            own = found.labels == label
            free = own & (values == 0)
            if 2 * np.count_nonzero(free) <= np.count_nonzero(own):
                continue
            number += objects and number in (self.state.background * encoding.strokes, IGNORE_LABEL)
            values = values.astype(np.promote_types(values.dtype, np.min_scalar_type(number)))
            values[free] = number if objects else max(1, int(label))
            number, count = number + objects, count + 1
        if count:
            self.editor.store.set_preprocessing(plane.image, found.request.preprocessing)
            self.editor.corrections.write(plane, found.region, values)
        return count

    def remove(self, plane: Plane, region: Region) -> int:
        """Remove the objects that have a pixel in `region`; returns their number."""
        corrected = self.editor.open(plane)
        no_objects = self.editor.no_objects(corrected.encoding)
        parts = np.where(np.isin(corrected.labels, no_objects), 0, corrected.labels)
        if not corrected.encoding.objects:
            parts = separate(parts)
        gone = np.setdiff1d(np.unique(parts[region.slices]), [0])
        if gone.size:
            labels = np.where(np.isin(parts, gone), 0, corrected.labels)
            self.editor.corrections.write(plane, Region(0, 0, *plane.shape), labels)
        return int(gone.size)

    # ----------------------------------------------------------- what happened

    def _on_clicked(self, image: Hashable, click: Click) -> None:
        if image != self.state.image:
            return
        with self.context.reporting():
            plane = self.context.plane()
            if not click.remove:
                self._pick(plane, click)
            elif count := self.remove(plane, click.region):
                self.view.set_message(correcting.removed(count))
                self.editor.told()
            else:
                raise Advice("There is no object here to take away.")

    def _pick(self, plane: Plane, click: Click) -> None:
        request = replace(self.context.request(plane), generation=self.runs.generation)
        if self.runs.busy:
            raise Advice(correcting.WAIT)
        self.waiting += 1
        self.view.set_progress(None, correcting.PICKING)
        job = partial(work.pick, self.context.cache, request, click)
        self.context.submit(job, self._on_end, remedy="choose a shallower depth")

    def _on_scale(self, _event: ScaleFound) -> None:
        if self.waiting:
            self.view.set_progress(None, correcting.PICKING)

    def _on_picked(self, event: Picked) -> None:
        with self.context.reporting():
            if self.context.plane().key != event.request.plane.key:
                return
            if not event.labels.any():
                raise Advice(correcting.nothing_there(event.click.is_point))
            added = self.add(event)
            self.view.set_can_save(True)
            self.view.set_message(correcting.added(added, event.seconds, event.request.level))
            self.editor.told()

    def _on_end(self, _error: BaseException | None) -> None:
        self.waiting -= 1
        if not self.waiting and not self.runs.busy:
            self.view.set_progress(0.0, "")
