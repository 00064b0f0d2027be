"""The regression agrees with general solvers, with and without bounds, and does not hang on hard data."""

import numpy as np
import pytest
from scipy.optimize import minimize

from tallystick.scoring.model import Floats
from tallystick.scoring.woe_regression import fit_log_odds


def sample(seed: int = 0, rows: int = 1500) -> tuple[Floats, Floats]:
    draw = np.random.default_rng(seed)
    evidence = draw.normal(size=(rows, 4))
    evidence[:, 3] += 2 * evidence[:, 0]  # correlated, and its own effect turns
    log_odds = -1 - 1.2 * evidence[:, 0] - 0.4 * evidence[:, 1] + 0.3 * evidence[:, 3]
    return evidence, (draw.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(np.float64)


def test_without_bounds_it_is_scikit_learns_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    evidence, is_bad = sample()
    line = fit_log_odds(evidence=evidence, is_bad=is_bad, bounded=np.zeros(4, bool), l2_penalty=2.0)
    peer = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(evidence, is_bad)
    np.testing.assert_allclose(line.coefficients, peer.coef_[0], atol=1e-6)
    assert line.intercept == pytest.approx(peer.intercept_[0], abs=1e-6)
    assert line.coefficients[3] > 0


@pytest.mark.parametrize("seed", range(4))
def test_with_bounds_it_is_the_optimum_of_a_general_solver(seed: int) -> None:
    evidence, is_bad = sample(seed)
    bounded = np.array([True, True, True, True])
    line = fit_log_odds(evidence=evidence, is_bad=is_bad, bounded=bounded, l2_penalty=1.0)

    def loss(point: Floats) -> tuple[float, Floats]:
        log_odds = point[0] + evidence @ point[1:]
        slope = 1 / (1 + np.exp(-log_odds)) - is_bad
        value = np.logaddexp(0, log_odds).sum() - is_bad @ log_odds + 0.5 * point[1:] @ point[1:]
        return value, np.concatenate([[slope.sum()], evidence.T @ slope + point[1:]])

    peer = minimize(loss, np.zeros(5), jac=True, bounds=[(None, None)] + [(None, 0)] * 4, method="L-BFGS-B", tol=1e-12)
    np.testing.assert_allclose(line.coefficients, peer.x[1:], atol=1e-4)
    assert line.coefficients[3] == 0.0
    assert loss(np.array([line.intercept, *line.coefficients]))[0] <= peer.fun + 1e-6


def test_a_bound_holds_only_where_it_is_asked() -> None:
    evidence, is_bad = sample()
    line = fit_log_odds(evidence=evidence, is_bad=is_bad, bounded=np.array([True, True, True, False]), l2_penalty=1.0)
    assert line.coefficients[3] > 0
    assert (line.coefficients[:3] <= 0).all()


def test_twins_and_separable_rows_still_settle() -> None:
    evidence = np.repeat(np.linspace(-2, 2, 200)[:, None], 2, axis=1)
    is_bad = (evidence[:, 0] < 0).astype(np.float64)
    line = fit_log_odds(evidence=evidence, is_bad=is_bad, bounded=np.array([True, True]), l2_penalty=1.0)
    assert line.coefficients[0] == pytest.approx(line.coefficients[1], abs=1e-6)
    assert line.coefficients[0] < -1


def test_the_number_of_threads_does_not_show() -> None:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    draw = np.random.default_rng(4)
    evidence = draw.normal(size=(20_000, 30))
    is_bad = (draw.random(20_000) < 1 / (1 + np.exp(2 + evidence[:, :15].sum(axis=1) / 4))).astype(np.float64)
    answers = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            line = fit_log_odds(evidence=evidence, is_bad=is_bad, bounded=np.ones(30, bool), l2_penalty=1.0)
        answers.append((line.intercept, line.coefficients.tobytes()))
    assert answers[0] == answers[1]
