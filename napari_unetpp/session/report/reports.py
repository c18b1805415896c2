"""Copies of what is shown: the command that repeats a result, and diagnostics for a report."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import partial

from napari_unetpp._types import UnetppError
from napari_unetpp.engine.input.range_notes import NOISE
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.events import Job
from napari_unetpp.session.messages import reports as messages
from napari_unetpp.session.messages.common import Advice
from napari_unetpp.session.ports import Runner
from napari_unetpp.session.report import work
from napari_unetpp.session.report.command import (
    Made,
    arguments,
    command_line,
    made_of_plane,
    made_of_stack,
)
from napari_unetpp.session.report.diagnostics import Facts, machine_facts
from napari_unetpp.session.report.events import CommandFound, Diagnosed
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.stacks.request import StackRequest
from napari_unetpp.session.stacks.stacks import Stacks
from napari_unetpp.session.stacks.values import is_turned
from napari_unetpp.session.values import Plane
from napari_unetpp.volumes.axes import Axes, axes_from_shape

REMEDY = "close other programs"


class Reports:
    """Copies the command of the shown result, and diagnostics.

    Parameters
    ----------
    controller : Controller
    stacks : Stacks
    runner : Runner
        Of its own: nothing that runs is stopped.
    """

    def __init__(self, controller: Controller, stacks: Stacks, runner: Runner) -> None:
        self.controller, self.context, self.stacks = controller, controller.context, stacks
        self.view, self.runner = controller.view, runner

    def connect(self) -> None:
        """Listen."""
        signals, jobs = self.view.signals, self.context.jobs
        signals.copy_command_pressed.connect(self.copy_command)
        signals.copy_diagnostics_pressed.connect(self.copy_diagnostics)
        jobs.on(CommandFound, self._on_command)
        jobs.on(Diagnosed, self._on_diagnosed)

    def close(self) -> None:
        """The dock is closed."""
        self.runner.close()

    def copy_command(self) -> None:
        """Copy the command that repeats what is shown, once its image was found."""
        with self.context.reporting():
            if self.controller.busy or self.stacks.running is not None:
                raise Advice(messages.NOT_FINISHED)
            plane = self.context.plane()
            stack, shown = self.stacks.shown(plane), self.controller.runs.shown
            if stack is not None:
                axes = self._axes(plane)
                made, shapes = self._of_stack(stack), stack.area is not None and stack.area.inside is not None
            elif shown is not None:
                plane, axes, shapes = shown.plane, self._axes(shown.plane), False
                made = self._of_plane(shown, axes)
            else:
                raise Advice(messages.NOTHING)
            notes = self._notes(plane, coarser=stack is None and plane.factor != 1, shapes=shapes)
            self._submit(partial(work.find_command, made, plane, axes, notes))

    def _axes(self, plane: Plane) -> Axes:
        """How the image of a plane is read."""
        axes = self.stacks.reading.axes(plane) or axes_from_shape(plane.data.shape, colour=plane.rgb)
        if is_turned(plane, axes):
            raise Advice(messages.TURNED)
        return axes

    def _of_stack(self, made: StackRequest) -> Made:
        read = self.stacks.runs.read(made)
        assert read is not None, "what is shown was read"
        reading = read.reading
        used = self.controller.devices.used(made.device)
        return made_of_stack(made, reading.scale.scale, reading.range, used)

    def _of_plane(self, shown: SegmentRequest, axes: Axes) -> Made:
        runs = self.controller.runs
        limits = None if NOISE in runs.notes else runs.range  # of noise the range that is told was not used
        return made_of_plane(shown, axes, limits, self.controller.devices.used(shown.device))

    def copy_diagnostics(self) -> None:
        """Copy what somebody who is to help has to know."""
        self._submit(partial(work.diagnose, partial(machine_facts, self._facts())))

    def _notes(self, plane: Plane, *, coarser: bool, shapes: bool) -> tuple[str, ...]:
        """What the command does not repeat."""
        told = (
            (coarser, messages.COARSER),
            (self.controller.corrected(plane) is not None, messages.CORRECTED),
            (shapes, messages.SHAPE),
        )
        return tuple(text for holds, text in told if holds)

    def _facts(self) -> Facts:
        """What the dock knows, before libraries are asked."""
        plane, array = None, None
        with suppress(UnetppError):
            plane = self.context.plane()
            array = self.stacks.layers.source(plane.image).array
        return Facts(
            state=self.controller.state,
            model=self.context.model,
            ready=self.controller.devices.ready,
            plane=plane,
            array=array,
            axes=None if plane is None else self.stacks.reading.axes(plane),
            shown=self.controller.runs.shown,
            names=tuple(choice.name for choice in self.context.layers.images()),
            error=self.context.jobs.last_error,
            toolkit=self.view.toolkit(),
        )

    def _on_command(self, event: CommandFound) -> None:
        parts = arguments(event.made, event.image)
        self.view.copy_text(command_line(parts, windows=sys.platform == "win32"))
        self.view.set_message(messages.copied(event.notes), "warning" if event.notes else "info")

    def _on_diagnosed(self, event: Diagnosed) -> None:
        self.view.copy_text(event.text)
        self.view.set_message(messages.DIAGNOSTICS)

    def _submit(self, job: Job) -> None:
        self.context.jobs.submit(self.runner, job, lambda _error: None, remedy=REMEDY)
