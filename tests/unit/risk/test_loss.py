"""Exposure, loss, provision and capital of single lines, each worked out by hand."""

import numpy as np
import pytest
from scipy.stats import norm

from tallystick.risk.loss import (
    capital_share,
    conversion_factor,
    expected_loss,
    exposure_at_default,
    twelve_month_provision,
)


@pytest.mark.parametrize(
    ("drawn", "limit", "factor", "exposure"),
    [
        (0, 10_000, 0.1, 1_000),  # nothing drawn: the least, 10 % of the undrawn
        (1_000, 10_000, 0.1, 1_900),  # 590 more of 9,000 would be 6.6 %: the least holds
        (4_000, 10_000, 2_360 / 6_000, 6_360),  # 59 % more than is drawn
        (9_000, 10_000, 1.0, 10_000),  # 5,310 more does not fit: the limit
        (10_000, 10_000, 0.1, 10_000),  # nothing undrawn
        (12_000, 10_000, 0.1, 12_000),  # over the limit already
    ],
)
def test_a_defaulter_draws_59_percent_more_as_far_as_the_limit_goes(
    drawn: int, limit: int, factor: float, exposure: float
) -> None:
    ccf = conversion_factor(drawn=[drawn], limit=limit, rise_before_default=0.59, least=0.1)
    assert ccf == pytest.approx([factor])
    assert exposure_at_default(drawn=[drawn], limit=limit, ccf=ccf) == pytest.approx([exposure])


def test_expected_loss_is_a_product() -> None:
    assert expected_loss(pd=[0.05, 0.0], lgd=[0.7, 0.7], ead=[6_580.0, 1e9]) == pytest.approx([230.3, 0.0])


def test_a_provision_is_twelve_monthly_losses_discounted() -> None:
    alive, by_hand = 1.0, 0.0
    for month in range(1, 13):
        dies = alive * (1 - 0.95 ** (1 / 12))
        by_hand += dies / 1.18 ** (month / 12)
        alive -= dies
    assert alive == pytest.approx(0.95)
    found = twelve_month_provision(pd=[0.05], lgd=0.7, ead=[6_580.0], effective_rate=0.18)
    assert found == pytest.approx([by_hand * 0.7 * 6_580], rel=1e-12)
    undiscounted = twelve_month_provision(pd=[0.05], lgd=0.7, ead=[6_580.0], effective_rate=0.0)
    assert undiscounted == pytest.approx([230.3])


def test_capital_is_the_basel_formula_of_revolving_retail() -> None:
    pd = np.array([0.0003, 0.01, 0.05, 0.4])
    stressed = norm.cdf(norm.ppf(pd) / np.sqrt(0.96) + np.sqrt(0.04 / 0.96) * norm.ppf(0.999))  # CRE31.5
    assert capital_share(pd=pd, lgd=0.7) == pytest.approx(0.7 * stressed - 0.7 * pd, rel=1e-12)
    assert capital_share(pd=[0.0, 1.0], lgd=0.7).tolist() == [0.0, 0.0]
