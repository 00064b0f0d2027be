"""A grade's price by hand, and what the law makes of it."""

import pytest
from scipy.stats import norm

from tallystick.strategy.economics import Economics
from tallystick.strategy.prices import price_grades


def test_a_price_by_hand(economics: Economics) -> None:
    """Grade B: PD 1.4 %, LGD 70 %, 1.59 drawn at default; funds 3 %, operations 2.5 %, margin 2 %, capital 12 %."""
    price = price_grades(economics, legal_cap_ppm=240_000)[1]
    stressed = norm.cdf((norm.ppf(0.014) + 0.2 * norm.ppf(0.999)) / 0.96**0.5)
    assert price.grade == "B"
    assert price.expected_loss_ppm == round(0.014 * 0.7 * 1.59 * 1e6) == 15_582
    assert price.capital_ppm == round(0.7 * (stressed - 0.014) * 1.59 * 0.12 * 1e6)
    assert price.price_ppm == 30_000 + 15_582 + 25_000 + price.capital_ppm + 20_000


def test_a_riskier_grade_costs_more_and_the_law_takes_the_weak_ones_off(economics: Economics) -> None:
    prices = price_grades(economics, legal_cap_ppm=240_000)
    asked = [price.price_ppm for price in prices]
    assert asked == sorted(set(asked))
    offered = [price.is_offered for price in prices]
    assert offered == sorted(offered, reverse=True)
    assert not offered[-1]
    stricter = price_grades(economics, legal_cap_ppm=120_000)  # the law from 2028
    assert sum(price.is_offered for price in stricter) < sum(offered)
    assert [price.price_ppm for price in stricter] == asked  # the law decides the offer, never the price


@pytest.mark.parametrize(("above", "is_offered"), [(-1, False), (0, True), (1, True)])
def test_a_price_at_the_cap_is_offered_and_one_ppm_above_it_is_not(
    economics: Economics, above: int, *, is_offered: bool
) -> None:
    price = price_grades(economics, legal_cap_ppm=240_000)[2]
    assert price_grades(economics, legal_cap_ppm=price.price_ppm + above)[2].is_offered is is_offered
