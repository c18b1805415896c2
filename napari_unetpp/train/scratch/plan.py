"""What a training is about to do: the request, the model it starts from, the images, the first card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari_unetpp._types import ModelInfo, ShouldStop
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.train.encoder_weights import check_start
from napari_unetpp.train.scratch.cards import first_card, full_card, wiring
from napari_unetpp.train.scratch.data_sets import DataSets, count_of, read_data_sets
from napari_unetpp.train.scratch.request import TrainRequest


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that is known before the first step.

    Attributes
    ----------
    request : TrainRequest
    parent : ModelInfo or None
        The model to start from; None: random weights.
    info : ModelInfo
        Card of the new model, without what is measured in the end.
    data : DataSets
    """

    request: TrainRequest
    parent: ModelInfo | None
    info: ModelInfo
    data: DataSets

    def settings(self) -> dict[str, Any]:
        """What a resumed run must have in common with the one that was interrupted, as JSON knows it."""
        request, info, data = self.request, self.info, self.data
        plain = ("megapixels", "epochs", "patch", "batch", "rate", "seed")
        return {
            "folders": list(data.names),
            "images": [count_of(data.train, n) for n in range(len(data.names))],
            "shares": None if request.shares is None else list(request.shares),
            "start": self.parent.sha256 if self.parent else None,
            "task": info.task,
            "outputs": list(info.outputs),
            "widths": list(info.net.widths),
            "arch": wiring(info.net),
            "supervision": info.net.supervision,
            "sampling": [info.sampling.kind, info.sampling.value],
            **{name: getattr(request, name) for name in plain},
        }


def make_plan(request: TrainRequest, log: Callable[[str], None], should_stop: ShouldStop) -> Plan:
    """Check the request, read the images, and make the card."""
    parent = None if request.start is None else find_model(request.start)
    card = first_card(request, parent)
    if parent is None:
        check_start(card.net)
    data = read_data_sets(request, card, log, should_stop)
    return Plan(request, parent, full_card(card, request, parent, data), data)
