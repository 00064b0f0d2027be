"""PDs at other horizons and in other weathers, against SciPy's normal distribution and a pencil."""

import numpy as np
import pytest
from scipy.stats import norm

from tallystick.risk.default import conditional_pd, twelve_month_pd


def test_six_months_survived_twice_are_a_year_survived() -> None:
    yearly = twelve_month_pd([0.0, 0.1, 0.5, 1.0], horizon_months=6, rule="constant_hazard")
    assert yearly == pytest.approx([0.0, 1 - 0.9**2, 0.75, 1.0])
    two_years = twelve_month_pd([0.19], horizon_months=24, rule="constant_hazard")
    assert two_years == pytest.approx([0.1])


def test_a_horizon_of_no_months_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one month, not 0"):
        twelve_month_pd([0.1], horizon_months=0, rule="as_is")


@pytest.mark.parametrize("quantile", [0.5, 0.95, 0.999])
def test_conditional_pd_is_the_formula_of_vasicek(quantile: float) -> None:
    pd = np.array([0.0003, 0.01, 0.2, 0.9])
    by_hand = norm.cdf((norm.ppf(pd) + np.sqrt(0.04) * norm.ppf(quantile)) / np.sqrt(0.96))
    assert conditional_pd(pd, correlation=0.04, quantile=quantile) == pytest.approx(by_hand, rel=1e-12)


def test_without_correlation_no_weather_matters_and_certainty_stays() -> None:
    assert conditional_pd([0.07], correlation=0.0, quantile=0.999) == pytest.approx([0.07])
    assert conditional_pd([0.0, 1.0], correlation=0.04, quantile=0.999).tolist() == [0.0, 1.0]


def test_the_mean_over_all_weathers_is_the_pd_itself() -> None:
    quantiles = (np.arange(20_000) + 0.5) / 20_000
    mean = np.mean([float(conditional_pd(0.05, correlation=0.04, quantile=float(q))) for q in quantiles[::20]])
    assert mean == pytest.approx(0.05, rel=2e-3)


@pytest.mark.parametrize(("correlation", "quantile"), [(1.0, 0.5), (-0.1, 0.5), (0.04, 0.0), (0.04, 1.0)])
def test_a_correlation_or_quantile_out_of_range_is_refused(correlation: float, quantile: float) -> None:
    with pytest.raises(ValueError, match=r"must be in \[0, 1\)"):
        conditional_pd([0.1], correlation=correlation, quantile=quantile)
