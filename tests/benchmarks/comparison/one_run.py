"""One run: read the images, train one network with the project's own trainer, score all its levels."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.measure import label as connected_components
from skimage.transform import resize

from comparison import plan, scoring
from comparison.speed import seconds_per_megapixel
from napari_unetpp._types import DecodeRule, ModelInfo, NetConfig, SamplingRule
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.input.sampling import resample_labels
from napari_unetpp.files.labels.folders import Pair, read_label, read_pairs
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.averaging import measure_batch_norms
from napari_unetpp.train.choose.levels import middle, predict_samples
from napari_unetpp.train.choose.scores import dice_iou
from napari_unetpp.train.data.frames import FRAMES
from napari_unetpp.train.data.microscopy import MICROSCOPY
from napari_unetpp.train.data.patches import PatchSource
from napari_unetpp.train.data.samples import Sample, load_sample
from napari_unetpp.train.precision import training_format
from napari_unetpp.train.scratch.loop import TrainingLoop, TrainingOptions

NORM_BATCHES = 12
SPLIT_SEED = 0
COST_SIDE = 256
"""FLOPs are counted for an image of this side."""


@dataclass(frozen=True, eq=False)
class Images:
    """What one data set gives: samples to learn from, samples to score, the objects of the latter."""

    name: str
    train: Sequence[Sample]
    test: Sequence[Sample]
    objects: Sequence[NDArray[np.int32]] | None


def card(data: plan.DataSet, config: NetConfig) -> ModelInfo:
    """The card of a network for foreground against background."""
    sampling = SamplingRule("frame", data.frame) if data.frame else SamplingRule()
    rule = DecodeRule(threshold=plan.THRESHOLD)
    return ModelInfo("", "semantic", ("foreground",), ("foreground",), config, sampling=sampling, decode=rule)


def read_images(root: Path, name: str, limit: int | None = None) -> Images:
    """Read a data set of the plan; `limit`: only so many images of each part."""
    if name == plan.DSB96:
        return _split96(root / plan.DSB96_SET.folder / "train", limit)
    data = plan.DATA_SETS[name]
    train, _ = _read(read_pairs(root / data.folder / "train")[:limit], data)
    test, objects = _read(read_pairs(root / data.folder / "test")[:limit], data)
    if data.crop is not None:
        whole = [replace(s, labels=o) for s, o in zip(test, objects, strict=True)]
        objects = [middle(s, data.crop).labels for s in whole]
        test = [middle(s, data.crop) for s in test]
    return Images(name, train, test, objects if data.objects else None)


def _read(pairs: Sequence[Pair], data: plan.DataSet) -> tuple[list[Sample], list[NDArray[np.int32]]]:
    """Samples of foreground against background, and the objects of each."""
    info = card(data, NetConfig())
    # Instances are numbered: every number is foreground, 255 too, which semantic labels would ignore.
    foreground = range(1, 1 << 16) if data.objects == "labels" else None
    samples = [load_sample(pair, info, foreground) for pair in pairs]
    if data.objects == "labels":
        objects = [
            resample_labels(read_label(p.label), s.labels.shape) for p, s in zip(pairs, samples, strict=True)
        ]
    else:
        objects = [connected_components(s.labels > 0, connectivity=1) for s in samples]
    return samples, [o.astype(np.int32) for o in objects]


def _split96(folder: Path, limit: int | None) -> Images:
    """The public protocol: images squashed to a small square, a fifth of them to score."""
    samples, objects = _read(read_pairs(folder)[:limit], plan.DSB96_SET)
    samples = [squashed(s, plan.DSB96_SIDE) for s in samples]
    order = np.random.default_rng(SPLIT_SEED).permutation(len(samples))
    count = max(1, round(plan.DSB96_SHARE * len(samples)))
    test, train = order[:count], order[count:]
    shape = (plan.DSB96_SIDE, plan.DSB96_SIDE)
    return Images(
        plan.DSB96,
        [samples[k] for k in train],
        [samples[k] for k in test],
        [resample_labels(objects[k], shape) for k in test],
    )


def squashed(sample: Sample, side: int) -> Sample:
    """A sample brought to `side` x `side` px, its aspect given up."""
    shape = (side, side)
    image = resize(sample.image.astype(np.float32), (len(sample.image), *shape), order=1, anti_aliasing=True)
    labels, ignore = resample_labels(sample.labels, shape), resample_labels(sample.ignore, shape)
    return replace(sample, image=image.astype(np.float16), labels=labels, ignore=ignore)


def train(
    images: Images, config: NetConfig, settings: plan.Settings, seed: int, device: str
) -> tuple[UNetPlusPlus, dict[str, Any]]:
    """Train one network; the averaged weights, and what is to be told of the run."""
    camera = images.name != plan.DSB96 and plan.DATA_SETS[images.name].camera
    info = card(plan.DSB96_SET if images.name == plan.DSB96 else plan.DATA_SETS[images.name], config)
    augmentation = FRAMES if camera else MICROSCOPY
    source = PatchSource(images.train, info, np.random.default_rng(seed), augmentation, device=device)
    dtype = training_format(device)
    options = TrainingOptions(
        steps=settings.steps,
        patch=settings.patch,
        batch=settings.batch,
        rate=settings.rate,
        grow=False,  # all systems train all of their nodes in every step
        device=device,
        dtype=dtype,
    )
    torch.manual_seed(seed)  # initial weights
    *_, last = TrainingLoop(UNetPlusPlus(config), source, info, options).run()
    measure_batch_norms(last.average, (source.batch(8, settings.patch).image for _ in range(NORM_BATCHES)))
    return last.average, {"seconds": round(last.seconds, 1), "loss": round(last.loss, 4), "format": dtype}


def score(
    net: UNetPlusPlus, images: Images, data: plan.DataSet, device: str
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Scores and cost of every level on the test images, and what they were measured on."""
    info = card(data, net.config)
    predicted = predict_samples(net, images.test, info, device=device)
    areas = _areas(images)
    limits = scoring.terciles(areas) if areas is not None else None
    seconds = seconds_per_megapixel(net, images.test, device)
    levels = {}
    for level in net.levels:
        masks = [labelling.mask(p.level(level), info) for p in predicted]
        pairs = [dice_iou(m, s.labels > 0, s.ignore) for m, s in zip(masks, images.test, strict=True)]
        edges = [
            scoring.boundary_dice(m & ~s.ignore, s.labels > 0)
            for m, s in zip(masks, images.test, strict=True)
        ]
        levels[str(level)] = {
            "dice": scoring.mean([d for d, _ in pairs]),
            "iou": scoring.mean([i for _, i in pairs]),
            "boundary_dice": scoring.mean(edges),
            "recall_by_size": _recall(images, masks, limits),
            "parameters": graph.parameters(level, net.config),
            "gflop": round(graph.flops(level, net.config, COST_SIDE, COST_SIDE) / 1e9, 4),
            "seconds_per_megapixel": round(seconds[level], 4),
        }
    megapixels = sum(s.labels.size for s in images.test) / 1e6
    about = {
        "test_images": len(images.test),
        "test_megapixels": round(megapixels, 4),
        "size_limits": None if limits is None else [round(x, 1) for x in limits],
        "objects": None if areas is None else int(areas.size),
    }
    return levels, about


