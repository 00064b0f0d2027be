"""The true PD is the mean over the futures that can still come."""

import numpy as np
import pytest
from scipy.special import expit

from tallystick.world.outcome import pd_before_shock


def test_without_shock_the_pd_is_the_logistic() -> None:
    log_odds = np.array([-5.0, 0.0, 2.0])
    assert pd_before_shock(log_odds=log_odds, shock_chance=0.0, shock_weight=3.0) == pytest.approx(expit(log_odds))


def test_a_certain_shock_shifts_the_odds() -> None:
    assert pd_before_shock(log_odds=[-1.0], shock_chance=1.0, shock_weight=1.0) == pytest.approx([0.5])


def test_a_possible_shock_raises_the_pd() -> None:
    calm = pd_before_shock(log_odds=[-3.0], shock_chance=0.0, shock_weight=1.5)
    risky = pd_before_shock(log_odds=[-3.0], shock_chance=0.1, shock_weight=1.5)
    assert calm[0] < risky[0] < 1.5 * calm[0]
