"""How a shown result was made, for the metadata of its files; the command line says the same of its own."""

from __future__ import annotations

from typing import Any

from napari_unetpp._types import AUTO, ModelInfo
from napari_unetpp.files.results.result_file import model_facts
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.values import Interval, Rule


def facts_of(
    request: SegmentRequest, limits: Interval | None, precision: str | None, *, corrected: bool
) -> dict[str, Any]:
    """Of one plane.

    Parameters
    ----------
    limits : (float, float) or None
        Intensities that were 0 and 1 for the network.
    precision : str or None
        Number format of the network; None: not known.
    corrected : bool
        The labels hold corrections of the user.
    """
    scale = {} if request.choice is None else {"scale": request.scale, "scale_reason": request.choice.reason}
    return {
        **common_facts(request.model, request.level, request.rule),
        **scale,
        **({} if limits is None else {"range": [float(value) for value in limits]}),
        **({} if precision is None else {"precision": precision}),
        **({"corrected": True} if corrected else {}),
    }


def common_facts(model: ModelInfo, level: int, rule: Rule) -> dict[str, Any]:
    """What is known of planes and stacks alike; ``given`` is what differs from the model's own rule."""
    return {
        **model_facts(model),
        "level": "auto" if level == AUTO else level,
        "given": rule.given(model.decode),
    }
