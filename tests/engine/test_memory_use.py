"""What is freed goes back to the system, measured in a process of its own."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import numpy as np
from napari_unetpp.engine.memory import release_free_memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

arrays = [np.ones(12_500) for _ in range(3000)]  # 300 MB in pieces of 100 kB
kept = arrays[::50]
before = resident()
del arrays
freed = resident()
release_free_memory()
print(before - freed, freed - resident(), len(kept))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library keeps nothing")
def test_memory_between_what_is_kept_goes_back():
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, check=True
    )
    by_itself, given_back, _ = map(float, done.stdout.split())
    assert by_itself < 100, "else there is nothing to give back"
    assert given_back > 150


def test_it_does_no_harm_anywhere(monkeypatch):
    from napari_unetpp.engine import memory

    for platform in ("linux", "win32", "darwin"):
        monkeypatch.setattr(memory.sys, "platform", platform)
        memory.release_free_memory()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_the_ways_to_say_that_memory_is_used_up(error, expected):
    from napari_unetpp.engine.memory import is_out_of_memory

    assert is_out_of_memory(error) == expected


def test_torch_says_it_in_one_of_these_ways():
    torch = pytest.importorskip("torch")
    from napari_unetpp.engine.memory import is_out_of_memory

    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 52, dtype=torch.uint8)
    assert is_out_of_memory(raised.value)
