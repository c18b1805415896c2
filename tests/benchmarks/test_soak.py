"""A short soak; `soak.py` does hundreds of gestures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("napari")
pytest.importorskip("qtpy")

SOAK = Path(__file__).with_name("soak.py")
GESTURES = 25


@pytest.mark.slow
def test_random_gestures_in_a_program_of_its_own() -> None:
    """There a crash of Qt is a failure like any other."""
    environment = {**os.environ, "PYTHONPATH": str(SOAK.parents[2])}
    command = [sys.executable, str(SOAK), "--gestures", str(GESTURES), "--seed", "1", "--verbose"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["gestures"] == GESTURES and report["faults"] == []
