"""What the README and the pages of the documentation show: commands and Python code."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
HISTORY = "changelog.md"
"""What it shows was true of the version it tells of."""

PROGRAMS = ("napari-unetpp", "python", "pip", "bash", "torchrun", "bioimageio", ".ci/run", "mkdocs", "dask")
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
SUBCOMMAND = re.compile(r"(segment|evaluate|train|finetune) [^-].* --")
VARIABLE = re.compile(r"^[A-Z_]+=\S*$")


@dataclass(frozen=True)
class Shown:
    """A command as a page shows it.

    Attributes
    ----------
    page : str
        Path of the page in the checkout.
    text : str
    words : tuple of str
        The words of the command, without variables of the environment before it and without a comment.
    """

    page: str
    text: str
    words: tuple[str, ...]


def commands() -> list[Shown]:
    """All commands in fenced blocks, and those with arguments in the running text, each once a page."""
    found = {}
    for page in PAGES:
        if page.name == HISTORY:
            continue
        for text in _lines(page.read_text()):
            words = _words(text)
            if words:
                shown = Shown(page.relative_to(ROOT).as_posix(), " ".join(text.split()), words)
                found[shown.page, shown.words] = shown
    return list(found.values())


def python_blocks() -> list[tuple[str, str]]:
    """Pages and the Python code they show; what is included from a file is not among it."""
    blocks = []
    for page in PAGES:
        for language, text in FENCE.findall(page.read_text()):
            if language == "python" and "--8<--" not in text:
                blocks.append((page.relative_to(ROOT).as_posix(), text))
    return blocks


def _lines(text: str) -> Iterator[str]:
    for language, block in FENCE.findall(text):
        if language in ("", "bash", "sh", "shell", "console"):
            yield from block.splitlines()
    for code in INLINE.findall(FENCE.sub("", text)):
        line = " ".join(code.split())
        if SUBCOMMAND.match(line):
            line = f"napari-unetpp {line}"  # tables leave the name of the program out
        words = line.split()
        if len(words) > 2 - (words[0] == "bash") and "..." not in line and "COMMAND" not in words:
            yield line


def _words(text: str) -> tuple[str, ...]:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:  # no command
        return ()
    while words and (VARIABLE.match(words[0]) or words[0] in ("export", "unshare") or words[0][:2] == "--"):
        del words[0]
    return tuple(words) if words and words[0] in PROGRAMS else ()
