"""Open napari on an image with the dock beside it."""

from importlib.resources import files

import napari

viewer = napari.Viewer()
viewer.open(files("napari_unetpp") / "samples" / "dense_fluorescence.png", plugin="napari")
viewer.window.add_plugin_dock_widget("napari-unetpp", "UNet++")

if __name__ == "__main__":
    napari.run()
