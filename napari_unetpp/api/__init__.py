"""The public functions, used by the command line, the dock and scripts alike."""

from napari_unetpp.api.evaluation import evaluate
from napari_unetpp.api.finetuning import finetune
from napari_unetpp.api.models import load_model
from napari_unetpp.api.segmentation import segment
from napari_unetpp.files.models.model_list import list_models

__all__ = ["evaluate", "finetune", "list_models", "load_model", "segment"]
