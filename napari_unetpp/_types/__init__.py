"""Frozen values that several parts of the package exchange: models, geometry, predictions, fine-tuning.

Nothing here imports torch, Qt or napari.
"""

from napari_unetpp._types.common import (
    ShouldStop,
    UnetppError,
    UsageError,
    never_stop,
)
from napari_unetpp._types.finetuning import (
    FinetuneDone,
    FinetuneEvent,
    FinetuneProgress,
    FinetuneRequest,
    FinetuneStarted,
    LabelledPlane,
    LabelsAs,
    Outline,
)
from napari_unetpp._types.geometry import (
    Region,
    Spot,
)
from napari_unetpp._types.image_rules import (
    LARGEST_SCALE,
    SMALLEST_SCALE,
    Normalisation,
    SamplingRule,
    ScaleSearch,
)
from napari_unetpp._types.model import (
    LevelScores,
    ModelInfo,
    ScoreSet,
    StoppingRule,
    Task,
)
from napari_unetpp._types.network import (
    ARCHITECTURES,
    AUTO,
    DEFAULT_WIDTHS,
    ENCODERS,
    LEVELS,
    NESTED,
    PLAIN,
    SUPERVISIONS,
    NetConfig,
    Node,
    Supervision,
)
from napari_unetpp._types.object_rules import (
    EDGE_CAP,
    DecodeRule,
    ObjectOptions,
)
from napari_unetpp._types.prediction import (
    Kind,
    PredictDone,
    PredictEvent,
    PredictRequest,
    PredictStarted,
    Preview,
    ScaleChoice,
    Segmentation,
    TileDone,
)

__all__ = [
    "ARCHITECTURES",
    "AUTO",
    "DEFAULT_WIDTHS",
    "EDGE_CAP",
    "ENCODERS",
    "LARGEST_SCALE",
    "LEVELS",
    "NESTED",
    "PLAIN",
    "SMALLEST_SCALE",
    "SUPERVISIONS",
    "DecodeRule",
    "FinetuneDone",
    "FinetuneEvent",
    "FinetuneProgress",
    "FinetuneRequest",
    "FinetuneStarted",
    "Kind",
    "LabelledPlane",
    "LabelsAs",
    "LevelScores",
    "ModelInfo",
    "NetConfig",
    "Node",
    "Normalisation",
    "ObjectOptions",
    "Outline",
    "PredictDone",
    "PredictEvent",
    "PredictRequest",
    "PredictStarted",
    "Preview",
    "Region",
    "SamplingRule",
    "ScaleChoice",
    "ScaleSearch",
    "ScoreSet",
    "Segmentation",
    "ShouldStop",
    "Spot",
    "StoppingRule",
    "Supervision",
    "Task",
    "TileDone",
    "UnetppError",
    "UsageError",
    "never_stop",
]
