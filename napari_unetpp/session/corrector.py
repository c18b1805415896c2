"""The controller's part for correcting: a result becomes a corrections layer, and stays one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from napari_unetpp._types import Region
from napari_unetpp.session import wording
from napari_unetpp.session.correct_ports import Sheets
from napari_unetpp.session.correcting import (
    IGNORE,
    Ints,
    Mask,
    free_label,
    from_strokes,
    merge,
    separate,
    to_strokes,
)
from napari_unetpp.session.cycle import Cycle
from napari_unetpp.session.forgetting import Forgetting
from napari_unetpp.session.lessons import Drawn, Lesson, Lessons, Mode, Sense
from napari_unetpp.session.ports import Layers, View
from napari_unetpp.session.presenter import Presenter
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import Picked, Plane, ShowRequest


class Corrector:
    """Where the user corrects.

    Parameters
    ----------
    view, layers, sheets
        The ports; see `session.ports`.
    state, presenter, cycle
        Of the controller.
    segment : callable
        Segments the displayed plane.
    lessons : Lessons
        Also those that another dock of this viewer has left.

    Attributes
    ----------
    revision : int
        Goes up whenever a correction or its meaning changed.
    """

    def __init__(
        self,
        view: View,
        layers: Layers,
        sheets: Sheets,
        state: SessionState,
        presenter: Presenter,
        cycle: Cycle,
        segment: Callable[[], None],
        lessons: Lessons,
    ) -> None:
        self.view, self.layers, self.sheets = view, layers, sheets
        self.state, self.presenter, self.cycle = state, presenter, cycle
        self.lessons = lessons
        self.revision = 0
        self._segment = segment
        self._wanted: tuple[Hashable, str] | None = None
        cycle.finished.connect(self._on_finished)
        cycle.idle.connect(self._on_idle)
        sheets.signals.painted.connect(self._on_painted)
        sheets.signals.closed.connect(self._on_closed)
        self.forgetting = Forgetting(view, layers, sheets, state, lessons, self._tell, self.reopen)

    # ---------------------------------------------------- what the user asks for

    def correct(self, tool: str = "paint") -> None:
        """Open the displayed result for correcting; segments first where there is none."""
        self.view.open_correct()
        plane = self.presenter.plane()
        if self.sheets.drawn(plane) is not None:
            self._begin(plane, tool)
        elif self.cycle.shown is not None and self.cycle.shown.plane.key == plane.key:
            self._put(self.cycle.shown)
            self._begin(plane, tool)
        else:
            self._wanted = plane.key, tool
            if self.cycle.running is None:
                self._segment()

    def ignore(self) -> None:
        """Give the brush the label that counts nowhere."""
        plane = self.presenter.plane()
        if not self.sheets.has(plane.image):
            raise wording.Advice("Press Correct first: then paint with Ignore what is to count nowhere.")
        self.sheets.choose(plane.image, IGNORE)

    def regions(self) -> None:
        """Draw what has been reviewed."""
        plane = self.presenter.plane()
        if not self.sheets.has(plane.image):
            raise wording.Advice("Press Correct first: then draw rectangles around what you have reviewed.")
        self.sheets.show_regions(plane)

    def add(self, found: Picked) -> int:
        """Draw what was clicked at, where nothing is marked yet; returns the number of objects."""
        plane, model = found.request.plane, found.request.model
        self._open(plane)
        drawn = self.sheets.drawn(plane)
        assert drawn is not None
        values = np.array(drawn.labels[found.region.slices])
        objects = model.task == "instances" and drawn.sense.objects
        number, count = free_label(drawn.labels), 0
        for label in np.setdiff1d(np.unique(found.labels), [0]):
            own = found.labels == label
            free = own & (values == 0)
            if 2 * np.count_nonzero(free) <= np.count_nonzero(own):
                continue
            number += objects and number in (self.state.background * drawn.sense.strokes, IGNORE)
            wide = np.promote_types(values.dtype, np.min_scalar_type(number))
            values = values.astype(wide)
            values[free] = number if objects else max(1, int(label))
            number, count = number + objects, count + 1
        if count:
            self.lessons.set_reading(plane.image, found.request.reading)
            self.sheets.write(plane, found.region, values)
        return count

    def remove(self, plane: Plane, region: Region) -> int:
        """Take away the objects that have a pixel in `region`; returns their number."""
        self._open(plane)
        drawn = self.sheets.drawn(plane)
        assert drawn is not None
        whole = Region(0, 0, *plane.shape)
        no_objects = [IGNORE, drawn.sense.background]
        if drawn.sense.strokes and self.state.labels_as == "sparse":
            no_objects.append(self.state.background)
        parts = np.where(np.isin(drawn.labels, no_objects), 0, drawn.labels)
        if not drawn.sense.objects:
            parts = separate(parts)
        gone = np.setdiff1d(np.unique(parts[region.slices]), [0])
        if gone.size:
            self.sheets.write(plane, whole, np.where(np.isin(parts, gone), 0, drawn.labels))
        return int(gone.size)

    def restore(self, plane: Plane, lesson: Lesson) -> None:
        """Open corrections that were read from a file."""
        drawn = lesson.drawn
        self.lessons.set_mode(plane.image, lesson.mode)
        self.lessons.set_reading(plane.image, lesson.reading)
        label = free_label(drawn.labels)
        self.sheets.put(plane, drawn.labels, drawn.certain, drawn.sense, label=label)
        self.sheets.ask(plane)
        if drawn.outlines:
            self.sheets.draw_regions(plane, drawn.outlines)
        self.follow_image()

    # ------------------------------------------------------------------ lessons

    def gather(self) -> tuple[Lesson, ...]:
        """All lessons of the sitting."""
        return self.lessons.all(self.sheets.all())

    def drawn(self) -> tuple[Lesson, ...]:
        """All that the user drew in the sitting, also where nothing can be learnt from it."""
        return self.lessons.drawn(self.sheets.all())

    def approve(self) -> None:
        """What is displayed counts as reviewed, where the user says that labels are."""
        image = self.state.image
        if image is not None and self.sheets.has(image) and self.state.labels_as == "reviewed":
            self.sheets.ask(self.presenter.plane())
            self._tell()

    def vouch(self, lessons: Sequence[Lesson]) -> None:
        """What is taught as reviewed, background too, is the user's word: no later result changes it."""
        for lesson in lessons:
            if lesson.mode.labels_as == "reviewed":
                self.sheets.decide(lesson.drawn)

    def corrected(self, plane: Plane) -> Ints | None:
        """The corrected labels of a plane, without those that are ignored; None: not corrected."""
        drawn, result = self.sheets.drawn(plane), self.layers.result(plane)
        if drawn is None:
            return None
        labels, certain = recast(drawn, self.state.background, strokes=False)
        if drawn.sense.strokes:
            if result is None:
                return None
            labels = merge(result, labels, certain, objects=drawn.sense.objects)
        return np.where(labels == IGNORE, 0, labels)

    def decided(self, plane: Plane) -> Mask | None:
        """The pixels of a plane that the user decided; None: not corrected."""
        drawn = self.sheets.drawn(plane)
        return None if drawn is None else drawn.certain

    def reopen(self) -> None:
        """Remembered corrections of what is shown go into a layer again."""
        shown = self.cycle.shown
        if shown is not None and self.lessons.remembers(shown.plane.key):
            self._put(shown)
            self.sheets.ask(shown.plane)

    def follow_image(self) -> None:
        """Another image was chosen: its labels say what they said before."""
        self._wanted = None
        mode = self.lessons.mode(self.state.image)
        if mode is not None:
            self.state.labels_as, self.state.background = mode.labels_as, mode.background
        self.on_mode()

    def on_mode(self, _value: object = None) -> None:
        """What labels say was chosen anew."""
        mode = Mode(self.state.labels_as, self.state.background)
        self.view.set_mode(mode, wording.hint(mode.labels_as, mode.background))
        if self.state.image is not None and self.sheets.has(self.state.image):
            self.lessons.set_mode(self.state.image, mode)
            self._recast()
        self._tell()

    def _recast(self) -> None:
        """Take the prediction away from below the strokes, or put it there, as the mode has it now."""
        shown = self.cycle.shown
        if shown is None or shown.plane.image != self.state.image or self.cycle.running is not None:
            return  # the next result does it
        drawn, sparse = self.sheets.drawn(shown.plane), self.state.labels_as == "sparse"
        if drawn is None:
            return
        renamed = sparse and drawn.sense.background != self.state.background
        if drawn.sense.strokes != sparse or renamed:
            self._put(shown)

    def _tell(self) -> None:
        self.revision += 1
        corrections, planes = self.lessons.count(self.sheets.all())
        self.view.set_lessons(
            wording.lessons(corrections, planes), can_forget=planes > 0 or bool(self.forgetting.forgotten)
        )

    # ----------------------------------------------------------- what happened

    def _on_finished(self, shown: ShowRequest) -> None:
        wanted, self._wanted = self._wanted, None
        plane = shown.plane
        if wanted is not None and wanted[0] == plane.key:
            self._put(shown)
            self._begin(plane, wanted[1])
        elif self.sheets.has(plane.image):
            self._put(shown)

    def _on_idle(self) -> None:
        if self.cycle.running is None:
            self._wanted = None  # the run was stopped or failed

    def _on_painted(self, image: Hashable) -> None:
        mode = self.lessons.mode(image) or Mode(self.state.labels_as, self.state.background)
        self.lessons.set_mode(image, mode)
        self._tell()

    def _on_closed(self, drawn: list[Drawn]) -> None:
        self.lessons.shelve(drawn)
        self._tell()

    def _open(self, plane: Plane) -> None:
        """A corrections layer for the plane: with its result, or empty where there is none yet."""
        if self.sheets.drawn(plane) is not None:
            return
        shown = self.cycle.shown
        if shown is not None and shown.plane.key == plane.key:
            self._put(shown)
        else:
            self.layers.prepare(plane)
            nothing = np.zeros(plane.shape, np.uint16)
            strokes = self.state.labels_as == "sparse"
            sense = Sense(True, strokes, self.state.background if strokes else 0)
            self.sheets.put(plane, nothing, nothing > 0, sense, label=1)
        self._begin(plane, "pan_zoom")

    def _begin(self, plane: Plane, tool: str) -> None:
        self.sheets.ask(plane)
        self.sheets.choose(plane.image, tool=tool)
        self.on_mode()

    def _put(self, shown: ShowRequest) -> None:
        """The new result where the user decided nothing, their pixels where they did."""
        plane = shown.plane
        result = self.layers.result(plane)
        if result is None:
            return
        strokes = self.state.labels_as == "sparse"
        sense = Sense(shown.objects, strokes, self.state.background if strokes else 0)
        before = self.sheets.drawn(plane)
        drawn = before or self.lessons.take(plane.key)
        if drawn is None:
            certain = np.zeros(plane.shape, bool)
            labels = np.zeros_like(result) if strokes else np.array(result)
        else:
            labels, certain = recast(drawn, self.state.background, strokes=strokes)
            if not strokes:
                labels = merge(result, labels, certain, objects=sense.objects)
        self.lessons.set_reading(plane.image, shown.reading)
        label = self._label(plane, labels, certain, sense, begun=before is not None)
        self.sheets.put(plane, labels, certain, sense, label=label)
        if before is None and drawn is not None and drawn.outlines:
            self.sheets.draw_regions(plane, drawn.outlines)

    def _label(self, plane: Plane, labels: Ints, certain: Mask, sense: Sense, *, begun: bool) -> int:
        """What the brush paints next: what it painted, unless that number now means another object."""
        selected = self.sheets.selected(plane.image)
        if begun and sense.strokes:
            return selected
        if not sense.objects:
            return selected or 1
        if begun and (selected in (0, IGNORE) or (certain & (labels == selected)).any()):
            return selected
        free = free_label(labels)
        return free + 1 if sense.strokes and free == self.state.background else free


def recast(drawn: Drawn, background: int, *, strokes: bool) -> tuple[Ints, Mask]:
    """What the user decided, as strokes or as a full result, whichever way they painted it."""
    if drawn.sense.strokes == strokes:
        certain = drawn.certain & (drawn.labels != 0) if strokes else drawn.certain
        return (np.where(certain, drawn.labels, 0) if strokes else drawn.labels), certain
    if strokes:
        return to_strokes(drawn.labels, drawn.certain, background)
    return from_strokes(drawn.labels, drawn.certain, drawn.sense.background)
