"""Segment the images of a folder with one model, and keep what every result was made with.

The command `napari-unetpp segment FOLDER --out DIR --table` does the same and more.
"""

import json
from importlib.resources import files
from pathlib import Path

import tifffile

from napari_unetpp import UnetppError, load_model, open_image, segment

folder, out = files("napari_unetpp") / "samples", Path("results")
out.mkdir(exist_ok=True)
model = load_model("nuclei", precision="float32")  # once for all images
report = []
for path in sorted(p for p in Path(folder).iterdir() if "fluorescence" in p.name):
    try:
        with open_image(path) as image:
            found = segment(image, model, level=1)
    except UnetppError as error:  # one bad image does not end the run
        print(f"{path.name}: {error}")
        continue
    tifffile.imwrite(out / f"{path.stem}_labels.tif", found.labels)
    report.append({"image": path.name, "level": found.level, "scale": found.scale, "range": found.range})
(out / "report.json").write_text(json.dumps(report, indent=2))
print(f"{len(report)} images are in {out}")
