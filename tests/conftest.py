"""Fixtures of all rooms: real labelled images, and a small untrained model in a models folder of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from napari_unetpp._types import DecodeRule, LevelScores, ModelInfo, NetConfig, ScoreSet

ROOT = Path(__file__).parents[1]
DATA_SET = "nuclei_dsb2018"
FAST = ("--level", 1, "--scale", 1, "--device", "cpu", "--precision", "float32")
TINY = NetConfig(outputs=2, widths=(4, 8, 8, 8, 8))


def find_data() -> Path | None:
    """The folder UNETPP_DATA, else a folder `data` next to the checkout or one step further down."""
    named = os.environ.get("UNETPP_DATA")
    if named:
        return Path(named)
    near = [*ROOT.parent.glob(f"data/{DATA_SET}"), *sorted(ROOT.parent.glob(f"*/data/{DATA_SET}"))]
    return near[0].parent if near else None


def data_or_why_not(environment: Mapping[str, str], root: Path | None) -> Path:
    """The folder of the labelled images; without them tests are skipped, but not unnoticed.

    They fail where the variable UNETPP_DATA names a folder that has none, and in continuous integration (the
    variable CI is set), where nobody reads how many tests were skipped.
    """
    if root is not None and (root / DATA_SET).is_dir():
        return root
    if environment.get("UNETPP_DATA") or environment.get("CI"):
        pytest.fail(f"no folder {DATA_SET} in {root}: set UNETPP_DATA to the folder of the labelled images")
    pytest.skip("labelled images are needed: set UNETPP_DATA to their folder")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder of the labelled images."""
    return data_or_why_not(os.environ, find_data())


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder for all tests: they write nothing into the user's, and time the machine once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("UNETPP_CACHE", str(folder))
        yield folder


LOCAL = ("localhost", "::1", "0.0.0.0", "::", "", None, socket.gethostname())


def _only_this_machine(host: object) -> None:
    """Raise OSError for the address of another machine."""
    name = host.decode() if isinstance(host, bytes) else host
    if name not in LOCAL and not str(name).startswith("127."):
        raise OSError(f"{name}: no test may reach another machine")


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Sockets reach this machine alone: what would load or send something fails, in all tests."""

    class Socket(socket.socket):
        def connect(self, address: Any) -> None:
            # A datagram socket that is connected sends nothing: `distributed` finds its own address so.
            if self.family in (socket.AF_INET, socket.AF_INET6) and self.type == socket.SOCK_STREAM:
                _only_this_machine(address[0])
            super().connect(address)

        def connect_ex(self, address: Any) -> int:
            if self.family in (socket.AF_INET, socket.AF_INET6) and self.type == socket.SOCK_STREAM:
                _only_this_machine(address[0])
            return super().connect_ex(address)

        def sendto(self, data: Any, *rest: Any) -> int:
            if self.family in (socket.AF_INET, socket.AF_INET6):
                _only_this_machine(rest[-1][0])
            return super().sendto(data, *rest)

    found = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **options: Any) -> Any:
        _only_this_machine(host)
        return found(host, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", Socket)
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield


@pytest.fixture(autouse=True)
def models_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of own models, so that no test sees the ones of the person who runs it."""
    folder = tmp_path / "own models"
    monkeypatch.setenv("UNETPP_MODELS", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_info() -> ModelInfo:
    """The card of a narrow network for instances."""
    return ModelInfo(
        name="tiny",
        task="instances",
        classes=("nucleus",),
        outputs=("foreground", "boundary"),
        net=TINY,
        title="untrained, for tests",
        licence="CC0",
        decode=DecodeRule(seeds="mask"),
        recommended_level=2,
        validation=ScoreSet("made up", 3, {d: LevelScores(0.5, 0.4, None, 1000 * d) for d in (1, 2, 3, 4)}),
        provenance={"data": "none", "seed": 0},
    )


@pytest.fixture
def tiny_model(models_folder: Path, tiny_info: ModelInfo) -> Iterator[ModelInfo]:
    """The model ``tiny`` in the list: untrained weights, all levels, always the same."""
    torch = pytest.importorskip("torch")
    from napari_unetpp.files.models.model_file import save_model
    from napari_unetpp.net.unetpp import UNetPlusPlus

    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = UNetPlusPlus(tiny_info.net)
    yield save_model(models_folder / "tiny.safetensors", net.state_dict(), tiny_info)


@pytest.fixture
def run_command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process; gives exit status, stdout, stderr."""
    from napari_unetpp import cli

    def run_command(*arguments: object) -> tuple[int, str, str]:
        try:
            status = cli.main([str(a) for a in arguments])
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        return status, *capsys.readouterr()

    return run_command


@pytest.fixture
def run(run_command: Callable[..., tuple[int, str, str]]) -> Callable[..., tuple[int, str, str]]:
    """Run ``segment`` in its fastest way in this process; gives exit status, stdout, stderr."""
    return partial(run_command, "segment", *FAST)
