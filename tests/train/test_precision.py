"""The number format and the optimiser of a training step: what is measured decides."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_unetpp._types import NetConfig, UsageError
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train import optimiser, precision


@pytest.mark.parametrize(("gain", "expected"), [(0.0, "float32"), (1.02, "float32"), (1.6, "bfloat16")])
def test_bfloat16_must_be_faster(monkeypatch: pytest.MonkeyPatch, gain: float, expected: str) -> None:
    monkeypatch.setattr(precision, "_gain", lambda: gain)
    assert precision._faster_on_cpu() == expected


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), "float32"), ((8, 0), "bfloat16")])
def test_a_gpu_without_bfloat16_trains_in_float32(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert precision._fastest.__wrapped__("cuda") == expected
    assert precision._fastest.__wrapped__("mps") == "float32"


def test_what_was_asked_for_is_used_and_float16_refused() -> None:
    assert [precision.training_format("cpu", name) for name in ("float32", "bfloat16")] == [
        "float32",
        "bfloat16",
    ]
    with pytest.raises(UsageError, match="nothing is trained in float16"):
        precision.training_format("cpu", "float16")


def test_the_timing_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The second process is told what the first one measured, however its own timing would end."""
    monkeypatch.setenv("UNETPP_CACHE", str(tmp_path))
    found = []
    for gain in (1.6, 0.9):
        monkeypatch.setattr(precision, "_gain", lambda gain=gain: gain)
        found.append(precision._fastest.__wrapped__("cpu"))
    assert found == ["bfloat16", "bfloat16"]


def test_the_self_test_measures_here_and_leaves_no_trace() -> None:
    state = torch.get_rng_state()
    assert precision._gain() > 0, "losses in both formats agree"
    assert torch.equal(state, torch.get_rng_state())


def test_the_optimiser_is_fused_where_torch_has_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways decay the weights of convolutions only, and give the same step."""
    nets = []
    for refused in (False, True):
        torch.manual_seed(0)
        net = UNetPlusPlus(NetConfig(widths=(4, 4)))
        with monkeypatch.context() as patch:
            if refused:
                patch.setattr(optimiser, "AdamW", refusing)
            made = optimiser.adamw(net, 1e-2, 0.1)
        assert made.param_groups[0]["fused"] is (None if refused else True)
        decays = {p.ndim > 1: group["weight_decay"] for group in made.param_groups for p in group["params"]}
        assert decays == {True: 0.1, False: 0.0}
        net(torch.ones(1, 3, 8, 8)).sum().backward()
        made.step()
        nets.append(net)
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def refusing(groups: list, lr: float, fused: bool | None = None) -> torch.optim.Optimizer:  # type: ignore[type-arg]
    """AdamW of a torch that has no fused step; as torch does, it writes into the groups first."""
    if fused:
        for group in groups:
            group["fused"] = True
        raise RuntimeError("`fused=True` requires all the params to be floating point Tensors")
    return torch.optim.AdamW(groups, lr=lr)
