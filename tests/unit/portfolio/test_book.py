"""The book: sums per grade are the sums over lines to the cent, and stress only gets worse."""

import numpy as np
import pytest
from scipy.stats import norm

from tallystick.portfolio.book import book_of, sum_book, sum_by_grade
from tallystick.portfolio.frontier import draw_frontier
from tallystick.strategy.choices import LimitRules
from tallystick.strategy.economics import read_economics
from tallystick.strategy.limits import limit_menu
from tallystick.strategy.lines import Lines
from tallystick.strategy.policy import standard_strategy_files
from tallystick.strategy.prices import price_grades

ECONOMICS = read_economics(standard_strategy_files()["economics.toml"])
PRICES = price_grades(ECONOMICS, legal_cap_ppm=240_000)
RULES = LimitRules(100_000, 100_000, 1_000_000, 2_000_000, 3_000_000, 20_000_000)


def _lines(count: int) -> Lines:
    generator = np.random.default_rng(5)
    grade = generator.integers(0, 7, count)  # none in the last grade
    limit = generator.integers(5, 60, count) * 100_000
    return Lines(
        limit_minor=limit,
        drawn_minor=(limit * generator.uniform(0, 1.1, count)).astype(np.int64),
        pd_ppm=np.array([each.pd_ppm for each in ECONOMICS.grades])[grade],
        grade=grade,
        income_month_minor=np.full(count, np.nan),
        present_rate_ppm=np.where(generator.random(count) < 0.5, np.nan, 180_000.0),
        may_increase=grade < 5,
        may_decrease=grade == 6,
    )


def test_grades_sum_to_the_book_and_lines_to_the_grades() -> None:
    lines = _lines(3_000)
    book = book_of(lines, lines.limit_minor, economics=ECONOMICS, prices=PRICES)
    total, grades = sum_book(book), sum_by_grade(book, lines.grade, grades=8)
    assert total.lines == 3_000 == sum(grade.lines for grade in grades)
    for name in ("limit_minor", "drawn_minor", "ead_minor", "profit_minor", "expected_loss_minor", "provision_minor"):
        assert getattr(total, name) == sum(getattr(grade, name) for grade in grades)
        assert getattr(grades[3], name) == getattr(book, name)[lines.grade == 3].sum()
    assert grades[7].lines == 0
    assert grades[7].profit_minor == 0
    losses = total.stress_loss_minor
    assert losses["base"] < losses["adverse"] < losses["severe"]
    assert total.provision_minor < total.expected_loss_minor


def test_an_empty_book_sums_to_nothing() -> None:
    lines = _lines(3).between(0, 0)
    assert sum_book(book_of(lines, lines.limit_minor, economics=ECONOMICS, prices=PRICES)).limit_minor == 0


def test_the_frontier_rises_with_loss_and_ends_at_the_most_profitable_plan() -> None:
    lines = _lines(2_000)
    menu = limit_menu(lines, cap_minor=5_000_000, rules=RULES, economics=ECONOMICS, prices=PRICES)
    points = draw_frontier(lines, menu, caps=(), rules=RULES, tolerance=1e-6)
    assert len(points) >= 5
    profits = [point.profit_minor for point in points]
    assert profits == sorted(profits)
    best = np.where(menu.choices.allowed, menu.profit, -np.inf).max(axis=1).sum()
    assert profits[-1] == pytest.approx(best, abs=1)
    assert draw_frontier(lines.between(0, 0), menu, caps=(), rules=RULES, tolerance=1e-6) == ()


def test_one_line_of_the_book_by_hand() -> None:
    """Grade D, 4,000 of 10,000 yuan drawn: 59 % more at default, PD 5.3 %, LGD 70 %, discounted at 18 % a year."""
    line = Lines(
        limit_minor=np.array([1_000_000]),
        drawn_minor=np.array([400_000]),
        pd_ppm=np.array([53_000]),
        grade=np.array([3]),
        income_month_minor=np.array([np.nan]),
        present_rate_ppm=np.array([180_000.0]),
        may_increase=np.array([False]),
        may_decrease=np.array([False]),
    )
    book = book_of(line, line.limit_minor, economics=ECONOMICS, prices=PRICES)
    assert book.ead_minor.tolist() == [636_000]
    assert book.expected_loss_minor.tolist() == [round(0.053 * 0.7 * 636_000)] == [23_596]
    monthly = [0.947 ** ((month - 1) / 12) - 0.947 ** (month / 12) for month in range(1, 13)]
    discounted = sum(dies / 1.18 ** (month / 12) for month, dies in enumerate(monthly, start=1))
    assert book.provision_minor.tolist() == [round(discounted * 0.7 * 636_000)]
    for name, quantile in (("base", 0.5), ("adverse", 0.95), ("severe", 0.999)):
        stressed = norm.cdf((norm.ppf(0.053) + 0.2 * norm.ppf(quantile)) / 0.96**0.5)
        assert book.stress_loss_minor[name].tolist() == [round(stressed * 0.7 * 636_000)]
    unexpected = book.stress_loss_minor["severe"] - book.expected_loss_minor  # each rounded by itself
    assert np.abs(book.capital_minor - unexpected).max() <= 1


def test_a_line_in_the_second_chunk_has_the_figures_it_has_alone() -> None:
    lines = _lines(50).at(np.arange(65_536 + 20) % 50)
    book = book_of(lines, lines.limit_minor, economics=ECONOMICS, prices=PRICES)
    alone = book_of(lines.between(7, 8), lines.limit_minor[7:8], economics=ECONOMICS, prices=PRICES)
    for name in ("limit_minor", "drawn_minor", "profit_minor", "provision_minor"):
        same_line = getattr(book, name)[7::50]  # the last one stands in the second chunk
        assert set(same_line.tolist()) == set(getattr(alone, name).tolist())
        assert getattr(book, name).shape == (65_556,)
