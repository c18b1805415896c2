"""The widgets that are our own: the slider with labelled stops, the chart, the worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QStyleOptionComboBox

from napari_unetpp.gui.dock.charts import SpeedQualityChart
from napari_unetpp.gui.dock.forms.picker import Picker
from napari_unetpp.gui.dock.level_slider import LevelSlider
from napari_unetpp.gui.dock.widgets import Note
from napari_unetpp.gui.worker import ThreadRunner
from napari_unetpp.session.display.costs import ChartPoint


def test_names_under_the_stops_can_be_clicked(qtbot: Any) -> None:
    slider = LevelSlider()
    qtbot.addWidget(slider)
    slider.resize(240, 40)
    slider.show()
    slider.set_levels((1, 2, 3, 4), 1)
    marks = slider._marks
    assert marks.centre(1) < marks.centre(2) < marks.centre(4) <= slider.width()
    with qtbot.waitSignal(slider.level_changed) as heard:
        qtbot.mouseClick(marks, Qt.MouseButton.LeftButton, pos=QPoint(marks.centre(3), 3))
    assert heard.args == [3]


def test_setting_levels_emits_nothing(qtbot: Any) -> None:
    slider = LevelSlider()
    qtbot.addWidget(slider)
    with qtbot.assertNotEmitted(slider.level_changed):
        slider.set_levels((1, 2), 2)
    assert (slider.slider.value(), slider.slider.maximum()) == (2, 2)


@pytest.mark.parametrize("quality", [0.8, None])
def test_chart_with_and_without_scores(qtbot: Any, quality: float | None) -> None:
    chart = SpeedQualityChart()
    qtbot.addWidget(chart)
    points = [ChartPoint(level, 0.1 * level, level > 1, quality, level == 3) for level in (1, 2, 3, 4)]
    chart.set_points(points, 2)
    chart.set_points(points, 3)
    spots = chart._dots.points()
    assert len(spots) == (4 if quality else 0)
    if quality:
        assert [spot.symbol() for spot in spots] == ["o", "o", "star", "o"]
        with qtbot.waitSignal(chart.level_clicked) as heard:
            chart._on_clicked(chart._dots, [spots[3]])
        assert heard.args == [4]


def test_the_names_of_the_axes_are_not_cut(qtbot: Any) -> None:
    chart = SpeedQualityChart()
    qtbot.addWidget(chart)
    chart.resize(280, 160)
    chart.show()
    chart.set_points([ChartPoint(level, 0.1 * level, False, 0.8, level == 3) for level in (1, 2, 3, 4)], 2)
    axis = chart.getPlotItem().getAxis("bottom")
    shown = axis.label.mapRectToParent(axis.label.boundingRect())
    assert shown.left() >= 0 and shown.right() <= axis.width()


def test_worker_uses_one_other_thread_and_answers_here(qtbot: Any) -> None:
    runner, seen, here = ThreadRunner(), [], []

    def job(should_stop: Any) -> Iterator[Any]:
        yield threading.get_ident()

    def on_event(event: Any) -> None:
        seen.append(event)
        here.append(threading.get_ident())

    ends: list[Any] = []
    for _ in range(2):
        runner.submit(job, on_event, ends.append)
    qtbot.waitUntil(lambda: len(ends) == 2)
    assert ends == [None, None]
    assert len(set(seen)) == 1 and seen[0] != threading.get_ident()
    assert set(here) == {threading.get_ident()}
    runner.close()


def test_worker_stops_by_the_flag_so_that_finally_runs_there(qtbot: Any) -> None:
    runner, where = ThreadRunner(), []
    started = threading.Event()

    def job(should_stop: Any) -> Iterator[Any]:
        try:
            while not should_stop():
                started.set()
                yield 0
        finally:
            where.append(threading.current_thread().name)

    runner.submit(job, lambda _event: None, lambda _error: None)
    assert started.wait(10)
    runner.stop()
    qtbot.waitUntil(lambda: len(where) == 1)
    assert where[0].startswith("unetpp")
    runner.close()


def test_worker_reports_errors_and_goes_on(qtbot: Any) -> None:
    runner, ends = ThreadRunner(), []

    def job(should_stop: Any) -> Iterator[Any]:
        raise MemoryError("no")
        yield

    runner.submit(job, lambda _event: None, ends.append)
    runner.submit(lambda should_stop: iter(()), lambda _event: None, ends.append)
    qtbot.waitUntil(lambda: len(ends) == 2)
    assert isinstance(ends[0], MemoryError) and ends[1] is None
    runner.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("14 px, L3, 1.0 s", "14_px, L3, 1.0_s"),
        ("14 px, L3, < 0.1 s", "14_px, L3, &lt;_0.1_s"),
        ("L3 · 2.21 M · 61 ms per megapixel", "L3 · 2.21_M · 61_ms per megapixel"),
        ("31 planes of 1024 × 1024 px; about 4 MB", "31 planes of 1024_×_1024_px; about 4_MB"),
        ("3 min 5 s left of 12 %", "3_min 5_s left of 12_%"),
        ("0.5 µm/px in 520 x 696 px", "0.5_µm/px in 520_x_696_px"),
        ("Open Sample > UNet++ segmentation", "Open Sample &gt; UNet\u2060+\u2060+ segmentation"),
        ("7 models, 3 minutes, L 4 more", "7 models, 3 minutes, L 4 more"),
    ],
)
def test_no_line_ends_between_a_number_and_its_unit(text: str, expected: str, qtbot: Any) -> None:
    """ "1.0 / s" stood on two lines."""
    note = Note()
    qtbot.addWidget(note)
    note.show_text(text, offers=[(text, "go:1")])
    assert note.text().replace("\u00a0", "_").startswith(f"{expected}<br>")
    assert f">{expected.replace('_', chr(0xA0))}</a>" in note.text()


@pytest.mark.parametrize(("width", "whole"), [(90, False), (400, True)])
def test_a_long_name_ends_with_dots(qtbot: Any, width: int, whole: bool) -> None:
    """It was cut off within a letter."""
    picker = Picker()
    qtbot.addWidget(picker)
    picker.addItem("cells-phase – instances")
    picker.resize(width, 24)
    picker.show()
    option = QStyleOptionComboBox()
    picker.initStyleOption(option)
    text = picker.shown_text(option)
    assert text == "cells-phase – instances" if whole else (text.startswith("cell") and text.endswith("…"))
    assert picker.currentText() == "cells-phase – instances"
