"""What the records say about the claims and questions of the talk: sentences, made of the records alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import mean
from typing import Any

from comparison.records import LEARNED, MARGIN, UNTOLD, Difference, Records
from comparison.tables import ALONE, LEVELS, NOT_RUN, TITLES, table


def _iou(records: Records, data: str, system: str, level: str = "4") -> dict[int, float]:
    return records.values(data, system, level, "iou")


def _versus(records: Records, data: str, a: str, b: str) -> Difference | None:
    """IoU of `a` minus that of `b` at the deepest level."""
    return records.difference(data, (a, "4"), (b, "4"))


def _versus_rows(records: Records, pairs: list[tuple[str, str]]) -> str:
    """One row for each pair of systems and data set with records of both."""
    rows = []
    for a, b in pairs:
        for data in records.data():
            gain = _versus(records, data, a, b)
            if gain is not None:
                rows.append((f"{a} - {b}", TITLES[data], gain.text(), gain.verdict))
    return table(("IoU of", "data", "difference", "the first is"), rows)


def shallowest(scores: Mapping[str, float]) -> str:
    """The shallowest level within `MARGIN` of the best."""
    best = max(scores.values())
    return min(level for level, score in scores.items() if score >= best - MARGIN)


def _by_level(records: Records, data: str, systems: Mapping[str, str]) -> dict[str, float]:
    """Mean IoU by level."""
    values = {level: _iou(records, data, system, level) for level, system in systems.items()}
    return {level: mean(v.values()) for level, v in values.items() if v}


NESTED = dict.fromkeys(LEVELS, "unetpp")


def depth(records: Records) -> str:
    """How deep? The shallowest depth within the margin of the best, of U-Nets and of UNet++."""
    rows = []
    for data in records.data():
        for name, systems in (("U-Nets trained alone", ALONE), ("UNet++, pruned", NESTED)):
            scores = _by_level(records, data, systems)
            if len(scores) == len(LEVELS):
                each = (f"{scores[level]:.3f}" for level in LEVELS)
                found = f"L{shallowest(scores)}" if records.learned(data) else UNTOLD
                rows.append((TITLES[data], name, *each, found))
    header = ("data", "networks", *(f"L{level}" for level in LEVELS), "deep enough")
    return table(header, rows)


def by_size(records: Records) -> str:
    """Which depth serves which object: the level of UNet++ with the highest recall of each size."""
    rows = []
    for data in records.data():
        runs = records.runs(data, "unetpp")
        known = {
            level: [r["levels"][level]["recall_by_size"] for r in runs]
            for level in records.levels(data, "unetpp")
        }
        if not known or any(r is None for recalls in known.values() for r in recalls):
            continue
        for k, size in enumerate(("small", "medium", "large")):
            scores = {level: mean(r[k] for r in recalls) for level, recalls in known.items()}
            best = max(scores, key=lambda level: scores[level])
            each = (f"{scores[level]:.3f}" for level in LEVELS)
            found = f"L{best}" if records.learned(data) else UNTOLD
            rows.append((TITLES[data], size, *each, found))
    header = ("data", "objects", *(f"L{level}" for level in LEVELS), "highest")
    return table(header, rows)


def skips(records: Records) -> str:
    """Long or short skips, or both; concatenated or summed."""
    return _versus_rows(
        records,
        [
            ("unetpp", "unet-ensemble"),
            ("unetpp", "unet-plus"),
            ("unet-plus", "unet-ensemble"),
            ("unet", "unet-sum"),
        ],
    )


def parameters(records: Records) -> str:
    """More parameters, or better placed ones."""
    return _versus_rows(
        records,
        [
            ("wide-unet", "unet"),
            ("heavy-unet", "unet"),
            ("unetpp", "unet"),
            ("unetpp", "wide-unet"),
            ("unetpp", "heavy-unet"),
        ],
    )


def pruning(records: Records, measured: Mapping[str, Any] | None) -> str:
    """How much to prune: what each level of UNet++ costs at full width, as a share of L4."""
    if measured is None:
        return NOT_RUN
    levels = measured["systems"]["full"]["unetpp"]
    last = levels["4"]
    rows = [
        (
            f"L{level}",
            f"{last['parameters'] / row['parameters']:.1f}",
            f"{100 * (1 - row['parameters'] / last['parameters']):.1f} %",
            f"{row['images_per_second'] / last['images_per_second']:.1f}",
            f"{last['peak_megabytes'] / row['peak_megabytes']:.1f}",
        )
        for level, row in levels.items()
    ]
    return table(("level", "times smaller", "smaller by", "times faster", "times less memory"), rows)


# ------------------------------------------------------------------ the claims in one table


ONE_SEED = "one seed only"

Row = tuple[str, str, str]
"""Claim, what was found here, verdict."""


def _verdict(counted: Sequence[Difference]) -> str:
    """How often the first was higher: ``held`` always, ``did not hold`` never; one seed decides nothing."""
    judged = [d for d in counted if d.learned and d.seeds > 1]
    if not judged:
        return ONE_SEED if any(d.learned for d in counted) else "not measured"
    hits = sum(d.verdict == "higher" for d in judged)
    return {0: "did not hold", len(judged): "held"}.get(hits, f"held in {hits} of {len(judged)}")


def _on_sets(records: Records, claim: str, a: str, b: str) -> Row | None:
    """A claim that `a` is better than `b` at the deepest level; None without records of both."""
    known = {data: d for data in records.data() if (d := _versus(records, data, a, b)) is not None}
    if not known:
        return None
    groups: dict[str, list[str]] = {"higher": [], "lower": [], "no clear difference": [], UNTOLD: []}
    for data, d in known.items():
        word = next(w for w in groups if d.verdict.startswith(w))
        groups[word].append(TITLES[data] + (" (one seed)" if d.seeds == 1 else ""))
    found = "; ".join(f"{word}: {', '.join(names)}" for word, names in groups.items() if names)
    return claim, f"IoU {found}", _verdict(list(known.values()))


def _deeper_helps(records: Records) -> Row | None:
    pairs = [
        gain
        for data in records.data()
        for level in LEVELS[:3]
        if (gain := records.difference(data, ("unetpp", level), (ALONE[level], level))) is not None
    ]
    if not pairs:
        return None
    told = [d for d in pairs if d.learned]
    better, worse = (sum(d.verdict.startswith(word) for d in told) for word in ("higher", "lower"))
    single = sum(d.seeds == 1 for d in told)
    found = f"of {len(told)} comparisons, {better} higher, {worse} lower; {single} of them have one seed"
    claim = "Deeper nodes help the shallow in training: UNet++ pruned to L1-L3 beats the U-Net trained alone"
    return claim, found, _verdict(pairs)


def _l2_is_enough(records: Records) -> Row | None:
    claim = "L2 is as good as L4 on most data sets"
    short = {
        data: scores["4"] - scores["2"]
        for data in records.data()
        if records.learned(data) and (scores := _by_level(records, data, NESTED))
    }
    found = ", ".join(f"{TITLES[data]} {gap:+.3f}" for data, gap in short.items())
    enough = sum(gap <= MARGIN for gap in short.values())
    if not short:
        return None
    verdict = f"L2 is enough on {enough} of {len(short)} sets"
    if any(len(records.runs(data, "unetpp")) == 1 for data in short):
        verdict += " (some with one seed)"
    return claim, f"IoU of L4 minus L2: {found}", verdict


def _polyps_gain(records: Records) -> Row | None:
    scores = _by_level(records, "polyps_kvasir", NESTED)
    claim = "The hardest set, polyps, keeps gaining with depth"
    if not scores:
        return None
    found = "IoU " + ", ".join(f"L{level} {score:.3f}" for level, score in scores.items())
    if not records.learned("polyps_kvasir"):
        return claim, f"{found}: no network reached Dice {LEARNED}", "not measured"
    rising = all(scores[b] > scores[a] for a, b in pairwise(LEVELS))
    if len(records.runs("polyps_kvasir", "unetpp")) == 1:
        return claim, found, ONE_SEED
    return claim, found, "held" if rising else "did not hold"


def _cost_of_l2(measured: Mapping[str, Any] | None) -> Row | None:
    claim = "L2 is 3 times faster than L4 and 18 times smaller"
    if measured is None:
        return None
    two, four = (measured["systems"]["full"]["unetpp"][level] for level in ("2", "4"))
    faster = two["images_per_second"] / four["images_per_second"]
    smaller = four["parameters"] / two["parameters"]
    found = f"{faster:.1f} times faster here, {smaller:.1f} times smaller"
    return claim, found, "held" if faster >= 2.9 and smaller >= 17.5 else "did not hold"


def claims(records: Records, measured: Mapping[str, Any] | None) -> str:
    """The talk's claims that the records can judge, what was found, and whether they held here."""
    found = [
        _on_sets(records, "UNet++ beats the U-Net", "unetpp", "unet"),
        _on_sets(records, "UNet++ beats the wide U-Net of as many parameters", "unetpp", "wide-unet"),
        _on_sets(records, "UNet++ beats a U-Net of as many FLOPs", "unetpp", "heavy-unet"),
        _on_sets(records, "UNet++ beats UNet+ (short skips only)", "unetpp", "unet-plus"),
        _on_sets(records, "UNet++ beats the ensemble of U-Nets (long skips only)", "unetpp", "unet-ensemble"),
        _on_sets(records, "Down-sampling is needed: the U-Net beats the flat network", "unet", "flat"),
        _on_sets(records, "Deep supervision helps the ensemble", "unet-ensemble", "unet-ensemble-last"),
        _on_sets(records, "Deep supervision helps UNet+", "unet-plus", "unet-plus-last"),
        _on_sets(records, "Deep supervision helps UNet++", "unetpp", "unetpp-last"),
        _deeper_helps(records),
        _l2_is_enough(records),
        _polyps_gain(records),
        _cost_of_l2(measured),
    ]
    return table(("claim", "found here", "verdict"), [row for row in found if row is not None])
