"""The training loop on real nuclei, with a narrow network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("monai")
import torch

from napari_unetpp._types import ModelInfo, NetConfig, UnetppError
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.averaging import measure_batch_norms
from napari_unetpp.train.data.microscopy import MICROSCOPY
from napari_unetpp.train.data.patches import PatchSource
from napari_unetpp.train.data.samples import Sample, load_sample
from napari_unetpp.train.scratch.loop import TrainingLoop, TrainingOptions
from napari_unetpp.train.scratch.progress.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

OUTPUTS = ("foreground", "edge_distance")
NARROW = NetConfig(outputs=2, widths=(4, 8, 8, 16, 16))
NUCLEI = ModelInfo("", "instances", ("nucleus",), OUTPUTS, NARROW)
OPTIONS = TrainingOptions(patch=32, batch=2, rate=5e-3)
VARIATION = replace(MICROSCOPY, empty=0.0)
STEP = 2 * 32 * 32 / 1e6
"""Megapixels of a step."""


@pytest.fixture(scope="module")
def samples(data_root: Path) -> list[Sample]:
    pairs = read_pairs(data_root / "nuclei_dsb2018" / "train")[:40:8]
    return [load_sample(p, NUCLEI) for p in pairs]


def make_fit(samples: list[Sample], **options: Any) -> TrainingLoop:
    torch.manual_seed(0)
    source = PatchSource(samples, NUCLEI, np.random.default_rng(0), VARIATION)
    return TrainingLoop(UNetPlusPlus(NARROW), source, NUCLEI, replace(OPTIONS, **options))


def assert_same_state(one: Checkpoint, other: Checkpoint) -> None:
    """Weights, average, optimiser, random state and progress, bit for bit; the clock apart."""
    assert one.tensors.keys() == other.tensors.keys()
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, other.tensors[name]), name
    assert one.source == other.source
    assert (one.step, one.pixels, one.loss) == (other.step, other.pixels, other.loss)


def test_training_lowers_the_loss_of_every_head(samples: list[Sample]) -> None:
    """On patches that stay the same, before and after."""
    fit = make_fit(samples, steps=60, grow=False)
    state = fit.source.state()
    batches = [fit.source.batch(4, 48) for _ in range(6)]
    fit.source.restore(state)

    @torch.no_grad()
    def losses() -> np.ndarray:
        heads = [[fit.loss([head], b) for head in fit.net.all_heads(b.image)] for b in batches]
        return np.mean(heads, axis=0)

    before = losses()
    list(fit.run())
    assert (losses() < 0.93 * before).all()


@pytest.mark.parametrize(("steps", "dtype"), [(1, "float32"), (7, "bfloat16"), (11, "float32")])
def test_a_run_that_was_stopped_goes_on_as_if_it_was_not(
    samples: list[Sample], tmp_path: Path, steps: int, dtype: str
) -> None:
    """Stopped while shallow levels grow, or later: nothing is lost or repeated."""
    options = {"megapixels": 14 * STEP, "dtype": dtype, "validation_megapixels": 3 * STEP}
    whole = make_fit(samples, **options)
    expected = [event.why for event in whole.run()]
    stopped = make_fit(samples, **options)
    before = [event.why for event in stopped.run(should_stop=lambda: stopped.step == steps)]
    assert before[-1] == "stopped" and stopped.step == steps
    path = tmp_path / "m.checkpoint.safetensors"
    save_checkpoint(path, stopped.checkpoint({}))
    resumed = make_fit(samples, **options)
    resumed.restore(load_checkpoint(path, {}))
    assert before[:-1] + [event.why for event in resumed.run()] == expected
    assert whole.step == 14
    assert_same_state(whole.checkpoint({}), resumed.checkpoint({}))


@pytest.mark.parametrize(
    "how", [{"save_seconds": 0.0}, {"validation_megapixels": 2 * STEP}, {"save_seconds": 1e9}]
)
def test_events_change_nothing(samples: list[Sample], how: dict[str, float]) -> None:
    """However often the average is validated or the state saved, and whether by time or by work."""
    often = make_fit(samples, megapixels=9 * STEP, **how)
    for event in often.run():
        often.checkpoint({})
        event.average.folded()
    quiet = make_fit(samples, megapixels=9 * STEP)
    list(quiet.run())
    one, other = (replace(fit.checkpoint({}), loss=(0.0, 0)) for fit in (often, quiet))
    assert_same_state(one, other)


def test_a_length_in_megapixels_decides_when_to_validate(samples: list[Sample]) -> None:
    """The clock decides when to save, but not when to validate: a run repeats whatever the machine."""
    fit = make_fit(samples, megapixels=10.5 * STEP, validation_megapixels=4 * STEP, save_seconds=0.0)
    events = [(event.step, event.why) for event in fit.run()]
    assert [step for step, why in events if why == "validate"] == [4, 8]
    assert events[-1] == (11, "end") and len(events) == 11


def test_a_validation_tells_the_mean_loss_since_the_last(samples: list[Sample]) -> None:
    single = [e.loss for e in make_fit(samples, steps=7, validation_megapixels=STEP).run()]
    pairs = [e.loss for e in make_fit(samples, steps=7, validation_megapixels=2 * STEP).run()]
    assert pairs[:2] == pytest.approx([np.mean(single[:2]), np.mean(single[2:4])])


def test_a_loss_that_is_no_number_ends_the_run(samples: list[Sample]) -> None:
    fit = make_fit(samples, steps=20, save_seconds=0.0)
    events = fit.run()
    next(events)
    with torch.no_grad():
        fit.net.heads["3"].bias.fill_(torch.nan)
        fit.net.heads["1"].bias.fill_(torch.nan)
    with pytest.raises(UnetppError, match=r"no number.*--resume.*lower --rate"):
        list(events)


def test_a_checkpoint_of_other_settings_is_refused(samples: list[Sample], tmp_path: Path) -> None:
    path = tmp_path / "a.checkpoint.safetensors"
    save_checkpoint(path, make_fit(samples, steps=1).checkpoint({"seed": 0, "shares": [4.0, 1.0]}))
    assert load_checkpoint(path, {"seed": 0, "shares": [4.0, 1.0]}).step == 0
    for other in ({"seed": 1}, {"shares": [4.0, 2.0]}, {"patch": 64}):
        with pytest.raises(UnetppError, match=next(iter(other))):
            load_checkpoint(path, other)
    path.write_bytes(b"nonsense")
    with pytest.raises(UnetppError, match="cannot be read"):
        load_checkpoint(path, {})


def test_measured_norms_are_those_of_the_averaged_weights(samples: list[Sample]) -> None:
    """Their batch statistics, on the same patches, are what evaluation then uses."""
    fit = make_fit(samples, steps=8)
    *_, last = fit.run()
    stale = last.average.nodes["x_0_0"].first.norm.running_mean.clone()
    state = fit.source.state()
    measure_batch_norms(last.average, (fit.source.batch(2, 32).image for _ in range(3)))
    fit.source.restore(state)
    unit = last.average.nodes["x_0_0"].first
    with torch.no_grad():
        each = [unit.conv(fit.source.batch(2, 32).image).mean(dim=(0, 2, 3)) for _ in range(3)]
    assert torch.allclose(unit.norm.running_mean, torch.stack(each).mean(dim=0), atol=1e-4)
    assert not torch.allclose(unit.norm.running_mean, stale, atol=1e-4)
    assert not last.average.training
