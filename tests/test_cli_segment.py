"""``napari-unetpp segment`` used again and again: resumed, deep folders, tables, number formats."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_unetpp import api
from napari_unetpp._types import ModelInfo
from napari_unetpp.commands.segment import image as segment_image
from napari_unetpp.files.images.pixel_size import read_pixel_size
from napari_unetpp.files.models.model_list import SHIPPED

Run = Callable[..., tuple[int, str, str]]
SAMPLE = SHIPPED.parent / "samples" / "dense_fluorescence.png"


@pytest.fixture
def run(run_command: Run) -> Run:
    """Run any command, not only ``segment``."""
    return run_command


@pytest.fixture
def plate(tmp_path: Path, tiny_model: ModelInfo) -> Path:
    """Two images of noise, one of them in a subfolder."""
    rng = np.random.default_rng(0)
    for name in ("plate/a.tif", "plate/well 1/a.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        image = rng.integers(0, 60000, (48, 40), np.uint16)
        tifffile.imwrite(tmp_path / name, image, resolution=(20000, 40000), resolutionunit="CENTIMETER")
    return tmp_path / "plate"


def segment(run: Run, folder: Path, *options: object) -> tuple[int, str, str]:
    return run("segment", folder, "--model", "tiny", "--level", 1, "--scale", 1, *options)


# ------------------------------------------------------------ again and again


def test_a_second_run_does_only_what_is_missing(run: Run, plate: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log.json"
    assert segment(run, plate, "--out", out)[0] == 0
    before = (out / "a_labels.tif").stat().st_mtime_ns
    status, _, err = segment(run, plate, "--out", out)
    assert status == 1 and "--skip-existing" in err, "unasked nothing is skipped or replaced"
    tifffile.imwrite(plate / "b.tif", np.zeros((30, 30), np.uint8))
    status, said, err = segment(run, plate, "--out", out, "--skip-existing", "--json", log)
    assert status == 0 and len(said.splitlines()) == 1 and "b_labels.tif" in said
    assert "1 of 2 were there already" in err
    assert (out / "a_labels.tif").stat().st_mtime_ns == before
    first, second = json.loads(log.read_text())
    assert first == {"input": str(plate / "a.tif"), "outputs": [str(out / "a_labels.tif")], "skipped": True}
    assert "skipped" not in second


def test_a_result_of_another_model_or_level_is_not_taken_for_the_wanted_one(
    run: Run, plate: Path, tmp_path: Path, tiny_info: ModelInfo
) -> None:
    out = tmp_path / "out"
    tifffile.imwrite(plate / "b.tif", np.zeros((30, 30), np.uint8))
    assert segment(run, plate / "a.tif", "--out", out)[0] == 0
    before = (out / "a_labels.tif").read_bytes()
    for options, difference in (
        (("--level", 2), "level 1 then, 2 now"),
        (("--scale", 2), "scale 1.0 then, 2.0 now"),
        (("--range", 0, 100), "range of intensities not given then, 0.0 100.0 now"),
        (("--model", "nuclei"), "model tiny ("),
    ):
        status, said, err = segment(run, plate, "--out", out, "--skip-existing", *options)
        assert status == 1 and "a_labels.tif was made otherwise: " in err and difference in err, err
        assert "b_labels.tif" in said and "1 of 2 failed" in err, "the other image is segmented"
        (out / "b_labels.tif").unlink()
    assert (out / "a_labels.tif").read_bytes() == before


def test_what_another_process_wrote_meanwhile_is_there(
    run: Run, plate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All images of the second process failed."""
    write = segment_image.WRITERS["labels"]

    def written_twice(*args: Any, **how: Any) -> None:
        write(*args, **how)
        write(*args, **how)

    monkeypatch.setitem(segment_image.WRITERS, "labels", written_twice)
    arguments = (plate / "a.tif", "--out", tmp_path / "out")
    status, _, err = segment(run, *arguments, "--skip-existing")
    assert status == 0 and "1 of 1 were there already" in err
    (tmp_path / "out" / "a_labels.tif").unlink()
    status, _, err = segment(run, *arguments)
    assert status == 1 and "exists already" in err


