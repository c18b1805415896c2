"""Longest pause of the GUI thread while the dock works: a 5 ms timer notes the gaps between its beats.

    xvfb-run -a -s "-screen 0 1400x900x24" python tests/benchmarks/bench_heartbeat.py --sides 2048 4096

Phases are reported apart. Beside the longest gap stand two figures that say where it comes from: the
longest gap in processor time of the GUI thread (work of ours, of napari or of the software renderer),
and the longest gap of an idle process next door, which is the machine being busy with something else.
Aim of the project: below 50 ms at 2048 and below 100 ms at 4096 while predicting, 50 ms while learning.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

BEAT_MS = 5


class Heartbeat:
    """Gaps between beats of a Qt timer, per phase."""

    def __init__(self) -> None:
        from qtpy.QtCore import Qt, QTimer

        self.gaps: dict[str, list[float]] = {}
        self.work: dict[str, list[float]] = {}
        self.since: dict[str, float] = {}
        self.phase = "start"
        self._last = time.perf_counter()
        self._worked = time.thread_time()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT_MS)

    def _beat(self) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        self.gaps.setdefault(self.phase, []).append(1000 * (now - self._last) - BEAT_MS)
        self.work.setdefault(self.phase, []).append(1000 * (worked - self._worked))
        self._last, self._worked = now, worked

    def enter(self, phase: str) -> None:
        """Gaps from now on belong to `phase`."""
        self.phase = phase
        self.since[phase] = time.time()
        self._last, self._worked = time.perf_counter(), time.thread_time()

    def report(self, neighbour: list[tuple[float, float]]) -> dict[str, dict[str, float]]:
        """Longest and 99th percentile per phase, in ms."""
        starts = sorted(self.since.items(), key=lambda item: item[1])
        ends = [start for _, start in starts[1:]] + [time.time()]
        other = {
            phase: max((gap for at, gap in neighbour if start <= at <= end), default=0.0)
            for (phase, start), end in zip(starts, ends, strict=True)
        }
        return {
            phase: {
                "longest_ms": round(max(gaps), 1),
                "longest_work_ms": round(max(self.work[phase]), 1),
                "longest_next_door_ms": round(other.get(phase, 0.0), 1),
                "p99_ms": round(float(np.percentile(gaps, 99)), 1),
                "beats": len(gaps),
            }
            for phase, gaps in self.gaps.items()
        }


NEIGHBOUR = """
import sys, time
last = time.perf_counter()
while True:
    time.sleep(0.005)
    now = time.perf_counter()
    if now - last > 0.01:
        print(time.time(), 1000 * (now - last) - 5, flush=True)
    last = now
