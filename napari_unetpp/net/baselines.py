"""The networks that UNet++ is compared with: other wirings and widths of the same grid of nodes.

Sources: U-Net, Ronneberger et al., MICCAI 2015; additive skips, Long et al. (FCN), CVPR 2015; deep layer
aggregation, Yu et al., CVPR 2018; U-Net^e, UNet+ and the wide U-Net as controls, Zhou et al., IEEE TMI 2020
(arXiv 1912.05074), figure 1 and table III. Published encoders: `net.encoder_plan`.
"""

from __future__ import annotations

from collections.abc import Callable

from napari_unetpp._types import DEFAULT_WIDTHS, NetConfig
from napari_unetpp.net import encoder_plan

WIDE_WIDTHS = (35, 70, 140, 280, 560)
"""The wide U-Net of TMI 2020: about as many parameters as UNet++."""

HEAVY_WIDTHS = (50, 100, 200, 400, 800)
"""A U-Net with about the FLOPs of UNet++, which takes twice its parameters."""

FLAT_WIDTH = 75
"""Channels of the network without down-sampling that has the FLOPs of UNet++ L4."""


def _unet(depth: int) -> Callable[[], NetConfig]:
    return lambda: NetConfig(arch="unet", widths=DEFAULT_WIDTHS[: depth + 1])


def _on_encoder(name: str) -> Callable[[], NetConfig]:
    """UNet++ on a published encoder; its last row is a stage of that encoder alone."""
    widths = (*DEFAULT_WIDTHS[:4], encoder_plan.stage_channels(name, 4))
    return lambda: NetConfig(widths=widths, encoder=name)


BASELINES: dict[str, Callable[[], NetConfig]] = {
    "unetpp": NetConfig,
    "unet": _unet(4),
    "unet-1": _unet(1),
    "unet-2": _unet(2),
    "unet-3": _unet(3),
    "wide-unet": lambda: NetConfig(arch="unet", widths=WIDE_WIDTHS),
    "heavy-unet": lambda: NetConfig(arch="unet", widths=HEAVY_WIDTHS),
    "unet-sum": lambda: NetConfig(arch="unet-sum"),
    "unet-ensemble": lambda: NetConfig(arch="unet-ensemble"),
    "unet-plus": lambda: NetConfig(arch="unet-plus"),
    "flat": lambda: NetConfig(arch="flat", widths=(FLAT_WIDTH,) * 5),
    "unetpp-resnet18": _on_encoder("resnet18"),
    "unetpp-efficientnet-lite0": _on_encoder("efficientnet-lite0"),
}
"""Names that ``train --arch`` takes, and the network of each (three input channels, one output)."""
