"""The choice of device and number format."""

import pytest
import torch

from napari_unetpp._types import UnetppError
from napari_unetpp.engine import device
from napari_unetpp.engine.device import DeviceChoice, choose_device


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("UNETPP_CACHE", str(tmp_path))
    device._choose.cache_clear()
    yield
    device._choose.cache_clear()


def pretend(monkeypatch, *, cuda=False, bf16=False, gain=1.0, agrees=()):
    """A machine of our choice; `agrees` lists the (device, dtype) that pass the self-test."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(device, "cpu_has_bf16", lambda: bf16)
    monkeypatch.setattr(device, "_bf16_gain", lambda: gain)
    monkeypatch.setattr(device, "_agrees", lambda kind, dtype: (kind, dtype) in agrees)


BF16 = ("cpu", "bfloat16")


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ({}, "cpu float32"),
        ({"bf16": True, "agrees": [BF16], "gain": 3.0}, "cpu bfloat16"),
        ({"bf16": True, "agrees": [BF16], "gain": 1.05}, "cpu float32"),
        ({"bf16": True, "agrees": [], "gain": 3.0}, "cpu float32"),
        ({"bf16": False, "agrees": [BF16], "gain": 3.0}, "cpu float32"),
        ({"cuda": True, "agrees": [("cuda", "float16")]}, "cuda float16"),
        ({"cuda": True, "agrees": [("cuda", "float32")]}, "cuda float32"),
    ],
)
def test_choice(monkeypatch, machine, expected):
    pretend(monkeypatch, **machine)
    assert choose_device("auto").label == expected


def test_two_runs_of_a_machine_between_two_formats_choose_alike(monkeypatch):
    """The timing comes out as 1.6 and then as 1.4: the same command would give 45 and then 46 objects."""
    chosen = []
    for gain in (1.6, 1.4):
        pretend(monkeypatch, bf16=True, agrees=[BF16], gain=gain)
        device._choose.cache_clear()  # another process
        chosen.append(choose_device("cpu").dtype)
    assert chosen == ["bfloat16", "bfloat16"]


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_format_that_was_asked_for_is_used_if_it_agrees(monkeypatch, precision):
    pretend(monkeypatch, agrees=[("cpu", precision)])
    assert choose_device("auto", precision).label == f"cpu {precision}"
    pretend(monkeypatch, cuda=True, agrees=[("cuda", precision)])
    device._choose.cache_clear()
    assert choose_device("auto", precision).label == f"cuda {precision}"


def test_without_units_for_bfloat16_the_plain_operators_do(monkeypatch):
    """A processor with AVX2 alone: slower, and never chosen unasked, but what was asked for."""
    real = torch.ops.mkldnn._reorder_convolution_weight

    def reorder(weight, *options):
        if weight.dtype == torch.bfloat16:
            raise RuntimeError("bf16 path needs the cpu support avx512bw")
        return real(weight, *options)

    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_convolution_weight", reorder)
    assert choose_device("cpu", "bfloat16").dtype == "bfloat16"


def test_a_format_that_does_not_agree_is_refused(monkeypatch):
    pretend(monkeypatch)
    with pytest.raises(UnetppError, match="float16 was asked for, but on cpu"):
        choose_device("cpu", "float16")
    assert choose_device("cpu", "float32").dtype == "float32"
    with pytest.raises(UnetppError, match="choose one of auto, float32"):
        choose_device("cpu", "float64")


def test_device_that_fails_its_self_test_is_not_used_and_the_user_is_told(monkeypatch):
    pretend(monkeypatch, cuda=True)
    choice = choose_device("cuda")
    assert choice.device == "cpu"
    assert "self-test" in choice.note


def test_missing_device_is_refused(monkeypatch):
    pretend(monkeypatch)
    with pytest.raises(UnetppError, match="'cuda' was asked for"):
        choose_device("cuda")


def test_unknown_device_is_refused():
    with pytest.raises(UnetppError, match="choose one of auto, cpu"):
        choose_device("tpu")


def test_gpu_without_cuda_in_torch_is_mentioned(monkeypatch):
    pretend(monkeypatch)
    monkeypatch.setattr(device.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "pip install torch" in choose_device("auto").note


def test_real_self_test_leaves_the_random_state_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    choice = choose_device("cpu")
    assert torch.equal(torch.rand(1), expected)
    assert choice == DeviceChoice("cpu", choice.dtype)
    assert choose_device("cpu") is choice


def test_self_test_sees_a_wrong_device(monkeypatch):
    device.self_test_case.cache_clear()
    assert device._agrees("cpu", "float32")
    monkeypatch.setitem(device.TOLERANCE, "bfloat16", 1e-9)
    assert not device._agrees("cpu", "bfloat16")
    assert not device._agrees("cuda:7", "float16")
