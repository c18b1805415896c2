"""The comparison of architectures: its pure parts, one small run on real images, and the pages it fills."""

import json
from pathlib import Path

import numpy as np
import pytest
from comparison import claims, plan, report, scoring, tables
from comparison.records import Difference, Records, difference, is_done, spread, write
from skimage.io import imread

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"


def real_labels(data_root):
    folder = data_root / "nuclei_dsb2018" / "test" / "labels"
    return next(labels for path in sorted(folder.iterdir()) if len(np.unique(labels := imread(path))) > 10)


# ------------------------------------------------------------------ scoring


def test_boundary_dice_of_real_nuclei(data_root):
    """A shift within the tolerance costs nothing, a larger one does; Dice of the area hardly moves."""
    truth = real_labels(data_root) > 0
    assert scoring.boundary_dice(truth, truth) == 1
    assert scoring.boundary_dice(np.roll(truth, 1, axis=0), truth) > 0.98
    assert scoring.boundary_dice(np.roll(truth, 6, axis=0), truth) < 0.7


def test_boundary_dice_of_squares():
    """Two squares 5 px apart: of 4 sides, the two along the shift coincide but for their ends."""
    a, b = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    a[10:30, 5:25] = b[10:30, 10:30] = True
    assert scoring.boundary_dice(a, b) == pytest.approx(0.5, abs=0.1)
    assert scoring.boundary_dice(a, b, tolerance=5) == pytest.approx(1)


@pytest.mark.parametrize(("predicted", "truth", "score"), [(0, 0, 1), (1, 0, 0), (0, 1, 0), (1, 1, 1)])
def test_boundary_dice_of_empty_masks(predicted, truth, score):
    masks = [np.full((8, 8), bool(value)) for value in (predicted, truth)]
    assert scoring.boundary_dice(*masks) == score


def test_recall_by_size_of_real_nuclei(data_root):
    """Removing the small objects from a perfect mask takes their recall and no other."""
    objects = real_labels(data_root).astype(int)
    areas, found = scoring.areas_and_found(objects, objects > 0)
    assert found.all() and areas.sum() == np.count_nonzero(objects)
    limits = scoring.terciles(areas)
    large = np.bincount(objects.ravel())[objects] > limits[0]
    _, found = scoring.areas_and_found(objects, large & (objects > 0))
    assert scoring.recall_by_size(areas, found, limits) == (0.0, 1.0, 1.0)
    assert scoring.recall_by_size(areas[:0], found[:0], limits) == (None, None, None)


def test_an_object_is_found_when_more_than_half_of_it_is():
    objects = np.array([[1, 1, 0, 7, 7, 7]])
    areas, found = scoring.areas_and_found(objects, np.array([[1, 0, 1, 1, 1, 0]], bool))
    assert areas.tolist() == [2, 3] and found.tolist() == [False, True]


# ------------------------------------------------------------------ the plan


def test_widths_are_scaled_alike():
    assert plan.network("unetpp", 0.25).widths == (8, 16, 32, 64, 128)
    assert plan.network("unet-2", 0.25).widths == (8, 16, 32)
    assert plan.network("unetpp-last", 1).levels == (4,)
    with pytest.raises(ValueError, match="transformer"):
        plan.network("transformer", 1)
    with pytest.raises(ValueError, match="factor"):
        plan.network("unet", 0)


def test_one_seed_of_everything_comes_before_the_next():
    runs = plan.runs(["nuclei_dsb2018", "polyps_kvasir"], None, [0, 1], "cuda")
    half = len(plan.ALL) + len(plan.FEW)
    assert len(runs) == 2 * half and {seed for *_, seed in runs[:half]} == {0}
    assert ("polyps_kvasir", "flat", 0) not in runs
    assert plan.runs(["polyps_kvasir"], ["flat"], [3], "cpu") == [("polyps_kvasir", "flat", 3)]


def test_a_gpu_runs_the_whole_table_and_cores_a_part_of_it():
    everything, part = (plan.runs(None, None, [0], device) for device in ("cuda", "cpu"))
    assert {data for data, *_ in everything} == set(plan.DATA_SETS)
    assert {data for data, *_ in part} == set(plan.ON_CORES)
    assert {system for _, system, _ in part} == set(plan.FEW) < {system for _, system, _ in everything}


