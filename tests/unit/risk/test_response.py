"""What a borrower does with another limit, by hand; certain outcomes stay certain."""

import numpy as np
import pytest

from tallystick.risk.response import drawn_at_limit, pd_at_limit


def test_a_fifth_of_an_increase_becomes_debt_and_a_decrease_pays_nothing_back() -> None:
    limits = np.array([[10_000, 30_000, 30_001, 60_000]])
    drawn = drawn_at_limit(drawn=[[8_000]], present_limit=[[30_000]], limit=limits, propensity=[[0.2]])
    assert drawn.tolist() == [[8_000.0, 8_000.0, 8_000.2, 14_000.0]]


def test_odds_grow_with_each_doubling() -> None:
    pd = pd_at_limit(pd=0.2, present_limit=10_000, limit=[5_000, 10_000, 20_000, 40_000], pd_rise_per_doubling=0.1)
    odds = pd / (1 - pd)
    assert odds == pytest.approx([0.25, 0.25, 0.275, 0.3025])


def test_a_certain_default_and_a_certain_payer_stay_certain() -> None:
    assert pd_at_limit(pd=[0.0, 1.0], present_limit=1, limit=8, pd_rise_per_doubling=0.5).tolist() == [0.0, 1.0]
