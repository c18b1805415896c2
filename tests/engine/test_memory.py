"""Peak memory on a plane of 8192x8192, measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

LIMIT_MB = 1500

# Full widths, level 4, float32. The first tiles are evaluated (their peak is that of all of them), the
# others are filled with zeros, or this test would take a quarter of an hour.
SCRIPT = """
import sys, threading, time
import numpy as np, torch
from napari_unetpp._types import ModelInfo, NetConfig
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.device import DeviceChoice
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.net.unetpp import UNetPlusPlus

config = NetConfig(outputs=2)
info = ModelInfo("m", "instances", ("n",), ("foreground", "distance"), config)
evaluator = LoadedModel(info, UNetPlusPlus(config).state_dict(), DeviceChoice("cpu", "float32"))
image = np.random.default_rng(0).integers(0, 255, (8192, 8192) + (3,) * (sys.argv[1] == "rgb"), np.uint8)
evaluator.nodes(torch.rand(1, 3, 64, 64), 4, {})
real, done = LoadedModel.stream, []

def first_tiles_only(self, x, level, should_stop, crop, all_levels):
    done.append(level)
    if len(done) <= 2:
        yield from real(self, x, level, should_stop, crop, all_levels=all_levels)
    else:
        yield level, np.zeros((2, *crop.shape), np.float32)

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

def watch():
    while True:
        peak.append(resident())
        time.sleep(0.01)

LoadedModel.stream = first_tiles_only
before, peak = resident(), [0]
threading.Thread(target=watch, daemon=True).start()
mask = predict_maps(image, evaluator, level=4).mask()
print(len(done), max(peak) - before - mask.nbytes / 1e6)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory from /proc")
@pytest.mark.parametrize("kind", ["rgb"])
def test_peak_beyond_input_and_output(kind):
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", SCRIPT, kind]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    tiles, peak = done.stdout.split()
    assert int(tiles) > 64
    assert float(peak) < LIMIT_MB
