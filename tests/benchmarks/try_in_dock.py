"""Every kind of image a laboratory has, opened in a real viewer and segmented by the dock's own buttons.

    xvfb-run -a -s "-screen 0 1366x768x24" python tests/benchmarks/try_in_dock.py [KIND ...]

Prints for each kind how the dock reads it, what was pressed, and what the message line said in the end. CZI,
ND2 and LIF cannot be written here: bioio is tried through its plug-in for TIFF.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from look_at_stacks import KINDS, ZARR, Window, nuclei
from PIL import Image

from napari_unetpp.files.models.model_list import SHIPPED

SIDE = 160


def crops(count: int) -> np.ndarray:
    """Nuclei that move: (count, 160, 160)."""
    return np.stack([nuclei()[3 * n : 3 * n + SIDE, 2 * n : 2 * n + SIDE] for n in range(count)])


def plane(viewer: Any, _out: Path) -> None:
    viewer.add_image(nuclei()[:300, :300], name="plane")


def colour(viewer: Any, _out: Path) -> None:
    viewer.add_image(
        np.asarray(Image.open(SHIPPED.parent / "samples" / "histology.png").convert("RGB")), rgb=True
    )


def channels(viewer: Any, _out: Path) -> None:
    viewer.add_image(np.stack([crops(1)[0], 255 - crops(1)[0]]), name="two channels")


def channel_layers(viewer: Any, _out: Path) -> None:
    viewer.add_image(np.stack([crops(4), 255 - crops(4)]), channel_axis=0, name=["DAPI", "other"])


def stack(viewer: Any, _out: Path) -> None:
    viewer.add_image(crops(5), name="stack")


def anisotropic(viewer: Any, _out: Path) -> None:
    viewer.add_image(crops(4), name="anisotropic", axis_labels=tuple("zyx"), scale=(2, 0.5, 0.5))


def film(viewer: Any, _out: Path) -> None:
    viewer.add_image(crops(4), name="film", axis_labels=tuple("tyx"))


def multiscale(viewer: Any, _out: Path) -> None:
    full = np.tile(nuclei(), (4, 4))
    viewer.add_image([full, full[::2, ::2], full[::4, ::4]], multiscale=True, name="multiscale")


def dask_array(viewer: Any, _out: Path) -> None:
    import dask.array as da

    viewer.add_image(da.from_array(crops(4), chunks=(1, SIDE, SIDE)), name="dask", axis_labels=tuple("zyx"))


def zarr_array(viewer: Any, out: Path) -> None:
    import zarr

    array = zarr.create_array(
        str(out / "cells.zarr"), shape=(4, SIDE, SIDE), dtype="u1", chunks=(1, SIDE, SIDE)
    )
    array[:] = crops(4)
    viewer.add_image(array, name="zarr", axis_labels=tuple("zyx"))


def memmap(viewer: Any, out: Path) -> None:
    np.save(out / "cells.npy", crops(4))
    viewer.add_image(np.load(out / "cells.npy", mmap_mode="r"), name="memmap", axis_labels=tuple("zyx"))


def xarray_array(viewer: Any, _out: Path) -> None:
    import xarray

    viewer.add_image(xarray.DataArray(crops(4), dims=("time", "y", "x")), name="xarray")


def ome_zarr(viewer: Any, _out: Path) -> None:
    viewer.open(str(ZARR), plugin="napari-ome-zarr")


def ours(path: Path, viewer: Any) -> None:
    """Through File > Open, with our reader, as the manifest has it."""
    from napari_unetpp.gui.reader import get_reader

    read = get_reader(str(path))
    assert read is not None, path
    for data, options, _ in read(str(path)):
        viewer.add_image(data, **options)


def microscope(viewer: Any, out: Path) -> None:
    tifffile.imwrite(out / "cells.ome.tiff", crops(4)[:, None], ome=True, metadata={"axes": "ZCYX"})
    from napari_unetpp.gui.reader import _placed
    from napari_unetpp.volumes.inputs.bioio_image import open_bioio

    array, axes = open_bioio(out / "cells.ome.tiff")
    viewer.add_image(array, name="bioio", **_placed(axes))


def nifti(viewer: Any, out: Path) -> None:
    import nibabel

    nibabel.save(
        nibabel.Nifti1Image(crops(4).transpose(2, 1, 0), np.diag([0.5, 0.5, 2, 1])), out / "cells.nii.gz"
    )
    ours(out / "cells.nii.gz", viewer)


def dicom(viewer: Any, out: Path) -> None:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset(str(out / "cells.dcm"), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    data.SeriesInstanceUID, data.NumberOfFrames = generate_uid(), 4
    data.Rows = data.Columns = SIDE
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelSpacing = 7, [0.5, 0.5]
    data.PixelData = crops(4).tobytes()
    data.save_as(str(out / "cells.dcm"), enforce_file_format=True)
    ours(out / "cells.dcm", viewer)


def video(viewer: Any, out: Path) -> None:
    import av

    with av.open(str(out / "cells.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        for frame in crops(4):
            rgb = np.stack([frame] * 3, axis=-1)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        file.mux(stream.encode())
    ours(out / "cells.mp4", viewer)


TRIED: dict[str, Callable[[Any, Path], None]] = {
    **{one.__name__: one for one in (plane, colour, channels, channel_layers, stack, anisotropic, film)},
    **{one.__name__: one for one in (multiscale, dask_array, zarr_array, memmap, xarray_array, ome_zarr)},
    **{one.__name__: one for one in (microscope, nifti, dicom, video)},
}


def attempt(kind: str, out: Path) -> list[str]:
    """Open it, choose all planes where there are some, press Segment; then the view as the region."""
    window = Window(kind, out)
    dock, head = window.dock, window.dock.form.head
    dock.controller.state.level, dock.controller.state.scale = 1, 1.0
    told = [head.image_note.text(), "Segment"]
    if not head.planes_combo.isHidden():
        head.planes_combo.setCurrentIndex(1)
        head.planes_combo.activated.emit(1)
        told[-1] = f"Planes: {head.planes_combo.currentText()}; Segment"
    head.segment_button.click()
    window.wait(lambda: dock.stacks.running is None and not dock.controller.busy)
    told.append(head.message_label.text())
    region = dock.form.input.region_combo
    region.setCurrentIndex(1)
    region.activated.emit(1)
    window.viewer.camera.zoom *= 2
    head.segment_button.click()
    window.wait(lambda: dock.stacks.running is None and not dock.controller.busy)
    told.append(head.message_label.text())
    told.append(", ".join(layer.name for layer in window.viewer.layers))
    dock.close_session()
    window.viewer.close()
    return [text.replace("\u00a0", " ") for text in told]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", default=list(TRIED), metavar="KIND")
    options = parser.parse_args()
    KINDS.update(TRIED)
    for kind in options.kinds:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            try:
                print(kind, *attempt(kind, Path(folder)), sep="\n    ", flush=True)
            except Exception as error:
                print(kind, "FAILED", type(error).__name__, error, flush=True)


if __name__ == "__main__":
    main()