"""


def decide_half(dock, side: int) -> None:
    """Count the left half as decided by the user, as after a review of a region."""
    from dataclasses import replace

    plane = dock.controller.context.plane()
    editor = dock.correcting.editor
    editor.correct()
    corrected = editor.corrections.corrected(plane)
    inside = np.zeros(plane.shape, bool)
    inside[:, : side // 2] = True
    result = dock.controller.layers.result(plane)
    labels = np.where(inside, corrected.labels, result)
    editor.corrections.put(plane, labels, inside & (labels > 0), corrected.encoding, label=1)
    editor.corrections.mark_certain(replace(corrected, inside=inside))


def napari_alone(viewer, side: int, spin) -> dict[str, object]:
    """The pause when napari adds an empty labels layer, without anything of ours; twice."""
    pauses = []
    for _ in range(2):
        heart = Heartbeat()
        heart.enter("layer")
        viewer.add_layer(napari_labels(side))
        spin(lambda: False, 0.5)
        pauses.append(heart.report([])["layer"])
        heart._timer.stop()
    viewer.close()
    return {"side": side, "napari alone": pauses[0], "napari alone, a second layer": pauses[1]}


def napari_labels(side: int):
    from napari.layers import Labels

    return Labels(np.zeros((side, side), np.uint16))


def measure(side: int, level: int, seconds: float, budget: int, *, bare: bool) -> dict[str, object]:
    """One image of `side` x `side`: warm up, press Segment, slide, correct, learn for `budget` seconds."""
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_unetpp.gui.dock.dock import UnetppDock

    app = QApplication.instance() or QApplication([])
    rng = np.random.default_rng(0)
    spots = np.kron(rng.random((side // 32, side // 32)) > 0.7, np.ones((32, 32))) * 120
    image = (spots + rng.integers(0, 60, (side, side))).astype(np.uint8)
    viewer = napari.Viewer()
    viewer.add_image(image, name="cells", contrast_limits=(0, 255))
    if bare:
        import pandas  # noqa: F401  # as the dock's worker does ahead
    dock = None if bare else UnetppDock(viewer)
    if dock is not None:
        viewer.window.add_dock_widget(dock, name="UNet++")

    def spin(condition, limit: float) -> bool:
        end = time.monotonic() + limit
        while not condition() and time.monotonic() < end:
            app.processEvents()
            time.sleep(0.0005)
        return bool(condition())

    spin(lambda: False, 1.0)
    if bare:
        return napari_alone(viewer, side, spin)
    next_door = subprocess.Popen([sys.executable, "-c", NEIGHBOUR], stdout=subprocess.PIPE, text=True)
    heart = Heartbeat()
    runs = dock.controller.runs
    heart.enter("getting ready")
    spin(lambda: not runs.warming, 300)
    heart.enter("idle")
    spin(lambda: False, 1.0)
    dock.controller.state.level = level
    heart.enter("press")  # makes the result layer
    dock.form.head.segment_button.click()
    spin(lambda: False, 0.3)
    heart.enter("predicting")
    finding = lambda: "finding" in dock.form.head.progress_bar.format() or not runs.running  # noqa: E731
    complete = spin(finding, seconds)
    heart.enter("finding objects and painting")
    spin(lambda: not runs.running, seconds)
    finished = not runs.running
    if finished:
        heart.enter("sliding")
        dock.form.head.levels.slider.setValue(1)
        spin(lambda: not runs.running, seconds)
        heart.enter("threshold")
        dock.form.result.threshold_slider.setValue(dock.form.result.threshold_slider.value() - 0.05)
        spin(lambda: not runs.running, seconds)
    if finished and budget:
        learning = dock.correcting.finetuning
        heart.enter("correct")  # makes the corrections layer
        dock.form.correct.correct_button.click()
        dock.correcting.view.signals.labels_as_chosen.emit("reviewed")
        spin(lambda: False, 0.5)
        heart.enter("stroke on a reviewed plane")  # and the counting once the brush has rested
        dock.correcting.editor.mark_reviewed()
        dock.correcting.editor.mark_certain(dock.correcting.editor.usable())
        viewer.layers["cells corrections"].paint((side // 2, side // 2), 40_000)
        spin(lambda: False, 1.0)
        decide_half(dock, side)
        for tick in range(3):
            heart.enter(f"threshold with half the plane decided, tick {tick + 1}")
            dock.form.result.threshold_slider.setValue(dock.form.result.threshold_slider.value() - 0.02)
            spin(lambda: not runs.running, seconds)
            spin(lambda: False, 1.0)
        heart.enter("fine-tuning begins")
        dock.form.correct.budget_spin.setValue(budget)
        dock.form.correct.finetune_button.click()
        spin(lambda: bool(learning._points), seconds)
        heart.enter("fine-tuning")
        spin(lambda: learning.done is not None, budget + seconds)
    heart.enter("closing")
    message = dock.form.head.message_label.text()
    dock.close_session()
    viewer.close()
    spin(lambda: False, 0.2)
    next_door.terminate()
    gaps = [tuple(map(float, line.split())) for line in next_door.communicate()[0].splitlines()]
    return {"side": side, "level": level, "predicted": complete, "message": message, **heart.report(gaps)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[2048, 4096])
    parser.add_argument("--level", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=300, help="longest wait per phase")
    parser.add_argument("--finetune", type=int, default=20, help="seconds of fine-tuning; 0: none")
    parser.add_argument("--bare", action="store_true", help="what napari takes for a labels layer, alone")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = [
        measure(side, options.level, options.seconds, options.finetune, bare=options.bare)
        for side in options.sides
    ]
    report = {"machine": platform.processor() or platform.machine(), "results": results}
    print(json.dumps(report, indent=1))
    if options.json:
        options.json.write_text(json.dumps(report))


if __name__ == "__main__":
    main()