def test_the_public_protocol_is_a_hundred_epochs():
    settings = plan.settings_of(plan.DSB96, {"widths": None}, train_images=424)
    assert (settings.steps, settings.widths, settings.patch) == (2700, 1.0, 96)
    assert plan.settings_of("nuclei_dsb2018", {"steps": 7}).steps == 7


def test_a_run_with_its_record_is_skipped_and_one_of_other_settings_refused(tmp_path):
    path = plan.record_path(tmp_path, "polyps_kvasir", "unet", 0)
    settings = plan.Settings()
    assert not is_done(path, settings)
    write(path, {"settings": settings.plain()})
    assert is_done(path, settings)
    with pytest.raises(SystemExit, match="another --out"):
        is_done(path, plan.Settings(steps=1))


# ------------------------------------------------------------------ a run


@pytest.mark.slow
@pytest.mark.parametrize("data", ["polyps_kvasir", plan.DSB96])
def test_a_run_on_real_images(data, data_root):
    from comparison.one_run import read_images, run

    images = read_images(data_root, data, limit=5)
    settings = plan.Settings(widths=0.125, steps=2, patch=64, batch=2)
    record = json.loads(json.dumps(run(images, "unetpp", 0, settings, "cpu")))
    assert list(record["levels"]) == ["1", "2", "3", "4"]
    for row in record["levels"].values():
        assert 0 <= row["iou"] <= row["dice"] <= 1
        assert row["seconds_per_megapixel"] > 0
        assert len(row["recall_by_size"]) == 3
    again = run(images, "unetpp", 0, settings, "cpu")
    assert again["levels"]["4"]["iou"] == record["levels"]["4"]["iou"]
    if data == plan.DSB96:
        assert (len(images.train), len(images.test)) == (4, 1)
        assert images.test[0].labels.shape == (96, 96) == images.objects[0].shape


def test_a_nucleus_numbered_255_is_foreground(data_root, tmp_path):
    """Instances are read as foreground; the value 255 means "ignore" in semantic labels only."""
    from comparison.one_run import _read
    from skimage.io import imsave

    from napari_unetpp.files.labels.folders import read_pairs

    source = read_pairs(data_root / "nuclei_dsb2018" / "test")[0]
    labels = imread(source.label).astype(np.uint16)
    labels[labels == labels.max()] = 255
    for name, pixels in (("images", imread(source.image)), ("labels", labels)):
        (tmp_path / name).mkdir()
        imsave(tmp_path / name / "one.tif", pixels, check_contrast=False)
    (sample,), (objects,) = _read(read_pairs(tmp_path), plan.DATA_SETS["nuclei_dsb2018"])
    assert not sample.ignore.any()
    np.testing.assert_array_equal(sample.labels > 0, labels > 0)
    np.testing.assert_array_equal(objects, labels)


def test_memory_grows_with_the_level():
    from comparison.speed import peak_megabytes

    from napari_unetpp.net.unetpp import UNetPlusPlus

    net = UNetPlusPlus(plan.network("unetpp", 0.25)).folded()
    peaks = [peak_megabytes(net, level, 64) for level in (1, 2, 3, 4)]
    assert peaks == sorted(peaks) and peaks[0] > 8 * 64 * 64 * 4 / 1e6


# ------------------------------------------------------------------ the report


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ({0: 0.8, 1: 0.82}, {0: 0.7, 1: 0.75}, "higher"),
        ({0: 0.7, 1: 0.75}, {0: 0.8, 1: 0.82}, "lower"),
        ({0: 0.8, 1: 0.7}, {0: 0.7, 1: 0.75}, "no clear difference"),
        ({0: 0.705, 1: 0.705}, {0: 0.7, 1: 0.7}, "no clear difference"),
        ({0: 0.8, 2: 0.1}, {0: 0.7, 1: 0.9}, "higher (one seed)"),
    ],
)
def test_verdict(a, b, verdict):
    assert difference(a, b).verdict == verdict


def test_a_difference_that_chance_makes_is_not_clear():
    """The margin is what two seeds of one network differ by on a data set, over all networks."""

    def runs(system, *scores, data="nuclei_dsb2018"):
        return [
            {"data": data, "system": system, "seed": k, "levels": {"4": {"iou": iou, "dice": 0.9}}}
            for k, iou in enumerate(scores)
        ]

    others = [*runs("unet", 0.7, 0.7), *runs("wide-unet", 0.66, 0.75)]
    few = Records([*others, *runs("unetpp", 0.72, 0.72)])
    many = Records([*others, *runs("unetpp", 0.74, 0.74)])
    assert few.chance("nuclei_dsb2018") == pytest.approx(0.03)
    assert few.difference("nuclei_dsb2018", ("unetpp", "4"), ("unet", "4")).verdict == "no clear difference"
    assert many.difference("nuclei_dsb2018", ("unetpp", "4"), ("unet", "4")).verdict == "higher"
    assert Records(runs("unet", 0.7)).chance("nuclei_dsb2018") == 0.01
    assert Records([*others, *runs("unet", 0.5, 0.5, data="cells_phase")]).chance("cells_phase") == 0.01


