"""The processes of ``torchrun`` that train one model together: each computes a part of every batch.

All draw the same patches and have the same weights, so any of them can save the run, and another number of
processes can resume it. torch's DistributedDataParallel averages the gradients; batch-norm statistics are
those of each process's own part.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from napari_unetpp._types import UnetppError
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.loss import Batch

T = TypeVar("T")

TIMEOUT = timedelta(days=1)
"""How long the others wait for the first one, which validates. If one fails, torchrun ends all."""

Heads = Callable[[Tensor, int], list[Tensor]]


@dataclass(frozen=True, slots=True)
class Ranks:
    """One of several processes.

    Attributes
    ----------
    rank : int
        From 0.
    size : int
        Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process logs, validates and writes."""
        return self.rank == 0

    def part(self, batch: Batch) -> Batch:
        """The part of a batch that this process computes."""
        count = len(batch.image) // self.size
        return batch if self.size == 1 else batch.patches(self.rank * count, (self.rank + 1) * count)

    def heads(self, net: UNetPlusPlus) -> Heads:
        """`UNetPlusPlus.all_heads`, whose gradients become the mean over all processes."""
        if self.size == 1:
            return net.all_heads
        # While shallow levels are trained, the weights of deeper nodes have no gradient.
        return nn.parallel.DistributedDataParallel(
            _Heads(net), find_unused_parameters=True, broadcast_buffers=False
        )

    def any(self, wish: bool) -> bool:
        """Whether `wish` is true in any process."""
        if self.size == 1:
            return wish
        counted = torch.tensor(float(wish))
        dist.all_reduce(counted)
        return bool(counted > 0)

    def mean(self, value: float) -> float:
        """The mean of `value` over all processes."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        dist.all_reduce(total)
        return float(total) / self.size

    def agree(self, value: T) -> T:
        """The value of the first process; a plain value."""
        if self.size == 1:
            return value
        found = [value]
        dist.broadcast_object_list(found, device=torch.device("cpu"))
        return found[0]


ALONE = Ranks()


class _Heads(nn.Module):
    """A network whose ``forward`` gives all heads, as DistributedDataParallel expects it."""

    def __init__(self, net: UNetPlusPlus) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor, level: int) -> list[Tensor]:
        return self.net.all_heads(image, level)


@contextmanager
def joined(*, batch: int, device: str) -> Iterator[Ranks]:
    """Our process among those that ``torchrun`` has started, or alone.

    Parameters
    ----------
    batch : int
        Patches of a step, of all processes together.
    device : str
        As the user gave it.

    Raises
    ------
    UnetppError
        Batch or devices cannot be shared among so many processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    _check(size, batch, device)
    cuda = device != "cpu" and torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=TIMEOUT)
    try:
        yield Ranks(dist.get_rank(), size)
    finally:
        dist.destroy_process_group()


def _check(size: int, batch: int, device: str) -> None:
    if batch % size:
        raise UnetppError(
            f"a batch of {batch} patches cannot be shared evenly by {size} processes. Give --batch "
            f"{-(-batch // size) * size}, or start another number of processes."
        )
    if device == "mps":
        raise UnetppError("several processes train on CPUs or CUDA devices; with --device mps start one.")
    here, devices = int(os.environ.get("LOCAL_WORLD_SIZE", size)), torch.cuda.device_count()
    if device != "cpu" and torch.cuda.is_available() and here > devices:
        raise UnetppError(
            f"{here} processes were started on this machine, which has {devices} CUDA device(s). Give "
            f"--nproc-per-node {devices} to torchrun, or --device cpu."
        )
