"""Peak memory on a plane of 3072 x 8192 px, measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

LIMIT_MB = 1500

# Full widths, level 4, float32. The first stripes are evaluated (their peak is that of all of them), the
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
image = np.random.default_rng(0).integers(0, 255, (3072, 8192) + (3,) * (sys.argv[1] == "rgb"), np.uint8)
evaluator.nodes(torch.rand(1, 3, 64, 64), 4, {})
real, done = LoadedModel.node, 0

def first_stripes_only(self, node, x, known):
    global done
    done += 1
    if done <= 90:
        return real(self, node, x, known)
    if x is not None:
        height, width = x.shape[2:]
    elif node[1]:
        height, width = known[node[0], 0].shape[2:]
    else:
        height, width = (side // 2 for side in known[node[0] - 1, 0].shape[2:])
    return torch.zeros((1, height, width, config.widths[node[0]])).permute(0, 3, 1, 2)

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

def watch():
    while True:
        peak.append(resident())
        time.sleep(0.01)

LoadedModel.node = first_stripes_only
before, peak = resident(), [0]
threading.Thread(target=watch, daemon=True).start()
mask = predict_maps(image, evaluator, level=4).mask()
print(done, max(peak) - before - mask.nbytes / 1e6)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the memory from /proc")
@pytest.mark.parametrize("kind", ["rgb"])
def test_peak_beyond_input_and_output(kind):
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", SCRIPT, kind]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    nodes, peak = done.stdout.split()
    assert int(nodes) > 5 * 90
    assert float(peak) < LIMIT_MB
