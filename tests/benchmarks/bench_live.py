"""From gesture to pixels in a real napari window: a slice, the slider, panning, and a film that plays.

    xvfb-run -a -s "-screen 0 1400x900x24" python tests/benchmarks/bench_live.py [--side 1024] [--json FILE]
        [--film FOLDER --film-model polyps --film-side 352]

The image is a stack of shifted copies of a shipped sample; everything is warm. Reported in ms: `slider`,
what the engine alone takes to show a level that is computed already; then per level: `first`, until any
pixels of a plane that was just displayed are in the result layer, and `all`, until the result is final;
`computed`, until the slider shows a level that was computed before (objects found before, or not yet:
`decoded`); `deeper`, until a level that was not computed is shown, and objects at another threshold; `pan`,
until pixels come where a larger image was panned to while it is segmented. Then, of the films, how many
planes got their mask while they were displayed, at which level. `pause` is the longest time that the window
did not answer. Aims of the project: `first` 300 ms at 1024 x 1024, `pause` 50 ms.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from bench_levels import best_of
from skimage.io import imread
from skimage.transform import resize

import napari_unetpp
from napari_unetpp._types import Region

SAMPLES = Path(napari_unetpp.__file__).parent / "samples"
LIMIT = 120.0
"""Seconds after which something is taken to hang."""


class Window:
    """A viewer with the dock, driven as a user would, with a clock beside it."""

    def __init__(self, data: np.ndarray, model: str, *, rgb: bool = False) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        from napari_unetpp.gui.dock.dock import UnetppDock

        self.app = QApplication.instance() or QApplication([])
        self.viewer = napari.Viewer()
        self.viewer.add_image(data, name="film", rgb=rgb)
        self.dock = UnetppDock(self.viewer)
        self.viewer.window.add_dock_widget(self.dock, name="UNet++")
        self.painted: list[tuple[float, Any, Region, bool]] = []
        self.pause = 0.0
        paint = self.dock._layers.paint

        def noted(plane: Any, region: Region, values: Any, *, final: bool) -> bool:
            done = paint(plane, region, values, final=final)
            self.painted.append((time.perf_counter(), plane.key.point, region, final))
            return bool(done)

        self.dock._layers.paint = noted  # type: ignore[method-assign]
        self.spin(lambda: self.controller.runs.ready)
        self.controller.state.model = next(
            key for key, info in self.controller.context.models.items() if info.name == model
        )
        self.spin(lambda: self.controller.runs.ready)
        if self.controller.model.sampling.kind == "object":
            self.controller.state.scale = 1.0  # else the search for it would be measured, too
        self.rest()

    @property
    def controller(self) -> Any:
        return self.dock.controller

    def spin(self, condition: Callable[[], bool], limit: float = LIMIT) -> None:
        """Let the window live until the condition holds."""
        end = time.perf_counter() + limit
        while not condition():
            start = time.perf_counter()
            if start > end:
                raise TimeoutError(self.dock.form.head.message_label.text())
            self.app.processEvents()
            self.pause = max(self.pause, 1000 * (time.perf_counter() - start))
            time.sleep(0.002)  # a real event loop sleeps, too; a busy one would slow the worker

    def rest(self) -> None:
        """Until nothing runs, not even what uses idle time."""
        self.spin(lambda: not self.controller.busy)
        end = time.perf_counter() + 1.5
        self.spin(lambda: time.perf_counter() > end)
        self.spin(lambda: not self.controller.busy)

    def after(self, gesture: Callable[[], None], wanted: Callable[[Any], bool]) -> float:
        """Milliseconds from a gesture until something wanted was painted and drawn."""
        self.painted.clear()
        start = time.perf_counter()
        gesture()
        self.spin(lambda: any(wanted(event) for event in self.painted))
        self.app.processEvents()
        return 1000 * (time.perf_counter() - start)

    def step_to(self, at: int) -> float:
        """Milliseconds from displaying a plane until any pixels of it are there."""
        return self.after(
            lambda: self.viewer.dims.set_current_step(0, at), lambda event: bool(event[1][0] == at)
        )

    def slide_to(self, level: int) -> float:
        """Milliseconds from moving the slider until the result is there."""
        slider = self.dock.form.head.levels.slider
        return self.after(lambda: slider.setValue(level), lambda event: bool(event[3]))

    def close(self) -> None:
        self.dock.close_session()
        self.viewer.close()
        self.app.processEvents()


def median(values: list[float]) -> float:
    return round(statistics.median(values), 1)


def tiled(side: int) -> np.ndarray:
    """A shipped sample, repeated to `side` x `side` px."""
    sample = np.asarray(imread(SAMPLES / "dense_fluorescence.png"))
    times = -(-side // min(sample.shape[:2]))
    return np.tile(sample, (times, times))[:side, :side]


def levels(side: int, repeats: int) -> dict[str, Any]:
    """Slices and the slider on a stack of `side` x `side` px."""
    plane = tiled(side)
    window = Window(np.stack([np.roll(plane, 37 * n, axis=1) for n in range(4 * repeats + 4)]), "nuclei")
    window.viewer.dims.set_current_step(0, 0)
    result: dict[str, Any] = {"side": side, "device": ""}
    at = 0
    for level in (1, 2, 3, 4):
        window.dock.form.head.levels.slider.setValue(level)
        window.dock.form.head.segment_button.click()
        window.rest()
        window.pause = 0.0
        first, whole, computed, decoded = [], [], [], []
        for _ in range(repeats):
            at += 1
            first.append(window.step_to(at))
            start = time.perf_counter() - first[-1] / 1000
            window.spin(lambda: not window.controller.busy)
            whole.append(1000 * (time.perf_counter() - start))
            window.rest()
            if level > 1:
                decoded.append(window.slide_to(level - 1))
                window.rest()
                computed.append(window.slide_to(level))
                window.rest()
        result[f"L{level}"] = {"first": median(first), "all": median(whole), "pause": round(window.pause, 1)}
        if computed:
            result[f"L{level}"] |= {"computed": median(computed), "decoded": median(decoded)}
    evaluator = window.controller.context.cache.loaded(
        window.controller.model, window.controller.state.device_request
    )
    result["device"] = evaluator.choice.label
    window.close()
    return result


def deeper(side: int, repeats: int) -> dict[str, Any]:
    """One level deeper, beside the network alone for the added nodes; a tick of the threshold."""
    from napari_unetpp.engine.benchmark import level_cases

    plane = tiled(side)
    window = Window(np.stack([np.roll(plane, 37 * n, axis=1) for n in range(repeats + 2)]), "nuclei")
    threshold = window.dock.form.result.threshold_slider
    usual = threshold.value()
    times: dict[str, list[float]] = {name: [] for name in ("L2", "L3", "L4", "threshold")}
    for at in range(repeats + 1):
        window.dock.form.head.levels.slider.setValue(1)
        window.viewer.dims.set_current_step(0, at)
        window.dock.form.head.segment_button.click()
        window.rest()
        for level in (2, 3, 4):
            times[f"L{level}"].append(window.slide_to(level))
            window.rest()
        other = usual + 0.01 * (1 + at)
        tick = window.after(lambda other=other: threshold.setValue(other), lambda event: bool(event[3]))
        times["threshold"].append(tick)
        window.rest()
    cache, state = window.controller.context.cache, window.controller.state
    cases = level_cases(cache.loaded(window.controller.model, state.device_request), side)
    network = best_of({name: run for name, run in cases.items() if name.startswith("incremental")}, 3)
    window.close()
    return {
        "side": side,
        "from gesture to result": {name: median(found[1:]) for name, found in times.items()},
        "network alone": {f"L{d}": round(1000 * network[f"incremental {d}"], 1) for d in (2, 3, 4)},
    }


def pan(side: int) -> dict[str, float]:
    """An image of `side` x `side` px is segmented at L4; the view goes to the other end of it."""
    from napari_unetpp.gui.compat import camera_of

    window = Window(tiled(side), "nuclei")
    camera = camera_of(window.viewer)
    camera.center, camera.zoom = (side / 8, side / 8), 2.0
    window.rest()
    window.dock.form.head.levels.slider.setValue(4)
    window.dock.form.head.segment_button.click()
    window.spin(lambda: len(window.painted) > 2)
    end = time.perf_counter() + 2.0
    window.spin(lambda: time.perf_counter() > end)
    window.pause = 0.0

    def far(event: Any) -> bool:
        return bool(event[2].y1 > 0.8 * side and event[2].x1 > 0.8 * side)

    def gesture() -> None:
        camera.center = (0.85 * side, 0.85 * side)

    found = {"side": side, "pan": round(window.after(gesture, far), 1), "pause": round(window.pause, 1)}
    window.controller.stop()
    window.spin(lambda: not window.controller.busy)
    window.close()
    return found


def slider(side: int, repeats: int) -> dict[str, Any]:
    """What the engine takes for a computed level, without a window: a mask, and objects found before."""
    from napari_unetpp._types import ScaleChoice
    from napari_unetpp.files.models.model_list import find_model
    from napari_unetpp.session.segment import work
    from napari_unetpp.session.segment.cache import WorkerCache
    from napari_unetpp.session.segment.resolve import SegmentRequest
    from napari_unetpp.session.values import DeviceRequest, Plane, Rule

    cache, model = WorkerCache(), find_model("nuclei")
    plane = Plane("key", "image", "image", tiled(side))
    result: dict[str, Any] = {"side": side}
    for kind in ("mask", "labels"):
        rule = Rule(kind, model.decode.threshold, model.decode.min_size, True)
        request = SegmentRequest(plane, model, DeviceRequest(), 4, rule, ScaleChoice(1.0, "given"), None)

        def show(level: int, request: SegmentRequest = request) -> float:
            start = time.perf_counter()
            list(work.show(cache, replace(request, level=level), lambda: False))
            return 1000 * (time.perf_counter() - start)

        for level in (4, 3, 2, 1):
            show(level)  # computed, and decoded once
        result[kind] = {f"L{level}": median([show(level) for _ in range(repeats)]) for level in (1, 2, 3, 4)}
    other = [replace(request, rule=Rule("mask", 0.3 + 0.01 * n, 0, True)) for n in range(repeats)]
    result["mask at another threshold"] = median([show(4, one) for one in other])
    return result


def film(frames: np.ndarray, model: str, level: int, rate: float) -> dict[str, Any]:
    """Play frames at a rate (1/s): which got their final mask while they were displayed?"""
    window = Window(frames, model, rgb=frames.ndim == 4)
    window.viewer.dims.set_current_step(0, 0)
    window.dock.form.head.levels.slider.setValue(level)
    window.dock.form.head.segment_button.click()
    window.rest()
    window.pause, in_step, seen = 0.0, 0, []
    start, period, count = time.perf_counter(), 1 / rate, round(8 * rate)
    warm = count // 4  # until the pace is known
    for n in range(count):
        at = (n + 1) % len(frames)
        window.painted.clear()
        window.viewer.dims.set_current_step(0, at)
        window.spin(lambda n=n: time.perf_counter() - start >= (n + 1) * period)
        final = any(event[3] and event[1][0] == at for event in window.painted)
        if n >= warm:
            in_step += final
            shown = window.controller.runs.shown
            seen += [shown.level] if final and shown is not None else []
    played = count / (time.perf_counter() - start)
    window.rest()
    result = {
        "wanted": level,
        "rate": rate,
        "played": round(played, 1),
        "in step": round(in_step / (count - warm), 2),
        "levels": {str(d): seen.count(d) for d in sorted(set(seen))},
        "pause": round(window.pause, 1),
    }
    window.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pan", type=int, default=4096, help="side of the image that is panned; 0: none")
    parser.add_argument("--film", type=Path, help="folder of images of one size or to be brought to one")
    parser.add_argument("--film-model", default="polyps")
    parser.add_argument("--film-side", type=int, default=352)
    parser.add_argument("--rates", type=float, nargs="+", default=[5, 10, 20])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    report: dict[str, Any] = {}
    if args.repeats:
        report["slider"] = slider(args.side, 5)
        report["levels"] = levels(args.side, args.repeats)
        report["deeper"] = deeper(args.side, args.repeats)
    if args.pan:
        report["pan"] = pan(args.pan)
    if args.film:
        size = (args.film_side, args.film_side)
        images = [imread(path) for path in sorted(args.film.iterdir())[:24]]
        frames = np.stack([np.uint8(np.rint(255 * resize(i, size, anti_aliasing=True))) for i in images])
        report["film"] = [
            film(frames, args.film_model, level, rate) for level in (1, 2, 4) for rate in args.rates
        ]
    print(json.dumps(report, indent=1))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
