"""What patches of an example teach the separating outputs: only what no uncertain pixel could change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

pytest.importorskip("monai")
import torch

from napari_unetpp._types import EDGE_CAP, LabelledPlane, ModelInfo, NetConfig
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label, read_pairs
from napari_unetpp.train.data.targets import BETWEEN, SEPARATING_MAPS, certain_maps, targets
from napari_unetpp.train.finetune.data.examples import Example, make_example
from napari_unetpp.train.finetune.data.patches import SOFT_MAPS, ExamplePatches

SIZE = 40
NEW = ("foreground", "edge_distance", "object_border")


def box(y0: int, y1: int, x0: int, x1: int) -> NDArray[np.bool_]:
    found = np.zeros((SIZE, SIZE), bool)
    found[y0:y1, x0:x1] = True
    return found


TWO = np.where(box(5, 35, 5, 20), 1, np.where(box(5, 35, 20, 35), 2, 0))
"""Two objects of 30 x 15 px that touch between the columns 19 and 20."""


def certain(name: str, labels: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where the map of a model with this separating output is certain."""
    label, seen = (torch.from_numpy(a)[None, None] for a in (labels.astype(np.float32), known))
    info = ModelInfo("", "instances", ("object",), ("foreground", name), NetConfig(outputs=2))
    return certain_maps([name], targets(label, info)[:, 1:], seen)[0, 0].numpy()


CASES = [
    # name, unknown pixels, pixel, is it certain
    ("edge_distance", box(0, 0, 0, 0), (20, 12), True),
    ("edge_distance", box(0, 40, 21, 40), (20, 19), True),  # its neighbour is known
    ("edge_distance", box(0, 40, 20, 40), (20, 19), False),  # the neighbour may be the same object
    ("edge_distance", box(0, 40, 20, 40), (20, 12), False),  # as far to the unknown as to the background
    ("edge_distance", box(0, 40, 20, 40), (20, 11), True),  # the background is nearer
    ("edge_distance", box(0, 40, 20, 40), (20, 2), True),  # background is 0 whatever lies near
    ("edge_distance", box(0, 40, 20, 40), (20, 30), False),  # not known itself
    ("edge_distance", box(20, 21, 12, 13), (20, 11), False),  # a single pixel of another object, perhaps
    ("object_border", box(0, 40, 22, 40), (20, 19), True),
    ("object_border", box(0, 40, 21, 40), (20, 19), False),
    ("object_border", box(20, 21, 12, 13), (20, 9), True),
    ("object_border", box(20, 21, 12, 13), (20, 10), False),
    ("boundary", box(0, 0, 0, 0), (20, 12), False),  # an old output is never learned
    ("distance", box(0, 0, 0, 0), (20, 12), False),
]


@pytest.mark.parametrize(("name", "unknown", "pixel", "expected"), CASES)
def test_certain_pixels(
    name: str, unknown: NDArray[np.bool_], pixel: tuple[int, int], expected: bool
) -> None:
    assert certain(name, TWO, ~unknown)[pixel] == expected


@pytest.mark.parametrize("name", SEPARATING_MAPS)
def test_where_a_map_is_certain_no_label_of_unknown_pixels_changes_it(name: str, data_root) -> None:  # type: ignore[no-untyped-def]
    pair = read_pairs(data_root / "nuclei_dsb2018" / "train")[7]
    truth = read_label(pair.label)[:64, :64].repeat(3, axis=0).repeat(3, axis=1).astype(np.float32)
    rng = np.random.default_rng(0)
    known = ndimage.gaussian_filter(rng.standard_normal(truth.shape), 12) < 0.02
    learned = certain(name, truth, known)
    assert 0.05 < learned.mean() < known.mean() and not learned[~known].any()
    correct = SEPARATING_MAPS[name](torch.from_numpy(truth)[None, None])[0, 0].numpy()
    spread = truth[tuple(ndimage.distance_transform_edt(~known, return_indices=True)[1])]
    for other in (spread, np.zeros_like(truth), truth[::-1], rng.integers(0, 9, truth.shape)):
        labels = torch.from_numpy(np.where(known, truth, other).astype(np.float32))[None, None]
        found = SEPARATING_MAPS[name](labels)[0, 0].numpy()
        assert np.array_equal(found[learned], correct[learned])
    if name == "edge_distance":
        assert (correct[learned] == 1).any() and (correct[learned] == 1 / EDGE_CAP).any()


# ------------------------------------------------------------ what reaches the loss


