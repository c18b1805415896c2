"""``napari-unetpp cache``: what the package keeps on disk, and clearing of what it can make again."""

from __future__ import annotations

import argparse

from napari_unetpp.commands.report import say, tell
from napari_unetpp.files.caches import clear, kept_files, size_text
from napari_unetpp.files.text import table
from napari_unetpp.session.correct.saving.autosave_folder import sessions_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``cache``."""
    parser.add_argument(
        "--clear", action="store_true", help="delete what is made again; never models or unsaved corrections"
    )


def run_cache(args: argparse.Namespace) -> int:
    """List what is kept; clear the caches."""
    kept = kept_files(sessions_folder())
    if args.clear:
        say(f"freed {size_text(clear([one for one in kept if one.clearable]))}")
        kept = kept_files(sessions_folder())
    rows = [
        (one.name, one.amount, "cache" if one.clearable else "kept", str(one.folder), one.what)
        for one in kept
    ]
    tell(table([("name", "size", "", "folder", "what"), *rows]))
    return 0
