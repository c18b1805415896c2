"""One of two processes of a training (by torchrun), or one alone that takes the batch in their halves.

    python train_together.py DATA OUT [--halves]

Writes the gradients and the weights after every step of the first process.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from napari_unetpp._types import ModelInfo, NetConfig
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.data.microscopy import MICROSCOPY
from napari_unetpp.train.data.patches import PatchSource
from napari_unetpp.train.data.samples import load_sample
from napari_unetpp.train.loss import Batch
from napari_unetpp.train.scratch.loop import TrainingLoop, TrainingOptions
from napari_unetpp.train.scratch.processes.ranks import joined

NET = NetConfig(outputs=2, widths=(4, 8, 8, 16, 16))
NUCLEI = ModelInfo("", "instances", ("nucleus",), ("foreground", "edge_distance"), NET)
STEPS, BATCH = 20, 4


class InHalves(TrainingLoop):
    """One process: each half has its own statistics and loss, and the gradients are averaged."""

    def _gradients(self, batch: Batch, level: int) -> Tensor:
        losses = []
        for half in (batch.patches(0, BATCH // 2), batch.patches(BATCH // 2, BATCH)):
            loss = self.loss(self.net.all_heads(half.image, level), half)
            (loss / 2).backward()
            losses.append(loss.detach())
        return torch.stack(losses).mean()


def main(data: Path, out: Path, *, halves: bool) -> None:
    torch.set_num_threads(1)
    with joined(batch=BATCH, device="cpu") as ranks:
        samples = [load_sample(pair, NUCLEI) for pair in read_pairs(data)]
        torch.manual_seed(0)
        source = PatchSource(samples, NUCLEI, np.random.default_rng(0), replace(MICROSCOPY, empty=0.0))
        options = TrainingOptions(steps=STEPS, patch=32, batch=BATCH, rate=5e-3, save_seconds=0.0)
        kind = InHalves if halves else TrainingLoop
        loop = kind(UNetPlusPlus(NET), source, NUCLEI, options, ranks)
        found: dict[str, Tensor] = {}
        for event in loop.run():
            found[f"{event.step}/loss"] = torch.tensor(event.loss)
            for name, weights in loop.net.named_parameters():
                if weights.grad is not None:
                    found[f"{event.step}/gradient/{name}"] = weights.grad.clone().contiguous()
                found[f"{event.step}/weights/{name}"] = weights.detach().clone().contiguous()
        save_file(found, out.with_name(f"{out.name}-{ranks.rank}"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), halves="--halves" in sys.argv)
