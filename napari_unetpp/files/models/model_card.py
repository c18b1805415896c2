"""The model card as JSON: `ModelInfo` to plain values and back, with every value checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from napari_unetpp._types import (
    ARCHITECTURES,
    ENCODERS,
    SUPERVISIONS,
    DecodeRule,
    LevelScores,
    ModelInfo,
    NetConfig,
    Normalisation,
    SamplingRule,
    ScaleSearch,
    ScoreSet,
    StoppingRule,
    UnetppError,
)
from napari_unetpp.net import encoder_plan

MAX_WIDTH = 8192
MAX_DEPTH = 8

SEEDS = ("boundary", "distance", "centre", "edge_distance", "object_border", "mask")


def card_to_json(info: ModelInfo) -> dict[str, Any]:
    """Plain JSON values of a model card; `path` and `sha256` belong to a file and are left out."""
    card = {k: v for k, v in vars(info).items() if k not in ("path", "sha256")}
    for key in ("net", "normalisation", "sampling", "decode"):
        card[key] = asdict(card[key])
    card["stopping"] = info.stopping and asdict(info.stopping)
    for key in ("validation", "test"):
        card[key] = _scores_to_json(card[key])
    plain = _plain(card)
    assert isinstance(plain, dict)
    return plain


def card_from_json(card: Any) -> ModelInfo:
    """A model card from JSON values.

    Raises
    ------
    UnetppError
        When a value is missing, of the wrong type or out of range.
    """
    try:
        return _card(card)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        detail = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise UnetppError(f"the model card is damaged: {detail}") from error


def _card(card: Any) -> ModelInfo:
    net = _net(_mapping(card["net"]))
    outputs = _names(card["outputs"])
    task = _one_of(card["task"], ("instances", "semantic"))
    level = _integer(card["recommended_level"], net.levels[0], net.depth)
    if len(outputs) != net.outputs:
        raise ValueError(f"{len(outputs)} output names for {net.outputs} outputs")
    decode = _mapping(card["decode"])
    seeds = _one_of(decode["seeds"], SEEDS)
    if task == "instances" and seeds != "mask" and seeds not in outputs:
        raise ValueError(f"the seeds come from {seeds!r}, which is not an output")
    sampling, normalisation = _mapping(card["sampling"]), _mapping(card["normalisation"])
    return ModelInfo(
        name=_text(card["name"]),
        task=task,
        classes=_names(card["classes"]),
        outputs=outputs,
        net=net,
        title=_text(card["title"]),
        licence=_text(card["licence"]),
        normalisation=Normalisation(
            _number(normalisation["low"], 0, 100),
            _number(normalisation["high"], 0, 100),
            _one_of(normalisation.get("rule", "percentile"), ("percentile", "robust")),
        ),
        sampling=SamplingRule(
            _one_of(sampling["kind"], ("frame", "pixel", "object")),
            _number(sampling["value"], 1e-6, 1e6),
            _search(sampling.get("search"), net),
        ),
        decode=DecodeRule(
            threshold=_number(decode["threshold"], 0, 1),
            seeds=seeds,
            seed_threshold=_number(decode["seed_threshold"], 0, 1),
            min_size=_integer(decode["min_size"], 0, 10**9),
            prominence=_number(decode.get("prominence", 0.0), 0, 1),
            prominence_share=_number(decode.get("prominence_share", 0.0), 0, 1),
        ),
        recommended_level=level,
        validation=_scores(card["validation"]),
        test=_scores(card["test"]),
        stopping=_stopping(card.get("stopping"), net),
        provenance=_mapping(card["provenance"]),
    )


def _net(net: Mapping[str, Any]) -> NetConfig:
    widths, encoder = net["widths"], net.get("encoder", "")
    if encoder != "" and encoder not in ENCODERS:
        raise UnetppError(
            f"the network has the encoder {str(encoder)[:40]!r}, and this napari-unetpp knows "
            f"{' and '.join(ENCODERS)}. Update napari-unetpp."
        )
    if not isinstance(widths, list) or not 2 <= len(widths) <= MAX_DEPTH + 1:
        raise ValueError(f"widths {widths!r}")
    if encoder and (net["arch"] != "unetpp" or len(widths) > len(encoder_plan.encoder(encoder).stages) + 1):
        raise ValueError(f"{str(net['arch'])[:40]!r} with widths {widths!r} on the encoder {encoder}")
    return NetConfig(
        in_channels=_integer(net["in_channels"], 1, MAX_WIDTH),
        outputs=_integer(net["outputs"], 1, MAX_WIDTH),
        widths=tuple(_integer(width, 1, MAX_WIDTH) for width in widths),
        arch=_one_of(net["arch"], ARCHITECTURES),
        supervision=_one_of(net.get("supervision", "deep"), SUPERVISIONS),
        encoder=encoder,
    )


def _search(search: Any, net: NetConfig) -> ScaleSearch | None:
    if search is None:
        return None
    return ScaleSearch(
        level=_integer(search["level"], 1, net.depth),
        size=_number(search["size"], 0, 1e3),
        fineness=_number(search["fineness"], 0, 1e3),
        unsure=_number(search["unsure"], 0, 1e6),
        near=_number(search["near"], 1, 1e3),
    )


def _scores(scores: Any) -> ScoreSet | None:
    if scores is None:
        return None
    levels = {int(level): _level_scores(values) for level, values in _mapping(scores["levels"]).items()}
    return ScoreSet(data=_text(scores["data"]), images=_integer(scores["images"], 0, 10**9), levels=levels)


def _level_scores(values: Any) -> LevelScores:
    return LevelScores(
        dice=_maybe(values["dice"]),
        iou=_maybe(values["iou"]),
        ap50=_maybe(values["ap50"]),
        parameters=_integer(values["parameters"], 0, 10**12),
        seconds_per_megapixel=_maybe(values["seconds_per_megapixel"]),
    )


def _stopping(rule: Any, net: NetConfig) -> StoppingRule | None:
    if rule is None:
        return None
    doubt, change = (tuple(_number(v, 0, 1e6) for v in rule[name]) for name in ("doubt", "change"))
    if net.levels != tuple(range(1, net.depth + 1)) or not len(doubt) == len(change) == net.depth - 1:
        raise ValueError(f"a stopping rule for {len(doubt)} levels of a network with {len(net.levels)} heads")
    square = _integer(rule["square"], 1, 4096)
    if square % net.multiple:
        raise ValueError(f"squares of {square} px, not a multiple of {net.multiple}")
    return StoppingRule(
        doubt=doubt,
        change=change,
        limit=_number(rule["limit"], 0, 1),
        tolerance=_number(rule["tolerance"], 0, 1),
        share=_number(rule["share"], 0, 1e6),
        scores=_level_scores(_mapping(rule["scores"])),
        square=square,
    )


def _scores_to_json(scores: ScoreSet | None) -> dict[str, Any] | None:
    if scores is None:
        return None
    levels = {str(level): asdict(values) for level, values in scores.levels.items()}
    return {"data": scores.data, "images": scores.images, "levels": levels}


def _plain(value: Any) -> Any:
    """Only what JSON knows: a path becomes text, a numpy scalar a number, NaN and infinity null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    return _plain(value.item()) if hasattr(value, "item") else str(value)


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, not {str(value)[:60]!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, not {str(value)[:60]!r}")
    return value


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise TypeError(f"expected a list of names, not {str(value)[:60]!r}")
    return tuple(_text(name) for name in value)


def _one_of(value: Any, known: tuple[str, ...]) -> Any:
    if value not in known:
        raise ValueError(f"{str(value)[:60]!r} is none of {', '.join(known)}")
    return value


def _number(value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{str(value)[:60]!r} is not a number from {low} to {high}")
    return float(value)


def _integer(value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{str(value)[:60]!r} is not a whole number from {low} to {high}")
    return value


def _maybe(value: Any) -> float | None:
    return None if value is None else _number(value, 0, 1e12)
