"""Calibration: true probabilities come back, order is kept, JSON reads back to the bit."""

import numpy as np
import pytest
from scipy.special import expit

from tallystick.scoring.calibration import (
    Calibration,
    CalibrationFault,
    CalibrationMethod,
    calibration_from_json,
    central_tendency_shift,
    fit_calibration,
    pd_ppm,
    shift_to_central_tendency,
)
from tallystick.scoring.model import ColumnFault, Floats

METHODS: tuple[CalibrationMethod, ...] = ("platt", "beta", "isotonic")


def overconfident(rows: int = 40_000) -> tuple[Floats, Floats, Floats]:
    """Log odds that are twice too far from -1, the outcomes, and the true PD."""
    draws = np.random.default_rng(8)
    truth = draws.normal(-1.5, 1.0, rows)
    return 2 * truth + 1, (draws.random(rows) < expit(truth)).astype(np.float64), expit(truth)


def test_platt_finds_the_true_line() -> None:
    log_odds, outcome, _ = overconfident()
    offset, slope = fit_calibration(log_odds, outcome).parameters
    assert abs(slope - 0.5) < 0.02
    assert abs(offset + 0.5) < 0.04


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_true_probabilities_in_order(method: CalibrationMethod) -> None:
    log_odds, outcome, truth = overconfident()
    calibration = fit_calibration(log_odds, outcome, method)
    pd = calibration.pd(log_odds)
    assert np.abs(pd - truth).mean() < 0.02
    assert np.abs(expit(log_odds) - truth).mean() > 0.05
    grid = calibration.pd(np.linspace(-60, 60, 2_001))
    assert (np.diff(grid) >= 0).all()
    assert (grid > 0).all()
    assert (grid <= 1).all()


@pytest.mark.parametrize("method", METHODS)
def test_json_reads_back_to_the_bit(method: CalibrationMethod) -> None:
    log_odds, outcome, _ = overconfident(2_000)
    calibration = fit_calibration(log_odds, outcome, method).shifted(0.1)
    again = calibration_from_json(calibration.to_json())
    assert again == calibration
    assert again.pd(log_odds).tolist() == calibration.pd(log_odds).tolist()


@pytest.mark.parametrize("method", METHODS)
def test_log_odds_that_fall_with_the_risk_are_refused(method: CalibrationMethod) -> None:
    log_odds, outcome, _ = overconfident(2_000)
    with pytest.raises(CalibrationFault, match="do not rise"):
        fit_calibration(-log_odds, outcome, method)


@pytest.mark.parametrize("method", METHODS)
def test_perfectly_parted_outcomes_stay_finite(method: CalibrationMethod) -> None:
    log_odds = np.linspace(-4, 4, 100)
    pd = fit_calibration(log_odds, log_odds > 0, method).pd(log_odds)
    assert 0 < pd[0] < 0.1
    assert 0.9 < pd[-1] < 1


def test_a_few_lines_at_either_end_do_not_move_the_others() -> None:
    log_odds = np.repeat([-9.0, -4.0, 0.0, 5.0], [3, 2_000, 2_000, 2])
    outcome = np.concatenate([np.zeros(3), np.arange(2_000) < 20, np.arange(2_000) < 1_900, np.ones(2)])
    pd = fit_calibration(log_odds, outcome, "isotonic").pd([-9.0, -4.0, 0.0, 5.0])
    assert pd[1:3] == pytest.approx([0.01, 0.95])
    assert 0 < pd[0] <= pd[1]
    assert pd[2] <= pd[3] < 1


def test_wrong_input_is_refused() -> None:
    with pytest.raises(CalibrationFault, match="1 log odds are not finite"):
        fit_calibration(np.array([0.0, np.nan]), [0, 1])
    with pytest.raises(ColumnFault, match="0 bads"):
        fit_calibration(np.array([0.0, 1.0]), [0, 0])
    with pytest.raises(ValueError, match="must be one of platt"):
        fit_calibration(np.array([0.0, 1.0]), [0, 1], "spline")  # type: ignore[arg-type]
    for text in (b"{", b"{}", b'{"method": "forest"}', Calibration("platt", parameters=(1.0,)).to_json()):
        with pytest.raises(ValueError, match="restore the model folder"):
            calibration_from_json(text)


def test_ppm_rounds_once_and_stays_inside() -> None:
    assert pd_ppm([0.0, 1e-9, 0.2500004, 0.2500006, 1.0]).tolist() == [1, 1, 250_000, 250_001, 999_999]
    for wrong in (np.nan, -0.1, 1.1):
        with pytest.raises(ValueError, match="probability"):
            pd_ppm([0.1, wrong])


def test_the_mean_moves_to_the_stated_one_and_the_order_stays() -> None:
    pd = expit(np.random.default_rng(2).normal(-2, 1.5, 5_000))
    moved = shift_to_central_tendency(pd, 0.035)
    assert abs(moved.mean() - 0.035) < 1e-10
    assert (np.argsort(moved, kind="stable") == np.argsort(pd, kind="stable")).all()
    assert central_tendency_shift(pd, float(pd.mean())) == pytest.approx(0, abs=1e-9)
    for wrong in (0.0, 1.0, np.nan):
        with pytest.raises(ValueError, match="cannot be reached"):
            central_tendency_shift(pd, wrong)
