"""Segment an image, measure its objects, and write them for other programs."""

from importlib.resources import files

import tifffile

from napari_unetpp import measure_objects, open_image, save_objects, segment

with open_image(files("napari_unetpp") / "samples" / "sparse_fluorescence.png") as image:
    pixels = image.array  # (Y, X)

found = segment(pixels, "nuclei", level=2)
table = measure_objects(found.labels, pixels, pixel_size=0.5)  # micrometres per px
large = table["label"][table["area_um2"] > 50]
print(f"{found.labels.max()} objects, {large.size} of them above 50 µm²")

tifffile.imwrite("nuclei_labels.tif", found.labels)
save_objects(found.labels, "nuclei_objects.csv", image=pixels, pixel_size=0.5, overwrite=True)
save_objects(found.labels, "nuclei_rois.zip", overwrite=True)  # for ImageJ; .geojson: QuPath, .json: COCO
