"""Training patches in batches: drawn, warped, recoloured and given their targets on the training device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_unetpp._types import ModelInfo
from napari_unetpp.train.data.augment import PLAIN, Variation
from napari_unetpp.train.data.intensity import recolour
from napari_unetpp.train.data.noise import noise_samples
from napari_unetpp.train.data.placement import Placing
from napari_unetpp.train.data.samples import Sample, sampling_weights
from napari_unetpp.train.data.store import ImageStore
from napari_unetpp.train.data.targets import SEPARATING_MAPS, object_border

BETWEEN = 5.0
"""Weight of a pixel between two objects, where few pixels decide whether they merge; of any other, 1.

As in the U-Net's weight map (Ronneberger et al., MICCAI 2015, eq. 2).
"""

NOISE_IMAGES = 48


@dataclass(frozen=True, eq=False)
class Batch:
    """One training batch on its device.

    Attributes
    ----------
    image : Tensor of float32, shape (N, 3, Y, X)
    target : Tensor of float32, shape (N, K, Y, X), in [0, 1]
        One channel per output of the model.
    weight : Tensor of float32, shape (N, K, Y, X)
        At least 0, which means: ignore.
    """

    image: Tensor
    target: Tensor
    weight: Tensor


class PatchSource:
    """Draws varied patches from samples; the same state of its generators gives the same patches.

    Parameters
    ----------
    samples : sequence of Sample
    info : ModelInfo
        Says which outputs are learned, and how large typical objects are (sampling rule ``object``).
    rng : numpy.random.Generator
        The only source of randomness; it also seeds the generator of the device.
    variation : Variation
    device : str
    shares : sequence of float, optional
        How often each data set (`Sample.folder`) is drawn; else as its images weigh.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        info: ModelInfo,
        rng: np.random.Generator,
        variation: Variation = PLAIN,
        device: str = "cpu",
        shares: Sequence[float] | None = None,
    ) -> None:
        noise = noise_samples(NOISE_IMAGES, info.normalisation, rng) if variation.empty else []
        everything = [*samples, *noise]
        self.samples, self.info, self.rng, self.variation, self.device = samples, info, rng, variation, device
        self.store = ImageStore(everything, device)
        self.generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
        self._objects = torch.tensor([s.objects for s in everything], device=device)
        self.placing = Placing(
            everything,
            sampling_weights(samples, shares),
            variation,
            diameter=info.sampling.value if info.sampling.kind == "object" else None,
            noise=len(noise),
        )

    def batch(self, count: int, size: int) -> Batch:
        """`count` patches of `size` x `size` px."""
        placed = self.placing.draw(count, size, self.rng)
        which = torch.from_numpy(placed.which).to(self.device)
        level = torch.from_numpy(placed.level).to(self.device)
        points = placed.points(size, self.device)
        padding = self.variation.padding
        image = self.store.images(which, points, level, padding)
        labels, ignore = self.store.labels(which, points, padding)
        if self.variation.disturb is not None:
            image, labels = self.variation.disturb(image, labels, self.rng, self.generator)
        image = recolour(image, self.variation, self.rng, self.generator)
        target, weight = self._target(labels, self._objects[which])
        weight = weight * ~ignore
        return Batch(image.contiguous(memory_format=torch.channels_last), target, weight)

    def state(self) -> dict[str, Any]:
        """All random state, as JSON knows it."""
        drawn = self.generator.get_state().numpy().tobytes().hex()
        return {"numpy": self.rng.bit_generator.state, "torch": drawn}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.rng.bit_generator.state = state["numpy"]
        drawn = np.frombuffer(bytearray.fromhex(state["torch"]), np.uint8)
        self.generator.set_state(torch.from_numpy(drawn))

    def _target(self, labels: Tensor, objects: Tensor) -> tuple[Tensor, Tensor]:
        """Targets and weights (N, K, Y, X) of labels (N, 1, Y, X); `objects` (N,): are they told apart."""
        outputs = self.info.outputs
        if self.info.task == "semantic":
            classes = torch.arange(len(outputs), device=labels.device)[:, None, None]
            target = (labels > 0 if len(outputs) == 1 else labels == classes).float()
            return target, torch.ones_like(target)
        maps = [SEPARATING_MAPS[name](labels) for name in outputs[1:]]
        target = torch.cat([(labels > 0).float(), *maps], dim=1)
        weight = (1 + (BETWEEN - 1) * object_border(labels)).expand_as(target).clone()
        weight[:, 1:] *= objects[:, None, None, None]
        return target, weight


def variation_of(info: ModelInfo) -> Variation:
    """How patches for a model are varied: as frames of a camera, or as images of a microscope."""
    from napari_unetpp.train.data.frames import FRAMES
    from napari_unetpp.train.data.microscopy import MICROSCOPY

    return FRAMES if info.sampling.kind == "frame" else MICROSCOPY
