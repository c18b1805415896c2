"""Metadata of the built package that depend on where the repository is: addresses, and links in the README.

The one setting is ``repository`` in ``pyproject.toml`` (``[tool.hatch.metadata.hooks.custom]``), such as
``https://github.com/OWNER/napari-unetpp``. While it is empty, the package names no address, and the README
is taken as it is.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?://|#|mailto:)([^)\s]+)\)")
IMAGES = (".png", ".gif", ".svg", ".webp", ".jpg")


class PublicAddresses(MetadataHookInterface):
    """Fills in ``readme`` and ``urls``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add both to the metadata."""
        address = str(self.config.get("repository", "")).rstrip("/")
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        readme = with_absolute_links(text, address)
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}
        metadata["urls"] = urls(address)


def with_absolute_links(text: str, address: str) -> str:
    """The README with links that work where it stands alone, as on PyPI and on the napari hub."""
    if not address:
        return text

    def absolute(found: re.Match[str]) -> str:
        image, label, path = found.groups()
        kind = "raw" if path.lower().endswith(IMAGES) else "blob"
        return f"{image}[{label}]({address}/{kind}/main/{path})"

    return LINK.sub(absolute, text)


def urls(address: str) -> dict[str, str]:
    """The addresses that the package names."""
    if not address:
        return {}
    blob = f"{address}/blob/main"
    return {
        "Homepage": address,
        "Documentation": f"{blob}/docs/index.md",
        "Changelog": f"{blob}/docs/changelog.md",
        "User Support": f"{address}/issues",
        "Bug Tracker": f"{address}/issues",
    }
