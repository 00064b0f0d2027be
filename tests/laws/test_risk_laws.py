"""Laws of the risk figures: what must hold whatever the line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from tallystick.risk.default import conditional_pd, twelve_month_pd
from tallystick.risk.loss import (
    capital_share,
    conversion_factor,
    expected_loss,
    exposure_at_default,
    twelve_month_provision,
)
from tallystick.risk.response import drawn_at_limit, pd_at_limit

pds = st.floats(1e-6, 0.999)
amounts = st.floats(0, 1e8)


@given(pd=pds, quantile=st.floats(0.01, 0.999), correlation=st.floats(0.01, 0.5))
def test_conditional_pd_is_vasicek_and_rises_with_the_quantile(pd: float, quantile: float, correlation: float) -> None:
    found = float(conditional_pd(pd, correlation=correlation, quantile=quantile))
    by_hand = norm.cdf((norm.ppf(pd) + correlation**0.5 * norm.ppf(quantile)) / (1 - correlation) ** 0.5)
    assert found == pytest.approx(by_hand, rel=1e-9)
    worse = float(conditional_pd(pd, correlation=correlation, quantile=min(quantile + 0.0005, 0.9999)))
    assert 0.0 <= found <= worse <= 1.0


@given(pd=pds, lgd=st.floats(0, 1), ead=amounts, rate=st.floats(0, 0.6))
def test_a_provision_is_the_expected_loss_discounted(pd: float, lgd: float, ead: float, rate: float) -> None:
    loss = float(expected_loss(pd=pd, lgd=lgd, ead=ead))
    provision = float(twelve_month_provision(pd=pd, lgd=lgd, ead=ead, effective_rate=rate))
    assert provision <= loss * (1 + 1e-9)
    assert provision >= loss / (1 + rate) * (1 - 1e-9)


@given(drawn=amounts, limit=st.floats(1, 1e8), rise=st.floats(0, 2), least=st.floats(0, 1))
def test_exposure_stands_between_drawn_and_the_limit(drawn: float, limit: float, rise: float, least: float) -> None:
    factor = conversion_factor(drawn=drawn, limit=limit, rise_before_default=rise, least=least)
    assert least <= float(factor) <= 1.0
    ead = float(exposure_at_default(drawn=drawn, limit=limit, ccf=factor))
    assert drawn * (1 - 1e-12) <= ead <= max(drawn, limit) * (1 + 1e-12)


@given(pd=pds, lgd=st.floats(0, 1))
def test_capital_is_never_negative_and_never_above_the_loss_given_default(pd: float, lgd: float) -> None:
    assert -1e-12 <= float(capital_share(pd=pd, lgd=lgd)) <= lgd


@given(pd=pds, present=st.floats(100, 1e7), ratio=st.floats(0.1, 10), rise=st.floats(0, 1), propensity=st.floats(0, 1))
def test_a_decrease_changes_neither_pd_nor_debt_and_an_increase_never_lowers_them(
    pd: float, present: float, ratio: float, rise: float, propensity: float
) -> None:
    limit = present * ratio
    raised = float(pd_at_limit(pd=pd, present_limit=present, limit=limit, pd_rise_per_doubling=rise))
    drawn = float(drawn_at_limit(drawn=50.0, present_limit=present, limit=limit, propensity=propensity))
    if ratio <= 1:
        assert raised == pytest.approx(pd)
        assert drawn == 50.0
    else:
        assert pd * (1 - 1e-12) <= raised < 1.0
        assert 50.0 <= drawn <= 50.0 + (limit - present) * (1 + 1e-12)


@given(pd=st.floats(1e-6, 0.5), months=st.integers(3, 60))
def test_a_constant_hazard_over_twelve_months_is_itself(pd: float, months: int) -> None:
    yearly = twelve_month_pd([pd], horizon_months=months, rule="constant_hazard")
    assert ((1 - yearly) ** (months / 12)) == pytest.approx(np.array([1 - pd]), rel=1e-6, abs=1e-9)
    assert twelve_month_pd([pd], horizon_months=months, rule="as_is").tolist() == [pd]
