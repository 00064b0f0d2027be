"""Where nothing shifts, PSI alarms as often as was asked for, whatever the sizes of the samples."""

import numpy as np
import pytest

from tallystick.scoring.stability import category_stability, population_stability


@pytest.mark.parametrize(("expected_rows", "actual_rows"), [(400, 400), (4_000, 500), (300, 3_000)])
def test_false_alarms_come_about_as_often_as_stated(expected_rows: int, actual_rows: int) -> None:
    draws = np.random.default_rng(expected_rows)
    trials, false_alarm = 600, 0.05
    alarms = sum(
        population_stability(
            draws.normal(size=expected_rows), draws.normal(size=actual_rows), name="score", false_alarm=false_alarm
        ).alarm
        for _ in range(trials)
    )
    # four standard deviations of a binomial around 5 %; the customary 0.1 would alarm 0 to 99 % of the time
    assert 9 <= alarms <= 51


def test_false_alarms_of_categories_come_about_as_often_as_stated() -> None:
    draws = np.random.default_rng(7)
    shares = [0.5, 0.3, 0.15, 0.05]
    alarms = sum(
        category_stability(
            draws.choice(4, 800, p=shares), draws.choice(4, 600, p=shares), name="kind", false_alarm=0.05
        ).alarm
        for _ in range(600)
    )
    assert 9 <= alarms <= 51
