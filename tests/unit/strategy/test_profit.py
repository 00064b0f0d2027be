"""What a line earns and loses at a limit, by hand where a pencil can, by law where it cannot."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tallystick.strategy.economics import Economics
from tallystick.strategy.lines import Lines
from tallystick.strategy.prices import price_grades
from tallystick.strategy.profit import LimitFigures, limit_figures

OneLine = Callable[..., Lines]


def _figures(lines: Lines, limits: list[int], economics: Economics) -> LimitFigures:
    limit_minor = np.broadcast_to(np.array(limits), (len(lines), len(limits)))
    return limit_figures(lines, limit_minor, economics=economics, prices=price_grades(economics, legal_cap_ppm=240_000))


def _without_propensity(economics: Economics) -> Economics:
    return replace(economics, grades=tuple(replace(grade, propensity_ppm=0) for grade in economics.grades))


def test_a_line_that_draws_nothing_more_earns_nothing_more(one_line: OneLine, economics: Economics) -> None:
    figures = _figures(one_line(drawn=400_000), [1_000_000, 1_500_000, 2_000_000], _without_propensity(economics))
    assert figures.drawn.tolist() == [[400_000.0] * 3]
    assert figures.revenue[0, 1:] == pytest.approx(figures.revenue[0, 0])
    assert figures.profit[0, 0] > figures.profit[0, 1] > figures.profit[0, 2]  # the PD rises all the same


def test_an_idle_line_costs_the_loss_on_a_tenth_of_its_limit(one_line: OneLine, economics: Economics) -> None:
    figures = _figures(one_line(limit=1_000_000, drawn=0), [1_000_000], economics)
    assert figures.revenue.tolist() == [[0.0]]
    assert figures.ead == pytest.approx(np.array([[100_000.0]]))
    assert figures.expected_loss == pytest.approx(np.array([[0.053 * 0.7 * 100_000]]))
    assert figures.profit == pytest.approx(-figures.expected_loss - 0.12 * figures.capital)


def test_a_rate_that_nobody_told_is_the_grades_price_within_the_law(one_line: OneLine, economics: Economics) -> None:
    prices = price_grades(economics, legal_cap_ppm=240_000)
    for grade, rate in ((3, prices[3].price_ppm), (7, 240_000)):  # H asks more than the law allows
        untold = _figures(one_line(drawn=400_000, grade=grade), [1_000_000], economics)
        told = _figures(one_line(drawn=400_000, grade=grade, rate=float(rate)), [1_000_000], economics)
        assert untold.profit == pytest.approx(told.profit)


def test_a_balance_paid_in_full_earns_only_the_merchants_fee(one_line: OneLine, economics: Economics) -> None:
    grades = tuple(replace(grade, revolving_share_ppm=0) for grade in economics.grades)
    figures = _figures(one_line(drawn=500_000, rate=240_000.0), [1_000_000], replace(economics, grades=grades))
    assert figures.revenue == pytest.approx(np.array([[0.072 * 500_000]]))


def test_a_decrease_frees_the_exposure_and_nothing_else(one_line: OneLine, economics: Economics) -> None:
    figures = _figures(one_line(limit=2_000_000, drawn=100_000), [2_000_000, 500_000], economics)
    assert figures.drawn[0].tolist() == [100_000.0, 100_000.0]
    assert figures.pd[0, 0] == figures.pd[0, 1]
    assert figures.revenue[0, 0] == figures.revenue[0, 1]
    assert figures.ead[0].tolist() == pytest.approx([290_000.0, 159_000.0])  # least 10 %, then 59 % of what is drawn
    assert figures.profit[0, 1] > figures.profit[0, 0]


def test_a_certain_default_has_figures_too(one_line: OneLine, economics: Economics) -> None:
    figures = _figures(one_line(drawn=400_000, pd=1_000_000, grade=7), [1_000_000, 2_000_000], economics)
    assert figures.pd.tolist() == [[1.0, 1.0]]
    assert figures.expected_loss == pytest.approx(0.7 * figures.ead)
    assert figures.capital.tolist() == [[0.0, 0.0]]
    assert np.isfinite(figures.profit).all()


def test_profit_is_revenue_less_every_cost(many_lines: Lines, economics: Economics) -> None:
    figures = _figures(many_lines, [100_000, 1_000_000, 9_000_000], economics)
    cost = 0.055 * figures.drawn + figures.expected_loss + 0.12 * figures.capital
    assert figures.profit == pytest.approx(figures.revenue - cost)
    assert (figures.ead >= figures.drawn).all()
    assert (np.diff(figures.ead, axis=1) >= -1e-6).all()
    assert (np.diff(figures.expected_loss, axis=1) >= -1e-6).all()


def test_a_line_alone_has_the_figures_it_has_among_many(many_lines: Lines, economics: Economics) -> None:
    together = _figures(many_lines, [500_000, 3_000_000], economics)
    for place in (0, 77, 199):
        alone = _figures(many_lines.between(place, place + 1), [500_000, 3_000_000], economics)
        assert alone.profit[0].tolist() == together.profit[place].tolist()


def test_who_is_near_the_limit_draws_more_of_an_increase(one_line: OneLine, economics: Economics) -> None:
    def drawn_of_it(drawn: int, grade: int = 2) -> float:
        figures = _figures(one_line(drawn=drawn, grade=grade), [1_000_000, 1_500_000], economics)
        return float(figures.drawn[0, 1] - drawn) / 500_000

    assert drawn_of_it(400_000) == pytest.approx(0.15 * 0.52)
    assert drawn_of_it(500_000) == pytest.approx(0.15 * 1.21)
    assert drawn_of_it(900_000) == pytest.approx(0.15 * 3.45)
    assert drawn_of_it(950_000, grade=6) == 1.0  # never more than all of it