@pytest.fixture
def info(tiny_info: ModelInfo) -> ModelInfo:
    return replace(tiny_info, outputs=NEW, net=replace(tiny_info.net, outputs=len(NEW)))


def example_of(info: ModelInfo, labels: NDArray[Any], known: NDArray[np.bool_] | None = None) -> Example:
    plane = LabelledPlane("a", labels.astype(np.float32), labels, "reviewed", scale=1.0, range=(0.0, 2.0))
    if known is not None:
        plane = replace(plane, labels_as="corrections", certain=known)
    return make_example(plane, info)


def patch(info: ModelInfo, example: Example) -> Any:
    """The whole plane as one patch, as it is."""
    teacher = np.full((len(info.outputs), *example.shape), 0.3, np.float32)
    source = ExamplePatches([example], [teacher], [0.5], info, np.random.default_rng(0))
    return source.batch(1, SIZE, augment=False)


def test_an_object_known_in_part_teaches_foreground_and_nothing_else(info: ModelInfo) -> None:
    known = box(0, 40, 0, 20) | box(30, 40, 0, 40)  # object 1 as a whole, and the lower end of object 2
    batch = patch(info, example_of(info, TWO, known))
    certain, soft = batch.certain[0].numpy(), batch.soft[0].numpy()
    half = known & (TWO == 2)
    assert certain[0][half].all() and not certain[1:, half].any()
    assert np.allclose(soft[1:, half], SOFT_MAPS), "soft_maps to the parent instead"
    assert certain[1][(TWO == 1) & box(0, 40, 0, 12)].all() and not certain[1][15, 18:20].any()
    assert not (certain[1:] * soft[1:]).any(), "either the labels or the parent"


def test_labels_known_everywhere_need_no_parent(info: ModelInfo) -> None:
    example = example_of(info, TWO)
    batch = patch(info, example)
    assert not example.soft_maps.any() and not bool(batch.soft.any())
    border = SEPARATING_MAPS["object_border"](torch.from_numpy(TWO)[None, None])
    assert torch.equal(batch.certain, (1 + (BETWEEN - 1) * border).expand(-1, len(NEW), -1, -1))
    for n, name in enumerate(NEW[1:], start=1):
        expected = SEPARATING_MAPS[name](torch.from_numpy(TWO.astype(np.float32))[None, None])
        assert torch.equal(batch.target[:, n : n + 1], expected)


def test_old_outputs_are_soft_maps_to_the_parent_wherever_something_counts(info: ModelInfo) -> None:
    old = replace(info, outputs=("foreground", "boundary", "centre"))
    ignore = box(0, 10, 0, 40)
    plane = LabelledPlane("a", TWO.astype(np.float32), TWO, "reviewed", ignore=ignore)
    batch = patch(old, make_example(replace(plane, scale=1.0, range=(0.0, 2.0)), old))
    assert not bool(batch.certain[0, 1:].any())
    assert np.array_equal(batch.soft[0, 1].numpy(), SOFT_MAPS * ~ignore)
    assert np.array_equal(batch.certain[0, 0].numpy() > 0, ~ignore)


def test_a_magnified_patch_has_distances_in_its_own_pixels(info: ModelInfo, data_root) -> None:  # type: ignore[no-untyped-def]
    """The targets are made after the warp: no edge pixel is anything but one ninth, however it is turned."""
    pair = read_pairs(data_root / "nuclei_dsb2018" / "train")[7]
    plane = LabelledPlane("a", read_image(pair.image)[:256, :256], read_label(pair.label)[:256, :256])
    example = make_example(replace(plane, labels_as="reviewed", scale=1.0, range=(0.0, 255.0)), info)
    teacher = np.zeros((len(NEW), *example.shape), np.float32)
    batch = ExamplePatches([example], [teacher], [0.0], info, np.random.default_rng(1)).batch(8, 96)
    distance, inside = batch.target[:, 1], batch.target[:, 0] > 0
    steps = distance * EDGE_CAP
    assert torch.allclose(steps, steps.round(), atol=1e-5)
    assert torch.equal(distance > 0, inside) and bool((steps.round() == 1).any())


def test_nothing_is_learned_of_models_without_separating_outputs(tiny_info: ModelInfo) -> None:
    info = replace(tiny_info, outputs=("foreground",), net=NetConfig(outputs=1))
    batch = patch(info, example_of(info, TWO))
    assert batch.target.shape == batch.certain.shape == batch.soft.shape == (1, 1, SIZE, SIZE)