def test_a_claim_without_records_is_left_out():
    assert claims._on_sets(Records([]), "", "unetpp", "unet") is None
    assert claims.claims(Records([]), None) == tables.NOT_RUN


def test_nothing_is_compared_where_nothing_was_learned():
    """Two networks that guess differ by chance."""

    def record(system, dice):
        levels = {"4": {"iou": dice / 2, "dice": dice}}
        return {"data": "polyps_kvasir", "system": system, "seed": 0, "levels": levels}

    poor = Records([record("unet", 0.2), record("unetpp", 0.4)])
    assert poor.difference("polyps_kvasir", ("unetpp", "4"), ("unet", "4")).verdict == "not learned"
    assert claims._on_sets(poor, "", "unetpp", "unet")[2] == "not measured"
    fair = Records([record("unet", 0.2), record("unetpp", 0.6)])
    assert fair.difference("polyps_kvasir", ("unetpp", "4"), ("unet", "4")).verdict == "higher (one seed)"
    assert claims._on_sets(fair, "", "unetpp", "unet")[2] == "one seed only"


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([], "not measured"),
        ([Difference(0.1, 0.1, 0.1, 1)], "one seed only"),
        ([Difference(0.1, 0.05, 0.15, 2, learned=False)], "not measured"),
        ([Difference(0.1, 0.05, 0.15, 2), Difference(-0.1, -0.1, -0.1, 1)], "held"),
        ([Difference(0.1, 0.05, 0.15, 2), Difference(0.1, -0.1, 0.3, 2)], "held in 1 of 2"),
        ([Difference(-0.1, -0.15, -0.05, 2)], "did not hold"),
    ],
)
def test_a_claim_is_judged_where_there_are_two_seeds(differences, verdict):
    assert claims._verdict(differences) == verdict


def test_spread_and_difference_in_words():
    assert spread({0: 0.7, 1: 0.72}) == "0.710 ± 0.010"
    assert spread({}) == "-"
    assert Difference(0.05, 0.04, 0.06, 2).text() == "+0.050 (+0.040 to +0.060)"
    assert difference({0: 1.0}, {1: 1.0}) is None


def test_the_shallowest_level_that_is_deep_enough():
    assert claims.shallowest({"1": 0.6, "2": 0.795, "3": 0.8, "4": 0.79}) == "2"


def test_a_page_asks_for_parts_by_name():
    page = "a\n<!-- generated: one -->\nold\n<!-- end -->\nb\n"
    new = report.filled(page, {"one": "| new |"})
    assert new == "a\n<!-- generated: one -->\n\n| new |\n\n<!-- end -->\nb\n"
    assert report.filled(new, {"one": "| new |"}) == new
    with pytest.raises(ValueError, match="'one'"):
        report.filled(page, {"two": ""})


@pytest.mark.parametrize("name", report.PAGES)
def test_the_pages_say_what_the_records_say(name):
    """Nothing in the tables is typed by hand: ``compare_architectures.py --out docs/results --report``."""
    page = (ROOT / "docs" / name).read_text()
    assert page.count("<!-- generated: ") == page.count("<!-- end -->") > 3
    assert report.filled(page, report.blocks(RESULTS)) == page


def test_every_figure_of_a_table_comes_from_a_record():
    """A changed record changes the table."""
    records = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("nuclei_dsb2018_unet_*.json"))]
    before = tables.iou(Records(records), "nuclei_dsb2018")
    records[0]["levels"]["4"]["iou"] -= 0.2
    assert tables.iou(Records(records), "nuclei_dsb2018") != before


def test_figures(tmp_path):
    pytest.importorskip("matplotlib")
    from comparison import figures

    figures.draw(RESULTS, tmp_path)
    drawn = imread(tmp_path / figures.QUALITY)
    assert drawn.shape[0] > 200 and np.unique(drawn.reshape(-1, drawn.shape[-1]), axis=0).shape[0] > 20
