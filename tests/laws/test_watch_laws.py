"""Where nothing changed, a whole watch alarms at most as often as it says; where something did, it tells what."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit

from tallystick.scoring.model import ModelFeature
from tallystick.scoring.watch import Watched, first_payments, watch_checks

FEATURES = (
    ModelFeature("income", "numeric"),
    ModelFeature("past_due", "numeric"),
    ModelFeature("channel", "category"),
)


def sample(draws: np.random.Generator, lines: int, *, riskier: float = 0.0, missed: float = 0.04) -> Watched:
    """Lines of a book with a model that is a little wrong, always in the same way."""
    income = draws.normal(size=lines)
    income[draws.random(lines) < 0.1] = np.nan
    past_due = draws.poisson(0.3, lines)
    channel = draws.choice(["app", "web", "shop"], lines, p=[0.6, 0.35, 0.05])
    risk = -2 - 0.8 * np.nan_to_num(income) + 0.7 * past_due + riskier
    outcome = (draws.random(lines) < expit(risk)).astype(float)
    outcome[draws.random(lines) < 0.3] = np.nan
    first = np.where(draws.random(lines) < 0.2, (draws.random(lines) < missed).astype(float), np.nan)
    return Watched(
        columns=pa.table({"income": income, "past_due": past_due, "channel": channel}),
        pd=expit(0.9 * (risk - riskier) + 0.1),
        outcome=outcome,
        vintage=draws.choice(["old", "new"], lines).tolist(),
        first_payment=first,
    )


@pytest.mark.parametrize(("expected_lines", "lines"), [(3_000, 1_000), (1_500, 1_500), (1_000, 4_000)])
def test_a_watch_alarms_at_most_as_often_as_it_says(expected_lines: int, lines: int) -> None:
    draws = np.random.default_rng(expected_lines)
    trials, false_alarm = 300, 0.05
    alarms = 0
    for _ in range(trials):
        checks = watch_checks(
            expected=sample(draws, expected_lines), actual=sample(draws, lines), features=FEATURES,
            false_alarm=false_alarm,
        )  # fmt: skip
        assert len(checks) == 9
        alarms += any(check.alarm for check in checks)
    # of 300 watches 15 may alarm; 26 is three standard deviations of that binomial above
    assert alarms <= 26


def test_first_payments_never_alarm_more_often_than_stated_however_few_they_are() -> None:
    draws = np.random.default_rng(4)
    alarms = sum(
        first_payments(draws.random(60) < 0.03, draws.random(40) < 0.03, false_alarm=0.05).alarm for _ in range(2_000)
    )
    assert alarms <= 100 + 3 * 9.7


def test_what_changed_is_what_alarms() -> None:
    draws = np.random.default_rng(9)
    before, after = sample(draws, 8_000), sample(draws, 8_000, riskier=0.5, missed=0.12)
    alarms = {
        (check.kind, check.name)
        for check in watch_checks(expected=before, actual=after, features=FEATURES)
        if check.alarm
    }
    assert alarms == {
        ("calibration", "all"), ("calibration", "new"), ("calibration", "old"), ("first_payment", "missed"),
    }  # fmt: skip


def test_a_model_that_no_longer_ranks_is_told_by_its_performance() -> None:
    draws = np.random.default_rng(10)
    before, after = sample(draws, 8_000), sample(draws, 8_000)
    assert after.pd is not None
    blind = Watched(after.columns, draws.permutation(after.pd), after.outcome, after.vintage, after.first_payment)
    alarms = [check for check in watch_checks(expected=before, actual=blind, features=FEATURES) if check.alarm]
    assert "performance" in {check.kind for check in alarms}
    assert "score" not in {check.kind for check in alarms}


def test_without_scores_or_outcomes_only_what_is_known_is_watched() -> None:
    draws = np.random.default_rng(11)
    one = sample(draws, 500)
    unknown = np.full(500, np.nan)
    bare = Watched(one.columns, None, unknown, [""] * 500, unknown)
    kinds = [check.kind for check in watch_checks(expected=one, actual=bare, features=FEATURES)]
    assert kinds == ["feature"] * 3
    unscored = Watched(one.columns, one.pd, unknown, one.vintage, unknown)
    kinds = [check.kind for check in watch_checks(expected=one, actual=unscored, features=FEATURES)]
    assert kinds == ["feature"] * 3 + ["score"]
