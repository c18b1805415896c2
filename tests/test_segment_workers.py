"""``napari-unetpp segment`` with several worker processes: the result is that of one process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

pytest.importorskip("distributed")
import distributed

from napari_unetpp._types import UnetppError
from napari_unetpp.commands.segment import run as segment_command
from napari_unetpp.files.models.model_list import SHIPPED
from napari_unetpp.volumes.cluster import connect
from napari_unetpp.volumes.cluster import workers as cluster_workers
from napari_unetpp.volumes.series import plane
from napari_unetpp.volumes.series import run as series_run
from napari_unetpp.volumes.series.store import PlaneStore

Run = Callable[..., tuple[int, str, str]]
NUCLEI = np.asarray(Image.open(SHIPPED.parent / "samples" / "dense_fluorescence.png"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes, as somebody else has started them."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0
    ) as made:
        yield made


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """Six planes of nuclei that move: (Z, Y, X)."""
    planes = np.stack([NUCLEI[2 * n : 2 * n + 96, :96] for n in range(6)])
    tifffile.imwrite(tmp_path / "cells.tif", planes, imagej=True, metadata={"axes": "ZYX"})
    return tmp_path / "cells.tif"


def result(folder: Path, name: str = "cells_labels.tif") -> np.ndarray:
    found: np.ndarray = tifffile.imread(folder / name)
    return found


def test_two_workers_equal_one_process(run: Run, stack: Path, cluster: Any, tmp_path: Path) -> None:
    options = ("--stitch", 0.3, "--table", "--probability", "--json", tmp_path / "log.json")
    assert run(stack, "--out", tmp_path / "one", *options)[0] == 0
    (one,) = json.loads((tmp_path / "log.json").read_text())
    address = cluster.scheduler_address
    status, told, err = run(stack, "--out", tmp_path / "two", *options, "--scheduler", address)
    assert status == 0, err
    assert f"2 workers with 2 threads at {address}" in err and "6 planes" in told
    np.testing.assert_array_equal(result(tmp_path / "two"), result(tmp_path / "one"))
    assert result(tmp_path / "two").max() > 5
    maps = [result(tmp_path / name, "cells_probability.tif") for name in ("one", "two")]
    # Blocks of other sizes may round the last bit of a half float the other way.
    np.testing.assert_allclose(*maps, rtol=2**-7, atol=2**-20)
    assert maps[0].shape == (6, 96, 96) and maps[0].max() > 0.9
    tables = [(tmp_path / name / "cells_objects.csv").read_text() for name in ("one", "two")]
    assert tables[0] == tables[1]
    (two,) = json.loads((tmp_path / "log.json").read_text())
    apart = {"seconds", "outputs"}
    assert {k: v for k, v in one.items() if k not in apart} == {
        k: v for k, v in two.items() if k not in apart
    }


def test_a_worker_that_is_killed_costs_only_its_planes(
    run: Run, stack: Path, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(stack, "--out", tmp_path / "one")[0] == 0
    killed: list[int] = []
    write = PlaneStore.write

    def kill_then_write(self: PlaneStore, *plane: Any) -> None:
        """When the first plane is there, the worker dies that has most of the others, waiting or done."""
        if not killed:
            with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
                busiest = max(client.processing().items(), key=lambda item: len(item[1]))
                killed.append(client.run(os.getpid)[busiest[0]])
                os.kill(killed[0], signal.SIGKILL)
        write(self, *plane)

    monkeypatch.setattr(PlaneStore, "write", kill_then_write)
    status, _, err = run(stack, "--out", tmp_path / "two", "--scheduler", cluster.scheduler_address)
    assert status == 0, err
    assert killed
    np.testing.assert_array_equal(result(tmp_path / "two"), result(tmp_path / "one"))


def test_tiles_of_a_large_plane_are_spread(
    run: Run, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.tile(NUCLEI[:200, :200], (2, 2))
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True)
    monkeypatch.setattr(series_run, "LARGE", 1000)
    monkeypatch.setattr(series_run, "DEFAULT_SIZES", series_run.SMALL_SIZES)  # four tiles
    options = ("--region", "0:400,0:400")
    assert run(tmp_path / "a.tif", "--out", tmp_path / "one", *options)[0] == 0
    seen: list[int] = []
    each = cluster_workers.Workers.each

    def counted(self: Any, function: Any, jobs: Any) -> Any:
        for done in each(self, function, jobs):
            seen.append(1)
            yield done

    monkeypatch.setattr(cluster_workers.Workers, "each", counted)
    where = ("--scheduler", cluster.scheduler_address)
    status, _, err = run(tmp_path / "a.tif", "--out", tmp_path / "two", *options, *where)
    assert status == 0, err
    assert len(seen) == 4
    np.testing.assert_array_equal(
        result(tmp_path / "two", "a_labels.tif"), result(tmp_path / "one", "a_labels.tif")
    )


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_stop_in_the_middle_is_gone_on_with(
    run: Run, stack: Path, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C with workers; the rest without, then nothing is left to do."""
    write, written = PlaneStore.write, []

    def interrupted(self: PlaneStore, number: int, plane: Any) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(number)
        write(self, number, plane)

    where = ("--scheduler", cluster.scheduler_address)
    monkeypatch.setattr(PlaneStore, "write", interrupted)
    status, _, err = run(stack, "--out", tmp_path, *where)
    assert status == 1 and "stopped; 2 of 6 planes are kept in" in err and err.strip().endswith("stopped")
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        assert not any(client.processing().values()), "nobody works for a run that has ended"
    monkeypatch.setattr(PlaneStore, "write", write)
    status, _, err = run(stack, "--out", tmp_path, "--skip-existing")
    assert status == 0 and "2 of 6 planes are there; going on" in err
    assert run(stack, "--out", tmp_path / "one")[0] == 0
    np.testing.assert_array_equal(result(tmp_path), result(tmp_path / "one"))


