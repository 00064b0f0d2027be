"""Figures of a model: against counting by hand and peers, and intervals that cover as often as they say."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm, t

from tallystick.scoring.model import ColumnFault, Floats
from tallystick.scoring.validation import (
    auc,
    auc_difference,
    auc_interval,
    brier_interval,
    calibration_error_interval,
    ks_interval,
    measure,
    measure_segments,
    reliability,
    wilson_interval,
)


def book(rows: int, seed: int) -> tuple[Floats, Floats]:
    """Outcomes and their true PDs."""
    draws = np.random.default_rng(seed)
    pd = expit(draws.normal(-1.5, 1.2, rows))
    return (draws.random(rows) < pd).astype(np.float64), pd


def test_auc_counts_pairs_with_ties_half() -> None:
    draws = np.random.default_rng(1)
    outcome, scores = draws.integers(0, 2, 200), draws.integers(0, 12, 200).astype(np.float64)
    bad, good = scores[outcome == 1][:, None], scores[outcome == 0][None]
    assert auc(outcome, scores) == pytest.approx(((bad > good) + 0.5 * (bad == good)).mean(), abs=1e-12)


def test_delong_variance_is_that_of_all_pairs() -> None:
    outcome, pd = book(300, seed=2)
    bad, good = pd[outcome == 1][:, None], pd[outcome == 0][None]
    wins = (bad > good) + 0.5 * (bad == good)
    of_bads, of_goods = wins.mean(axis=1).var(ddof=1) / len(bad), wins.mean(axis=0).var(ddof=1) / good.shape[1]
    error = np.sqrt(of_bads + of_goods)
    interval = auc_interval(outcome, pd)
    # Degrees of freedom of Welch and Satterthwaite, as Brunner and Munzel (2000) take them.
    freedom = error**4 / (of_bads**2 / (len(bad) - 1) + of_goods**2 / (good.shape[1] - 1))
    reach = t.ppf(0.975, freedom) * error / (interval.value * (1 - interval.value))
    logits = np.log(np.array([interval.low, interval.value, interval.high]))
    logits -= np.log1p(-np.array([interval.low, interval.value, interval.high]))
    assert np.diff(logits) == pytest.approx([reach, reach], rel=1e-6)


def test_with_a_handful_of_bads_intervals_hold_as_often_as_they_say() -> None:
    draws, held = np.random.default_rng(9), 0
    outcome = np.repeat([1, 0], [8, 120])
    for _ in range(1_000):
        scores = draws.normal(np.where(outcome == 1, 1.0, 0.0), 1.0)
        interval = auc_interval(outcome, scores, confidence=0.9)
        held += interval.low <= norm.cdf(1.0 / np.sqrt(2.0)) <= interval.high
    assert 0.875 < held / 1_000 < 0.93  # three standard deviations are 2.8 points; with the normal quantile 0.86 hold


def test_equal_scores_for_everybody_are_a_coin_without_doubt() -> None:
    told = auc_interval(np.array([1, 1, 0, 0, 0]), np.zeros(5))
    assert (told.low, told.value, told.high) == (0.5, 0.5, 0.5)


def test_paired_difference_sees_what_single_intervals_hide() -> None:
    outcome, pd = book(4_000, seed=3)
    noisy = pd + np.random.default_rng(4).normal(0, 0.08, 4_000)
    found = auc_difference(outcome, pd, noisy)
    assert found.value == pytest.approx(auc(outcome, pd) - auc(outcome, noisy))
    assert 0 < found.low < found.value < found.high
    assert found.p_value < 0.001
    assert auc_interval(outcome, pd).low < auc_interval(outcome, noisy).high
    same = auc_difference(outcome, pd, 2 * pd)
    assert (same.value, same.low, same.high, same.p_value) == (0, 0, 0, 1)


def test_ks_is_the_largest_distance_over_all_cut_offs() -> None:
    outcome, pd = book(400, seed=5)
    pd = pd.round(2)  # ties
    by_hand = max((pd[outcome == 0] <= cut).mean() - (pd[outcome == 1] <= cut).mean() for cut in np.unique(pd))
    assert ks_interval(outcome, pd).value == pytest.approx(by_hand, abs=1e-12)
    assert ks_interval([0, 1, 1], np.array([0.9, 0.1, 0.2])).value == 0.0


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    outcome, pd = book(400_000, seed=6)
    scores = expit(0.8 * np.log(pd / (1 - pd)))  # ranks as well, probabilities off
    truth = {
        "auc": auc(outcome, scores),
        "ks": ks_interval(outcome, scores).value,
        "brier": brier_interval(outcome, scores).value,
        "error": calibration_error_interval(outcome, scores, seed=0).value,
    }
    hits = dict.fromkeys(truth, 0)
    for trial in range(100):
        part = slice(4_000 * trial, 4_000 * (trial + 1))
        found = measure(outcome[part], scores[part], seed=trial)
        assert found.auc is not None
        assert found.ks is not None
        for name, interval in zip(truth, (found.auc, found.ks, found.brier, found.calibration_error), strict=True):
            assert interval.low <= interval.value <= interval.high
            hits[name] += interval.low <= truth[name] <= interval.high
    assert min(hits.values()) >= 88, hits  # 95 less three standard deviations
    assert hits["auc"] < 100 or hits["brier"] < 100


def test_a_perfectly_calibrated_model_may_have_no_error_and_a_wrong_one_may_not() -> None:
    outcome, pd = book(5_000, seed=7)
    assert calibration_error_interval(outcome, pd, seed=1).low == 0.0
    assert calibration_error_interval(outcome, pd / 2, seed=1).low > 0.05
    again = calibration_error_interval(outcome, pd, seed=1)
    assert again == calibration_error_interval(outcome, pd, seed=1)
    assert again != calibration_error_interval(outcome, pd, seed=2)


def test_groups_do_not_part_equal_pds_even_where_the_file_is_sorted_by_outcome() -> None:
    outcome, pd = np.repeat([0.0, 1.0], [800, 200]), np.full(1_000, 0.2)
    points = reliability(outcome, pd)
    assert [(point.lines, point.bad_share) for point in points] == [(1_000, 0.2)]
    assert calibration_error_interval(outcome, pd, seed=0).value == pytest.approx(0.0, abs=1e-12)


def test_reliability_accounts_for_every_line() -> None:
    outcome, pd = book(1_003, seed=8)
    points = reliability(outcome, pd)
    assert len(points) == 10
    assert sum(point.lines for point in points) == 1_003
    assert max(point.lines for point in points) - min(point.lines for point in points) <= 1
    assert sum(point.lines * point.bad_share for point in points) == pytest.approx(outcome.sum())
    assert all(point.bad_share_low <= point.bad_share <= point.bad_share_high for point in points)
    assert np.diff([point.pd_mean for point in points]).min() > 0


def test_wilson_interval_of_a_published_case() -> None:
    low, high = wilson_interval(81, 263)  # Newcombe, Statistics in Medicine 17, 1998, table I
    assert (round(float(low), 4), round(float(high), 4)) == (0.2553, 0.3662)


def test_one_outcome_alone_is_not_ranked() -> None:
    found = measure(np.zeros(50), np.full(50, 0.1), seed=0)
    assert (found.auc, found.ks, found.bads) == (None, None, 0)
    assert found.brier.value == pytest.approx(0.01)
    one = measure([1], np.array([0.3]), seed=0)
    assert (one.lines, one.brier.low, one.brier.high) == (1, 0.0, 1.0)


def test_segments_are_measured_apart_and_by_name() -> None:
    outcome, pd = book(3_000, seed=9)
    names = np.array(["b", "a", None], dtype=object)[np.arange(3_000) % 3]
    found = measure_segments(outcome, pd, names, seed=1)
    assert list(found) == ["a", "b"]
    alone = np.arange(3_000) % 3 == 1
    assert found["a"].auc == auc_interval(outcome[alone], pd[alone])
    assert found["a"].lines == 1_000


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="PD is missing"):
        measure([0, 1], np.array([0.1, np.nan]), seed=0)
    with pytest.raises(ValueError, match="no lines"):
        measure([], np.array([]), seed=0)
    with pytest.raises(ValueError, match="only one outcome"):
        auc([0, 0], np.array([0.1, 0.2]))
    with pytest.raises(ValueError, match="score is missing"):
        auc([0, 1], np.array([0.1, np.nan]))
    with pytest.raises(ColumnFault, match="shape"):
        measure([0, 1, 1], np.array([0.1, 0.2]), seed=0)
    with pytest.raises(ValueError, match="1 segments for 2 lines"):
        measure_segments([0, 1], np.array([0.1, 0.2]), ["a"], seed=0)