@pytest.mark.parametrize("options", [("--kind", "probability"), ("--probability",)])
def test_probabilities_of_another_level_are_not_taken_for_the_wanted_ones(
    run: Run, plate: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Also where they lie beside labels that are as wanted."""
    out = tmp_path / "out"
    again = (plate / "a.tif", "--out", out, "--skip-existing", "--level", 2)
    assert segment(run, plate / "a.tif", "--out", out, *options)[0] == 0
    if options == ("--probability",):
        assert segment(run, plate / "a.tif", "--out", out, "--level", 2, "--overwrite")[0] == 0
        assert segment(run, *again)[0] == 0
    before = (out / "a_probability.tif").read_bytes()
    status, _, err = segment(run, *again, *options)
    assert status == 1 and "a_probability.tif was made otherwise: level 1 then, 2 now." in err, err
    assert (out / "a_probability.tif").read_bytes() == before
    status, _, err = segment(run, plate / "a.tif", "--out", out, "--skip-existing", *options)
    assert status == int(options == ("--probability",)), err


def test_images_of_one_stem_keep_their_results_whether_they_come_together_or_not(
    run: Run, plate: Path, tmp_path: Path
) -> None:
    """``a.tif`` was segmented again as ``a_tif`` once ``a.png`` had come beside it, and the reverse."""
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (30, 40), np.uint8)).save(plate / "a.png")
    first, second = plate / "a.tif", plate / "a.png"
    options = ("--skip-existing", "--model", "tiny", "--level", 1, "--scale", 1)
    for out, runs in (
        (tmp_path / "one", [(first,), (first, second), (second, first), (first,), (first, second)]),
        (tmp_path / "two", [(first, second), (second,), (first,), (second, first)]),
    ):
        images: set[Path] = set()
        for given in runs:
            status, said, err = run("segment", *given, "--out", out, *options)
            assert status == 0 and len(said.splitlines()) == len({*given} - images), err
            images |= {*given}
        assert len(list(out.iterdir())) == 2
    assert {path.name for path in (tmp_path / "one").iterdir()} == {"a_labels.tif", "a_png_labels.tif"}
    tifffile.imwrite(first, np.zeros((30, 30), np.uint8))
    status, said, err = run("segment", first, second, "--out", tmp_path / "one", *options)
    assert status == 0 and "a_tif_labels.tif" in said, "another image has no result yet"


def test_a_run_with_nothing_to_do_loads_no_model(
    run: Run, plate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert segment(run, plate, "--out", tmp_path / "out")[0] == 0
    monkeypatch.delattr(api, "load_model")
    status, said, err = segment(run, plate, "--out", tmp_path / "out", "--skip-existing")
    assert (status, said) == (0, "") and "1 of 1 were there already" in err


@pytest.mark.parametrize("options", [(), ("--kind", "mask"), ("--kind", "probability"), ("--table",)])
@pytest.mark.parametrize("content", ["notes", "", (10, 12), (30,)])
def test_a_file_that_is_no_result_is_not_taken_for_one(
    run: Run, plate: Path, tmp_path: Path, options: tuple[str, ...], content: str | tuple[int, ...]
) -> None:
    """Any file of the name counted as done."""
    target = tmp_path / "out" / f"a_{options[1] if len(options) > 1 else 'labels'}.tif"
    target.parent.mkdir()
    if isinstance(content, str):
        target.write_text(content)
    else:
        tifffile.imwrite(target, np.ones(content, np.uint16))
    before = target.read_bytes()
    status, said, err = segment(run, plate, "--out", target.parent, "--skip-existing", *options)
    assert status == 1 and str(target) in err and "Move it away" in err, err
    assert target.read_bytes() == before and not said


def test_a_missing_table_is_added_to_labels_that_are_there(run: Run, plate: Path, tmp_path: Path) -> None:
    """Also to labels that somebody corrected since: the table tells of the file."""
    out = tmp_path / "out"
    assert segment(run, plate, "--out", out)[0] == 0
    labels = np.zeros((48, 40), np.uint32)
    labels[3:13, 4:9] = 7
    tifffile.imwrite(out / "a_labels.tif", labels)
    status, _, err = segment(run, plate, "--out", out, "--skip-existing", "--table")
    assert status == 0, err
    (row,) = csv.DictReader((out / "a_objects.csv").open())
    assert (row["label"], row["area_px"]) == ("7", "50")
    assert float(row["area_um2"]) == pytest.approx(50 * 0.5 * 0.25)
    np.testing.assert_array_equal(tifffile.imread(out / "a_labels.tif"), labels)


def test_results_beside_the_images_are_no_inputs(run: Run, plate: Path) -> None:
    for time in range(2):
        status, said, err = segment(run, plate, "--out", plate, "--overwrite")
        assert status == 0 and len(said.splitlines()) == 1
        assert ("a_labels.tif is a result of napari-unetpp and is left out" in err) == (time > 0)
    assert sorted(p.name for p in plate.iterdir()) == ["a.tif", "a_labels.tif", "well 1"]


def test_subfolders_are_mirrored_and_patterns_expanded(run: Run, plate: Path, tmp_path: Path) -> None:
    assert segment(run, plate, "--out", tmp_path / "deep", "--recursive")[0] == 0
    found = sorted(p.relative_to(tmp_path / "deep").as_posix() for p in (tmp_path / "deep").rglob("*.tif"))
    assert found == ["a_labels.tif", "well 1/a_labels.tif"]
    assert segment(run, plate / "we*" / "*.tif", "--out", tmp_path / "flat")[0] == 0
    assert [p.name for p in (tmp_path / "flat").iterdir()] == ["a_labels.tif"]


def test_what_was_done_is_told_also_after_ctrl_c(
    run: Run, plate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = segment_image.segment_file

    def interrupted(output: object, *arguments: object) -> object:
        if "well" in str(getattr(output, "source", "")):
            raise KeyboardInterrupt
        return real(output, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(segment_image, "segment_file", interrupted)
    options = ("--out", tmp_path / "out", "--recursive", "--json", tmp_path / "log.json")
    status, _, err = segment(run, plate, *options)
    assert status == 1 and err.strip().endswith("stopped")
    assert [entry["input"] for entry in json.loads((tmp_path / "log.json").read_text())] == [
        str(plate / "a.tif")
    ]


# ------------------------------------------------------------ what is told


def test_the_summary_of_every_image(run: Run, plate: Path, tmp_path: Path) -> None:
    (plate / "bad.png").write_bytes(b"nonsense")
    log = tmp_path / "log.json"
    options = ("--out", tmp_path / "out", "--json", log, "--precision", "float32", "--device", "cpu")
    status, _, _ = segment(run, plate, *options, "--table")
    good, bad = json.loads(log.read_text())
    assert status == 1 and bad.keys() == {"input", "error"} and "bad.png" in bad["error"]
    keys = "input outputs objects median_diameter_px level scale scale_reason range precision seconds notes"
    assert list(good) == [*keys.split(), "device", "model", "model_sha256", "version"]
    files = [str(tmp_path / "out" / name) for name in ("a_labels.tif", "a_objects.csv")]
    assert good["outputs"] == files and all(Path(name).exists() for name in files)
    labels = tifffile.imread(files[0])
    assert (
        good["objects"]
        == len(np.unique(labels[labels > 0]))
        == len(Path(files[1]).read_text().splitlines()) - 1
    )
    assert (good["level"], good["scale"], good["scale_reason"]) == (1, 1.0, "given")
    assert good["precision"] == "float32" and good["seconds"] > 0 and len(good["range"]) == 2


@pytest.mark.parametrize("kind", ["mask", "probability"])
def test_what_has_no_objects_counts_none(kind: str, run: Run, plate: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.json"
    assert segment(run, plate, "--out", tmp_path / "out", "--kind", kind, "--json", log)[0] == 0
    (entry,) = json.loads(log.read_text())
    assert entry["objects"] is entry["median_diameter_px"] is None
    status, _, err = segment(run, plate, "--out", tmp_path / "out", "--kind", kind, "--table")
    assert status == 2 and "--table lists objects" in err


def test_the_table_is_that_of_the_dock_and_knows_micrometres(run: Run, tmp_path: Path) -> None:
    """Pixels of 0.5 x 0.25 um; the numbers are those of the label image."""
    image = np.asarray(Image.open(SAMPLE))[:128, :128]
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, resolution=(4, 2), metadata={"unit": "um"})
    status, _, err = run(
        *("segment", tmp_path / "a.tif", "--out", tmp_path, "--level", 2, "--scale", 1, "--table")
    )
    assert status == 0, err
    labels = tifffile.imread(tmp_path / "a_labels.tif")
    rows = list(csv.DictReader((tmp_path / "a_objects.csv").open()))
    assert len(rows) == len(np.unique(labels)) - 1 > 5
    for row in rows:
        inside = labels == int(row["label"])
        assert int(row["area_px"]) == inside.sum()
        assert float(row["area_um2"]) == pytest.approx(inside.sum() * 0.125, rel=1e-5)
        assert float(row["intensity_mean"]) == pytest.approx(image[inside].mean(), rel=1e-4)
    size = read_pixel_size(tmp_path / "a_labels.tif")
    assert size is not None and (size.y, size.x) == (0.5, 0.25)


def test_files_for_other_programs_and_a_summary(run: Run, tmp_path: Path) -> None:
    """Nothing that is there is written again; what is missing is made of the labels."""
    image, out = np.asarray(Image.open(SAMPLE)), tmp_path / "out"
    for name, corner in (("a.tif", 0), ("well 1/a.tif", 96)):
        (tmp_path / "plate" / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(tmp_path / "plate" / name, image[corner : corner + 96, :96])
    command = ("segment", tmp_path / "plate", "--out", out, "--level", 1, "--scale", 1, "--recursive")
    options = (*command, "--table", "--also", "rois,geojson,coco")
    assert run(*options)[0] == 0
    endings = ("_coco.json", "_labels.tif", "_objects.csv", "_objects.geojson", "_rois.zip")
    files = sorted(p.relative_to(out).as_posix() for p in out.rglob("*.*"))
    assert files == sorted([f"{stem}{e}" for stem in ("a", "well 1/a") for e in endings] + ["summary.csv"])
    labels = tifffile.imread(out / "a_labels.tif")
    coco = json.loads((out / "a_coco.json").read_text())
    assert [a["label"] for a in coco["annotations"]] == list(np.unique(labels[labels > 0]))
    assert coco["annotations"]
    assert coco["images"][0]["file_name"] == "a.tif" and coco["categories"] == [{"id": 1, "name": "nucleus"}]
    rows = list(csv.DictReader((out / "summary.csv").open()))
    assert [row["labels"] for row in rows] == ["a_labels.tif", "well 1/a_labels.tif"]
    assert rows[0]["objects"] == str(len(coco["annotations"]))
    assert {(row["level"], row["scale"]) for row in rows} == {("1", "1")}
    (out / "a_rois.zip").unlink()
    before = {p: p.read_bytes() for p in out.rglob("*.*")}
    status, said, _ = run(*options, "--skip-existing")
    assert status == 0 and "a_rois.zip: made of" in said and len(said.splitlines()) == 1
    assert (out / "a_rois.zip").exists() and all(p.read_bytes() == old for p, old in before.items())


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--also", "rois,svg"), "rois,geojson,coco"),
        (("--also", "rois", "--kind", "mask"), "outlines of objects"),
    ],
)
def test_other_programs_that_cannot_be_served(
    options: tuple[str, ...], problem: str, run: Run, plate: Path, tmp_path: Path
) -> None:
    status, _, err = segment(run, plate, "--out", tmp_path / "out", *options)
    assert status == 2 and problem in err
    assert not (tmp_path / "out").exists()


def test_an_error_names_its_file_once(run: Run, plate: Path, tmp_path: Path) -> None:
    (plate / "bad.tif").write_bytes(b"nonsense")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a_labels.tif").write_text("mine")
    inputs = (plate, tmp_path / "nowhere.png")
    status, _, err = run("segment", *inputs, "--out", tmp_path / "out", "--model", "tiny", "--level", 1)
    assert status == 1
    errors = [line for line in err.splitlines() if line.startswith("error:")]
    assert len(errors) == 3
    for path in (plate / "bad.tif", tmp_path / "nowhere.png"):
        assert sum(line.count(str(path)) for line in errors) == 1


# ------------------------------------------------------------ number formats


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_number_format_is_used_and_said(precision: str, run: Run, plate: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    status, said, err = segment(run, plate, "--out", out, "--precision", precision, "--device", "cpu")
    assert status == 0, err
    assert f", L1, cpu {precision}, " in said
    with tifffile.TiffFile(out / "a_labels.tif") as file:
        about = json.loads(tifffile.xml2dict(str(file.ome_metadata))["OME"]["Image"]["Description"])
    assert (about["precision"], about["device"], about["model"], about["level"]) == (
        precision,
        "cpu",
        "tiny",
        1,
    )
    image = tifffile.imread(plate / "a.tif")
    assert api.segment(image, "tiny", level=1, scale=1, precision=precision).precision == precision


@pytest.mark.parametrize("command", ["train", "finetune"])
def test_nothing_is_trained_in_float16(command: str, run: Run, plate: Path, tmp_path: Path) -> None:
    options = ("--task", "instances") if command == "train" else ("--model", "tiny")
    out = tmp_path / "new.safetensors"
    status, _, err = run(command, plate, "--out", out, "--precision", "float16", *options)
    assert status == 2 and "nothing is trained in float16" in err


def test_the_version(run: Run) -> None:
    import napari_unetpp

    assert run("--version")[:2] == (0, f"napari-unetpp {napari_unetpp.__version__}\n")


def test_a_dark_image_in_a_batch_with_a_range(run: Run, tmp_path: Path) -> None:
    """Nothing of it lies in the range: no objects, a note, and the batch has not failed."""
    light = np.asarray(Image.open(SAMPLE))[:96, :96]
    tifffile.imwrite(tmp_path / "light.tif", light)
    tifffile.imwrite(tmp_path / "dark.tif", light // 100)
    out, log = tmp_path / "out", tmp_path / "log.json"
    status, said, err = run(
        "segment", tmp_path, "--range", 12, 150, "--level", 2, "--scale", 1, "--out", out, "--json", log
    )
    assert status == 0, err
    dark, bright = json.loads(log.read_text())
    assert dark["objects"] == 0 and bright["objects"] > 0 and not bright["notes"]
    assert "dark_labels.tif: 0 objects" in said
    assert "dark.tif: nothing is seen: the image has intensities from 0 to" in err


def test_noise_is_told_with_its_own_intensities(run: Run, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "noise.tif", noise)
    log = tmp_path / "log.json"
    assert run("segment", tmp_path / "noise.tif", "--level", 1, "--out", tmp_path, "--json", log)[0] == 0
    (entry,) = json.loads(log.read_text())
    assert entry["range"] == [0, 255] and entry["objects"] == 0
    assert any("nothing but noise" in note for note in entry["notes"])


def test_small_things_beside_the_size_that_the_scale_fits_are_named(run: Run, tmp_path: Path) -> None:
    """The size that the scale fits and the median diameter are no contradiction without a word."""
    y, x = np.mgrid[:192, :192] % 32 - 16
    tifffile.imwrite(tmp_path / "small.tif", (200 * (y**2 + x**2 < 49)).astype(np.uint8))
    log = tmp_path / "log.json"
    options = ("--level", 2, "--diameter", 44, "--out", tmp_path, "--json", log)
    assert run("segment", tmp_path / "small.tif", *options)[0] == 0
    (entry,) = json.loads(log.read_text())
    assert 8 < entry["median_diameter_px"] < 17
    assert any("the scale fits objects of about 44 px: they may be specks" in n for n in entry["notes"])


@pytest.mark.parametrize("planes", [1, 5])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--range 0 60000", "next to nothing is seen: the image has intensities from"),
        ("--diameter 300", "objects of 300 px do not fit into an image of 64 x 48 px"),
        ("--scale 1", ""),
    ],
)
def test_what_is_given_and_fits_no_image_gets_a_note(
    planes: int, options: str, expected: str, run: Run, tiny_model: ModelInfo, tmp_path: Path
) -> None:
    """It gave 0 objects without a word."""
    image = np.asarray(Image.open(SAMPLE))[:48, :64]
    tifffile.imwrite(tmp_path / "a.tif", image if planes == 1 else np.stack([image] * planes))
    command = ("segment", tmp_path / "a.tif", "--out", tmp_path / "out", "--model", "tiny", "--level", 1)
    status, _, err = run(*command, *options.split())
    assert status == 0 and expected in err
    assert bool(expected) == (("note:" in err and "px: check" in err) or "Choose a narrower" in err)


def test_of_noise_no_diameter_is_asked_for(run: Run, tmp_path: Path) -> None:
    """There is no object whose diameter could be given."""
    noise = np.random.default_rng(0).normal(100, 3, (200, 220)).round().astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", noise)
    status, out, err = run("segment", tmp_path / "a.tif", "--out", tmp_path / "out", "--level", 1)
    assert status == 0 and "nothing but noise" in err
    assert "scale 1: nothing is seen, so it stays 1" in out and "give the diameter" not in out + err
