"""What a new model takes over from the one that it starts from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.files.models.model_file import save_model
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.parent import start_from

OLD = ("foreground", "boundary", "distance", "centre")


@pytest.fixture
def parent(tiny_info: ModelInfo, tmp_path: Path) -> ModelInfo:
    info = replace(tiny_info, outputs=OLD, net=replace(tiny_info.net, outputs=4))
    torch.manual_seed(1)
    return save_model(tmp_path / "old.safetensors", UNetPlusPlus(info.net).state_dict(), info)


def child_of(
    parent: ModelInfo, task: str, outputs: tuple[str, ...]
) -> tuple[UNetPlusPlus, UNetPlusPlus, ModelInfo]:
    """The network before and after, and its card."""
    info = replace(parent, task=task, outputs=outputs, net=replace(parent.net, outputs=len(outputs)))
    nets = []
    for _ in range(2):
        torch.manual_seed(2)
        nets.append(UNetPlusPlus(info.net))
    start_from(nets[1], info, parent)
    return nets[0], nets[1], info


def parent_net(parent: ModelInfo) -> UNetPlusPlus:
    torch.manual_seed(1)
    return UNetPlusPlus(parent.net)


def test_outputs_of_equal_name_are_kept_and_new_ones_start_afresh(parent: ModelInfo) -> None:
    outputs = ("foreground", "edge_distance", "centre")
    fresh, child, _ = child_of(parent, "instances", outputs)
    x = torch.rand(1, 3, 32, 32)
    old, new = (net.eval().all_heads(x) for net in (parent_net(parent), child))
    for before, after in zip(old, new, strict=True):
        assert torch.allclose(before[:, [0, 3]], after[:, [0, 2]], atol=1e-5)
    for level in range(4):
        own, now = fresh.heads[str(level)], child.heads[str(level)]
        assert torch.equal(own.weight[1], now.weight[1]) and torch.equal(own.bias[1], now.bias[1])


def test_another_task_takes_the_features_only(parent: ModelInfo) -> None:
    fresh, child, _ = child_of(parent, "semantic", ("foreground",))
    assert torch.equal(child.heads["2"].weight, fresh.heads["2"].weight)
    assert torch.equal(
        child.nodes["x_1_0"].first.conv.weight, parent_net(parent).nodes["x_1_0"].first.conv.weight
    )


def test_statistics_that_overflowed_begin_anew(parent: ModelInfo, tmp_path: Path) -> None:
    tensors = parent_net(parent).state_dict()
    name = "nodes.x_3_1.first.norm"
    tensors[f"{name}.running_var"][2] = torch.inf
    tensors["nodes.x_1_0.first.norm.running_var"].fill_(7.0)
    spoilt = save_model(tmp_path / "s.safetensors", tensors, parent, half=True)
    _, child, _ = child_of(spoilt, "instances", parent.outputs)
    statistics = child.state_dict()
    assert statistics[f"{name}.running_var"].isfinite().all()
    assert (statistics["nodes.x_1_0.first.norm.running_var"] == 7.0).all()


def test_a_folded_model_is_refused(parent: ModelInfo, tmp_path: Path) -> None:
    folded = save_model(tmp_path / "f.safetensors", parent_net(parent).folded().state_dict(), parent)
    with pytest.raises(UnetppError, match="no batch norms"):
        start_from(UNetPlusPlus(parent.net), parent, folded)
