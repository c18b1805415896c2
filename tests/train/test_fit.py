"""The training loop on real nuclei, with a narrow network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("monai")
import torch

from napari_unetpp._types import ModelInfo, NetConfig, UnetppError
from napari_unetpp.files.folders import read_pairs
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train import schedule
from napari_unetpp.train.checkpoint import load_checkpoint, save_checkpoint
from napari_unetpp.train.fit import Fit, FitOptions
from napari_unetpp.train.loss import DeepSupervisionLoss
from napari_unetpp.train.norms import measure_norms
from napari_unetpp.train.patches import Batch, PatchSource
from napari_unetpp.train.samples import Sample, load_sample
from napari_unetpp.train.targets import INSTANCE_OUTPUTS

NUCLEI = ModelInfo("", "instances", ("nucleus",), INSTANCE_OUTPUTS, NetConfig(outputs=4))
NARROW = NetConfig(outputs=4, widths=(4, 8, 8, 16, 16))


@pytest.fixture(scope="module")
def samples(data_root: Path) -> list[Sample]:
    pairs = read_pairs(data_root / "nuclei_dsb2018" / "train")[:40:8]
    return [load_sample(p, NUCLEI) for p in pairs]


def make_fit(samples: list[Sample], steps: int) -> Fit:
    torch.manual_seed(0)
    options = FitOptions(steps=steps, patch=32, batch=2, rate=5e-3, report_seconds=0.0)
    source = PatchSource(samples, "instances", 1, np.random.default_rng(0))
    return Fit(UNetPlusPlus(NARROW), source, "instances", options)


def test_the_loss_falls(samples: list[Sample]) -> None:
    losses = [r.loss for r in make_fit(samples, 60).run() if not r.last]
    assert np.mean(losses[-20:]) < 0.93 * np.mean(losses[:10])


def test_resuming_gives_the_weights_of_an_uninterrupted_run(samples: list[Sample], tmp_path: Path) -> None:
    whole = make_fit(samples, 12)
    *_, last = whole.run()
    path = tmp_path / "killed.checkpoint.safetensors"
    killed = make_fit(samples, 12)
    for report in killed.run():
        if report.step == 7:
            save_checkpoint(path, killed.checkpoint({"task": "instances"}))
            break
    resumed = make_fit(samples, 12)
    resumed.restore(load_checkpoint(path, {"task": "instances"}))
    *_, again = resumed.run()
    assert again.step == last.step == 12
    for name, tensor in last.average.state_dict().items():
        assert torch.equal(tensor, again.average.state_dict()[name]), name


def test_a_checkpoint_of_other_settings_is_refused(samples: list[Sample], tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint.safetensors"
    save_checkpoint(path, make_fit(samples, 1).checkpoint({"seed": 0}))
    with pytest.raises(UnetppError, match="seed"):
        load_checkpoint(path, {"seed": 1})
    path.write_bytes(b"nonsense")
    with pytest.raises(UnetppError, match="cannot be read"):
        load_checkpoint(path, {})


def test_settled_norms_are_those_of_the_averaged_weights(samples: list[Sample]) -> None:
    """Their batch statistics, on the same patches, are what evaluation then uses."""
    fit = make_fit(samples, 8)
    *_, last = fit.run()
    stale = last.average.nodes["x_0_0"].first.norm.running_mean.clone()
    state = fit.source.rng.bit_generator.state
    measure_norms(last.average, (fit.source.batch(2, 32).image for _ in range(3)))
    fit.source.rng.bit_generator.state = state
    unit = last.average.nodes["x_0_0"].first
    with torch.no_grad():
        each = [unit.conv(fit.source.batch(2, 32).image).mean(dim=(0, 2, 3)) for _ in range(3)]
    assert torch.allclose(unit.norm.running_mean, torch.stack(each).mean(dim=0), atol=1e-4)
    assert not torch.allclose(unit.norm.running_mean, stale, atol=1e-4)
    assert not last.average.training


def test_stopping_ends_with_a_last_report(samples: list[Sample]) -> None:
    fit = make_fit(samples, 100)
    reports = list(fit.run(should_stop=lambda: fit.step >= 3))
    assert reports[-1].last and reports[-1].step == 3


def test_ignored_pixels_do_not_change_the_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, target = torch.randn(1, 4, 8, 8, generator=generator), torch.rand(1, 4, 8, 8, generator=generator)
    weight = torch.ones(1, 1, 8, 8)
    weight[..., :3] = 0
    changed = torch.where(weight.bool(), logits, 9.0)
    loss = DeepSupervisionLoss("instances")
    image = torch.zeros(1, 3, 8, 8)
    batch = Batch(image, target.round(), weight)
    assert torch.allclose(loss([logits], batch), loss([changed], batch))


def test_weights_count_beside_each_other_only() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, target = torch.randn(1, 4, 8, 8, generator=generator), torch.rand(1, 4, 8, 8, generator=generator)
    ones, image = torch.ones(1, 1, 8, 8), torch.zeros(1, 3, 8, 8)
    some = torch.where(torch.arange(8) < 4, 5.0, 1.0).expand(1, 1, 8, 8)
    loss = DeepSupervisionLoss("instances")
    plain, scaled, uneven = (loss([logits], Batch(image, target.round(), w)) for w in (ones, 5 * ones, some))
    assert torch.allclose(plain, scaled)
    assert not torch.allclose(plain, uneven)


def test_a_trained_network_does_not_grow_again() -> None:
    assert schedule.stage(0, depth=4, patch=128, batch=8, grow=False).level == 4


@pytest.mark.parametrize(
    ("progress", "level", "patch", "batch"),
    [(0, 2, 128, 8), (0.2, 3, 128, 8), (0.5, 4, 128, 8), (0.9, 4, 192, 8)],
)
def test_stages_grow(progress: float, level: int, patch: int, batch: int) -> None:
    assert schedule.stage(progress, depth=4, patch=128, batch=8) == schedule.Stage(level, patch, batch)


def test_the_rate_warms_up_and_falls() -> None:
    rates = [schedule.learning_rate(p, 1.0) for p in np.linspace(0, 1, 101)]
    assert rates[0] < 0.1 and max(rates) > 0.99 and rates[-1] == pytest.approx(schedule.FINAL_RATE)
    assert np.argmax(rates) <= 4
