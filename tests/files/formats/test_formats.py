"""What every kind of PNG, JPEG and TIFF is read as: images by their colours, labels by their numbers."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_unetpp._types import UnetppError
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (24, 40), np.uint8)
GREY16 = RNG.integers(0, 65536, (24, 40), np.uint16)
GREY12 = (GREY16 >> 4).astype(np.uint16)
RGB = RNG.integers(0, 256, (24, 40, 3), np.uint8)
RGB16 = RNG.integers(0, 65536, (24, 40, 3), np.uint16)
FEW = (GREY >> 6).astype(np.uint8)
"""Values of 2 bits."""
BITS = GREY > 99
COLOURS = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8)

Array = NDArray[Any]


def png(image: Array, depth: int, kind: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file, by hand: `image` (Y, X[, C]) holds the samples as they are stored."""
    rows = image.reshape(len(image), -1)
    if depth == 16:
        packed = rows.astype(">u2").view(np.uint8)
    else:
        bits = np.unpackbits(rows.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
        packed = np.packbits(bits.reshape(len(rows), -1), axis=1)
    data = b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", image.shape[1], image.shape[0], depth, kind, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts
    )


def tiff(image: Array, **options: Any) -> bytes:
    """A TIFF file of one image."""
    file = io.BytesIO()
    tifffile.imwrite(file, image, **options)
    return file.getvalue()


def packed(image: Array, bits: int) -> bytes:
    """A TIFF of so many bits a pixel, by hand: older versions of imagecodecs read it, but cannot write it."""
    each = np.unpackbits(image.astype(">u2").view(np.uint8).reshape(*image.shape, 2), axis=-1)[
        ..., 16 - bits :
    ]
    file = io.BytesIO(tiff(np.packbits(each.reshape(len(image), -1), axis=1), photometric="minisblack"))
    with tifffile.TiffFile(file) as written:
        tags = written.pages.first.tags
        for name, value in (("ImageWidth", image.shape[1]), ("BitsPerSample", bits), ("Software", "")):
            tags[name].overwrite(value)
        tags["ImageDescription"].overwrite("")  # the shape of the bytes
    return file.getvalue()


