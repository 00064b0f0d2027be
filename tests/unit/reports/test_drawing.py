"""Drawings: their coordinates come from data alone, never from the fonts of the machine."""

import re
from itertools import combinations, pairwise

import pytest

from tallystick.reports import drawing
from tallystick.reports.charts import (
    bands_chart,
    limits_chart,
    prices_chart,
    stress_chart,
    swap_amounts_chart,
    swap_lines_chart,
)
from tallystick.reports.drawing import inline_svg
from tallystick.reports.evidence import calibration_chart, ranking_chart, shortened
from tallystick.reports.frontier import frontier_chart, is_pressed, near_frontier_chart, spread
from tallystick.reports.palette import MUTED
from tallystick.reports.summary import Summary
from tallystick.reports.texts import texts_in

CHARTS = (
    bands_chart, calibration_chart, frontier_chart, limits_chart, prices_chart, ranking_chart, stress_chart,
    swap_amounts_chart, swap_lines_chart,
)  # fmt: skip


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.__name__)
def test_no_coordinate_depends_on_a_font(chart: object, usual: Summary, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(chart)
    plain = chart(usual, texts=texts_in("zh"), width=340)
    monkeypatch.setitem(drawing._CONFIG, "font", "monospace")
    assert chart(usual, texts=texts_in("zh"), width=340) == plain


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.__name__)
def test_every_label_starts_on_the_paper(chart: object, usual: Summary) -> None:
    assert callable(chart)
    svg = chart(usual, texts=texts_in("en"), width=680)
    width, height = map(float, re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)[0])
    assert (width, height) == (680, height)
    assert svg.count("<text") >= 5
    assert "NaN" not in svg


def test_ids_of_two_drawings_never_clash() -> None:
    svg = '<svg viewBox="0 0 1 1" width="1" height="1"><g id="a" clip-path="url(#a)"></g></svg>'
    one, two = inline_svg(svg, name="one"), inline_svg(svg, name="two")
    assert 'id="one-a" clip-path="url(#one-a)"' in one
    assert 'id="two-a" clip-path="url(#two-a)"' in two


def test_text_is_left_alone_where_numbers_in_tags_are_shortened() -> None:
    svg = '<svg viewBox="0 0 1 1" width="1" height="1"><text x="0.123456" y="-1.5e-15">0.123456 class="k"</text></svg>'
    assert '<text x="0.12" y="0">0.123456 class="k"</text>' in inline_svg(svg, name="n")


def test_prices_pale_and_mark_what_the_law_forbids(usual: Summary) -> None:
    svg = prices_chart(usual, texts=texts_in("en"), width=680)
    assert svg.count(">no offer<") == 2 * 2  # outline and text of two grades
    assert "Legal cap 24%" in svg
    assert svg.count('opacity="0.38"') == 2 * 5


def test_the_frontier_without_curves_still_names_the_three_plans(usual: Summary) -> None:
    usual["frontier"] = []
    svg = frontier_chart(usual, texts=texts_in("zh"), width=680)
    for name in ("今天", "上限 30,000", "上限 50,000"):
        assert f">{name}<" in svg


def test_a_today_far_off_calls_for_a_view_from_near(usual: Summary) -> None:
    assert not is_pressed(usual)
    today = usual["scenarios"][0]
    today["profit_minor"] = -900_000_000_00
    assert is_pressed(usual)
    svg = near_frontier_chart(usual, texts=texts_in("en"), width=340)
    assert ">Cap 30,000<" in svg
    assert ">Today<" not in svg


def test_names_on_the_frontier_keep_apart_when_plans_coincide(usual: Summary) -> None:
    for scenario in usual["scenarios"]:
        scenario["profit_minor"], scenario["expected_loss_minor"] = 5_000_000_00, 1_000_000_00
    usual["frontier"] = []
    svg = frontier_chart(usual, texts=texts_in("en"), width=680)
    places = re.findall(r'translate\([\d.-]+,([\d.-]+)\)"[^>]*>(?:Today|Cap [\d,]+)<', svg)
    heights = sorted({float(place) for place in places})
    assert len(heights) == 3
    assert min(upper - lower for lower, upper in pairwise(heights)) >= 16


def test_a_name_beside_its_point_has_no_leader(usual: Summary) -> None:
    rule = f'stroke="{MUTED}"'
    _, baseline, new = usual["scenarios"]
    new["profit_minor"] = baseline["profit_minor"] + 1
    assert rule not in frontier_chart(usual, texts=texts_in("en"), width=340)
    for scenario in usual["scenarios"]:
        scenario["profit_minor"] = 5_000_000_00
    assert rule in frontier_chart(usual, texts=texts_in("en"), width=340)


@pytest.mark.parametrize("width", [340, 680])
def test_figures_on_bars_do_not_touch(usual: Summary, width: int) -> None:
    for scenario, tenth in zip(usual["scenarios"], (1314, 1248, 1262), strict=True):
        scenario["provision_minor"] = tenth * 100_000_00
        scenario["stress_loss_minor"] = dict.fromkeys(("base", "adverse", "severe"), tenth * 100_000_00)
    svg = stress_chart(usual, texts=texts_in("en"), width=width)
    found = re.findall(r'translate\(([\d.-]+),([\d.-]+)\)"[^>]*>1[23]\d(?:\.\d)?<', svg)
    places = sorted((float(x), float(y)) for x, y in found if float(x) > 0)
    assert len(places) == 4 * 3
    for one, other in combinations(places, 2):
        assert abs(one[0] - other[0]) >= 24 or abs(one[1] - other[1]) >= 10


def test_spread_moves_nothing_that_is_apart_already() -> None:
    assert spread([5.0, 60.0, 30.0], apart=20) == [5.0, 60.0, 30.0]
    assert spread([5.0, 5.0, 5.0], apart=20) == [5.0, 25.0, 45.0]


def test_a_long_segment_name_is_cut_to_its_room() -> None:
    assert shortened("短", letters=8) == "短"
    assert shortened("a" * 30, letters=10) == "a" * 9 + "…"
    assert shortened("", letters=10) == "–"
