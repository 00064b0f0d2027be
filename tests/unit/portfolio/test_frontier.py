"""The frontier: no point is better than the dual allows, each keeps its bound, and a sample stands for the book."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tallystick.portfolio.frontier import SAMPLE_LINES, FrontierPoint, draw_frontier
from tallystick.strategy.choices import LimitRules
from tallystick.strategy.economics import read_economics
from tallystick.strategy.limits import Menu, PortfolioCap, limit_menu
from tallystick.strategy.lines import Lines
from tallystick.strategy.optimizer import Cap, Plan, optimize
from tallystick.strategy.policy import standard_strategy_files
from tallystick.strategy.prices import price_grades

ECONOMICS = read_economics(standard_strategy_files()["economics.toml"])
PRICES = price_grades(ECONOMICS, legal_cap_ppm=240_000)
RULES = LimitRules(500_000, 500_000, 1_000_000, 2_000_000, 3_000_000, 20_000_000)


def _lines(count: int) -> Lines:
    generator = np.random.default_rng(9)
    grade = generator.integers(1, 7, count)
    limit = generator.integers(1, 9, count) * 500_000
    return Lines(
        limit_minor=limit,
        drawn_minor=(limit * generator.uniform(0, 1, count)).astype(np.int64),
        pd_ppm=np.array([each.pd_ppm for each in ECONOMICS.grades])[grade],
        grade=grade,
        income_month_minor=np.full(count, np.nan),
        present_rate_ppm=np.full(count, np.nan),
        may_increase=grade < 5,
        may_decrease=grade == 6,
    )


def _menu(lines: Lines, *, cap: int = 4_000_000) -> Menu:
    return limit_menu(lines, cap_minor=cap, rules=RULES, economics=ECONOMICS, prices=PRICES)


def _frontier(lines: Lines, menu: Menu, caps: Sequence[PortfolioCap] = ()) -> tuple[FrontierPoint, ...]:
    return draw_frontier(lines, menu, caps=caps, rules=RULES, tolerance=1e-6)


def test_no_point_earns_more_than_the_dual_allows_at_its_loss() -> None:
    lines = _lines(60)
    menu = _menu(lines)
    points = _frontier(lines, menu)
    assert len(points) == 7
    for point in points:
        best = optimize(
            profit=menu.profit,
            measures=menu.measures,
            allowed=menu.choices.allowed,
            caps=[Cap("expected_loss", "expected_loss", point.expected_loss_minor + 1.0)],
            tolerance=1e-6,
        )
        assert isinstance(best, Plan)
        assert point.profit_minor <= best.dual_bound + 1
        assert point.profit_minor == pytest.approx(best.profit, rel=1e-4)


def test_losses_and_profits_rise_together_from_point_to_point() -> None:
    lines = _lines(60)
    points = _frontier(lines, _menu(lines))
    losses = [point.expected_loss_minor for point in points]
    profits = [point.profit_minor for point in points]
    assert losses == sorted(set(losses))
    assert profits == sorted(set(profits))


def test_the_other_caps_hold_all_along_the_frontier_and_the_cap_on_loss_does_not() -> None:
    lines = _lines(60)
    menu = _menu(lines)
    free = _frontier(lines, menu)
    bound = int(free[-1].limit_minor * 0.97)
    held = _frontier(lines, menu, caps=(PortfolioCap("limit", "", "", "limit", bound),))
    assert max(point.limit_minor for point in held) <= bound < max(point.limit_minor for point in free)
    assert held[-1].profit_minor < free[-1].profit_minor
    impossible = PortfolioCap("expected_loss", "", "", "expected_loss", 0)
    assert _frontier(lines, menu, caps=(impossible,)) == free  # it is what the frontier varies
    assert _frontier(lines, menu, caps=(PortfolioCap("limit", "", "", "limit", 1),)) == ()


def test_above_the_sample_size_every_second_line_stands_for_two() -> None:
    pair = _lines(40).at(np.array([0, 0, 1, 1, 2, 2, 3, 3]))  # every second line has a twin
    count = SAMPLE_LINES + 8
    lines = pair.at(np.arange(count) % 8)
    lines = replace(lines, may_increase=np.ones(count, dtype=np.bool_))
    menu = _menu(lines, cap=2_000_000)
    points = _frontier(lines, menu)
    best = np.where(menu.choices.allowed, menu.profit, -np.inf)
    rows, column = np.arange(count), best.argmax(axis=1)
    assert points[-1].profit_minor == pytest.approx(best[rows, column].sum(), abs=1)
    assert points[-1].limit_minor == menu.choices.limit_minor[rows, column].sum()
    assert points[-1].expected_loss_minor == pytest.approx(menu.measures["expected_loss"][rows, column].sum(), abs=1)


def test_bounds_are_scaled_with_the_sample() -> None:
    lines = _lines(40).at(np.arange(2 * SAMPLE_LINES) // 2 % 40)
    menu = _menu(lines, cap=1_000_000)
    today = int(menu.measures["limit"][:, 0].sum())
    cap = PortfolioCap("limit", "", "", "limit", today + 1_000_000_000)
    points = _frontier(lines, menu, caps=(cap,))
    assert points
    assert max(point.limit_minor for point in points) <= cap.bound
    weak = PortfolioCap("share", "", "", "drawn", 1_000_000, lines.grade >= 4)  # the whole: never binds
    assert _frontier(lines, menu, caps=(weak,))[-1].profit_minor >= points[-1].profit_minor
