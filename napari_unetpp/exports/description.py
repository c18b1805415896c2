"""The description of a BioImage.IO package (specification 0.5): inputs, outputs, weights, texts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_unetpp._types import ModelInfo
from napari_unetpp.engine.input.normalise import CLIPPED
from napari_unetpp.exports import licences, package_text
from napari_unetpp.exports.onnx_file import metadata, opset
from napari_unetpp.exports.sample import SMALLEST
from napari_unetpp.net import graph
from napari_unetpp.net.exported import ExportedNet, activation_of, exported_arguments

INPUT, OUTPUT = "image", "maps"
NO_DIVISION_BY_ZERO = 1e-12
"""Added to the range of intensities, which is 0 for an image of one value."""


def describe(folder: Path, info: ModelInfo, net: ExportedNet, authors: Sequence[str], model_file: str) -> Any:
    """The ``bioimageio.spec.model.v0_5.ModelDescr`` of a package whose files lie in `folder`."""
    from bioimageio.spec.model import v0_5

    level = net.level
    licence = licences.spdx(info.licence) or (
        v0_5.FileDescr(source=folder / "LICENSE.txt") if info.licence else None
    )
    return v0_5.ModelDescr(
        name=package_text.package_name(info, level),
        description=package_text.description(info, level),
        authors=[v0_5.Author(name=name) for name in authors],
        cite=[v0_5.CiteEntry(text=text, doi=v0_5.Doi(doi)) for text, doi in package_text.PAPERS],
        license=licence,
        documentation=v0_5.FileDescr(source=folder / "README.md"),
        covers=[v0_5.FileDescr(source=folder / "cover.png")],
        tags=package_text.tags(info),
        attachments=[v0_5.FileDescr(source=folder / model_file)],
        inputs=[_input(folder, info, level)],
        outputs=[_output(folder, info, level)],
        weights=_weights(folder, info, level),
        config=v0_5.Config(
            bioimageio=v0_5.BioimageioConfig(
                architecture_type="UNet++",
                task=package_text.task_text(info),
                target_structure=list(info.classes),
                model_parameter_count=sum(weights.numel() for weights in net.parameters()),
            ),
            napari_unetpp=json.loads(metadata(info, level)),
        ),
    )


def _input(folder: Path, info: ModelInfo, level: int) -> Any:
    from bioimageio.spec.model import v0_5

    channels = info.net.in_channels
    names = ["red", "green", "blue"] if channels == 3 else [f"channel{n}" for n in range(channels)]
    step = info.net.multiple
    size = v0_5.ParameterizedSize(min=2 * _halo(info, level) + SMALLEST * step, step=step)
    rule = info.normalisation
    joint = tuple(v0_5.AxisId(axis) for axis in ("channel", "y", "x"))
    low, high = CLIPPED
    return v0_5.InputTensorDescr(
        id=v0_5.TensorId(INPUT),
        description=f"scaled so that {package_text.grid_text(info)}"[:128],
        axes=[
            v0_5.BatchAxis(),
            v0_5.ChannelAxis(channel_names=names),
            *(
                v0_5.SpaceInputAxis(id=v0_5.AxisId(axis), size=size, concatenable=True, **_pixel(info))
                for axis in "yx"
            ),
        ],
        data=v0_5.IntervalOrRatioDataDescr(type="float32"),
        test_tensor=v0_5.FileDescr(source=folder / "test_input.npy"),
        pad=v0_5.EdgePadding(mode="edge"),  # a default would not be written
        preprocessing=[
            v0_5.ScaleRangeDescr(
                kwargs=v0_5.ScaleRangeKwargs(
                    axes=joint, min_percentile=rule.low, max_percentile=rule.high, eps=NO_DIVISION_BY_ZERO
                )
            ),
            v0_5.ClipDescr(kwargs=v0_5.ClipKwargs(min=low, max=high)),
        ],
    )


def _output(folder: Path, info: ModelInfo, level: int) -> Any:
    from bioimageio.spec.model import v0_5

    softmax = activation_of(info) == "softmax"
    halo = _halo(info, level)
    axes = [
        (v0_5.SpaceOutputAxisWithHalo if halo else v0_5.SpaceOutputAxis)(
            id=v0_5.AxisId(axis),
            size=v0_5.SizeReference(tensor_id=v0_5.TensorId(INPUT), axis_id=v0_5.AxisId(axis)),
            **({"halo": halo} if halo else {}),
            **_pixel(info),
        )
        for axis in "yx"
    ]
    return v0_5.OutputTensorDescr(
        id=v0_5.TensorId(OUTPUT),
        description="probabilities",
        axes=[
            v0_5.BatchAxis(),
            v0_5.ChannelAxis(channel_names=list(info.outputs)),
            *axes,
        ],
        data=v0_5.IntervalOrRatioDataDescr(type="float32", range=(0, 1)),
        test_tensor=v0_5.FileDescr(source=folder / "test_output.npy"),
        postprocessing=[v0_5.SoftmaxDescr() if softmax else v0_5.SigmoidDescr()],
    )


def _weights(folder: Path, info: ModelInfo, level: int) -> Any:
    import torch
    from bioimageio.spec.model import v0_5

    return v0_5.WeightsDescr(
        pytorch_state_dict=v0_5.PytorchStateDictWeightsDescr(
            source=folder / "weights.pt",
            architecture=v0_5.ArchitectureFromLibraryDescr(
                import_from=ExportedNet.__module__,
                callable=v0_5.Identifier(ExportedNet.__name__),
                kwargs=exported_arguments(info.net, level, "none"),
            ),
            pytorch_version=v0_5.Version(torch.__version__.partition("+")[0]),
            dependencies=v0_5.FileDescr(source=folder / "environment.yaml"),
        ),
        onnx=v0_5.OnnxWeightsDescr(
            source=folder / "weights.onnx",
            opset_version=opset(folder / "weights.onnx"),
            parent="pytorch_state_dict",
        ),
    )


def _halo(info: ModelInfo, level: int) -> int:
    """The halo of tiles, px; 0 for frames, which are evaluated in one piece."""
    return 0 if info.sampling.kind == "frame" else graph.aligned_halo(level, info.net)


def _pixel(info: ModelInfo) -> dict[str, Any]:
    """The pixel size, for models that go by it."""
    if info.sampling.kind != "pixel":
        return {}
    return {"unit": "micrometer", "scale": info.sampling.value}
