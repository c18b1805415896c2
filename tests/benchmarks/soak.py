"""Random gestures in a real napari with the dock: nothing may fail, warn, stay alive or grow.

    xvfb-run -a -s "-screen 0 1400x900x24" python tests/benchmarks/soak.py --gestures 500 --seed 1

Prints what was done, the resident memory at several points, and every exception, Python warning of this
package, Qt warning, logged error and worker that outlived the viewer; exits with 1 where there is one, or
where memory grew by 5 % after the first quarter, beside what napari itself keeps of layers that were deleted,
which is measured at the end. Memory is read with the dock closed, one image open and no correction kept;
before the gestures every model has run, and one was fine-tuned and kept. Models, corrections and settings of
the person who runs it are neither seen nor changed.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import logging
import os
import random
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from soak_memory import Memory, at_rest, kept_by_napari, warm_up, workers

GROWTH = 0.05
"""Of the memory in use, after the warm-up."""

POINTS = 5
"""At which memory is read after the warm-up."""

BEFORE, FEWEST = 0.25, 300
"""Share of the gestures before memory is read first, and the gestures from which its growth is judged."""


class Faults:
    """Notes whatever goes wrong, and after which gesture."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.others: Counter[str] = Counter()
        """Python warnings of other packages."""
        self.gesture = "start"

    def watch(self) -> None:
        """From now on."""
        from napari.utils.notifications import notification_manager
        from qtpy.QtCore import qInstallMessageHandler

        sys.excepthook = lambda kind, error, trace: self.add("exception", error)
        threading.excepthook = lambda hook: self.add(f"exception in {hook.thread}", hook.exc_value)
        sys.unraisablehook = lambda hook: self.add(f"unraisable in {hook.object}", hook.exc_value)
        warnings.simplefilter("always")
        warnings.showwarning = self._warned
        logging.getLogger().addHandler(_Handler(self))
        qInstallMessageHandler(lambda kind, _context, text: self._qt(kind, text))
        notification_manager.notification_ready.connect(self._notified)

    def add(self, kind: str, what: object) -> None:
        """Note a fault."""
        if isinstance(what, BaseException):
            what = "".join(traceback.format_exception(what))
        self.found.append(f"after {self.gesture}: {kind}: {what}")
        print(self.found[-1], file=sys.stderr, flush=True)

    def _warned(self, message: Any, category: Any, filename: str, line: int, *_rest: Any) -> None:
        text = f"{Path(filename).name}:{line}: {category.__name__}: {message}"
        if "napari_unetpp" in filename:
            self.add("warning", text)
        else:
            self.others[text] += 1

    def _qt(self, kind: Any, text: str) -> None:
        if kind.name not in ("QtDebugMsg", "QtInfoMsg"):
            self.add(kind.name, text)

    def _notified(self, notification: Any) -> None:
        if str(notification.severity) in ("error", "warning"):
            self.add("notification", f"{notification.message}")


class _Handler(logging.Handler):
    def __init__(self, faults: Faults) -> None:
        super().__init__(logging.WARNING)
        self._faults = faults

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.name.startswith("napari_unetpp"):
            error = record.exc_info[1] if record.exc_info else None
            self._faults.add(f"log of {record.name}", error or record.getMessage())


def draw_nothing() -> None:
    """Let napari and vispy do all but what OpenGL itself does.

    vispy 0.17 deletes programs and buffers that are in use. So napari crashes, without any plugin, some time
    after a layer was deleted (Mesa 22.3; napari issues 6472 and 8471).
    """
    from vispy.gloo import glir

    glir.GlirParser.parse = lambda _parser, _commands: None


