"""Segment a stack plane by plane, with one number for an object in all of its planes."""

from importlib.resources import files

import numpy as np

from napari_unetpp import measure_objects, open_image, save_objects, segment

with open_image(files("napari_unetpp") / "samples" / "sparse_fluorescence.png") as image:
    plane = image.array[:256, :256]
stack = np.stack([np.roll(plane, 2 * n, axis=0) for n in range(4)])  # (Z, Y, X): the plane drifts

found = segment(stack, "nuclei", level=2, axes="ZYX", stitch=0.3)
print(f"labels of shape {found.labels.shape}, {found.labels.max()} objects through all planes")

table = measure_objects(found.labels, stack, axes="ZYX")
first = table["area_px"][table["label"] == 1]
print(f"object 1 has {', '.join(str(area) for area in first)} px in its planes")
save_objects(found.labels, "stack.geojson", image=stack, axes="ZYX", overwrite=True)
