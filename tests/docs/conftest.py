"""A folder with a small file for every name that the pages use; narrow networks for the shipped models."""

from __future__ import annotations

import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_unetpp._types import NetConfig
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models import model_list
from napari_unetpp.files.models.model_file import save_model
from napari_unetpp.net.baselines import BASELINES

SIDE = 64
WIDTHS = (4, 8, 8, 8, 8)
SHIPPED = model_list.SHIPPED
ZARR = Path(__file__).parents[1] / "volumes" / "inputs" / "data" / "nuclei.ome.zarr"
LABELLED = (
    *("FOLDER", "my_corrections", "nuclei_dsb2018/test", "nuclei_dsb2018/train"),
    *("cells_phase/test", "cells_phase/train"),
)
FRAMES = ("polyps_kvasir/train", "polyps_kvasir/val", "polyps_kvasir/test")


def small(name: str, y: int = 0, x: int = 0) -> np.ndarray:
    """A part of a sample of the package."""
    image = read_image(Path(str(files("napari_unetpp"))) / "samples" / f"{name}.png")
    return np.ascontiguousarray(image[y : y + SIDE, x : x + SIDE])


def labelled(folder: Path, *, frames: bool) -> None:
    """Four images, and what is bright in them as labels."""
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    for n in range(4):
        image = small("histology" if frames else "dense_fluorescence", 40 * n, 30 * n)
        grey = image if image.ndim == 2 else 255 - image.mean(axis=-1)
        Image.fromarray(image).save(folder / "images" / f"{n}.png")
        bright = gaussian_filter(grey.astype(float), 3)
        Image.fromarray((bright > bright.mean()).astype(np.uint8)).save(folder / "labels" / f"{n}.png")


def video(path: Path) -> None:
    """Three frames."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for n in range(3):
            frame = av.VideoFrame.from_ndarray(small("histology", 10 * n), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


@pytest.fixture(scope="session")
def all_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder; nobody writes to it."""
    root = tmp_path_factory.mktemp("inputs")
    for name in ("a.tif", "b.tif", "images/a.tif", "images/b.tif", "plate/day 1/c.tif"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(root / name, small("sparse_fluorescence", 100, 100))
    for name, sample in {"nuclei.png": "dense_fluorescence", "cells.png": "phase_contrast"}.items():
        Image.fromarray(small(sample)).save(root / name)
    for name in ("frame.jpg", "frame.png"):
        Image.fromarray(small("histology")).save(root / name)
    planes = np.stack([small("dense_fluorescence", 2 * n) for n in range(3)])
    both = np.stack([planes, 255 - planes], axis=1)
    names = {"axes": "ZCYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    tifffile.imwrite(root / "stack.ome.tif", both, ome=True, metadata=names)
    tifffile.imwrite(root / "film.tif", planes)
    tifffile.imwrite(root / "cells.ome.tif", both[0], ome=True, metadata={"axes": "CYX"})
    tifffile.imwrite(root / "cells.tif", planes[0])
    deep = np.stack([small("dense_fluorescence", n) for n in range(12)])
    tifffile.imwrite(root / "stack.tif", deep, imagej=True, metadata={"axes": "ZYX"})
    shutil.copytree(ZARR, root / "image.ome.zarr")
    video(root / "colon.mp4")
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.Nifti1Image(planes.transpose(2, 1, 0), np.eye(4)), root / "cells.nii.gz")
    for name in (*LABELLED, *FRAMES):
        labelled(root / name, frames=name in FRAMES)
    return root


@pytest.fixture(scope="session")
def narrow_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with the cards of the shipped ones: untrained, and a fraction of their work."""
    from napari_unetpp.net.unetpp import UNetPlusPlus

    folder = tmp_path_factory.mktemp("narrow")
    for path in SHIPPED.glob("*.safetensors"):
        info = model_list.find_model(path)
        info = replace(info, net=replace(info.net, widths=WIDTHS))
        save_model(folder / path.name, UNetPlusPlus(info.net).state_dict(), info)
    return folder


@pytest.fixture
def inputs(all_inputs: Path, narrow_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of a test with all of them; the models are narrow, also those that are trained."""
    root = tmp_path / "work"
    shutil.copytree(all_inputs, root)
    monkeypatch.chdir(root)
    monkeypatch.setattr(model_list, "SHIPPED", narrow_models)
    monkeypatch.setitem(BASELINES, "unetpp", lambda: NetConfig(widths=WIDTHS))
    return root
