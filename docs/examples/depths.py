"""Segment one image at every depth, and compare what the depths find and cost."""

import time
from importlib.resources import files

from napari_unetpp import load_model, open_image, segment

model = load_model("nuclei", precision="float32")
with open_image(files("napari_unetpp") / "samples" / "dense_fluorescence.png") as image:
    for level in (1, 2, 3, 4, "auto"):
        start = time.perf_counter()
        found = segment(image, model, level=level)
        seconds = time.perf_counter() - start
        print(f"level {level}: {found.labels.max()} objects, {seconds:.2f} s, scale {found.scale_reason}")