def narrow_model(folder: Path) -> None:
    """A small untrained network beside the shipped ones: it is quick, and finds nonsense."""
    import torch

    from napari_unetpp._types import DecodeRule, ModelInfo, NetConfig
    from napari_unetpp.files.models.model_file import save_model
    from napari_unetpp.net.unetpp import UNetPlusPlus

    torch.manual_seed(0)
    net = NetConfig(outputs=2, widths=(4, 8, 8, 8, 8))
    info = ModelInfo(
        name="narrow",
        task="instances",
        classes=("nucleus",),
        outputs=("foreground", "boundary"),
        net=net,
        decode=DecodeRule(seeds="mask"),
        recommended_level=2,
    )
    folder.mkdir()
    save_model(folder / "narrow.safetensors", UNetPlusPlus(net).state_dict(), info)


def soak(gestures: int, seed: int, folder: Path, *, verbose: bool) -> dict[str, Any]:
    """All gestures, in one viewer; gives the report."""
    import napari
    from soak_gestures import Sitting

    draw_nothing()
    faults = Faults()
    viewer = napari.Viewer()
    faults.watch()
    sitting = Sitting(viewer, seed, folder)
    sitting.open_dock()
    sitting.add_image()
    sitting.rest()
    pause, done = random.Random(seed), Counter[str]()
    memory: dict[int, Memory] = {}
    layers: dict[int, int] = {}
    if gestures >= FEWEST:
        warm_up(sitting)
    first = round(BEFORE * gestures)
    checks = {first + round(n * (gestures - first) / POINTS) for n in range(POINTS + 1)}
    start = time.monotonic()
    for number in range(1, gestures + 1):
        try:
            name = sitting.act()
            done[name] += 1
            faults.gesture = f"{number} {name}"
            if verbose:
                print(faults.gesture, [layer.name for layer in viewer.layers], file=sys.stderr, flush=True)
            sitting.spin(pause.choice((0, 0, 0.02, 0.1, 0.3)))
            if pause.random() < 0.2:
                sitting.rest()
            if number in checks:
                memory[number], layers[number] = at_rest(sitting), sitting.layers_made
        except Exception as error:
            faults.add("exception", error)
    kept = kept_by_napari(sitting) if gestures >= FEWEST else 0.0
    close(sitting, faults)
    first, last = min(memory), max(memory)
    of_napari = kept * (layers[last] - layers[first])
    start_mb, end_mb = memory[first].in_use, memory[last].in_use
    ours = (end_mb - of_napari) / start_mb - 1
    if ours > GROWTH and gestures >= FEWEST:
        faults.add("memory", f"grew by {ours:.1%} beside what napari keeps of layers")
    return {
        "gestures": sum(done.values()),
        "seed": seed,
        "minutes": round((time.monotonic() - start) / 60, 1),
        "done": dict(done.most_common()),
        "resident_mb": {number: read.resident for number, read in memory.items()},
        "in_use_mb": {number: read.in_use for number, read in memory.items()},
        "layers_made": layers,
        "growth": round(end_mb / start_mb - 1, 4),
        "napari_keeps_mb_per_layer": round(kept, 3),
        "growth_without_that": round(ours, 4),
        "warnings_of_others": dict(faults.others),
        "faults": faults.found,
    }


def close(sitting: Any, faults: Faults) -> None:
    """Close the viewer while the dock works: all workers end."""
    faults.gesture = "closing"
    sitting.segment()
    sitting.viewer.close()
    sitting.dock = None
    try:
        sitting.wait(lambda: not workers(), "workers are alive")
    except Exception as error:
        faults.add("exception", f"{error}: {workers()}")
    sitting.spin(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gestures", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="name each gesture when it is done")
    options = parser.parse_args()
    faulthandler.enable()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for variable in ("UNETPP_MODELS", "UNETPP_SITTINGS", "UNETPP_CACHE"):
            os.environ[variable] = str(folder / variable.lower())
        os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] = (
            "64"  # torch keeps 1024 compiled convolutions otherwise
        )
        os.environ["NAPARI_CONFIG"] = str(folder / "settings.yaml")
        narrow_model(folder / "unetpp_models")
        (folder / "saved").mkdir()
        report = soak(options.gestures, options.seed, folder / "saved", verbose=options.verbose)
    print(json.dumps(report, indent=1))
    return 1 if report["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
