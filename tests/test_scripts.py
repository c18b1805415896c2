"""The scripts that set a fresh machine up."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ("docs/setup.sh", "docs/demo.sh", "tests/run.sh", ".ci/run")

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("bash") is None, reason="needs Linux and bash"
)


def _bash(code: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-c", f"set -euo pipefail; . docs/setup.sh; {code}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("script", SCRIPTS)
def test_syntax(script: str) -> None:
    subprocess.run(["bash", "-n", ROOT / script], check=True)


def test_a_common_user_is_told_which_packages_are_missing() -> None:
    found = _bash(
        "id() { echo 1000; }; missing_packages() { echo libegl1; echo xvfb; }; require_libraries screen"
    )
    assert found.returncode == 1
    assert "sudo apt-get install libegl1 xvfb" in found.stderr


def test_root_installs_what_is_missing_and_nothing_else() -> None:
    stubs = "id() { echo 0; }; apt-get() { echo called $*; }; missing_venv() { :; };"
    found = _bash(f"{stubs} missing_packages() {{ echo libegl1; }}; require_libraries; echo went on")
    assert found.returncode == 0 and "went on" in found.stdout
    assert "Installing system packages: libegl1" in found.stderr
    found = _bash(f"{stubs} missing_packages() {{ :; }}; require_libraries")
    assert found.returncode == 0 and found.stderr == ""


def test_a_failed_installation_shows_what_apt_said() -> None:
    found = _bash(
        "id() { echo 0; }; apt-get() { echo no such package; return 1; }; install_packages nonsense"
    )
    assert found.returncode == 1
    assert "no such package" in found.stderr and "could not install: nonsense" in found.stderr


def test_a_python_that_is_given_is_used_as_it_is() -> None:
    found = _bash("UNETPP_PYTHON=/some/python; make_environment all; echo $PY")
    assert found.stdout.strip() == "/some/python"
