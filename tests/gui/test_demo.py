"""The pictures of the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_unetpp.gui import demo


def test_captions_have_glyphs_for_all_letters(
    napari_application: None, models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow's own font draws a box for a space that does not break."""
    drawn: list[str] = []

    def remember(path: Path, panels: list[tuple[str, Any]]) -> None:
        drawn.extend(caption for caption, _ in panels)
        real(path, panels)

    real = demo._write_depths
    monkeypatch.setattr(demo, "_write_depths", remember)
    demo.run_demo(tmp_path)
    assert len(drawn) == 4 and all("objects" in caption and "\u00a0" not in caption for caption in drawn)
    assert (tmp_path / "window.png").exists()