@pytest.fixture
def folder(tmp_path: Path, stack: Path) -> Path:
    """Three images, a file that is none, and a stack."""
    made = tmp_path / "images"
    made.mkdir()
    for number in range(3):
        Image.fromarray(NUCLEI[40 * number : 40 * number + 80, :90]).save(made / f"image {number}.png")
    (made / "broken.png").write_bytes(b"no image")
    stack.rename(made / "stack.tif")
    return made


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_images_of_a_folder_are_spread(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By workers of its own; a bad image is reported and the rest go on, in the order of the folder."""
    logs = [tmp_path / f"{name}.json" for name in ("one", "two")]
    assert run(folder, "--out", tmp_path / "one", "--table", "--json", logs[0])[0] == 1
    monkeypatch.setattr("napari_unetpp.commands.segment.image.segment_file", None)  # not in this process
    status, told, err = run(folder, "--out", tmp_path / "two", "--table", "--json", logs[1], "--workers", 2)
    assert status == 1 and "1 of 5 failed" in err and "broken.png" in err, err
    assert [line.split("/")[-1].split(":")[0] for line in told.splitlines()] == [
        *(f"image {number}_labels.tif" for number in range(3)),
        "stack_labels.tif",
    ]
    one, two = (json.loads(log.read_text()) for log in logs)
    for expected, entry in zip(one, two, strict=True):
        assert {k: v for k, v in expected.items() if k not in ("seconds", "outputs")} == {
            k: v for k, v in entry.items() if k not in ("seconds", "outputs")
        }
    names = [path.name for path in sorted((tmp_path / "one").iterdir())]
    assert names == [path.name for path in sorted((tmp_path / "two").iterdir())]
    for name in names:
        if name.endswith(".tif"):
            np.testing.assert_array_equal(result(tmp_path / "two", name), result(tmp_path / "one", name))
        else:
            assert (tmp_path / "one" / name).read_text() == (tmp_path / "two" / name).read_text()


def test_only_missing_images_are_done_and_their_names_stay_relative(
    run: Run, folder: Path, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What workers have made before the command comes to it was not there already."""
    monkeypatch.chdir(tmp_path)
    (folder / "broken.png").unlink()
    arguments = ("images", "--out", "out", "--scheduler", cluster.scheduler_address)
    assert run(*arguments)[0] == 0
    for number in (1, 2):
        (tmp_path / "out" / f"image {number}_labels.tif").unlink()
    status, told, err = run(*arguments, "--skip-existing", "--json", "log.json")
    assert status == 0 and "2 of 4 were there already" in err
    assert [line.split(":")[0] for line in told.splitlines()] == [
        f"out/image {number}_labels.tif" for number in (1, 2)
    ]
    entries = json.loads((tmp_path / "log.json").read_text())
    assert [entry.get("skipped", False) for entry in entries] == [True, False, False, True]
    assert entries[1]["input"] == "images/image 1.png"
    assert entries[1]["outputs"] == ["out/image 1_labels.tif"]


@pytest.mark.slow
def test_ctrl_c_on_a_terminal(run: Run, tmp_path: Path) -> None:
    """Every process of the command gets the signal; the workers leave it to the one that has started them."""
    planes = np.stack([NUCLEI[n : n + 256, :256] for n in range(60)])
    tifffile.imwrite(tmp_path / "cells.tif", planes, imagej=True, metadata={"axes": "ZYX"})
    command = ["env", "--default-signal=INT"]  # tests that a shell runs in the background ignore the signal
    command += [sys.executable, "-m", "napari_unetpp", "segment", str(tmp_path / "cells.tif")]
    command += ["--out", str(tmp_path), "--workers", "2", "--level", "4"]
    command += ["--scale", "1", "--device", "cpu", "--precision", "float32"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    partial = tmp_path / "cells_labels.partial"
    while running.poll() is None and not list(partial.glob("*.tif")):
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 1 and "kept in" in err and err.strip().endswith("stopped")
    assert "Traceback" not in err
    assert 1 <= len(list(partial.glob("*.tif"))) < 60


def test_results_that_exist_are_refused_with_workers_too(
    run: Run, folder: Path, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one, which is looked at when all others are done."""
    monkeypatch.setattr(cluster_workers, "AHEAD", 1)
    theirs = tmp_path / "out" / "image 2_labels.tif"
    theirs.parent.mkdir()
    theirs.write_bytes(b"the user's own")
    where = ("--scheduler", cluster.scheduler_address)
    status, told, err = run(*sorted(folder.glob("*.png")), "--out", tmp_path / "out", *where)
    assert status == 1 and "image 2_labels.tif exists already" in err and "2 of 4 failed" in err
    assert theirs.read_bytes() == b"the user's own"
    assert len(told.splitlines()) == 2


def test_workers_that_are_lost_are_said_for_every_image(
    run: Run, folder: Path, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(self: Any, running: Any) -> Any:
        raise UnetppError(cluster_workers.LOST)

    monkeypatch.setattr(cluster_workers.Workers, "_ready", lost)
    where = ("--scheduler", cluster.scheduler_address)
    status, _, err = run(*sorted(folder.glob("image*.png")), "--out", tmp_path / "out", *where)
    assert status == 1 and "3 of 3 failed" in err
    assert err.count("the connection to the scheduler was lost") == 1
    assert err.count("the workers were lost before") == 2


# ------------------------------------------------------------ what can be wrong


def test_a_scheduler_that_does_not_answer(
    run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "CONNECT_SECONDS", 0.5)
    for address in ("tcp://127.0.0.1:9", "nowhere://9"):
        status, _, err = run(stack, "--out", tmp_path, "--scheduler", address)
        assert status == 1 and f"the scheduler {address!r} does not answer" in err
        assert "tcp://HOST:8786" in err and "Traceback" not in err
    assert not list(tmp_path.glob("*partial"))


@pytest.mark.parametrize(
    ("there", "problem"),
    [
        ("m.version = lambda name: '9.9'", "has napari-unetpp 9.9; here is"),
        (
            "def version(name):\n    raise m.PackageNotFoundError(name)\nm.version = version",
            "lacks the package napari-unetpp",
        ),
    ],
)
def test_workers_without_this_version_of_the_package(
    there: str, problem: str, run: Run, stack: Path, cluster: Any, tmp_path: Path
) -> None:
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        (worker, *_) = client.nthreads()
        client.run(exec, f"import importlib.metadata as m; m.real = m.version\n{there}", workers=[worker])
        try:
            status, _, err = run(stack, "--out", tmp_path, "--scheduler", cluster.scheduler_address)
        finally:
            client.run(exec, "import importlib.metadata as m; m.version = m.real", workers=[worker])
    assert status == 1 and f"{worker} {problem}" in err and "pip install napari-unetpp==" in err


def test_a_scheduler_without_workers(run: Run, stack: Path, tmp_path: Path) -> None:
    with distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as empty:
        status, _, err = run(stack, "--out", tmp_path, "--scheduler", empty.scheduler_address)
    assert status == 1 and "has no workers. Start some: dask worker" in err


def test_an_image_that_workers_cannot_read(
    run: Run, stack: Path, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine without the same disk."""
    from napari_unetpp.commands.segment import stack as segment_stack

    elsewhere = segment_stack.ImageAddress(tmp_path / "not here.tif")
    monkeypatch.setattr(segment_stack, "_address", lambda *_: elsewhere)
    status, _, err = run(stack, "--out", tmp_path, "--scheduler", cluster.scheduler_address)
    assert status == 1 and "not here.tif" in err and "read the image under the same path" in err
    assert "Stopped at plane" in err


def test_the_package_is_named_that_is_missing(
    run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    status, _, err = run(stack, "--out", tmp_path, "--workers", 2)
    assert status == 1 and "pip install 'napari-unetpp[distributed]'" in err


def test_both_kinds_of_workers_are_wrong_usage(run: Run, stack: Path) -> None:
    assert run(stack, "--out", stack.parent, "--workers", 2, "--scheduler", "tcp://a:1")[0] == 2
    assert run(stack, "--out", stack.parent, "--workers", 0)[0] == 2


def test_a_plane_for_which_a_worker_lacks_memory_is_done_in_parts(
    run: Run, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers are this process here: one of them fails at a whole plane."""

    class Poor:
        def series(self, request: Any, address: Any) -> Any:
            self.request = request
            return self

        def planes(self, positions: Any) -> Any:
            for number, position in positions.items():
                maps = plane.return_value(plane.predict_plane(self.request, position))
                yield number, MemoryError() if number == 1 else self.request.results(maps)

        def tiles(self, position: Any, stats: Any, regions: Any, cell: Any) -> Any:
            yield from plane.predict_tiles(self.request, position, stats, regions, cell=cell)

    def begin(plan: Any, options: Any, args: Any, stack: Any) -> Any:
        return segment_command.Work(segment_command._loaded(args), Poor())

    assert run(stack, "--out", tmp_path / "one")[0] == 0
    monkeypatch.setattr(segment_command, "_begin", begin)
    status, _, err = run(stack, "--out", tmp_path / "two")
    assert status == 0 and "plane 2 does not fit into memory and is done in pieces" in err
    one, two = (result(tmp_path / name) for name in ("one", "two"))
    np.testing.assert_array_equal(one > 0, two > 0)
    assert [labels.max() for labels in one] == [labels.max() for labels in two]
