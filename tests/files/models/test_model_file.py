"""Model files: what is written comes back, and nothing but sound files of ours is read."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from napari_unetpp._types import (
    DecodeRule,
    ModelInfo,
    NetConfig,
    SamplingRule,
    ScaleSearch,
    UnetppError,
)
from napari_unetpp.files.models import header
from napari_unetpp.files.models.model_card import card_from_json, card_to_json
from napari_unetpp.files.models.model_file import (
    FORMAT_VERSION,
    METADATA_KEY,
    format_version,
    read_info,
    read_tensors,
    save_model,
)
from napari_unetpp.files.models.model_list import SHIPPED
from napari_unetpp.net.unetpp import UNetPlusPlus


@pytest.fixture
def net(tiny_info: ModelInfo) -> UNetPlusPlus:
    return UNetPlusPlus(tiny_info.net)


def test_what_is_written_comes_back(tmp_path: Path, net: UNetPlusPlus, tiny_info: ModelInfo) -> None:
    saved = save_model(tmp_path / "m.safetensors", net.state_dict(), tiny_info)
    read = read_info(tmp_path / "m.safetensors")
    assert read == saved
    assert replace(read, path=None, sha256=None) == tiny_info
    assert read.path == tmp_path / "m.safetensors"
    assert read.sha256 is not None and len(read.sha256) == 64
    tensors = read_tensors(read.path)
    assert tensors.keys() == net.state_dict().keys()
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensors[name], tensor)


def written_format(path: Path) -> int:
    version = json.loads(header.read_header(path).metadata[METADATA_KEY])["format_version"]
    assert isinstance(version, int)
    return version


LOCAL = DecodeRule(seeds="edge_distance", seed_threshold=0.0, prominence=1 / 9)


@pytest.mark.parametrize(
    ("outputs", "decode", "version"),
    [
        (("foreground", "boundary"), DecodeRule(seeds="boundary", prominence=0.05), 1),
        (("foreground", "edge_distance"), LOCAL, 2),
        (("foreground", "object_border"), DecodeRule(), 2),
        (("foreground", "centre"), DecodeRule(seeds="centre", prominence_share=0.1), 2),
        (("foreground", "centre"), DecodeRule(seeds="centre", certainty=2.5), 2),
    ],
)
def test_a_file_has_the_oldest_format_that_says_all(
    outputs: tuple[str, ...],
    decode: DecodeRule,
    version: int,
    tmp_path: Path,
    net: UNetPlusPlus,
    tiny_info: ModelInfo,
) -> None:
    """Older programs read what they can decode, and refuse the rest by its version."""
    info = replace(tiny_info, outputs=outputs, decode=decode)
    read = save_model(tmp_path / "m.safetensors", net.state_dict(), info)
    assert (read.outputs, read.decode) == (outputs, decode)
    assert written_format(tmp_path / "m.safetensors") == version


def test_the_models_that_ship_are_of_the_oldest_format_that_they_fit() -> None:
    for path in SHIPPED.glob("*.safetensors"):
        assert written_format(path) == format_version(read_info(path))


def test_the_search_for_the_scale_is_in_the_card(tiny_info: ModelInfo) -> None:
    rule = SamplingRule("object", 17.0, ScaleSearch(level=1, size=0.4, fineness=0.1, unsure=3.0, near=1.3))
    info = replace(tiny_info, sampling=rule)
    assert card_from_json(json.loads(json.dumps(card_to_json(info)))) == info


def test_the_usual_scale_is_in_the_card(tiny_info: ModelInfo) -> None:
    info = replace(tiny_info, sampling=SamplingRule("object", 17.0, usual=0.5))
    assert card_from_json(json.loads(json.dumps(card_to_json(info)))) == info
    card = card_to_json(info)
    card["sampling"]["usual"] = 0.0
    with pytest.raises(UnetppError, match="damaged"):
        card_from_json(card)


def test_a_search_from_before_the_distance_counted_does_without_it(tiny_info: ModelInfo) -> None:
    card = card_to_json(replace(tiny_info, sampling=SamplingRule(search=ScaleSearch())))
    del card["sampling"]["search"]["distance"]
    search = card_from_json(card).sampling.search
    assert search == replace(ScaleSearch(), distance=0.0)


def test_a_card_from_before_the_search_has_its_defaults(tiny_info: ModelInfo) -> None:
    card = card_to_json(tiny_info)
    del card["sampling"]["search"]
    assert card_from_json(card).sampling.search is None


@pytest.mark.parametrize(("name", "value"), [("level", 9), ("near", 0.5), ("unsure", "much"), ("size", None)])
def test_a_search_that_makes_no_sense_is_refused(tiny_info: ModelInfo, name: str, value: object) -> None:
    card = card_to_json(replace(tiny_info, sampling=SamplingRule(search=ScaleSearch())))
    card["sampling"]["search"][name] = value
    with pytest.raises(UnetppError, match="damaged"):
        card_from_json(card)


def test_half_precision_is_read_back_as_float32(
    tmp_path: Path, net: UNetPlusPlus, tiny_info: ModelInfo
) -> None:
    with torch.no_grad():
        net.nodes["x_0_0"].first.norm.running_var.fill_(1e6)  # does not fit into float16
        net.nodes["x_0_0"].first.norm.num_batches_tracked.fill_(70_000)
    whole = save_model(tmp_path / "whole.safetensors", net.state_dict(), tiny_info)
    half = save_model(tmp_path / "half.safetensors", net.state_dict(), tiny_info, half=True)
    assert half.path is not None and whole.path is not None
    assert half.path.stat().st_size < 0.7 * whole.path.stat().st_size
    tensors = read_tensors(half.path)
    assert {t.dtype for t in tensors.values()} == {torch.float32, torch.int64}
    assert tensors["nodes.x_0_0.first.norm.running_var"].max() == 1e6
    assert tensors["nodes.x_0_0.first.norm.num_batches_tracked"] == 70_000
    weight = "nodes.x_0_1.first.conv.weight"
    torch.testing.assert_close(tensors[weight], net.state_dict()[weight], rtol=1e-3, atol=1e-4)


def test_folded_weights_are_a_model_too(tmp_path: Path, net: UNetPlusPlus, tiny_info: ModelInfo) -> None:
    save_model(tmp_path / "m.safetensors", net.folded().state_dict(), tiny_info)
    assert not any(".norm." in name for name in read_tensors(tmp_path / "m.safetensors"))


def test_the_layout_known_to_the_header_is_that_of_the_network() -> None:
    for config in (NetConfig(), NetConfig(outputs=3, widths=(4, 6, 8)), NetConfig(in_channels=1)):
        shapes = {name: tuple(t.shape) for name, t in UNetPlusPlus(config).state_dict().items()}
        assert shapes == (header.expected_shapes(config) or {}) | header.norm_shapes(config)


def test_the_card_is_read_without_torch(tiny_model: ModelInfo) -> None:
    code = (
        "import sys; from napari_unetpp.files.models.model_list import find_model; "
        "assert find_model('tiny').sha256; assert 'torch' not in sys.modules"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, env=dict(os.environ))


def test_a_card_survives_values_json_does_not_know(tiny_info: ModelInfo) -> None:
    odd = {"path": Path("a"), "loss": float("nan"), "steps": torch.tensor(3), "levels": (1, 2)}
    card = card_to_json(replace(tiny_info, provenance=odd))
    assert json.loads(json.dumps(card, allow_nan=False))["provenance"] == {
        "path": "a",
        "loss": None,
        "steps": 3,
        "levels": [1, 2],
    }


# ------------------------------------------------------------------- refused

SPOILED_CARDS: dict[str, tuple[str, Any]] = {
    "unknown task": ("task", "magic"),
    "no classes": ("classes", []),
    "a level the network lacks": ("recommended_level", 9),
    "outputs do not match": ("outputs", ["foreground"]),
    "threshold beyond 1": ("decode", {"threshold": 7, "seeds": "mask", "seed_threshold": 0.5, "min_size": 1}),
    "seeds without output": (
        "decode",
        {"threshold": 0.5, "seeds": "centre", "seed_threshold": 0.5, "min_size": 1},
    ),
    "seeds from a map that nobody knows": (
        "decode",
        {"threshold": 0.5, "seeds": "magic", "seed_threshold": 0.5, "min_size": 1},
    ),
    "a share beyond 1": (
        "decode",
        {
            "threshold": 0.5,
            "seeds": "mask",
            "seed_threshold": 0.5,
            "min_size": 1,
            "prominence_share": 2,
        },
    ),
    "absurd widths": ("net", {"in_channels": 3, "outputs": 2, "widths": [10**9, 1], "arch": "unetpp"}),
    "a net that is no object": ("net", "unetpp"),
}


@pytest.mark.parametrize("case", SPOILED_CARDS)
def test_a_spoiled_card_is_refused(case: str, tiny_info: ModelInfo) -> None:
    key, value = SPOILED_CARDS[case]
    with pytest.raises(UnetppError, match="the model card is damaged"):
        card_from_json(card_to_json(tiny_info) | {key: value})


def test_a_card_without_a_field_is_refused(tiny_info: ModelInfo) -> None:
    card = card_to_json(tiny_info)
    del card["decode"]
    with pytest.raises(UnetppError, match="'decode' is missing"):
        card_from_json(card)


def _bytes(model: ModelInfo) -> bytes:
    assert model.path is not None
    return model.path.read_bytes()


def _with_card(model: ModelInfo, card: str) -> bytes:
    assert model.path is not None
    return save(read_tensors(model.path), {METADATA_KEY: card})


def _card(model: ModelInfo, version: object, **changes: object) -> str:
    return json.dumps({"format_version": version, "model": card_to_json(model) | changes})


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path(os.environ["BOMB"]),))


def _torch_zip(model: ModelInfo) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))
    return content.getvalue()


WIDER = {"net": {"in_channels": 3, "outputs": 2, "widths": [8, 8, 8, 8, 8], "arch": "unetpp"}}

REFUSED: dict[str, tuple[Callable[[ModelInfo], bytes], str]] = {
    "empty": (lambda m: b"", "not a model file"),
    "text": (lambda m: b"hello, this is no model at all", "not a model file"),
    "cut in the header": (lambda m: _bytes(m)[:500], "truncated"),
    "cut in the weights": (lambda m: _bytes(m)[:-100], "truncated"),
    "header of the wrong kind": (lambda m: struct.pack("<Q", 4) + b"[{}]", "not a model file"),
    "header nested beyond reason": (
        lambda m: struct.pack("<Q", 200_000) + b"[" * 200_000,
        "not a model file",
    ),
    "oversized header": (lambda m: struct.pack("<Q", 2**33) + b"{}", "header claims 8589934592 bytes"),
    "foreign": (lambda m: save({"weight": torch.zeros(2)}), "another program"),
    "damaged card": (lambda m: _with_card(m, "{"), "the model card is damaged"),
    "card without a version": (lambda m: _with_card(m, "{}"), "the model card is damaged"),
    "future version": (lambda m: _with_card(m, _card(m, FORMAT_VERSION + 1)), "Update napari-unetpp"),
    "weights of another network": (lambda m: _with_card(m, _card(m, 1, **WIDER)), "do not fit the network"),
    "pickle": (lambda m: pickle.dumps(Bomb()), "could run code"),
    "pickle in a zip (torch.save)": (_torch_zip, "could run code"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str, tmp_path: Path, tiny_model: ModelInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    make, message = REFUSED[case]
    monkeypatch.setenv("BOMB", str(tmp_path / "exploded"))
    path = tmp_path / "bad.safetensors"
    path.write_bytes(make(tiny_model))
    for read in (read_info, read_tensors):
        with pytest.raises(UnetppError, match=message):
            read(path)
    assert not (tmp_path / "exploded").exists(), "code of the file was run"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnetppError, match="cannot be read"):
        read_info(tmp_path / "nothing.safetensors")


def test_weights_that_do_not_fit_are_not_written(tmp_path: Path, tiny_info: ModelInfo) -> None:
    other = UNetPlusPlus(NetConfig(outputs=2, widths=(4, 4, 4)))
    with pytest.raises(UnetppError, match="do not fit"):
        save_model(tmp_path / "m.safetensors", other.state_dict(), tiny_info)
    assert list(tmp_path.iterdir()) == []
