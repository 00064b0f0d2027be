"""What holds of scores whatever the data: order is kept, sums agree, a line alone is a line among many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tallystick.scoring.calibration import fit_calibration, pd_ppm, shift_to_central_tendency
from tallystick.scoring.folds import stratified_folds
from tallystick.scoring.model import Floats
from tallystick.scoring.reasons import NO_REASON, score_reasons
from tallystick.scoring.stability import population_stability
from tallystick.scoring.validation import auc, measure, reliability

PROBABILITIES = arrays(np.float64, st.integers(2, 60), elements=st.floats(1e-6, 1 - 1e-6))


def both_outcomes(rows: int, seed: int) -> Floats:
    outcome = (np.random.default_rng(seed).random(rows) < 0.4).astype(np.float64)
    outcome[:2] = (0.0, 1.0)
    return outcome


@given(pd=PROBABILITIES, seed=st.integers(0, 2**32))
def test_turning_the_outcome_round_turns_the_auc_round(pd: Floats, seed: int) -> None:
    outcome = both_outcomes(len(pd), seed)
    assert auc(outcome, pd) + auc(1 - outcome, pd) == pytest.approx(1.0, abs=1e-12)
    assert auc(outcome, pd) == auc(outcome, 2 * pd)  # doubling is exact, so ties stay ties


@given(pd=PROBABILITIES, seed=st.integers(0, 2**32))
def test_every_value_stands_inside_its_interval_and_every_line_is_counted(pd: Floats, seed: int) -> None:
    outcome = both_outcomes(len(pd), seed)
    found = measure(outcome, pd, seed=seed)
    for interval in (found.auc, found.ks, found.brier, found.calibration_error):
        assert interval is not None
        assert 0 <= interval.low <= interval.value + 1e-12
        assert interval.value <= interval.high + 1e-12
        assert interval.high <= 1 + 1e-12
    assert sum(point.lines for point in reliability(outcome, pd)) == len(pd)


@given(pd=PROBABILITIES, mean=st.floats(0.001, 0.999))
def test_a_shifted_book_has_the_stated_mean_and_the_same_order(pd: Floats, mean: float) -> None:
    moved = shift_to_central_tendency(pd, mean)
    assert abs(moved.mean() - mean) < 1e-9
    assert (np.diff(moved[np.argsort(pd)]) >= 0).all()


@given(pd=PROBABILITIES)
def test_ppm_keeps_the_order_and_stays_inside(pd: Floats) -> None:
    ppm = pd_ppm(pd)
    assert (np.diff(ppm[np.argsort(pd)]) >= 0).all()
    assert ((ppm >= 1) & (ppm <= 999_999)).all()
    assert (np.abs(ppm - pd * 1e6) <= 0.5 + 1e-9).all() or ppm.min() == 1 or ppm.max() == 999_999


@given(seed=st.integers(0, 2**32), method=st.sampled_from(["platt", "beta", "isotonic"]))
def test_no_calibration_turns_two_scores_round(seed: int, method: str) -> None:
    draws = np.random.default_rng(seed)
    outcome = both_outcomes(80, seed)
    log_odds = draws.normal(size=80) + 2 * outcome
    calibration = fit_calibration(log_odds, outcome, method)  # type: ignore[arg-type]
    assert (np.diff(calibration.pd(np.linspace(-30, 30, 500))) >= 0).all()


@given(numbers=arrays(np.float64, st.integers(2, 200), elements=st.floats(-1e6, 1e6) | st.just(np.nan)))
def test_a_sample_has_not_shifted_against_itself_and_psi_is_never_negative(numbers: Floats) -> None:
    half = len(numbers) // 2
    assert population_stability(numbers, numbers[::-1], name="x").psi == 0.0
    assert population_stability(numbers[:half], numbers[half:], name="x").psi >= 0.0


@given(rows=st.integers(2, 300), folds=st.integers(2, 9), seed=st.integers(-(2**40), 2**70))
def test_folds_are_as_equal_as_can_be(rows: int, folds: int, seed: int) -> None:
    is_bad = both_outcomes(rows, 1) == 1
    deal = stratified_folds(is_bad, folds=folds, seed=seed)
    for which in (True, False):
        assert np.ptp(np.bincount(deal[is_bad == which], minlength=folds)) <= 1


@given(
    contributions=arrays(np.float64, st.tuples(st.integers(1, 8), st.just(7)), elements=st.floats(-2, 2, width=16)),
    most=st.integers(1, 6),
)
def test_reasons_are_distinct_ordered_and_the_same_alone(contributions: Floats, most: int) -> None:
    features = tuple("abcdef")
    reason_of = dict(zip(features, ("r1", "r2", "r3", "r1", "r4", "r2"), strict=True))
    found = score_reasons(contributions, features, reason_of, most=most)
    for line in range(len(contributions)):
        alone = score_reasons(contributions[line : line + 1], features, reason_of, most=most)
        assert alone.places[0].tolist() == found.places[line].tolist()
        costs = {
            code: sum(contributions[line, place] for place, name in enumerate(features) if reason_of[name] == code)
            for code in found.codes
        }
        by_hand = sorted((code for code in found.codes if costs[code] > 0.02), key=lambda code: -costs[code])[:most]
        assert [found.codes[place] for place in found.places[line] if place != NO_REASON] == by_hand
