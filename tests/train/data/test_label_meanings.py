"""What label values mean is the same for `evaluate`, `finetune`, `train` and `calibrate`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

pytest.importorskip("monai")
from networks import bright_network
from numpy.typing import NDArray

from napari_unetpp import api
from napari_unetpp._types import DecodeRule, LabelledPlane, ModelInfo, NetConfig, Task, UnetppError
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.files.models.model_file import save_model
from napari_unetpp.files.notes import Notes
from napari_unetpp.train.data.labels import read_truth
from napari_unetpp.train.data.samples import load_sample
from napari_unetpp.train.finetune.data.examples import make_example
from napari_unetpp.train.finetune.data.planes import map_label_values

Array = NDArray[Any]
Models = Callable[[Task], ModelInfo]
Run = Callable[..., tuple[int, str, str]]

OBJECTS = np.zeros((60, 80), np.uint16)
for number, (y, x) in enumerate([(5, 5), (5, 40), (35, 20)], start=1):
    OBJECTS[y : y + 15, x : x + 15] = number
IMAGE = np.where(OBJECTS > 0, 3000, 100).astype(np.uint16)
MASK = (OBJECTS > 0).astype(np.uint8)


@pytest.fixture
def bright(models_folder: Path) -> Models:
    """Saves a model to which bright pixels are foreground, whatever the level."""

    def make(task: Task) -> ModelInfo:
        outputs = ("cell",) if task == "semantic" else ("foreground", "distance")
        net = bright_network(NetConfig(outputs=len(outputs), widths=(4, 4, 6, 6, 8)))
        rule = DecodeRule(threshold=0.5, seeds="mask" if task == "semantic" else "distance", min_size=4)
        info = ModelInfo(task, task, ("cell",), outputs, net.config, decode=rule, recommended_level=2)
        return save_model(models_folder / f"{task}.safetensors", net.state_dict(), info)

    return make


def folder_of(folder: Path, *labels: Array, **options: Any) -> Path:
    """A folder of one image with each of these labels."""
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for n, array in enumerate(labels):
        tifffile.imwrite(folder / "images" / f"{n}.tif", IMAGE)
        tifffile.imwrite(folder / "labels" / f"{n}.tif", array, **options)
    return folder


def scores(folder: Path, model: ModelInfo, **options: Any) -> tuple[dict[str, Any], list[str]]:
    notes: list[str] = []
    result = api.evaluate(
        folder, str(model.path), device="cpu", scale=1.0, range=(100, 3000), on_note=notes.append, **options
    )
    return result["levels"]["2"], notes


# ------------------------------------------------------------ masks of 0 and 255


def test_masks_of_0_and_255_are_scored_by_their_foreground(bright: Models, tmp_path: Path) -> None:
    wrong = np.roll(MASK, 8, axis=1)
    row, notes = scores(folder_of(tmp_path / "a", wrong * 255), bright("semantic"))
    assert row["dice"] == pytest.approx(7 / 15), "and not 1, with all foreground ignored"
    assert len(notes) == 1 and "255 is foreground" in notes[0]
    same, notes = scores(folder_of(tmp_path / "b", wrong), bright("semantic"))
    assert (same["dice"], same["iou"]) == (row["dice"], row["iou"]) and notes == []


@pytest.mark.parametrize("other", [MASK, MASK * 2, MASK * 0 + 1])
def test_255_is_ignored_where_one_image_of_the_folder_has_other_values(
    other: Array, bright: Models, tmp_path: Path
) -> None:
    row, notes = scores(folder_of(tmp_path / "a", MASK * 255, other), bright("semantic"))
    assert notes == []
    alone = scores(folder_of(tmp_path / "b", other), bright("semantic"))[0]["dice"]
    assert row["dice"] == pytest.approx((1 + alone) / 2), "an image without truth and prediction counts 1"


def test_empty_masks_beside_others_change_nothing(bright: Models, tmp_path: Path) -> None:
    assert scores(folder_of(tmp_path / "a", MASK * 255, MASK * 0), bright("semantic"))[0]["dice"] == 0.5
    assert scores(folder_of(tmp_path / "b", MASK * 0), bright("semantic"))[1] == []


def test_masks_mean_the_same_to_every_command(bright: Models, tmp_path: Path, run_command: Run) -> None:
    model = bright("semantic")
    folder = folder_of(tmp_path / "a", MASK * 255, MASK * 255)
    common = ("--model", model.path, "--device", "cpu")
    out = tmp_path / "new.safetensors"
    commands: dict[str, tuple[object, ...]] = {
        "evaluate": ("evaluate", folder, *common, "--scale", 1),
        "finetune": ("finetune", folder, *common, "--steps", 1, "--out", out, "--scale", 1),
        "calibrate": ("calibrate", folder, "--model", model.path, "--out", tmp_path / "c.safetensors"),
    }
    for name, command in commands.items():
        status, _, err = run_command(*command)
        assert "255 is foreground" in err, name
        assert status == 0 or name == "calibrate", err
    with pytest.raises(UnetppError, match="already"):
        api.finetune(model, [IMAGE], [MASK], steps=1, out=out)


def test_masks_in_memory_mean_the_same(bright: Models) -> None:
    model, notes = bright("semantic"), Notes()
    plane = LabelledPlane("a", IMAGE, MASK * 255, "reviewed", scale=1.0, range=(100, 3000))
    (meant,) = map_label_values([plane], "semantic", None, notes)
    example = make_example(meant, model)
    assert example.certain.all() and int(example.labels.sum()) == int(MASK.sum()) and notes.lines()
    mixed = map_label_values([plane, replace(plane, labels=MASK)], "semantic", None, notes)
    assert not make_example(mixed[0], model).certain[MASK > 0].any(), "ignored, as said before"
    assert map_label_values([plane], "instances", None, notes) == (plane,)


def test_train_reads_masks_as_evaluate_does(tmp_path: Path) -> None:
    from napari_unetpp.train.scratch.data_sets import read_data_sets
    from napari_unetpp.train.scratch.request import TrainRequest

    info = ModelInfo("m", "semantic", ("cell",), ("cell",), NetConfig(outputs=1))
    folder, lines = folder_of(tmp_path / "a", MASK * 255, MASK * 255), list[str]()
    request = TrainRequest([folder], tmp_path / "m.safetensors", "semantic")
    data = read_data_sets(request, info, lines.append, lambda: False)
    for sample in (*data.train, *data.held_out):
        assert not sample.ignore.any() and int(sample.labels.sum()) == int(MASK.sum())
    assert any("255 is foreground" in line for line in lines)


# ------------------------------------------------------------ --foreground, and 255 beside it

CLASSES = np.where(OBJECTS == 3, 255, OBJECTS).astype(np.uint8)
"""Classes 1 and 2, and an ignored square."""


@pytest.mark.parametrize("task", ["instances", "semantic"])
@pytest.mark.parametrize(
    ("foreground", "inside", "ignored"),
    [((1,), OBJECTS == 1, OBJECTS == 3), ((1, 255), (OBJECTS == 1) | (OBJECTS == 3), OBJECTS == 9)],
)
def test_foreground_and_255_mean_the_same_in_finetune_and_evaluate(
    task: Task, foreground: tuple[int, ...], inside: Array, ignored: Array, bright: Models
) -> None:
    truth = read_truth(CLASSES, task, foreground=foreground)
    np.testing.assert_array_equal(truth.labels > 0, inside)
    np.testing.assert_array_equal(truth.ignore, ignored)
    assert not truth.objects
    plane = LabelledPlane("a", IMAGE, CLASSES, "reviewed", scale=1.0, range=(100, 3000))
    example = make_example(map_label_values([plane], task, foreground, Notes())[0], bright(task))
    np.testing.assert_array_equal(example.certain, ~truth.ignore)
    np.testing.assert_array_equal((example.labels > 0) & example.certain, inside)


def test_255_stays_unlabelled_in_sparse_labels(bright: Models) -> None:
    plane = LabelledPlane("a", IMAGE, CLASSES, "sparse", scale=1.0, range=(100, 3000))
    example = make_example(map_label_values([plane], "semantic", (1,), Notes())[0], bright("semantic"))
    np.testing.assert_array_equal(example.certain, (OBJECTS == 1) | (OBJECTS == 2))


# ------------------------------------------------------------ numbers of any type

TYPES: dict[str, Array] = {
    "from 2^31": OBJECTS.astype(np.uint32) + np.where(OBJECTS > 0, 2**31, 0).astype(np.uint32),
    "multiples of 2^32": OBJECTS.astype(np.uint64) * np.uint64(2**32),
    "the end of uint64": np.where(OBJECTS > 0, np.uint64(2**64 - 1) - OBJECTS, np.uint64(0)),
    "int64": OBJECTS.astype(np.int64) * 10**12,
    "float64": OBJECTS.astype(np.float64) * 2**40,
    "float16": OBJECTS.astype(np.float16),
    "int8": OBJECTS.astype(np.int8),
}


@pytest.mark.parametrize("case", TYPES)
def test_objects_are_objects_whatever_their_numbers(case: str, bright: Models, tmp_path: Path) -> None:
    labels, model = TYPES[case], bright("instances")
    folder = folder_of(tmp_path / "a", labels, compression="zlib")
    row, _ = scores(folder, model)
    assert (row["dice"], row["ap50"]) == (1.0, 1.0)
    sample = load_sample(read_pairs(folder)[0], model)
    assert sample.areas.tolist() == [225, 225, 225]
    plane = LabelledPlane("a", IMAGE, labels, "reviewed", scale=1.0, range=(100, 3000))
    example = make_example(plane, model)
    assert np.unique(example.labels).size == 4 and example.labels.min() == 0
    np.testing.assert_array_equal(example.labels > 0, OBJECTS > 0)


def test_fine_tuning_ends_with_objects_of_huge_numbers(bright: Models, tmp_path: Path) -> None:
    labels = TYPES["from 2^31"]
    done = api.finetune(bright("instances"), [IMAGE], [labels], steps=1, scale=1.0, device="cpu")
    assert done.steps == 1


def test_a_number_beyond_all_classes_is_refused_by_its_file(bright: Models, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", TYPES["multiples of 2^32"], compression="zlib")
    with pytest.raises(UnetppError, match=r"0\.tif has the value 12884901888, which is no class"):
        scores(folder, bright("semantic"))


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf, -1.0])
def test_labels_that_are_no_whole_numbers_are_refused_in_python_too(value: float, bright: Models) -> None:
    labels = MASK.astype(np.float32)
    labels[3, 3] = value
    for task in ("instances", "semantic"):
        with pytest.raises(UnetppError, match="not whole"):
            api.finetune(bright(task), [IMAGE], [labels], steps=1, device="cpu")  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.complex64, object, "U3"])
def test_labels_of_other_types_are_refused(dtype: Any, bright: Models) -> None:
    with pytest.raises(UnetppError, match="labels of type"):
        api.finetune(bright("semantic"), [IMAGE], [MASK.astype(dtype)], steps=1, device="cpu")


# ------------------------------------------------------------ what is said when nothing goes


def test_the_reasons_are_told_where_every_image_fails(
    bright: Models, tmp_path: Path, run_command: Run
) -> None:
    folder = folder_of(tmp_path / "a", MASK[:-1], MASK[:, :-1])
    arguments = ("--model", bright("semantic").path, "--device", "cpu")
    status, _, err = run_command("evaluate", folder, *arguments, "--json", tmp_path / "s.json")
    assert status == 1 and not (tmp_path / "s.json").exists()
    assert "labels/0.tif has shape (59, 80)" in err and "labels/1.tif has shape (60, 79)" in err
    assert "none of the 2 images could be scored" in err


def test_an_ignore_mask_of_another_size_is_refused(bright: Models, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", MASK)
    (folder / "ignore").mkdir()
    tifffile.imwrite(folder / "ignore" / "0.tif", MASK[:-1])
    with pytest.raises(UnetppError, match=r"ignore/0\.tif has shape \(59, 80\)"):
        scores(folder, bright("semantic"))


@pytest.mark.parametrize("task", ["instances", "semantic"])
def test_empty_labels_get_advice_that_fits(task: Task, tmp_path: Path, run_command: Run) -> None:
    folder = folder_of(tmp_path / "a", MASK * 0, MASK * 0)
    status, _, err = run_command("train", folder, "--task", task, "--out", tmp_path / "m.safetensors")
    assert status == 1 and "has any foreground" in err
    assert ("--foreground 255" in err) == (task == "semantic")


def test_scores_of_a_mask_do_not_hang_on_how_it_is_stored(bright: Models, tmp_path: Path) -> None:
    """MinIsWhite, compressed or not, and its ordinary twin."""
    found = {}
    for name, array, options in (
        ("black", MASK * 255, {}),
        ("white", 255 - MASK * 255, {"photometric": "miniswhite"}),
        ("compressed", 255 - MASK * 255, {"photometric": "miniswhite", "compression": "lzw"}),
    ):
        folder = folder_of(tmp_path / name, array.astype(np.uint8), **options)
        row, notes = scores(folder, bright("semantic"))
        found[name] = row["dice"]
        assert any("MinIsWhite" in note for note in notes) == (name != "black")
    assert found == {"black": 1.0, "white": 1.0, "compressed": 1.0}


def test_what_holds_for_a_whole_folder_is_said_once(bright: Models, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", *[255 - MASK * 255] * 3, photometric="miniswhite")
    notes = scores(folder, bright("semantic"))[1]
    assert len([note for note in notes if "MinIsWhite" in note]) == 1
    assert any(note.startswith("0.tif and 2 more: ") for note in notes)


def test_the_image_of_a_file_is_picked_on_the_command_line(
    bright: Models, tmp_path: Path, run_command: Run
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        for image in (IMAGE, IMAGE.T.copy(), IMAGE[:30].copy()):
            writer.write(image, metadata={"axes": "YX"})
    common = ("--model", bright("instances").path, "--device", "cpu", "--scale", 1, "--overwrite")
    for options, shape in (((), (60, 80)), (("--series", 1), (80, 60)), (("--series", 2), (30, 80))):
        out = tmp_path / "out"
        status, _, err = run_command("segment", tmp_path / "a.ome.tif", "--out", out, *common, *options)
        assert status == 0 and ("--series N" in err) == (not options)
        assert tifffile.imread(out / "a_labels.tif").shape == shape
    status, _, err = run_command("segment", tmp_path / "a.ome.tif", "--out", out, *common, "--series", 3)
    assert status == 1 and "has no series 3. It has 3" in err
    assert run_command("segment", tmp_path / "a.ome.tif", "--out", out, *common, "--series", -1)[0] == 2
