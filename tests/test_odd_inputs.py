"""Input that is odd: handled with a note that says so, or refused with a sentence that says what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image

from napari_unetpp import api
from napari_unetpp._types import ModelInfo, Segmentation, UnetppError
from napari_unetpp.files import atomic
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.files.models.model_file import read_info, read_tensors, save_model
from napari_unetpp.files.results.result_file import write_labels


@pytest.fixture(scope="module")
def nuclei(data_root: Path) -> NDArray[Any]:
    """A grey fluorescence image, uint8."""
    for pair in read_pairs(data_root / "nuclei_dsb2018" / "test"):
        image = read_image(pair.image)
        if image.ndim == 2:
            return image
    raise AssertionError("no grey image in the test set")


@pytest.fixture
def model(tiny_model: ModelInfo) -> Any:
    """The tiny model, set so that bright pixels are foreground: untrained weights say nothing of use."""
    tensors = {name: torch.zeros_like(t) for name, t in read_tensors(tiny_model.path or "").items()}
    for name in tensors:
        if name.endswith("running_var"):
            tensors[name] += 1
        if name.endswith(("norm.weight", "conv.weight")):
            _pass_through(name, tensors)
    for level in range(4):
        tensors[f"heads.{level}.weight"][0, 0] = 8.0
        tensors[f"heads.{level}.bias"][:] = torch.tensor([-2.0, -9.0])
    save_model(tiny_model.path or "", tensors, tiny_model)
    return api.load_model("tiny", device="cpu")


def _pass_through(name: str, tensors: dict[str, torch.Tensor]) -> None:
    """Channel 0 of every node is channel 0 of its first input: brightness, all the way to every head."""
    if name.endswith("norm.weight"):
        tensors[name] += 1
    else:
        tensors[name][0, 0, 1, 1] = 1.0


def _segment(image: NDArray[Any], model: Any) -> Segmentation:
    result = api.segment(image, model, level=2, scale=1.0)
    assert result.labels.shape == result.mask.shape == image.shape[:2]
    assert result.labels.dtype == np.uint32 and np.isfinite(result.probability).all()
    return result


# ------------------------------------------------------------ handled, with a visible note


def test_nan_and_infinite_pixels_are_background_and_do_not_change_the_rest(
    nuclei: NDArray[Any], model: Any
) -> None:
    plain = _segment(nuclei.astype(np.float32), model)
    assert plain.mask.any() and not plain.notes
    odd = nuclei.astype(np.float32)
    odd[10:20, 10:30] = np.nan
    odd[40, 40:50], odd[60, 60] = np.inf, -np.inf
    result = _segment(odd, model)
    bad = ~np.isfinite(odd)
    assert "NaN or infinite" in " ".join(result.notes)
    assert not result.mask[bad].any() and not result.labels[bad].any()
    assert (result.mask == plain.mask)[~bad].mean() > 0.999


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_values_that_are_too_large_are_background_and_said(
    dtype: Any, nuclei: NDArray[Any], model: Any
) -> None:
    """Near 1e308 they became infinite without a note; many files mark pixels without a value so."""
    plain = _segment(nuclei.astype(np.float32), model)
    odd = nuclei.astype(dtype)
    limits = np.finfo(dtype) if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    odd[10:20, 10:30], odd[40, 40:50] = limits.max, limits.min
    result = _segment(odd, model)
    assert "210 pixels beyond ±1e+15: left out" in " ".join(result.notes)
    bad = np.abs(odd.astype(np.float64)) > 1e15
    assert not result.mask[bad].any() and (result.mask == plain.mask)[~bad].mean() > 0.999
    nothing = _segment(nuclei.astype(np.float64) * 1e305 + 1e300, model)
    assert "beyond ±1e+15: nothing to segment; if" in " ".join(nothing.notes) and not nothing.mask.any()


def test_an_image_of_nan_alone_is_empty(model: Any) -> None:
    result = _segment(np.full((20, 30), np.nan, np.float32), model)
    assert result.notes and result.labels.max() == 0


@pytest.mark.parametrize("value", [0, 1, 255])
@pytest.mark.parametrize("bias", [-2.0, 9.0])  # even where the network would call everything foreground
def test_a_constant_image_is_empty(value: int, bias: float, model: Any) -> None:
    for head in model._net.heads.values():
        head.bias[0] = bias
    result = _segment(np.full((40, 50), value, np.uint8), model)
    assert "constant" in " ".join(result.notes)
    assert result.labels.max() == 0 and not result.mask.any()


def test_alpha_is_dropped(nuclei: NDArray[Any], model: Any) -> None:
    alpha = np.random.default_rng(0).integers(0, 255, nuclei.shape, np.uint8)
    rgba = np.dstack([nuclei, nuclei, nuclei, alpha])
    result = _segment(rgba, model)
    assert "alpha" in " ".join(result.notes)
    np.testing.assert_array_equal(result.mask, _segment(rgba[..., :3], model).mask)


def test_three_rows_are_an_image_and_no_channels(nuclei: NDArray[Any], model: Any) -> None:
    row = int(nuclei.sum(axis=1).argmax())
    assert _segment(nuclei[row : row + 3], model).mask.shape == (3, nuclei.shape[1])
    assert _segment(nuclei[:, :3], model).mask.shape == (nuclei.shape[0], 3)


RANGES: dict[str, tuple[Any, float, float]] = {
    "uint16": (np.uint16, 200, 100),
    "uint32 above 2^31": (np.uint32, 5e6, 2**31),
    "int16 below 0": (np.int16, 100, -30000),
    "float32 tiny": (np.float32, 1e-9, 0),
    "float64 huge": (np.float64, 1e12, -1e14),
}


@pytest.mark.parametrize("case", RANGES)
def test_the_range_does_not_matter(case: str, nuclei: NDArray[Any], model: Any) -> None:
    dtype, factor, offset = RANGES[case]
    image = (nuclei.astype(np.float64) * factor + offset).astype(dtype)
    assert (_segment(image, model).mask == _segment(nuclei, model).mask).mean() > 0.999


# ------------------------------------------------------------ refused


@pytest.mark.parametrize("shape", [(0, 10), (10, 0), (0, 0, 3)])
def test_empty_arrays_are_refused(shape: tuple[int, ...], model: Any) -> None:
    with pytest.raises(UnetppError, match="empty"):
        api.segment(np.zeros(shape, np.uint8), model)


@pytest.mark.parametrize("dtype", [np.complex64, object, "U3"])
def test_complex_and_object_types_are_refused(dtype: Any, model: Any) -> None:
    with pytest.raises(UnetppError, match="dtype"):
        api.segment(np.zeros((9, 9), dtype), model)


@pytest.mark.parametrize("shape", [(9,), (4, 9, 9), (2, 3, 9, 9), (9, 9, 2)])
def test_what_is_not_one_plane_is_refused(shape: tuple[int, ...], model: Any) -> None:
    with pytest.raises(UnetppError, match="one plane"):
        api.segment(np.zeros(shape, np.uint8), model)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_unreadable_and_truncated_files_are_refused(suffix: str, kept: float, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    path = tmp_path / f"a{suffix}"
    tifffile.imwrite(path, noise) if suffix == ".tif" else Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)] or b"this is no image")
    with pytest.raises(UnetppError, match="cannot be read: it is damaged, truncated"):
        read_image(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnetppError, match="does not exist"):
        read_image(tmp_path / "nothing.png")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    with pytest.raises(UnetppError, match="not an image of a known kind"):
        read_image(tmp_path / "notes.txt")


def test_a_folder_with_unpaired_stems_is_refused_and_names_them(tmp_path: Path) -> None:
    for name in ("images/a.png", "images/b.png", "labels/a.png", "labels/c.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(UnetppError, match=r"without labels: b; labels without an image: c"):
        read_pairs(tmp_path)


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that may not be written to; root may everything, so for root the refusal is acted."""
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):

        def refuse(*args: object, **options: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(atomic, "open", refuse, raising=False)
    yield folder
    folder.chmod(0o700)


def test_no_write_permission_is_refused(locked: Path) -> None:
    with pytest.raises(UnetppError, match=r"could not be written: Permission denied"):
        write_labels(locked / "a.tif", np.zeros((5, 5), np.uint32))


def test_disk_full_while_writing_a_model_leaves_the_old_file(
    tiny_model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tiny_model.path is not None
    before = tiny_model.path.read_bytes()
    tensors = {name: t * 0 for name, t in read_tensors(tiny_model.path).items()}

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(UnetppError, match="No space left on device"):
        save_model(tiny_model.path, tensors, tiny_model)
    assert tiny_model.path.read_bytes() == before
    assert read_info(tiny_model.path) == tiny_model
    assert list(tiny_model.path.parent.iterdir()) == [tiny_model.path], "the temporary file was left behind"


def test_a_labels_layer_picked_as_image_is_refused() -> None:
    pytest.importorskip("napari")
    from napari.components import Dims
    from napari.layers import Labels

    from napari_unetpp.gui.planes import plane_of

    layer = Labels(np.ones((9, 9), np.uint8), name="cells")
    with pytest.raises(UnetppError, match=r"'cells' is a labels layer.*image"):
        plane_of(layer, Dims(ndim=2), 0)
