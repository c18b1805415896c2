"""Training by two real processes (gloo, CPU), started by torchrun as a user does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("monai")
import torch
from safetensors.torch import load_file

from napari_unetpp._types import UnetppError
from napari_unetpp.files.models.model_file import read_info, read_tensors
from napari_unetpp.train.scratch.processes.ranks import ALONE, joined
from napari_unetpp.train.scratch.progress.checkpoint import checkpoint_path

TOGETHER = Path(__file__).with_name("train_together.py")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
Sets = tuple[Path, Path]


@pytest.mark.slow
def test_two_processes_have_the_gradients_of_one_that_takes_the_batch_in_halves(
    small_sets: Sets, tmp_path: Path
) -> None:
    """The levels grow, so that some weights have no gradient at first."""
    for start, out, options in ((TORCHRUN, "two", []), ([sys.executable], "one", ["--halves"])):
        command = [*start, str(TOGETHER), str(small_sets[0]), str(tmp_path / out), *options]
        subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True, timeout=400)
    one, first, second = (load_file(tmp_path / name) for name in ("one-0", "two-0", "two-1"))
    steps = {int(name.split("/")[0]) for name in one}
    assert steps == set(range(1, 21)) and one.keys() == first.keys() == second.keys()
    for name, values in one.items():
        torch.testing.assert_close(first[name], values, atol=1e-5, rtol=1e-5, msg=name)
        torch.testing.assert_close(second[name], first[name], atol=1e-7, rtol=0, msg=name)
    gradients = {name for name in one if "/gradient/" in name}
    assert len({name for name in gradients if name.startswith("1/")}) < len(
        {name for name in gradients if name.startswith("20/")}
    )
    assert max(float(one[name].abs().max()) for name in gradients) > 1e-2


def command_of(sets: Sets, out: Path, *options: object) -> list[str]:
    """A short training from the command line, of two processes."""
    return [
        *(*TORCHRUN, "-m", "napari_unetpp", "train", str(sets[0]), "--out", str(out)),
        *("--task", "instances", "--patch", "32", "--batch", "2", "--device", "cpu"),
        *("--precision", "float32", "--supervision", "deep", "--json", str(out.with_suffix(".jsonl"))),
        *map(str, options),
    ]


@pytest.mark.slow
def test_the_first_process_writes_and_a_stopped_training_goes_on(small_sets: Sets, tmp_path: Path) -> None:
    """Stopped by SIGTERM, as a cluster does; then resumed to the weights of a run that was not stopped."""
    length = ("--megapixels", 12 * 2 * 32 * 32 / 1e6)
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    done = subprocess.run(
        command_of(small_sets, whole, *length), env=ENVIRONMENT, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("training 2 processes on cpu in float32") == 1, "one process talks"
    assert done.stdout.count("whole") >= 1 and read_info(whole).provenance["device"] == "2 x cpu float32"
    lines = [json.loads(line) for line in whole.with_suffix(".jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [12, 12] and lines[0]["loss"] > 0
    assert not checkpoint_path(whole).exists()

    running = subprocess.Popen(
        command_of(small_sets, stopped, *length), env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    )
    assert running.stderr is not None
    said = []
    for line in running.stderr:
        said.append(line)
        if line.startswith("training 2 processes"):
            running.send_signal(signal.SIGTERM)
            break
    said.append(running.stderr.read())
    assert running.wait(timeout=200) != 0
    assert "stopped at step" in "".join(said), "".join(said)
    assert checkpoint_path(stopped).exists() and not stopped.exists()
    resumed = subprocess.run(
        command_of(small_sets, stopped, *length, "--resume"),
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert resumed.returncode == 0 and "resumed at step" in resumed.stderr, resumed.stderr
    one, other = read_tensors(whole), read_tensors(stopped)
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.mark.parametrize(
    ("size", "batch", "device", "problem"),
    [(3, 4, "cpu", "--batch 6"), (2, 4, "mps", "--device mps start one")],
)
def test_what_cannot_be_shared_is_refused(
    size: int, batch: int, device: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", str(size))
    with pytest.raises(UnetppError, match=problem), joined(batch=batch, device=device):
        pass


def test_more_processes_than_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UnetppError, match="has 2 CUDA device"), joined(batch=4, device="auto"):
        pass


def test_without_torchrun_one_process_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined(batch=1, device="mps") as ranks:
        assert ranks == ALONE and ranks.first and ranks.any(True) and not ranks.any(False)
        assert ranks.mean(2.5) == 2.5 and ranks.agree("x") == "x"
