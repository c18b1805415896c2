"""How the dock looks: what stays in sight in a small window, contrast, colours, words, legends."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from napari.utils.theme import get_theme
from qtpy.QtCore import QPoint, QRect
from qtpy.QtWidgets import QWidget

from napari_unetpp._types import FinetuneProgress
from napari_unetpp.gui.dock import colours, level_slider
from napari_unetpp.gui.dock.colours import CHART_ON_DARK, CHART_ON_LIGHT
from napari_unetpp.gui.dock.training_chart import MARKS
from napari_unetpp.gui.layers.class_colours import COLOURS
from napari_unetpp.session.messages.correcting import ScoreRow

TEXT = 4.5
"""Least contrast of text, by WCAG 2.1."""


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    """One of its own for each test: they show it, in another size and theme."""
    return make_napari_viewer()


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def mixed(ink: str, ground: str, opacity: float) -> str:
    parts = [
        round(opacity * int(ink[at : at + 2], 16) + (1 - opacity) * int(ground[at : at + 2], 16))
        for at in (1, 3, 5)
    ]
    return "#" + "".join(f"{part:02x}" for part in parts)


@pytest.mark.parametrize(("theme", "inks"), [("dark", colours.DARK), ("light", colours.LIGHT)])
def test_every_text_can_be_read(theme: str, inks: colours.TextColours) -> None:
    """Amber on light had a contrast of 1.85."""
    found = get_theme(theme)
    ground, own = found.background.as_hex(), found.text.as_hex()
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for ink in (inks.warning, inks.error, inks.faint, inks.link, own):
        assert contrast(ink, ground) >= TEXT, ink
    for opacity in (level_slider.FAINT, 190 / 255):  # names of stops, texts of charts
        assert contrast(mixed(own, ground, opacity), ground) >= TEXT


@pytest.mark.parametrize(("theme", "inks"), [("dark", CHART_ON_DARK), ("light", CHART_ON_LIGHT)])
def test_what_a_chart_draws_can_be_seen(theme: str, inks: colours.ChartColours) -> None:
    """The star on light had a contrast of 1.3."""
    ground = get_theme(theme).background.as_hex()
    for ink in (inks.dot, inks.star, inks.loss, *inks.levels):
        assert contrast(ink, ground) >= 3, ink


def test_no_level_is_told_by_its_colour_alone(viewer: Any, open_dock: Any) -> None:
    """Blue and light blue, and yellow and orange, were told apart by the hue only."""
    viewer.window._qt_window.show()
    dock = open_dock()
    chart = dock.form.correct.training_chart
    dock.set_curve([FinetuneProgress(1, 1.0, 0.5, 0.7, dict.fromkeys((1, 2, 3, 4), 0.5))])
    marks = {curve.opts["symbol"] for curve in chart._dice.values()}
    assert len(marks) == 4
    title = chart.getPlotItem().titleLabel.text
    assert all(f"{mark}</span> L{level}" in title for level, (_, mark) in MARKS.items())
    for theme, inks in (("light", CHART_ON_LIGHT), ("dark", CHART_ON_DARK)):
        viewer.theme = theme
        chart.redraw()
        assert inks.levels[3] in chart.getPlotItem().titleLabel.text


def test_what_is_said_follows_the_theme(viewer: Any, open_dock: Any, qtbot: Any) -> None:
    viewer.window._qt_window.show()  # else no style reaches the widgets
    dock = open_dock()
    label = dock.form.head.message_label
    dock.set_message("careful", "warning", [("go", "go:1")])
    for theme, inks in (("light", colours.LIGHT), ("dark", colours.DARK)):
        viewer.theme = theme
        qtbot.waitUntil(lambda i=inks: i.warning in label.text() and i.link in label.text())


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_bar_without_an_end_has_its_text(viewer: Any, open_dock: Any, qtbot: Any, theme: str) -> None:
    """Qt shows none: nobody saw that torch was being loaded, or that objects were being found."""
    viewer.window._qt_window.show()
    viewer.theme = theme
    dock = open_dock()
    for bar, show in (
        (dock.form.head.progress_bar, dock.set_progress),
        (dock.form.correct.training_bar, partial(dock.set_finetuning, True)),
    ):
        pictures = []
        for text in ("", "finding objects"):
            show(None, text)
            assert bar.text() == text
            qtbot.wait(50)
            pictures.append(bar.grab().toImage())
        assert pictures[0] != pictures[1]
        show(0.5, "half of it")
        assert bar.text() == "half of it"


def in_sight(widget: QWidget) -> bool:
    """Whether all of a widget lies inside of everything that it stands in, up to the window."""
    above = widget
    while not above.isWindow():
        above = above.parentWidget()
        if not above.rect().contains(QRect(widget.mapTo(above, QPoint(0, 0)), widget.size())):
            return False
    return widget.isVisible()


def test_in_a_small_window_the_main_things_stay_in_sight(
    viewer: Any, image: np.ndarray, open_dock: Any, wait: Any, qtbot: Any
) -> None:
    viewer.add_image(image, name="cells")
    window = viewer.window._qt_window
    window.show()
    dock = open_dock()
    window.resize(1366, 740)
    form = dock.form
    main = (form.head.levels.slider, form.head.segment_button, form.head.message_area, form.head.progress_bar)
    qtbot.waitUntil(lambda: window.height() == 740)
    assert form.chart.isVisible()
    form.correct.correct_button.click()
    wait(dock)
    assert form.correct_fold.button.isChecked() and not form.chart.isVisible()
    for widget in (*main, form.correct.correct_button, form.correct.finetune_button):
        qtbot.waitUntil(lambda w=widget: in_sight(w))
    dock.set_curve(())
    dock.set_scores((), "Better at L2.", "info")
    dock.set_decision(True, suggested=True)
    for widget in (*main, form.correct.keep_button, form.correct.discard_button):
        qtbot.waitUntil(lambda w=widget: in_sight(w))
    form.correct_fold.button.setChecked(False)
    assert form.chart.isVisible()
    assert form.folds.minimumSizeHint().width() <= 300


def test_in_a_small_window_the_title_of_correct_is_not_cut(
    viewer: Any, image: np.ndarray, open_dock: Any, qtbot: Any
) -> None:
    """Of its 18 px 3 were seen; the chart takes less room now where there is little.

    Where its axis has no room for a name, no height is left empty for it.
    """
    viewer.add_image(image, name="cells")
    window = viewer.window._qt_window
    window.show()
    form = open_dock().form
    label = form.chart.getPlotItem().getAxis("bottom").label
    for height, chart in ((740, 87), (980, 136)):
        window.resize(1366, height)
        qtbot.waitUntil(lambda h=height: window.height() == h)
        qtbot.waitUntil(lambda: in_sight(form.correct_fold.button))
        qtbot.waitUntil(lambda c=chart: form.chart.LEAST <= form.chart.height() <= c)
        assert label.isVisible() == (height == 980)
    assert form.chart.height() == 136


def test_what_opens_moves_nothing_above_it(
    viewer: Any, image: np.ndarray, open_dock: Any, qtbot: Any
) -> None:
    """In a small window the chart grew by 49 px, and pushed what had just been clicked away."""
    viewer.add_image(image, name="cells")
    window = viewer.window._qt_window
    window.show()
    form = open_dock().form
    window.resize(1366, 740)
    qtbot.waitUntil(lambda: window.height() == 740)
    qtbot.waitUntil(lambda: in_sight(form.correct_fold.button))
    qtbot.wait(100)  # the layout has followed the window
    fixed = form.input_fold, form.result_fold, form.chart
    before = [one.y() for one in fixed[:2]], form.chart.height(), form.chart.width()
    for opened in (form.result.depth_checkbox, form.result.uncertainty_checkbox, form.input_fold.button):
        opened.click()
        qtbot.wait(100)
        places = [one.y() for one in fixed[: 1 if opened is form.input_fold.button else 2]]
        assert (places, form.chart.height()) == (before[0][: len(places)], before[1])
    assert form._bar.isVisible() and before[2] - form.chart.width() <= 5, "the bar is where the margin was"


def test_no_text_of_a_fold_is_cut(viewer: Any, open_dock: Any, qtbot: Any) -> None:
    """The last of seven lines was: the fold was as high as its texts are in the width they like best."""
    window = viewer.window._qt_window
    window.resize(1366, 740)
    window.show()
    dock = open_dock()
    dock.open_correct()
    note = dock.form.correct.finetune_summary_label
    for words in (10, 40, 60):
        dock.set_scores([ScoreRow(1, 0.5, 0.6, None, None, True)], "better " * words, "info")
        qtbot.waitUntil(lambda: note.height() >= note.heightForWidth(note.width()) > 10)
    assert dock.form.folds.width() == dock.form.area.viewport().width()


def test_nothing_moves_when_an_image_opens_or_a_time_is_measured(
    viewer: Any, image: np.ndarray, open_dock: Any, qtbot: Any
) -> None:
    """The hint to open an image had a line more than what says how it is read."""
    viewer.window._qt_window.show()
    dock = open_dock()
    button = dock.form.head.segment_button
    qtbot.wait(50)
    before = button.y()
    viewer.add_image(image, name="cells")
    dock.set_readout("L4 · 9.04 M · 22 s per megapixel · Dice 0.92", "")
    qtbot.wait(50)
    assert button.y() == before
    dock.set_readout("L4 · 9.04 M · about 850 ms per megapixel · Dice 0.92", "")
    qtbot.wait(50)
    assert button.y() == before


def test_a_tall_window_is_used(viewer: Any, image: np.ndarray, open_dock: Any, qtbot: Any) -> None:
    """napari puts empty space below what does not ask for height; and the folds scrolled above it."""
    viewer.add_image(image, name="cells")
    window = viewer.window._qt_window
    window.show()
    form = open_dock().form
    window.resize(1400, 980)
    qtbot.waitUntil(lambda: window.height() == 980)
    around = form.window()
    qtbot.waitUntil(lambda: form.mapTo(around, QPoint(0, form.height())).y() > 850)
    assert form.area.height() > form.height() - form.area.y() - 2


def test_a_short_message_does_not_scroll_and_a_long_one_does(viewer: Any, open_dock: Any, qtbot: Any) -> None:
    viewer.window._qt_window.show()
    dock = open_dock()
    bar = dock.form.head.message_area.verticalScrollBar()
    dock.set_message("word " * 60, "info", [])
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    dock.set_message("153 objects, median diameter 26 px, L4, 1.0 s", "info", [])
    qtbot.waitUntil(lambda: bar.maximum() == 0)


def test_what_fits_without_the_bar_has_none_after_a_long_message(
    viewer: Any, open_dock: Any, qtbot: Any
) -> None:
    """Beside the bar of the message before, four lines were five, and the bar stayed."""
    viewer.window._qt_window.show()
    dock = open_dock()
    area, label = dock.form.head.message_area, dock.form.head.message_label
    bar = area.verticalScrollBar()
    qtbot.waitUntil(lambda: area.isVisible() and area.width() > 250)
    most = max(n for n in range(60) if _height(label, "word " * n, area.width()) <= area.height())
    for count in (most + 1, 60, most, most - 1):
        dock.set_message("word " * count, "info", [])
        qtbot.waitUntil(lambda n=count: bar.isVisible() == (n > most))
        assert (bar.maximum() > 0) == (count > most)


def _height(label: Any, text: str, width: int) -> int:
    label.show_text(text)
    return int(label.heightForWidth(width))


def test_a_mask_is_not_brown_on_red(viewer: Any, image: np.ndarray, open_dock: Any, wait: Any) -> None:
    viewer.add_image(image, name="cells")
    dock = open_dock()
    dock.controller.state.threshold, dock.controller.state.min_size = 0.3, 0
    dock.controller.state.kind = "mask"
    dock.form.head.segment_button.click()
    wait(dock)
    layer = viewer.layers["cells prediction"]
    red, green, blue, _ = layer.get_color(1)
    assert green > 0.7 and blue > 0.7 and red < 0.2
    shown = {tuple(layer.get_color(number)) for number in range(1, len(COLOURS) + 1)}
    assert len(shown) == len(COLOURS)
    dock.form.correct.correct_button.click()
    wait(dock)
    np.testing.assert_allclose(viewer.layers["cells corrections"].get_color(1), [red, green, blue, 1])
    before = layer.get_color(7)
    dock.controller.state.kind = "labels"
    wait(dock)
    assert not np.allclose(layer.get_color(7), before)


def test_words(viewer: Any, open_dock: Any) -> None:
    dock = open_dock()
    form = dock.form
    assert "per megapixel" in form.head.level_readout.text()
    assert "MPx" not in form.head.level_readout.text() and "est." not in form.head.level_readout.text()
    assert form.correct.background_spin.prefix() == "background "
    assert "Depth" not in form.result.depth_checkbox.text()


def test_overlays_have_a_legend(viewer: Any, open_dock: Any) -> None:
    form = open_dock().form
    assert form.result.legend_label.isHidden()
    form.result.uncertainty_checkbox.click()
    assert not form.result.legend_label.isHidden() and "sure is clear" in form.result.legend_label.text()
    form.result.depth_checkbox.click()
    assert all(name in form.result.legend_label.text() for name in ("unsure", "L2", "L3", "L4"))
    form.result.uncertainty_checkbox.click()
    form.result.depth_checkbox.click()
    assert form.result.legend_label.isHidden()
