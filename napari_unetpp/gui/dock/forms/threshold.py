"""The slider of the threshold, which also goes by keys."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QSlider
from superqt import QLabeledDoubleSlider

STEP = 0.01

STEPS = {
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Down: -1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_Up: 1,
    Qt.Key.Key_PageDown: -10,
    Qt.Key.Key_PageUp: 10,
}
"""Single steps that a key goes."""


class ThresholdSlider(QLabeledDoubleSlider):
    """superqt's, whose sliders of decimal numbers take no keys; and one stop of the Tab key, not two."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setRange(0.01, 0.99)
        self.setSingleStep(STEP)  # type: ignore[arg-type]  # superqt declares whole numbers
        self.setDecimals(2)
        inner = self.findChild(QSlider)
        assert inner is not None
        inner.setAccessibleName("Threshold")
        inner.installEventFilter(self)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFocusProxy(inner)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = Qt.Key(event.key())
            if key in STEPS:
                self.setValue(self.value() + STEPS[key] * STEP)
                return True
            if key in (Qt.Key.Key_Home, Qt.Key.Key_End):
                self.setValue(self.minimum() if key == Qt.Key.Key_Home else self.maximum())
                return True
        return bool(super().eventFilter(watched, event))
