"""Read many damaged and hostile files, and count what their readers say.

    python tests/benchmarks/fuzz_readers.py --count 2000 [--only PNG,TIFF] [--seed N]

Prints a row for each kind of file, and each fault with the seed that gives it again. Exit status 1: faults.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "hardening"))

from fuzzing import TARGETS, fuzz


def main() -> int:
    """All kinds of files that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=2000, help="files of each kind (default: 2000)")
    parser.add_argument("--only", default=",".join(TARGETS).replace(", ", "; "), help="kinds, with commas")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)  # tifffile and others report what is wrong with a file
    in_all = 0
    for name in (part.replace("; ", ", ") for part in args.only.split(",")):
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            faults = fuzz(name, args.count, Path(folder), args.seed)
        print(
            f"{name:20} {args.count} files, {len(faults)} faults, {time.perf_counter() - start:.0f} s",
            flush=True,
        )
        for fault in faults[:20]:
            print(f"    {fault}")
        in_all += len(faults)
    return 1 if in_all else 0


if __name__ == "__main__":
    sys.exit(main())
