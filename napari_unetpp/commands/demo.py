"""``napari-unetpp demo``: a window on a sample, or pictures of it."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from napari_unetpp._types import UnetppError
from napari_unetpp.commands.arguments.types import folder_path
from napari_unetpp.commands.report import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``demo``."""
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=folder_path,
        help="write pictures there and close (default without a screen: demo)",
    )


def run_demo(args: argparse.Namespace) -> int:
    """Open napari on a sample; without a screen do so under Xvfb and write pictures."""
    screenless = sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if screenless:
        return _demo_under_xvfb(args.out or Path("demo"))
    from napari_unetpp.gui.demo import run_demo

    run_demo(args.out)
    return 0


def _demo_under_xvfb(out: Path) -> int:
    xvfb = shutil.which("xvfb-run")
    if xvfb is None:
        raise UnetppError(
            "there is no screen and no xvfb-run. On Debian or Ubuntu: apt-get install xvfb xauth."
        )
    say(f"no screen: working under Xvfb, pictures go to {out}")
    screen = ["--auto-servernum", "--server-args=-screen 0 1600x1000x24"]
    command = [xvfb, *screen, sys.executable, "-m", "napari_unetpp", "demo", "--out", str(out)]
    return subprocess.call(command)  # noqa: S603 (our own command)
