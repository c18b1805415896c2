import os

import qtpy

os.environ["PYQTGRAPH_QT_LIB"] = qtpy.API_NAME  # before its import: else it picks a binding of its own
