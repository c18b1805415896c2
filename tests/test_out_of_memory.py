"""What the network has done is not lost where telling objects apart takes more memory than there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_unetpp.cli import main

pytest.importorskip("torch")


def test_the_mask_is_written_and_the_other_images_go_on(
    tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from napari_unetpp.engine.decode import labelling

    rng = np.random.default_rng(0)
    for name, side in (("large", 90), ("small", 40)):
        tifffile.imwrite(tmp_path / f"{name}.tif", rng.integers(0, 255, (side, side), np.uint8))
    inputs = [str(tmp_path / f"{name}.tif") for name in ("large", "small")]
    common = ["--model", "tiny", "--level", "1", "--scale", "1"]
    assert main(["segment", inputs[0], "--out", str(tmp_path / "whole"), "--kind", "mask", *common]) == 0
    real = labelling.objects

    def scarce(maps: Any, *rest: Any, **options: Any) -> Any:
        if maps[0].size > 2000:
            raise MemoryError
        return real(maps, *rest, **options)

    monkeypatch.setattr(labelling, "objects", scarce)
    monkeypatch.setattr("napari_unetpp.engine.decode.plane_result.CUTS", (1,))
    assert main(["segment", *inputs, "--out", str(tmp_path / "out"), *common]) == 1
    told = capsys.readouterr().err
    assert "out of memory while telling objects apart" in told and "large_mask.tif" in told
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "large_mask.tif",
        "small_labels.tif",
    ]
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "out" / "large_mask.tif"),
        tifffile.imread(tmp_path / "whole" / "large_mask.tif"),
    )
