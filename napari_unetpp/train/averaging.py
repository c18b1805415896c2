"""The running average of a network's weights during training, which is validated and stored."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.schedule import average_decay

Tensors = tuple[Tensor, ...] | list[Tensor]


class WeightAverage(AveragedModel):
    """An exponential average of weights and batch-norm statistics, which starts from those of `net`.

    It is torch's `AveragedModel` with a decay that grows with the number of steps.

    Parameters
    ----------
    net : UNetPlusPlus
    most : float
        The decay never exceeds this.
    """

    def __init__(self, net: UNetPlusPlus, most: float = 1.0) -> None:
        super().__init__(net, multi_avg_fn=self._average, use_buffers=True)
        self.most = most
        self.update_parameters(net)  # the first update copies; the next one is that of step 0

    @property
    def net(self) -> UNetPlusPlus:
        """A network with the averaged weights."""
        assert isinstance(self.module, UNetPlusPlus)
        return self.module

    def _average(self, averaged: Tensors, current: Tensors, updates: Tensor | int) -> None:
        del updates  # a copy on the device, which the CPU would have to wait for
        step = int(self.n_averaged) - 1
        get_ema_multi_avg_fn(average_decay(step, self.most))(averaged, current, self.n_averaged)

    def restore(self, tensors: dict[str, Tensor], steps: int) -> None:
        """Continue after this number of steps from these averaged tensors."""
        self.module.load_state_dict(tensors)
        self.n_averaged.fill_(steps + 1)


def batch_norms(net: nn.Module) -> list[nn.BatchNorm2d]:
    """The batch norms of a network; none where they were folded."""
    return [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]


def measure_batch_norms(net: UNetPlusPlus, batches: Iterable[Tensor]) -> None:
    """Measure the batch-norm statistics of averaged weights, in place; leaves `net` in evaluation mode.

    The averaged statistics belong to earlier weights (Izmailov et al., *Averaging Weights Leads to Wider
    Optima*, UAI 2018, section 3.2).

    Parameters
    ----------
    net : UNetPlusPlus
    batches : iterable of Tensor, each of shape (N, C, Y, X)
        Images to measure on; only one batch is in memory at a time. All batches have equal weight.
    """
    update_bn(batches, net, next(net.parameters()).device)
    net.eval()
