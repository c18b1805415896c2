"""Fine-tune a model on a labelled image, and compare it with the one it began with.

An argument gives the seconds that it may take (60 without it).
"""

import sys
from importlib.resources import files

from skimage.filters import threshold_otsu
from skimage.measure import label

from napari_unetpp import finetune, load_model, open_image, segment

with open_image(files("napari_unetpp") / "samples" / "dense_fluorescence.png") as image:
    pixels = image.array  # (Y, X)
labels = label(pixels > threshold_otsu(pixels))  # your own labels instead: 0 background, 1, 2, ... objects

done = finetune(
    "nuclei",
    [pixels],
    [labels],
    labels_as="reviewed",  # every pixel is right, background included
    seconds=float(sys.argv[1]) if len(sys.argv) > 1 else 60,
    out="mine.safetensors",
    overwrite=True,
)
print("better than before" if done.better else "not better than before", "on what was held out")
print(f"{done.info.name} recommends level {done.info.recommended_level}")

found = segment(pixels, load_model("mine.safetensors"), level=2)
print(f"{found.labels.max()} objects with the new model")
