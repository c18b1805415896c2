"""The pictures of the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_unetpp._types import UnetppError
from napari_unetpp.gui import demo


def test_pictures_and_what_they_replace(
    napari_application: None, models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Captions had boxes for spaces that do not break; pictures of another kind were replaced."""
    drawn: list[str] = []

    def remember(path: Path, panels: list[tuple[str, Any]]) -> None:
        drawn.extend(caption for caption, _ in panels)
        real(path, panels)

    real = demo._write_depths
    monkeypatch.setattr(demo, "_write_depths", remember)
    demo.run_demo(tmp_path)
    assert len(drawn) == 4 and all("objects" in caption and "\u00a0" not in caption for caption in drawn)
    demo._check(tmp_path / "window.png")
    demo._check(tmp_path / "depths.png")
    for content in (b"notes", (Path(demo.__file__).parents[2] / "docs/images/window.png").read_bytes()):
        (tmp_path / "window.png").write_bytes(content)
        with pytest.raises(UnetppError, match="is no picture of the demo"):
            demo.run_demo(tmp_path)
        assert (tmp_path / "window.png").read_bytes() == content
