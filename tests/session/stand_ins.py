"""Stand-ins for everything around the controller: a view, layers, an inline runner, an engine of numpy."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np

from napari_unetpp._types import (
    AUTO,
    LevelScores,
    ModelInfo,
    NetConfig,
    PredictDone,
    PredictStarted,
    Region,
    SamplingRule,
    ScaleChoice,
    ScoreSet,
    TileDone,
    UnetppError,
)
from napari_unetpp.engine.decode.grids import Grids
from napari_unetpp.engine.decode.window import Window
from napari_unetpp.engine.input.normalise import NormStats
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.ports import LayerSignals
from napari_unetpp.session.segment import engine
from napari_unetpp.session.segment.cache import WorkerCache
from napari_unetpp.session.segment.speeds import Speeds
from napari_unetpp.session.values import ImageChoice, PixelSize, Plane, model_key

FLOPS = 10**9
"""What the stand-in of the engine says it executed."""

COUNT = count()
"""Each stand-in is a machine of its own: none knows the speed of another."""


class FakeEngine:
    """Maps are the image itself, minus a bit per level; decoding is the real one."""

    def __init__(self) -> None:
        self.predicted: list[tuple[int, float]] = []
        self.loaded: list[tuple[str, str]] = []
        self.windows: list[tuple[Region, bool]] = []
        self.tile = 32
        self.ranges: list[Any] = []
        self.searches: list[tuple[float, float]] = []
        self.found = ScaleChoice(1.0, "objects of about 20 px")
        self.gave_back = 0
        self.known_level: int | None = 0
        self.computer = {"stand-in": str(next(COUNT))}

    def load(self, model: ModelInfo, device: str) -> Any:
        self.loaded.append((model.name, device))
        choice = SimpleNamespace(device="cpu", dtype="float32", note="")
        return SimpleNamespace(info=model, version=f"{model.name} {device}", choice=choice, engine=self)

    def predict(
        self, cache: Any, request: Any, image: Any, known: tuple[int, ...], should_stop: Any
    ) -> Iterator[Any]:
        self.predicted.append((request.level, request.scale))
        self.ranges.append(request.range)
        self.current_view = lambda: cache.visible.of(request.plane.key)
        image = image.astype(np.float32)
        image = image.mean(axis=-1) if image.ndim == 3 else image
        regions = [
            Region(y, x, min(y + self.tile, image.shape[0]), min(x + self.tile, image.shape[1]))
            for y in range(0, image.shape[0], self.tile)
            for x in range(0, image.shape[1], self.tile)
        ]
        levels = (1, AUTO) if request.level == AUTO else tuple(range(1, request.level + 1))
        levels = tuple(level for level in levels if level not in known)
        yield PredictStarted(0, image.shape, levels, len(regions))
        done, total = 0, len(regions) * len(levels)
        for region in regions:
            if should_stop():
                yield PredictDone(0, request.level, 0.1, 0, 0, True)
                return
            for level in levels:
                done += 1
                part = np.clip(np.nan_to_num(image[region.slices]) - 0.01 * (4 - level), 0, 1)
                maps = np.stack([part, part])
                depth = None if level != AUTO else np.where(part > 0.5, 4, 1).astype(np.uint8)
                yield TileDone(0, level, region, maps, done, total, depth)
        yield PredictDone(0, request.level, 0.1, 10, 0, False, flops=FLOPS, known_level=self.known_level)

    def intensities(self, cache: Any, request: Any, image: np.ndarray) -> NormStats:
        return NormStats(*(request.range or (0.0, 1.0)))

    def range_notes(self, image: np.ndarray, stats: NormStats, *, given: bool) -> tuple[str, ...]:
        return ("much of it is below the range",) if stats.low > 0.5 else ()

    def decide_scale(
        self, model: Any, image: Any, stats: NormStats, pixel_size: Any, should_stop: Any
    ) -> ScaleChoice:
        self.searches.append((stats.low, stats.high))
        return self.found

    def window(self, cache: Any, request: Any, cached: Any, region: Region) -> Window:
        self.windows.append((region, cached is not None))
        if cached is not None:
            return REAL["window"](cache, request, cached, region)
        part = request.plane.data[region.slices].astype(np.float32)
        return Window(np.stack([part, part]), region, region, Grids(request.plane.shape, request.plane.shape))

    def time_levels(self, model: Any, should_stop: Any) -> Iterator[Mapping[int, float]]:
        yield {1: 0.1, 2: 0.2, 3: 0.4, 4: 0.8}


REPLACED = ("predict", "intensities", "decide_scale", "window", "time_levels")
REAL = {name: getattr(engine, name) for name in REPLACED}


class FakeCache(WorkerCache):
    """A cache whose models are stand-ins."""

    def __init__(self, fake: FakeEngine) -> None:
        super().__init__()
        self.engine = fake

    def loaded(self, model: ModelInfo, device: str) -> Any:
        key = (model_key(model), device)
        if key not in self._models:
            self._models[key] = self.engine.load(model, device)
        return self._models[key]

    def speeds(self, model: ModelInfo, device: str) -> Speeds:
        key = (model_key(model), device)
        if key not in self._speeds:
            self._speeds[key] = Speeds(self.engine.computer)
        return self._speeds[key]


def choose_engine(name: str) -> Callable[..., Any]:
    """The function of the stand-in, where it is given a stand-in of cache or model; else the real one."""

    def chosen(first: Any, *rest: Any) -> Any:
        fake = getattr(first, "engine", None)
        return getattr(fake, name)(first, *rest) if fake is not None else REAL[name](first, *rest)

    return chosen


class FakeLayers:
    """One or two images in memory; remembers what was painted."""

    def __init__(self) -> None:
        self.signals = LayerSignals()
        self.arrays: dict[Hashable, Any] = {}
        self.versions: dict[Hashable, int] = {}
        self.painted: dict[Hashable, np.ndarray] = {}
        self.refuse = False
        self.closed = False
        self.circle: float | None = None
        self.uncertainty: np.ndarray | None = None
        self.depth: np.ndarray | None = None
        self.went: list[tuple[int, int]] = []
        self.clicking: Hashable | None = None
        self.tool = "click"
        self.paints: list[tuple[Region, bool]] = []
        self.viewport: Region | None = None
        self.factor = 1.0
        self.pixel_size: float | None = None
        self.point: int | None = None
        self.contrast: tuple[float, float] = (0.0, 1.0)

    def images(self) -> list[ImageChoice]:
        return [ImageChoice(key, str(key)) for key in self.arrays]

    def preferred(self) -> Hashable | None:
        return next(iter(self.arrays), None)

    def read(self, image: Hashable) -> Plane:
        if image not in self.arrays:
            raise UnetppError("This image is no longer open.")
        data = self.arrays[image]
        key = (image, self.versions.get(image, 0))
        level = None if self.factor == 1 else int(np.log2(self.factor))
        data = data if self.point is None else data[self.point]
        place = [part for part in (self.point, level) if part is not None]
        return Plane(
            (*key, *place),
            image,
            str(image),
            data,
            rgb=data.ndim == 3,
            viewport=self.viewport,
            pixel=PixelSize(side=self.pixel_size),
            level=level,
            factor=self.factor,
            version=self.versions.get(image, 0),
        )

    def limits(self, image: Hashable) -> tuple[float, float] | None:
        data = self.arrays.get(image)
        return None if data is None or data.ndim == 3 else self.contrast

    def prepare(self, plane: Plane, *, classes: bool = False) -> None:
        self.painted.setdefault(plane.key, np.zeros(plane.shape, np.uint32))

    def paint(self, plane: Plane, region: Region, values: np.ndarray, *, final: bool) -> bool:
        if self.refuse:
            return False
        self.paints.append((region, final))
        self.painted[plane.key][region.slices] = values
        return True

    def result(self, plane: Plane) -> np.ndarray | None:
        return self.painted.get(plane.key)

    def show_circle(self, plane: Plane, diameter: float) -> None:
        self.circle = diameter

    def hide_circle(self) -> None:
        self.circle = None

    def set_mouse_tool(self, image: Hashable | None, tool: str = "click") -> None:
        self.clicking = image
        self.tool = tool

    def show_uncertainty(self, plane: Plane, values: np.ndarray) -> None:
        self.uncertainty = values

    def hide_uncertainty(self) -> None:
        self.uncertainty = None

    def show_depth(self, plane: Plane, values: np.ndarray) -> None:
        self.depth = values

    def hide_depth(self) -> None:
        self.depth = None

    def go_to(self, plane: Plane, y: int, x: int, diameter: float) -> None:
        self.went.append((y, x))

    def close(self) -> None:
        self.closed = True

    def show_plane(self, point: int) -> None:
        """The user moves the slider of a stack."""
        self.point = point
        self.signals.plane_changed.emit(next(iter(self.arrays)))

    def replace(self, image: Hashable, data: np.ndarray) -> None:
        self.arrays[image] = data
        self.versions[image] = self.versions.get(image, 0) + 1
        self.signals.plane_changed.emit(image)


@dataclass
class HandRunner:
    """Runs a job when told: `inline` at once, else step by step, as a thread would."""

    inline: bool = True
    jobs: list[Any] = field(default_factory=list)
    closed: bool = False

    def submit(self, job: Any, on_event: Callable[..., None], on_end: Callable[..., None]) -> None:
        self.stop()
        flag = [False]
        entry = [job(lambda: flag[0]), on_event, on_end, flag]
        self.jobs.append(entry)
        if self.inline:
            self.finish()

    def stop(self) -> None:
        for *_, flag in self.jobs:
            flag[0] = True

    def close(self) -> None:
        self.closed = True
        self.stop()

    def step(self) -> bool:
        """Deliver one event of the oldest job; False when there is none left."""
        if not self.jobs:
            return False
        work, on_event, on_end, _ = self.jobs[0]
        try:
            event = next(work)
        except StopIteration:
            self.jobs.pop(0)
            on_end(None)
        except Exception as error:
            self.jobs.pop(0)
            on_end(error)
        else:
            on_event(event)
        return True

    def finish(self) -> None:
        while self.step():
            pass


def model_info(name: str = "nuclei", level: int = 3) -> ModelInfo:
    """A model card without a file."""
    scores = {d: LevelScores(0.8 + 0.02 * d, 0.7, 0.5, 1) for d in (1, 2, 3, 4)}
    return ModelInfo(
        name,
        "instances",
        ("nucleus",),
        ("foreground", "distance"),
        NetConfig(outputs=2),
        recommended_level=level,
        sampling=SamplingRule("object", 20.0),
        validation=ScoreSet("made up", 3, scores),
    )


@dataclass
class Sitting:
    """A controller with its stand-ins."""

    controller: Controller
    view: Any
    layers: FakeLayers
    runner: HandRunner
    engine: FakeEngine

    @property
    def message(self) -> str:
        """What the message line says."""
        return str(self.view.set_message.call_args.args[0])

    @property
    def result(self) -> np.ndarray:
        """What is painted for the displayed plane."""
        return self.layers.painted[self.layers.read(self.controller.state.image).key]

    def offers(self) -> list[str]:
        """Actions of the links in the message line."""
        args = self.view.set_message.call_args.args
        return [action for _, action in args[2]] if len(args) > 2 else []
