"""The arguments of ``segment`` that say which processes work."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def add_cluster_arguments(parser: argparse.ArgumentParser, count: Callable[[str], int]) -> None:
    """Several worker processes, of this machine or of a cluster; `count` reads a number of them."""
    group = parser.add_argument_group("several processes or machines (needs the package distributed)")
    workers = group.add_mutually_exclusive_group()
    workers.add_argument("--workers", metavar="N", type=count, help="so many processes on this machine")
    workers.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="the workers of a running scheduler of dask.distributed, such as tcp://HOST:8786",
    )
