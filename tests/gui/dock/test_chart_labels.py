"""Names in the chart can be read: they cover no other name and no other dot, and nothing is cut off."""

from __future__ import annotations

from typing import Any

import pytest

from napari_unetpp._types import AUTO
from napari_unetpp.gui.dock.charts import PADDING, SpeedQualityChart
from napari_unetpp.gui.dock.label_sides import DOT, offset, sides
from napari_unetpp.session.display.costs import ChartPoint

ABOVE, BELOW, RIGHT = (0.0, -1.0), (0.0, 1.0), (1.0, 0.0)


@pytest.mark.parametrize(
    ("dots", "expected"),
    [
        ([(50, 50), (200, 50)], [ABOVE, ABOVE]),
        ([(50, 50), (52, 46)], [BELOW, ABOVE]),  # the other dot is above
        ([(50, 50), (50, 50)], [ABOVE, BELOW]),
        ([(50, 50), (50, 50), (50, 50)], [ABOVE, BELOW, RIGHT]),
    ],
    ids=["far apart", "alike", "equal", "three at one place"],
)
def test_a_label_stands_where_it_covers_nothing(dots: Any, expected: Any) -> None:
    assert sides(dots, [(20, 11)] * len(dots)) == expected
    for side in expected:
        away = offset((20, 11), side)
        assert max(abs(away[0]) - 10, abs(away[1]) - 5.5) == pytest.approx(DOT), "beside its own dot"


def test_a_label_does_not_stand_on_the_axes() -> None:
    """L1 near a corner was written over the axis."""
    area = (0.0, 0.0, 200.0, 100.0)
    assert sides([(4, 50), (100, 4), (100, 96)], [(20, 11)] * 3, area) == [RIGHT, BELOW, ABOVE]
    assert sides([(4, 50)], [(20, 11)]) == [ABOVE]


def point(level: int, seconds: float, quality: float) -> ChartPoint:
    return ChartPoint(level, seconds, True, quality, level == 3)


@pytest.fixture
def chart(qtbot: Any) -> SpeedQualityChart:
    chart = SpeedQualityChart()
    qtbot.addWidget(chart)
    chart.resize(280, chart.height())
    chart.show()
    points = (point(1, 1.7, 0.876), point(2, 2.5, 0.910), point(3, 4.9, 0.915), point(4, 7.8, 0.916))
    chart.set_points([*points, point(AUTO, 2.58, 0.914)], 3)
    qtbot.waitExposed(chart)
    return chart


@pytest.mark.parametrize("width", [180, 280, 420])
def test_labels_of_alike_levels_do_not_overprint(chart: SpeedQualityChart, width: int, qtbot: Any) -> None:
    chart.resize(width, chart.height())
    qtbot.wait(50)
    items = [text.textItem for text in chart._texts]
    boxes = [item.mapRectToScene(item.boundingRect()) for item in items]
    rects = [box.adjusted(PADDING, PADDING, -PADDING, -PADDING) for box in boxes]
    overlaps = [(a, b) for a in range(5) for b in range(a) if rects[a].intersects(rects[b])]
    assert not overlaps, [(chart._texts[a].toPlainText(), chart._texts[b].toPlainText()) for a, b in overlaps]


def test_the_name_of_the_axis_is_whole(chart: SpeedQualityChart) -> None:
    label = chart.getPlotItem().getAxis("bottom").label
    bottom = label.mapRectToScene(label.boundingRect()).bottom()
    assert bottom <= chart.viewport().height(), "its foot was cut by 2 px"
