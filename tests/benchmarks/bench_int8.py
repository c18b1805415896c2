"""Time of every level of a shipped model in int8, beside the format of torch that this machine would choose.

    python tests/benchmarks/bench_int8.py [--model nuclei] [--side 512 1024] [--repeats 5]

Everything is measured in one process and in turns; the best of the repeats counts. The first evaluation of a
size also compiles its graphs: that time is printed apart.
"""

from __future__ import annotations

import argparse
import time

import torch
from bench_levels import best_of, machine

from napari_unetpp.engine.benchmark import level_cases
from napari_unetpp.engine.device import choose_device
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.models.model_list import find_model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--side", type=int, nargs="+", default=[512])
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    info = find_model(args.model)
    models = [LoadedModel.load(info, "cpu", precision) for precision in (choose_device("cpu").dtype, "int8")]
    print(f"{args.model}, {torch.get_num_threads()} threads, {machine()}")
    for side in args.side:
        cases, first = {}, 0.0
        for model in models:
            for name, run in level_cases(model, side).items():
                cases[f"{model.choice.dtype} {name}"] = run
        for name, run in cases.items():
            if name.startswith("int8 cold"):
                start = time.perf_counter()
                run()
                first += time.perf_counter() - start
        seconds = best_of(cases, args.repeats)
        usual = models[0].choice.dtype
        print(f"{side}x{side}: first evaluation of all levels in int8 {first:.1f} s")
        print(f"level   {usual} ms   int8 ms   times as fast")
        for level in info.net.levels:
            for kind in ("cold", "incremental"):
                name = f"{kind} {level}"
                if f"int8 {name}" in seconds:
                    a, b = seconds[f"{usual} {name}"], seconds[f"int8 {name}"]
                    print(f"L{level} {kind:12} {1e3 * a:8.0f} {1e3 * b:9.0f} {a / b:9.2f}")


if __name__ == "__main__":
    main()