def _areas(images: Images) -> NDArray[np.int64] | None:
    if images.objects is None:
        return None
    found = [scoring.areas_and_found(o, np.zeros(o.shape, bool))[0] for o in images.objects]
    return np.concatenate(found)


def _recall(
    images: Images, masks: Sequence[NDArray[np.bool_]], limits: tuple[float, float] | None
) -> list[float | None] | None:
    if images.objects is None or limits is None:
        return None
    each = [scoring.areas_and_found(o, m) for o, m in zip(images.objects, masks, strict=True)]
    areas, found = np.concatenate([a for a, _ in each]), np.concatenate([f for _, f in each])
    recall = scoring.recall_by_size(areas, found, limits)
    return [None if r is None else round(r, 4) for r in recall]


def machine(device: str) -> dict[str, Any]:
    """The machine, its load (runnable processes, 1 minute) and the versions that count."""
    name = torch.cuda.get_device_name() if device == "cuda" else _processor()
    return {
        "device": device,
        "processor": name,
        "threads": torch.get_num_threads(),
        "logical_cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "versions": {name: version(name) for name in ("torch", "monai", "numpy")},
        "created": time.strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def run(images: Images, system: str, seed: int, settings: plan.Settings, device: str) -> dict[str, Any]:
    """Train and score one system: the record of the run."""
    data = plan.DSB96_SET if images.name == plan.DSB96 else plan.DATA_SETS[images.name]
    config = plan.network(system, settings.widths)
    net, training = train(images, config, settings, seed, device)
    levels, about = score(net, images, data, device)
    return {
        "data": images.name,
        "system": system,
        "arch": config.arch,
        "supervision": config.supervision,
        "seed": seed,
        "channels": list(config.widths),
        "settings": settings.plain(),
        "frame": data.frame,
        "crop": data.crop,
        "train_images": len(images.train),
        **about,
        "training": training,
        "levels": levels,
        "machine": machine(device),
    }
