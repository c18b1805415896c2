"""``python -m napari_unetpp``."""

from __future__ import annotations

import sys

from napari_unetpp.cli import main

if __name__ == "__main__":
    sys.exit(main())