def pillow(image: Image.Image, kind: str, **options: Any) -> bytes:
    """A file as Pillow writes it."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def without_tag(file: bytes, tag: int) -> bytes:
    """A TIFF whose tag is gone (it becomes one that means nothing)."""
    place = file.index(struct.pack("<HH", tag, 3))
    return file[:place] + struct.pack("<H", tag - 1) + file[place + 2 :]


TABLE = (b"PLTE", COLOURS.tobytes())
TIFF_TABLE = np.zeros((3, 256), np.uint16)
TIFF_TABLE[:, :4] = COLOURS.T.astype(np.uint16) * 257
BLUE = np.zeros((3, 256), np.uint16)
BLUE[2] = np.arange(256) * 257
TURNED = Image.Exif()
TURNED[0x112] = 6  # a quarter to the right
INKS = Image.fromarray(RGB).convert("CMYK")
SHADES = (np.arange(256).reshape(16, 16) // 64 * 85).astype(np.uint8)  # survives JPEG

# name: suffix, file, the image it is, the labels it holds (None: refused), what its note says
CASES: dict[str, tuple[str, bytes, Array, Array | None, str]] = {
    "PNG 1 bit": ("png", png(FEW & 1, 1, 0), (FEW & 1) * 255, FEW & 1, ""),
    "PNG 2 bits": ("png", png(FEW, 2, 0), FEW * 85, FEW, ""),
    "PNG 4 bits": ("png", png(GREY >> 4, 4, 0), (GREY >> 4) * 17, GREY >> 4, ""),
    "PNG 8 bits": ("png", png(GREY, 8, 0), GREY, GREY, ""),
    "PNG 16 bits": ("png", png(GREY16, 16, 0), GREY16, GREY16, ""),
    "PNG RGB": ("png", png(RGB, 8, 2), RGB, None, ""),
    "PNG RGB 16 bits": ("png", png(RGB16, 16, 2), RGB16, None, ""),
    "PNG RGBA 16 bits": (
        "png",
        png(np.dstack([RGB16, GREY16]), 16, 6),
        np.dstack([RGB16, GREY16]),
        None,
        "",
    ),
    "PNG grey with alpha": ("png", png(np.dstack([GREY, RGB[..., 0]]), 8, 4), GREY, GREY, "alpha"),
    "PNG grey with alpha 16 bits": (
        "png",
        png(np.dstack([GREY16, RGB16[..., 0]]), 16, 4),
        GREY16,
        GREY16,
        "alpha",
    ),
    "PNG transparent grey": ("png", png(GREY, 8, 0, (b"tRNS", b"\0\7")), GREY, GREY, ""),
    "PNG transparent RGB 16 bits": ("png", png(RGB16, 16, 2, (b"tRNS", b"\0\1\0\2\0\3")), RGB16, None, ""),
    "PNG colour table": ("png", png(FEW, 8, 3, TABLE), COLOURS[FEW], FEW, ""),
    "PNG colour table 2 bits": ("png", png(FEW, 2, 3, TABLE), COLOURS[FEW], FEW, ""),
    "PNG transparent colour table": ("png", png(FEW, 8, 3, TABLE, (b"tRNS", b"\0")), COLOURS[FEW], FEW, ""),
    "PNG animation": (
        "png",
        png(GREY, 8, 0, (b"acTL", struct.pack(">II", 1, 0))),
        GREY,
        GREY,
        "first frame",
    ),
    "JPEG grey": ("jpg", pillow(Image.fromarray(SHADES), "jpeg", quality=100), SHADES, None, ""),
    "JPEG CMYK": (
        "jpg",
        pillow(INKS, "jpeg", quality=100, subsampling=0),
        np.asarray(INKS.convert("RGB")),
        None,
        "CMYK",
    ),
    "JPEG turned for display": (
        "jpg",
        pillow(
            Image.fromarray(SHADES),
            "jpeg",
            quality=100,
            exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0",
        ),
        SHADES,
        None,
        "",
    ),
    "JPEG lossless 12 bits": ("jpg", imagecodecs.ljpeg_encode(GREY12), GREY12, None, ""),
    "TIFF MinIsBlack": ("tif", tiff(GREY, photometric="minisblack"), GREY, GREY, ""),
    "TIFF without a word on it": (
        "tif",
        without_tag(tiff(GREY, photometric="minisblack"), 262),
        GREY,
        GREY,
        "",
    ),
    "TIFF MinIsWhite": ("tif", tiff(255 - GREY, photometric="miniswhite"), GREY, GREY, "MinIsWhite"),
    "TIFF MinIsWhite LZW": (
        "tif",
        tiff(255 - GREY, photometric="miniswhite", compression="lzw"),
        GREY,
        GREY,
        "MinIsWhite",
    ),
    "TIFF MinIsWhite 1 bit": ("tif", tiff(BITS, photometric="miniswhite", software="x"), ~BITS, ~BITS, "Min"),
    "TIFF MinIsWhite 16 bits": ("tif", tiff(65535 - GREY16, photometric="miniswhite"), GREY16, GREY16, "Min"),
    "TIFF MinIsWhite of floats": (
        "tif",
        tiff(GREY.astype(np.float32), photometric="miniswhite"),
        GREY.astype(np.float32),
        GREY,
        "as they are",
    ),
    "TIFF colour table": (
        "tif",
        tiff(FEW, photometric="palette", colormap=TIFF_TABLE),
        COLOURS[FEW],
        FEW,
        "",
    ),
    "TIFF blue for display": (
        "tif",
        tiff(GREY, photometric="palette", colormap=BLUE),
        GREY,
        GREY,
        "displays",
    ),
    "TIFF grey with alpha": (
        "tif",
        tiff(np.dstack([GREY, GREY]), photometric="minisblack", planarconfig="contig", extrasamples=[2]),
        GREY,
        GREY,
        "alpha",
    ),
    "TIFF RGBA": (
        "tif",
        tiff(np.dstack([RGB, GREY]), photometric="rgb", extrasamples=[2]),
        np.dstack([RGB, GREY]),
        None,
        "",
    ),
    "TIFF CMYK": (
        "tif",
        tiff(np.asarray(INKS), photometric="separated"),
        np.asarray(INKS.convert("RGB")),
        None,
        "CMYK",
    ),
    "TIFF YCbCr": (
        "tif",
        tiff(np.asarray(Image.fromarray(RGB).convert("YCbCr")), photometric="ycbcr"),
        np.asarray(Image.fromarray(RGB).convert("YCbCr").convert("RGB")),
        None,
        "",
    ),
    "TIFF planes": (
        "tif",
        tiff(np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate"),
        RGB,
        None,
        "",
    ),
    "TIFF 1 bit": ("tif", tiff(BITS, photometric="minisblack"), BITS, BITS, ""),
    "TIFF 1 bit as tifffile writes it": ("tif", tiff(BITS), BITS, BITS, ""),
    "TIFF 4 bits": ("tif", packed(GREY >> 4, 4), GREY >> 4, GREY >> 4, ""),
    "TIFF 12 bits": ("tif", packed(GREY12, 12), GREY12, GREY12, ""),
    "TIFF big endian": ("tif", tiff(GREY16, byteorder=">"), GREY16, GREY16, ""),
    "TIFF float16": ("tif", tiff(GREY.astype(np.float16)), GREY.astype(np.float16), GREY, ""),
    "BigTIFF": ("tif", tiff(GREY, bigtiff=True), GREY, GREY, ""),
    "TIFF grey of one sample": ("tif", tiff(GREY[..., None], photometric="minisblack"), GREY, GREY, ""),
    "TIFF JPEG": (
        "tif",
        tiff(SHADES, compression="jpeg", compressionargs={"level": 100}),
        SHADES,
        None,
        "",
    ),
    "TIFF called PNG": ("png", tiff(GREY), GREY, GREY, "it is a TIFF"),
    "PNG called TIFF": ("TIF", png(GREY16, 16, 0), GREY16, GREY16, "it is a PNG"),
    "PNG called JPEG": ("jpg", png(GREY, 8, 0), GREY, GREY, "it is a PNG"),
    "PNG without a suffix": ("", png(GREY, 8, 0), GREY, GREY, ""),
    **{
        f"TIFF {name}": ("tif", tiff(RGB16, compression=name), RGB16, None, "")
        for name in ("lzw", "zlib", "lzma", "zstd", "packbits", "jpeg2000", "lerc")
    },
    "TIFF lossless JPEG XL": ("tif", tiff(RGB, compression="jpegxl"), RGB, None, ""),
}
LOSS = {"JPEG grey": 2, "JPEG CMYK": 6, "JPEG turned for display": 2, "TIFF JPEG": 2}


def put(folder: Path, case: str) -> Path:
    suffix, file, *_ = CASES[case]
    path = folder / (f"a.{suffix}" if suffix else "a")
    path.write_bytes(file)
    return path


@pytest.mark.parametrize("case", CASES)
def test_an_image_is_what_its_file_says(case: str, tmp_path: Path) -> None:
    *_, image, _, words = CASES[case]
    notes: list[str] = []
    read = read_image(put(tmp_path, case), note=notes.append)
    assert read.dtype == image.dtype and read.shape == image.shape and read.dtype.isnative
    assert np.abs(read.astype(float) - image.astype(float)).max() <= LOSS.get(case, 0)
    assert words in " ".join(notes) and len(notes) == bool(words)


@pytest.mark.parametrize("case", CASES)
def test_labels_are_the_numbers_in_the_file(case: str, tmp_path: Path) -> None:
    labels = CASES[case][3]
    path = put(tmp_path, case)
    if labels is None:
        with pytest.raises(UnetppError, match=r"expected labels of shape|JPEG"):
            read_label(path)
    else:
        np.testing.assert_array_equal(read_label(path), labels)


REFUSED = {
    "two channels": (
        tiff(np.dstack([GREY, GREY]), photometric="minisblack", planarconfig="contig"),
        "2 chan",
    ),
    "four channels": (
        tiff(np.dstack([RGB, GREY]), photometric="minisblack", planarconfig="contig"),
        "4 chan",
    ),
    "CIELAB": (tiff(RGB, photometric="cielab"), "colours of the kind CIELAB"),
    "CMYK of 16 bits": (tiff(np.dstack([RGB16, GREY16]), photometric="separated"), "SEPARATED"),
    "a stack": (tiff(np.zeros((4, 24, 40), np.uint8), photometric="minisblack"), "holds a stack"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_read_is_refused_and_not_called_damaged(case: str, tmp_path: Path) -> None:
    file, words = REFUSED[case]
    (tmp_path / "a.tif").write_bytes(file)
    with pytest.raises(UnetppError, match=words) as caught:
        read_image(tmp_path / "a.tif")
    assert "damaged" not in str(caught.value)


def test_an_unknown_compression_is_named(tmp_path: Path) -> None:
    file = tiff(GREY)
    with tifffile.TiffFile(io.BytesIO(file)) as opened:
        place = opened.pages[0].tags["Compression"].valueoffset
    for number, name in ((34661, "JBIG"), (65000, "65000")):
        (tmp_path / "a.tif").write_bytes(file[:place] + struct.pack("<H", number) + file[place + 2 :])
        with pytest.raises(UnetppError, match=rf"not read .*{name}") as caught:
            read_image(tmp_path / "a.tif")
        assert "damaged" not in str(caught.value)


def test_jpeg_of_another_kind_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(imagecodecs.jpegls_encode(GREY))
    with pytest.raises(UnetppError, match="stored in a way that is not read"):
        read_image(tmp_path / "a.jpg")


def test_a_missing_codec_names_the_package_to_install(tmp_path: Path) -> None:
    files = {"lzw.tif": tiff(RGB, compression="lzw"), "12.tif": packed(GREY12, 12)}
    files |= {"colour.png": png(RGB16, 16, 2), "zstd.tif": tiff(RGB, compression="zstd")}
    for name, file in files.items():
        (tmp_path / name).write_bytes(file)
    code = (
        "import sys; sys.modules['imagecodecs'] = None\n"
        "from napari_unetpp.files.images.image_file import read_image\n"
        "for path in sys.argv[1:]:\n"
        "    try: read_image(path)\n"
        "    except Exception as e: print(type(e).__name__, 'damaged' in str(e), str(e)[-36:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *(tmp_path / name for name in files)],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(files), done.stderr
    assert all(line.startswith("UnetppError False") and "pip install imagecodecs." in line for line in lines)


@pytest.mark.parametrize(
    "case", ["JPEG grey", "TIFF JPEG", "PNG RGB 16 bits", "PNG colour table", "TIFF zstd", "TIFF lzw"]
)
@pytest.mark.parametrize("share", [0.4, 0.9])
def test_what_is_cut_off_is_never_filled_up(case: str, share: float, tmp_path: Path) -> None:
    path = put(tmp_path, case)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    for read in (read_image, read_label) if "table" in case else (read_image,):
        with pytest.raises(UnetppError, match="damaged"):
            read(path)


# ------------------------------------------------------------ several images in one file


def write_images(path: Path, images: list[Array], **first: Any) -> Path:
    with tifffile.TiffWriter(path, ome=path.name.endswith(".ome.tif")) as writer:
        for n, image in enumerate(images):
            named = {"axes": "YX", "Name": f"field {n}"} if path.name.endswith(".ome.tif") else None
            writer.write(image, metadata=named, **(first if n == 0 else {}))
    return path


def read_with_notes(path: Path, **options: Any) -> tuple[Array, str]:
    notes: list[str] = []
    return read_image(path, note=notes.append, **options), " ".join(notes)


@pytest.mark.parametrize("preview", [{"subfiletype": 1}, {}])
def test_the_largest_image_is_read_and_not_the_preview(preview: dict[str, Any], tmp_path: Path) -> None:
    path = write_images(tmp_path / "a.tif", [GREY[::4, ::4], GREY], **preview)
    read, notes = read_with_notes(path)
    np.testing.assert_array_equal(read, GREY)
    assert notes == ""


def test_a_mask_in_the_file_is_not_the_image(tmp_path: Path) -> None:
    path = write_images(tmp_path / "a.tif", [GREY > 9, RGB], subfiletype=4)
    read, notes = read_with_notes(path)
    np.testing.assert_array_equal(read, RGB)
    assert notes == ""


def test_a_pyramid_is_one_image(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(GREY, subifds=1, metadata={"axes": "YX"})
        writer.write(GREY[::2, ::2], subfiletype=1)
    read, notes = read_with_notes(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(read, GREY)
    assert notes == ""


def test_several_equal_images_are_named_and_a_number_picks_one(tmp_path: Path) -> None:
    path = write_images(tmp_path / "a.ome.tif", [GREY, GREY[::-1], GREY[:, ::-1]])
    read, notes = read_with_notes(path)
    np.testing.assert_array_equal(read, GREY)
    assert "3 images" in notes and "1 'field 1' (24 x 40), 2 'field 2'" in notes and "--series N" in notes
    for number, expected in enumerate((GREY, GREY[::-1], GREY[:, ::-1])):
        read, notes = read_with_notes(path, series=number)
        np.testing.assert_array_equal(read, expected)
        assert notes == ""
    with pytest.raises(UnetppError, match=r"has no series 3\. It has 3: 0 'field 0'"):
        read_image(path, series=3)


def test_a_png_has_one_image_only(tmp_path: Path) -> None:
    path = put(tmp_path, "PNG 8 bits")
    np.testing.assert_array_equal(read_image(path, series=0), GREY)
    with pytest.raises(UnetppError, match="no series 1: a PNG holds one image"):
        read_image(path, series=1)


OME = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{own}">
<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="40" SizeY="24"
SizeZ="1" SizeC="1" SizeT="2"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>
<TiffData FirstT="0" IFD="0" PlaneCount="1"><UUID FileName="a.ome.tif">urn:uuid:a</UUID></TiffData>
<TiffData FirstT="1" IFD="0" PlaneCount="1"><UUID FileName="b.ome.tif">urn:uuid:b</UUID></TiffData>
</Pixels></Image></OME>"""


def test_one_file_of_a_set_is_read_by_itself(tmp_path: Path) -> None:
    images = {"a": GREY, "b": GREY[::-1]}
    for name, image in images.items():
        description = OME.format(own=name)
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", image, description=description, metadata=None)
    for name, image in images.items():
        np.testing.assert_array_equal(read_image(tmp_path / f"{name}.ome.tif"), image)
    (tmp_path / "a.ome.tif").unlink()
    np.testing.assert_array_equal(read_image(tmp_path / "b.ome.tif"), images["b"])


def test_photographs_are_read_as_other_readers_do(data_root: Path) -> None:
    """The models learned from what Pillow makes of these files."""
    folders: list[tuple[str, Callable[[Array], bool]]] = [
        ("polyps_kvasir/test", lambda a: a.ndim == 3),
        ("nuclei_he/test", lambda a: a.ndim == 3),
        ("nuclei_tissue/test", lambda a: a.dtype == np.uint16),
    ]
    for folder, expected in folders:
        path = sorted((data_root / folder / "images").iterdir())[0]
        read = read_image(path)
        assert expected(read)
        np.testing.assert_array_equal(read, np.asarray(Image.open(path)))
