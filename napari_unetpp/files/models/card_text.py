"""Models and scores as plain text for people."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from napari_unetpp._types import (
    AUTO,
    DecodeRule,
    LevelScores,
    ModelInfo,
    Normalisation,
    SamplingRule,
    ScoreSet,
    StoppingRule,
)
from napari_unetpp.files.models.int8_file import read_int8
from napari_unetpp.files.models.model_list import SHIPPED, models_folder
from napari_unetpp.files.text import counted, number, table
from napari_unetpp.net import graph

SCORE_COLUMNS = ("level", "dice", "iou", "ap50", "parameters", "s/MPx")


def models_text(models: Sequence[ModelInfo]) -> str:
    """A table of models: one line each."""
    header = ("name", "task", "classes", "parameters", "licence", "level", "scores L1 L2 ...")
    rows = [
        (
            info.name,
            info.task,
            ", ".join(info.classes),
            millions(level_parameters(info, info.net.depth)),
            info.licence or "-",
            f"L{info.recommended_level}",
            _short_scores(info),
        )
        for info in models
    ]
    return table([header, *rows])


def card_text(info: ModelInfo) -> str:
    """The model card on one page."""
    rule = info.decode
    heads = "a head for every level" if len(info.net.levels) > 1 else "one head"
    lines = [
        f"{info.name}: {info.title}" if info.title else info.name,
        f"  task          {info.task} ({', '.join(info.classes)})",
        f"  licence       {info.licence or 'not stated'}",
        f"  network       {_network(info)}, widths {'-'.join(map(str, info.net.widths))}, "
        f"{heads}, outputs {', '.join(info.outputs)}",
        f"  intensities   {_range_text(info.normalisation)}",
        f"  sampling      {sampling_text(info.sampling)}",
        f"  objects       threshold {rule.threshold:g}, {seeds_text(rule)}, at least {rule.min_size} px"
        f"{certainty_text(rule)}",
        f"  recommended   L{info.recommended_level}",
        f"  auto          {stopping_text(info.stopping)}",
    ]
    for what, scores in (("held-out training data", info.validation), ("test data", info.test)):
        if scores is None:
            lines.append(f"  scores on {what}: none in this file")
        else:
            lines += ["", f"  scores on {what} ({scores.data}, {counted(scores.images, 'image')})"]
            lines += [f"    {line}" for line in score_set_text(scores).splitlines()]
    lines += [*_stored(info), "", "  provenance"]
    lines += [line for key, value in info.provenance.items() for line in _provenance_lines(key, value)]
    lines += ["", f"  file    {info.path}", f"  sha256  {info.sha256}"]
    return "\n".join(lines)


def _stored(info: ModelInfo) -> list[str]:
    """When the stored scores were measured, and how to measure with this version."""
    made = info.provenance.get("created", "when it was made")
    listed = info.path is None or info.path.absolute().parent in (SHIPPED, models_folder().absolute())
    model = info.name if listed else str(info.path)
    measure = f"  napari-unetpp evaluate FOLDER --model {shlex.quote(model)}"
    if info.test is None:
        return ["  To measure it on labelled images:", measure]
    return [
        "",
        f"  scores are stored in the file: measured {made}{measured_at(info)}. What this version gives:",
        measure,
    ]


def measured_at(info: ModelInfo) -> str:
    """The scale at which the stored scores were measured; empty for models that do not go by object size."""
    if info.sampling.kind != "object" or info.test is None:
        return ""
    return f", {info.provenance.get('scores_at', 'at scale 1')}"


def _range_text(rule: Normalisation) -> str:
    """How the range of intensities is measured."""
    if rule.rule == "robust":
        return "what stands out of the background"
    return f"percentiles {rule.low:g} and {rule.high:g}"


def sampling_text(rule: SamplingRule) -> str:
    """How the working grid follows from the image, in a line."""
    if rule.usual is None:
        return f"{rule.kind}, {rule.value:g}"
    return f"scale {rule.usual:g}, as in fine-tuning; a given diameter becomes {rule.value:.3g} px"


def seeds_text(rule: DecodeRule) -> str:
    """How objects are separated, in a line."""
    peaks = [f"{rule.prominence:.2g}"] if rule.prominence else []
    peaks += [f"{rule.prominence_share:.0%} of their height"] if rule.prominence_share else []
    text = f"seeds from {rule.seeds} at {rule.seed_threshold:g}"
    return f"{text} (peaks of {' and '.join(peaks)})" if peaks else text


def certainty_text(rule: DecodeRule) -> str:
    """What the surest pixel of an object must reach; nothing where that is the threshold."""
    return f", a pixel of {rule.sure_from:.2g} or more in each" if rule.certainty else ""


def _provenance_lines(key: str, value: object) -> list[str]:
    """An entry of the provenance; of a list, a line for each item."""
    if isinstance(value, (list, tuple)):
        return [f"    {key}:", *(f"      {item}" for item in value)]
    return [f"    {key}: {value}"]


def _network(info: ModelInfo) -> str:
    """Wiring and encoder."""
    return f"{info.net.arch} on {info.net.encoder}" if info.net.encoder else info.net.arch


def score_set_text(scores: ScoreSet) -> str:
    """A table with one line for each level."""
    return levels_text({level: _fields(values) for level, values in scores.levels.items()})


def model_text(info: ModelInfo) -> str:
    """The model card, and what int8 was measured to lose."""
    return f"{card_text(info)}\n\n{int8_text(read_int8(info))}"


def int8_text(measured: Mapping[str, Any] | None) -> str:
    """What int8 was measured to lose (see `files.models.int8_file`), with a table of the levels."""
    if measured is None:
        return "int8: not measured (napari-unetpp calibrate FOLDER --model MODEL --int8)"
    levels = measured["levels"]
    lossy = [f"L{level}" for level, scores in levels.items() if not scores["good"]]
    found = f"loses too much at {', '.join(lossy)}: only if asked for" if lossy else "as good as float32"
    rows: list[tuple[str, ...]] = [("level", "dice", "int8", "ap50", "int8")]
    rows += [
        (f"L{level}", *(number(value, 4) for value in (*scores["dice"], *(scores["ap50"] or (None, None)))))
        for level, scores in levels.items()
    ]
    lines = [f"int8: {found} ({measured['data']})"]
    return "\n".join([*lines, *(f"  {line}" for line in table(rows).splitlines())])


def levels_text(levels: Mapping[Any, Mapping[str, Any]]) -> str:
    """The same table from the plain values of `evaluate`."""
    rows = [
        (
            level_name(int(level)),
            *(number(values[key], 3) for key in ("dice", "iou", "ap50")),
            millions(values["parameters"]),
            number(values["seconds_per_megapixel"], 3),
        )
        for level, values in sorted(levels.items(), key=lambda item: int(item[0]))
    ]
    return table([SCORE_COLUMNS, *rows])


def auto_text(scores: Mapping[str, Any]) -> str:
    """The line of Auto below that table."""
    values = ", ".join(f"{name} {number(scores[name], 3)}" for name in ("dice", "iou", "ap50"))
    share, seconds = scores["share_of_flops"], number(scores["seconds_per_megapixel"], 3)
    return f"Auto: {values}, {seconds} s/MPx, {share:.0%} of the deepest level's FLOPs"


def stopping_text(rule: StoppingRule | None) -> str:
    """A stopping rule in a line."""
    if rule is None:
        return "no stopping rule: the recommended level"
    scores = f"Dice {number(rule.scores.dice, 3)}, AP50 {number(rule.scores.ap50, 3)}"
    return (
        f"stops where at most {rule.limit:.2%} of {rule.square} x {rule.square} px is expected to change; "
        f"{scores} on held-out images for {rule.share:.0%} of the deepest level's FLOPs"
    )


def speed_text(levels: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of measured speeds, as the benchmark gives them."""
    header = ("level", "parameters", "cold ms", "added ms", "ms/MPx", "in tiles", "GFLOPS", "of the peak")
    rows = [
        (
            f"L{level}",
            millions(row["parameters"]),
            f"{row['cold_ms']:.0f}",
            number(row["incremental_ms"], 0),
            f"{row['ms_per_megapixel']:.0f}",
            number(row["tiled_ms_per_megapixel"], 0),
            f"{row['gflops']:.0f}",
            f"{row['share_of_peak']:.0%}",
        )
        for level, row in levels.items()
    ]
    return table([header, *rows])


def level_name(level: int) -> str:
    """``L1`` ... ``L4``, or ``Auto``."""
    return "Auto" if level == AUTO else f"L{level}"


def level_parameters(info: ModelInfo, level: int) -> int | None:
    """Parameters of the network pruned to `level`; None where they are not known."""
    if info.net.arch == "unetpp":
        return graph.parameters(level, info.net)
    scores = info.validation or info.test
    return scores.levels[level].parameters if scores and level in scores.levels else None


def millions(count: int | None) -> str:
    """1234567 becomes ``1.23 M``."""
    return "-" if count is None else f"{count / 1e6:.2f} M"


def _short_scores(info: ModelInfo) -> str:
    scores = info.test or info.validation
    if scores is None:
        return "not measured"
    key = "ap50" if info.task == "instances" else "dice"
    values = (number(_fields(scores.levels[level])[key], 3) for level in sorted(scores.levels))
    return f"{key} {' '.join(values)} ({'test' if info.test else 'held-out'})"


def _fields(scores: LevelScores) -> dict[str, Any]:
    names = ("dice", "iou", "ap50", "parameters", "seconds_per_megapixel")
    return {name: getattr(scores, name) for name in names}
