"""What a lender's own cases make of a prior: how far it is moved, how sure that is, and what stays."""

import numpy as np
import pytest
from scipy.special import expit, logit

from tallystick.scoring.calibration import Calibration
from tallystick.scoring.update import Belief, shipped_belief, update_prior

BELIEF = Belief(shift_sd=0.69, slope_log_sd=0.30)
CENTER = -2.5


def drawn(chance: np.random.Generator, *, shift: float, slope: float, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Log odds of a prior, and outcomes at a lender that is so far from it."""
    log_odds = chance.normal(CENTER, 1.0, rows)
    return log_odds, chance.random(rows) < expit(CENTER + shift + slope * (log_odds - CENTER))


def test_intervals_cover_lenders_that_are_as_the_belief_says() -> None:
    """120 lenders drawn by the belief itself: of 90 % intervals so many cover as chance allows at one in a thousand."""
    chance, lenders = np.random.default_rng(7), 120
    covered = {"shift": 0, "slope": 0}
    for _ in range(lenders):
        truth = {
            "shift": chance.normal(0, BELIEF.shift_sd),
            "slope": float(np.exp(chance.normal(0, BELIEF.slope_log_sd))),
        }
        told = update_prior(*drawn(chance, **truth, rows=150), center=CENTER, belief=BELIEF)
        for name, value in truth.items():
            interval = getattr(told, name)
            covered[name] += interval.low <= value <= interval.high
    assert 96 <= covered["shift"] <= 118
    assert 96 <= covered["slope"] <= 118


def test_many_cases_make_the_model_the_lenders_own() -> None:
    log_odds, outcome = drawn(np.random.default_rng(1), shift=0.9, slope=0.7, rows=40_000)
    told = update_prior(log_odds, outcome, center=CENTER, belief=BELIEF)
    assert told.is_distinguishable
    assert told.shift.low < 0.9 < told.shift.high < told.shift.low + 0.2
    assert told.slope.low < 0.7 < told.slope.high < told.slope.low + 0.1


def test_without_a_case_the_prior_stays() -> None:
    told = update_prior(np.empty(0), np.empty(0), center=CENTER, belief=BELIEF, clusters=np.empty(0, dtype=np.int64))
    assert (told.shift.value, told.slope.value, told.is_distinguishable) == (0.0, 1.0, False)
    assert told.shift.high == pytest.approx(1.645 * BELIEF.shift_sd, rel=0.01)
    assert told.slope.low == pytest.approx(np.exp(-1.645 * BELIEF.slope_log_sd), rel=0.01)
    prior = Calibration("platt", parameters=(-0.4, 1.1), shift=0.3)
    assert told.calibrated(prior) == prior


def test_no_bads_lower_the_risk_a_little_and_never_to_nothing() -> None:
    told = update_prior(np.full(60, CENTER), np.zeros(60), center=CENTER, belief=BELIEF)
    assert -2.0 < told.shift.low < told.shift.value < told.shift.high < 0.0
    assert told.slope.value == 1.0


def test_what_a_prior_ranks_the_wrong_way_round_keeps_its_order() -> None:
    log_odds = np.linspace(-4.0, 0.0, 400)
    told = update_prior(log_odds, log_odds < -3.5, center=CENTER, belief=BELIEF)
    assert 0.0 < told.slope.low < told.slope.value < 0.6
    assert told.is_distinguishable


def test_rows_of_one_person_say_what_the_person_says() -> None:
    log_odds, outcome = drawn(np.random.default_rng(3), shift=0.8, slope=1.0, rows=300)
    persons = np.arange(300)
    alone = update_prior(log_odds, outcome, center=CENTER, belief=BELIEF)
    times = np.repeat(persons, 6)
    together = update_prior(log_odds[times], outcome[times], center=CENTER, belief=BELIEF, clusters=times)
    apart = update_prior(log_odds[times], outcome[times], center=CENTER, belief=BELIEF)
    assert together.shift.high - together.shift.low == pytest.approx(alone.shift.high - alone.shift.low, rel=0.2)
    assert apart.shift.high - apart.shift.low < 0.6 * (alone.shift.high - alone.shift.low)


def test_the_updated_map_is_the_stretched_one_and_keeps_its_base_rate() -> None:
    log_odds, outcome = drawn(np.random.default_rng(4), shift=0.5, slope=1.3, rows=2_000)
    told = update_prior(log_odds, outcome, center=CENTER, belief=BELIEF)
    prior = Calibration("platt", parameters=(-0.4, 1.1), shift=-0.7)
    raw = np.array([-3.0, 0.0])
    learned = prior.learned_log_odds(raw)
    moved = CENTER + told.shift.value + told.slope.value * (learned - CENTER)
    assert logit(told.calibrated(prior).pd(raw)) == pytest.approx(moved - 0.7)


def test_what_cannot_be_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="1 log odds are not finite"):
        update_prior(np.array([0.0, np.nan]), np.array([0, 1]), center=0.0, belief=BELIEF)
    with pytest.raises(ValueError, match="shift_sd is 0"):
        Belief(shift_sd=0.0, slope_log_sd=0.3)
    with pytest.raises(ValueError, match="slope is 0"):
        Calibration("platt", parameters=(0.0, 1.0)).stretched(offset=0.0, slope=0.0)


def test_the_shipped_widths_are_read() -> None:
    assert shipped_belief() == BELIEF
