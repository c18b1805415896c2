"""Batches of training patches with their targets, made on the training device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from napari_unetpp._types import ModelInfo
from napari_unetpp.train.data.augment import Augmentation
from napari_unetpp.train.data.frames import FRAMES
from napari_unetpp.train.data.intensity import vary_intensities
from napari_unetpp.train.data.microscopy import MICROSCOPY
from napari_unetpp.train.data.noise import noise_samples
from napari_unetpp.train.data.placement import Placement, sampling_weights
from napari_unetpp.train.data.samples import Sample
from napari_unetpp.train.data.store import ImageStore, pack, unpack
from napari_unetpp.train.data.targets import label_weights, targets
from napari_unetpp.train.loss import Batch

NOISE_IMAGES = 48


class PatchSource:
    """Draws varied patches from samples; the same state of its generators gives the same patches.

    Parameters
    ----------
    samples : sequence of Sample
    info : ModelInfo
        Gives the outputs, and the diameter of typical objects (sampling rule ``object``).
    rng : numpy.random.Generator
        The only source of randomness; it also seeds the generator of the device.
    augmentation : Augmentation, optional
        None: `FRAMES` for models of frames, else `MICROSCOPY`.
    device : str
    shares : sequence of float, optional
        How often each data set (`Sample.folder`) is drawn; None: see `sampling_weights`.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        info: ModelInfo,
        rng: np.random.Generator,
        augmentation: Augmentation | None = None,
        device: str = "cpu",
        shares: Sequence[float] | None = None,
    ) -> None:
        if augmentation is None:
            augmentation = FRAMES if info.sampling.kind == "frame" else MICROSCOPY
        noise = noise_samples(NOISE_IMAGES, info.normalisation, rng) if augmentation.empty else []
        everything = [*samples, *noise]
        self.info, self.rng, self.augmentation, self.device = info, rng, augmentation, device
        labels = [pack(s.labels, [s.ignore], s.stem) for s in everything]
        self.store = ImageStore([s.image for s in everything], labels, device)
        self.generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
        self._objects = torch.tensor([s.objects for s in everything], device=device)
        self.placement = Placement(
            everything,
            sampling_weights(samples, shares),
            augmentation,
            diameter=info.sampling.value if info.sampling.kind == "object" else None,
            noise=len(noise),
        )

    def batch(self, count: int, size: int) -> Batch:
        """`count` patches of `size` x `size` px."""
        warp = self.placement.draw(count, size, self.rng)
        image, packed = self.store.read(warp, size, self.augmentation.padding)
        labels, ignore = unpack(packed, 1)
        if self.augmentation.disturb is not None:
            image, labels = self.augmentation.disturb(image, labels, self.rng, self.generator)
        image = vary_intensities(image, self.augmentation, self.rng, self.generator)
        target = targets(labels, self.info)
        certain = label_weights(labels, self.info).repeat(1, target.shape[1], 1, 1) * ~ignore
        if self.info.task == "instances":
            certain[:, 1:] *= self._objects[torch.from_numpy(warp.which).to(self.device), None, None, None]
        return Batch(image.contiguous(memory_format=torch.channels_last), target, certain)

    def state(self) -> dict[str, Any]:
        """All random state, as JSON values."""
        drawn = self.generator.get_state().numpy().tobytes().hex()
        return {"numpy": self.rng.bit_generator.state, "torch": drawn}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a random state that `state` gave."""
        self.rng.bit_generator.state = state["numpy"]
        drawn = np.frombuffer(bytearray.fromhex(state["torch"]), np.uint8)
        self.generator.set_state(torch.from_numpy(drawn))
