"""Merge and Split: lines and clicks on objects become corrections, each one step of undo."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from napari_unetpp._types import UnetppError
from napari_unetpp.session.context import Context
from napari_unetpp.session.correct.clicks import reshape
from napari_unetpp.session.correct.clicks.reshape import Change, Point
from napari_unetpp.session.correct.editor import CorrectionEditor
from napari_unetpp.session.correct.merge import Ints
from napari_unetpp.session.correct.planes import CorrectedPlane
from napari_unetpp.session.messages import correcting
from napari_unetpp.session.messages.common import Advice
from napari_unetpp.session.segment.runs import Runs
from napari_unetpp.session.values import Line, MouseTool, Plane


@dataclass(frozen=True, slots=True)
class First:
    """The first of two clicks: with which tool, on which plane, where."""

    tool: MouseTool
    plane: Hashable
    point: Point


class Reshaping:
    """Merges and splits objects of the corrections layer."""

    def __init__(self, context: Context, runs: Runs, editor: CorrectionEditor) -> None:
        self.context, self.runs, self.editor = context, runs, editor
        self._first: First | None = None
        context.layers.signals.drawn.connect(self._on_drawn)

    def forget_click(self) -> None:
        """The next click is the first of two."""
        self._first = None

    def _on_drawn(self, image: Hashable, line: Line) -> None:
        if image != self.context.state.image:
            return
        with self.context.reporting():
            try:
                self._reshape(self.context.plane(), line)
            except UnetppError:
                self.editor.told()
                raise

    def _reshape(self, plane: Plane, line: Line) -> None:
        corrected = self._opened(plane)
        no_objects = self.editor.no_objects(corrected.encoding)
        act = self._merge if line.tool == "merge" else self._split
        change = act(plane, corrected.labels, line, no_objects)
        if change is None:
            return
        self.editor.corrections.write(plane, change.region, change.values, decided=change.decided)
        say = correcting.merged if line.tool == "merge" else correcting.split
        self.context.view.set_can_save(True)
        self.context.view.set_message(say(change.count))
        self.editor.told()

    def _opened(self, plane: Plane) -> CorrectedPlane:
        """The corrections layer of a plane, selected, so that Ctrl+Z is its own."""
        editor, shown = self.editor, self.runs.shown
        if self.runs.busy:
            raise Advice(correcting.WAIT)
        there = shown is not None and shown.plane.key == plane.key
        if not there and editor.corrections.encoding(plane) is None:
            raise Advice(correcting.NO_OBJECTS_YET)
        editor.merging.finish()
        corrected = editor.open(plane)
        if not corrected.encoding.objects:
            raise Advice(correcting.CLASSES)
        editor.corrections.select(plane.image, tool="pan_zoom")
        return corrected

    def _merge(self, plane: Plane, labels: Ints, line: Line, no_objects: list[int]) -> Change | None:
        if line.is_click:
            return self._by_clicks(plane, labels, line, no_objects, _merged_at)
        numbers = reshape.crossed(labels, reshape.path(line.points, plane.shape), no_objects)
        if len(numbers) < 2:
            raise Advice(correcting.ONE_CROSSED if numbers else correcting.NOTHING_CROSSED)
        return reshape.merged(labels, numbers)

    def _split(self, plane: Plane, labels: Ints, line: Line, no_objects: list[int]) -> Change | None:
        if line.is_click:
            return self._by_clicks(plane, labels, line, no_objects, _split_at)
        return reshape.split_along(labels, reshape.path(line.points, plane.shape), no_objects)

    def _by_clicks(
        self,
        plane: Plane,
        labels: Ints,
        line: Line,
        no_objects: list[int],
        act: Callable[[Ints, Point, Point, list[int]], Change],
    ) -> Change | None:
        """The first click waits for a second one. After a merge the first counts on, for further objects."""
        here, first = First(line.tool, plane.key, line.points[0]), self._first
        if not _is_object(labels, here.point, no_objects):
            raise Advice(correcting.NO_OBJECT)
        goes_on = first is not None and (first.tool, first.plane) == (here.tool, here.plane)
        if first is None or not goes_on or not _is_object(labels, first.point, no_objects):
            self._first = here
            self.runs.show_hint(correcting.FIRST_CLICK[line.tool])
            return None
        same = labels[first.point] == labels[here.point]
        if line.tool == "split":
            self._first = None if same else here
        if same != (line.tool == "split"):
            raise Advice(correcting.SECOND_CLICK[line.tool])
        return act(labels, first.point, here.point, no_objects)


def _merged_at(labels: Ints, first: Point, second: Point, _no_objects: list[int]) -> Change:
    return reshape.merged(labels, [int(labels[first]), int(labels[second])])


def _split_at(labels: Ints, first: Point, second: Point, no_objects: list[int]) -> Change:
    return reshape.split_between(labels, first, second, no_objects)


def _is_object(labels: Ints, point: Point, no_objects: list[int]) -> bool:
    return int(labels[point]) not in (0, *no_objects)
