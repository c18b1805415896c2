"""The engine as the jobs call it. torch is imported by the first call that needs it, in the worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import (
    AUTO,
    DecodeRule,
    ModelInfo,
    PredictEvent,
    PredictRequest,
    Region,
    ScaleChoice,
    ShouldStop,
    Spot,
)
from napari_unetpp.engine.input.normalise import NormStats, clean_plane, measure, with_range
from napari_unetpp.files.machine_cache import this_machine
from napari_unetpp.session.segment.plane_result import Kept
from napari_unetpp.session.segment.scales import working_min_size
from napari_unetpp.session.values import Interval, PickRequest, PlaneRequest, Rule

if TYPE_CHECKING:
    from napari_unetpp.engine.decode.map_store import MapStore
    from napari_unetpp.engine.decode.plane_result import PlaneResult
    from napari_unetpp.engine.decode.window import Window
    from napari_unetpp.engine.loaded_model import LoadedModel
    from napari_unetpp.engine.node_cache import NodeCache

TIMING_SIDE = 256
"""A square of this side is timed; all four levels together cost one pass of the deepest."""


class TorchEngine:
    """`Engine` by `napari_unetpp.engine`."""

    def load(self, model: ModelInfo, device: str) -> LoadedModel:
        """Read the weights and bring them to the device that the self-test allows."""
        from napari_unetpp.engine.loaded_model import LoadedModel

        return LoadedModel.load(model, device=device)

    def devices(self) -> tuple[str, ...]:
        """Devices that this torch can use on this machine."""
        import torch

        found = ["cpu"]
        if torch.cuda.is_available():
            found.append("cuda")
        if torch.backends.mps.is_available():
            found.append("mps")
        return tuple(found)

    def machine(self, evaluator: LoadedModel) -> Mapping[str, str]:
        """All that the time of a run depends on, but for the image."""
        import torch

        device, info = evaluator.choice.device, evaluator.info
        return {
            **this_machine(),
            "device": torch.cuda.get_device_name() if device == "cuda" else device,
            "threads": str(torch.get_num_threads()),
            "precision": evaluator.choice.dtype,
            "network": repr(info.net),
            "stopping rule": repr(info.stopping),
        }

    def cache(self, budget_bytes: int) -> NodeCache:
        """A node cache of this size."""
        from napari_unetpp.engine.node_cache import NodeCache

        return NodeCache(budget_bytes)

    def clean(self, image: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...]]:
        """Check a plane; UnetppError says what is wrong with it."""
        return clean_plane(image)

    def intensities(self, cache: NodeCache, request: PlaneRequest, image: NDArray[Any]) -> NormStats:
        """The range of intensities of a plane: given, or measured once."""
        if request.range is not None:
            return with_range(image, *request.range)
        rule = request.model.normalisation
        return cache.stats(request.plane.key, rule, lambda: measure(image, rule))

    def range_told(self, image: NDArray[Any], stats: NormStats) -> tuple[Interval, tuple[str, ...]]:
        """A measured range as it is told, and what is worth saying of it."""
        from napari_unetpp.engine.input.normalise import NOISE, range_to_tell

        told = range_to_tell(image, stats)
        return told, () if told == (stats.low, stats.high) else (NOISE,)

    def range_notes(self, image: NDArray[Any], stats: NormStats) -> tuple[str, ...]:
        """What of the image lies outside the range, where that is much."""
        from napari_unetpp.engine.input.normalise import range_notes

        return range_notes(image, stats)

    def decide_scale(
        self,
        evaluator: LoadedModel,
        image: NDArray[Any],
        stats: NormStats,
        pixel_size: float | None,
        should_stop: ShouldStop,
    ) -> ScaleChoice:
        """The scale of a plane by the model's rule, or by looking for it."""
        from napari_unetpp.engine.input.scale import decide_scale

        return decide_scale(evaluator, image, stats, pixel_size=pixel_size, should_stop=should_stop)

    def predict(
        self,
        evaluator: LoadedModel,
        request: PredictRequest,
        cache: NodeCache,
        should_stop: ShouldStop,
        current_view: Callable[[], Region | None],
    ) -> Iterator[PredictEvent]:
        """Tiles of a plane, at every level up to the asked one; what is visible comes first."""
        from napari_unetpp.engine.predict import predict

        return predict(evaluator, request, cache, should_stop, current_view)

    def give_back(self) -> None:
        """Return freed memory to the system."""
        from napari_unetpp.engine.memory import give_back

        give_back()

    def store(self, shape: tuple[int, int], outputs: int) -> MapStore:
        """Where maps of a plane are collected."""
        from napari_unetpp.engine.decode.map_store import MapStore

        return MapStore(shape, outputs)

    def invalid(self, image: NDArray[Any], stats: NormStats) -> NDArray[np.bool_] | None:
        """Pixels without a value, all of them where nothing is seen; None where there are none."""
        from napari_unetpp.engine.collect import invalid_pixels

        return invalid_pixels(image, stats)

    def decode(self, kept: Kept, model: ModelInfo, level: int, rule: Rule) -> NDArray[Any]:
        """Labels or mask on the grid of the image (uint32 or bool)."""
        result = _plane_result(kept, model, level, _decode_rule(model, rule, kept.scale))
        return result.mask() if rule.kind == "mask" else result.labels()

    def uncertainty(self, kept: Kept, model: ModelInfo, level: int, threshold: float) -> NDArray[np.float32]:
        """Uncertainty on the grid of the image, in [0, 1]."""
        rule = replace(model.decode, threshold=threshold)
        return _plane_result(kept, model, level, rule).uncertainty()

    def depth(self, kept: Kept, model: ModelInfo, level: int) -> NDArray[np.uint8]:
        """The level from which each pixel comes, on the grid of the image."""
        return _plane_result(kept, model, level, model.decode).depth()

    def window(
        self,
        cache: NodeCache,
        request: PickRequest,
        evaluator: LoadedModel,
        kept: Kept | None,
        region: Region,
        read: Callable[[], tuple[NDArray[Any], tuple[str, ...]]],
    ) -> Window:
        """A part of the plane with its maps: those kept, else computed for this part alone."""
        from napari_unetpp.engine.decode.window import predict_window, stored_window

        plane = request.plane
        if kept is not None:
            return stored_window(cast("MapStore", kept.store), request.level, region, plane.shape)
        image, _ = read()
        stats = self.intensities(cache, request, image)
        level = request.model.recommended_level if request.level == AUTO else request.level
        return predict_window(evaluator, image, region, level, request.scale, stats)

    def pick(self, window: Window, request: PickRequest, region: Region) -> NDArray[np.uint32]:
        """What a click on the plane means, as labels of `region`."""
        from napari_unetpp.engine.decode.click import object_at, objects_inside

        model, where = request.model, request.click.region.relative_to(region)
        rule = _decode_rule(model, request.rule, request.scale)
        if request.click.is_point:
            return object_at(window, model, rule, where.y0, where.x0)
        inside = np.zeros(region.shape, bool)
        inside[where.slices] = True
        return objects_inside(window, model, rule, inside)

    def places(self, doubt: NDArray[np.float32], diameter: float) -> tuple[Spot, ...]:
        """The most uncertain places."""
        from napari_unetpp.engine.decode.uncertainty import places

        return places(doubt, diameter)

    def mask(self, maps: NDArray[np.float32], model: ModelInfo, threshold: float) -> NDArray[np.bool_]:
        """Foreground of a tile."""
        from napari_unetpp.engine.decode.labelling import mask

        return mask(maps, model, replace(model.decode, threshold=threshold))

    def time_levels(self, evaluator: LoadedModel, should_stop: ShouldStop) -> Iterator[Mapping[int, float]]:
        """Seconds per megapixel of every level, on a small square, each level on top of the last."""
        config = evaluator.info.net
        pixels = np.random.default_rng(0).random(
            (config.in_channels, TIMING_SIDE, TIMING_SIDE), dtype=np.float32
        )
        image = evaluator.tensor(pixels)
        known: dict[Any, Any] = {}
        for level in (config.levels[0], config.depth):  # the first calls choose kernels: not counted
            if not evaluator.nodes(image[..., :64, :64], level, known, should_stop):
                return
            evaluator.maps(level, known)
        known, elapsed, measured = {}, 0.0, {}
        for level in config.levels:
            start = time.perf_counter()
            if not evaluator.nodes(image, level, known, should_stop):
                return
            evaluator.maps(level, known)  # on a GPU this waits for the result
            elapsed += time.perf_counter() - start
            measured[level] = elapsed / (TIMING_SIDE**2 / 1e6)
        yield measured


def _decode_rule(model: ModelInfo, rule: Rule, scale: float) -> DecodeRule:
    """The model's rule with the user's threshold, minimum size and splitting."""
    own = model.decode.min_size
    min_size = own if rule.min_size is None else working_min_size(rule.min_size, scale)
    return replace(model.decode, threshold=rule.threshold, min_size=min_size, split=rule.split)


def _plane_result(kept: Kept, model: ModelInfo, level: int, rule: DecodeRule) -> PlaneResult:
    from napari_unetpp.engine.decode.plane_result import PlaneResult

    return PlaneResult(cast("MapStore", kept.store), model, level, kept.shape, rule, kept.invalid)
