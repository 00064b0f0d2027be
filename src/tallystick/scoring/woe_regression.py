"""Logistic regression whose coefficients keep their sign: more evidence of good must lower the risk."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from tallystick.scoring.model import Floats

Flags = npt.NDArray[np.bool_]
STEPS_MAX = 100
HALVINGS_MAX = 40
GRADIENT_LIMIT_PER_ROW = 1e-12
LOSS_SLACK = 1e-12  # near the answer, rounding in the sum hides how much a step gains
RIDGE_PER_ROW = 1e-12  # keeps the step finite where two features carry the same evidence
DECIMALS = 9  # far coarser than what is left of rounding, so the number of threads does not show


@dataclass(frozen=True, slots=True)
class LogOddsLine:
    """log odds of bad = intercept + evidence @ coefficients, a bounded coefficient of 0 hit its bound."""

    intercept: float
    coefficients: Floats


def fit_log_odds(*, evidence: Floats, is_bad: Floats, bounded: Flags, l2_penalty: float) -> LogOddsLine:
    """Maximum likelihood with the bounded coefficients <= 0, less l2_penalty/2 x the squares of all but the intercept.

    `evidence` has shape (rows, features), `is_bad` is 0.0 or 1.0 per row, `bounded` has shape (features,).
    Projected Newton: coefficients at their bound whose gradient pushes outward are held, the others take a Newton
    step, halved until the loss no longer rises. The problem is convex, so the answer does not depend on the start.
    Source: Bertsekas, SIAM J. Control Optim. 20(2), 1982. Raises `RuntimeError` where it does not settle.

    The second column rises with the risk although it should not, so it stays at its bound:

    >>> rows = np.array([[1.0, -1.0], [1.0, -0.5], [-1.0, 1.0], [-1.0, 0.2], [1.0, 0.0], [-1.0, 0.0]])
    >>> is_bad = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 0.0])
    >>> line = fit_log_odds(evidence=rows, is_bad=is_bad, bounded=np.array([True, True]), l2_penalty=1.0)
    >>> line.coefficients.round(3)
    array([-0.403,  0.   ])
    """
    rows, width = evidence.shape
    objective = _Objective(
        design=np.column_stack([np.ones(rows), evidence]),
        is_bad=is_bad,
        penalty=np.concatenate([[0.0], np.full(width, l2_penalty)]),
    )
    highest = np.concatenate([[np.inf], np.where(bounded, 0.0, np.inf)])
    point = np.zeros(width + 1)
    point[0] = np.log(is_bad.mean() / (1 - is_bad.mean()))
    for _ in range(STEPS_MAX):
        risk = expit(objective.design @ point)
        gradient = objective.gradient(point, risk)
        free = (point < highest) | (gradient > 0.0)
        if np.abs(gradient[free]).max() <= GRADIENT_LIMIT_PER_ROW * rows:
            return LogOddsLine(intercept=round(float(point[0]), DECIMALS), coefficients=point[1:].round(DECIMALS) + 0.0)
        step = np.zeros(width + 1)
        step[free] = objective.newton_step(risk, gradient, free)
        point = _descend(objective, point, step, highest)
    raise RuntimeError(f"the regression did not settle in {STEPS_MAX} steps: raise l2_penalty")


@dataclass(frozen=True, slots=True)
class _Objective:
    """The penalized log loss, summed over the rows; the design's first column is the intercept's."""

    design: Floats
    is_bad: Floats
    penalty: Floats

    def loss(self, point: Floats) -> float:
        log_odds = self.design @ point
        fit = np.logaddexp(0.0, log_odds).sum() - self.is_bad @ log_odds
        return float(fit + 0.5 * (self.penalty * point) @ point)

    def gradient(self, point: Floats, risk: Floats) -> Floats:
        return np.asarray(self.design.T @ (risk - self.is_bad) + self.penalty * point, dtype=np.float64)

    def newton_step(self, risk: Floats, gradient: Floats, free: Flags) -> Floats:
        design = self.design if free.all() else self.design[:, free]
        curvature = (design.T * (risk * (1 - risk))) @ design
        curvature[np.diag_indices_from(curvature)] += self.penalty[free] + RIDGE_PER_ROW * len(risk)
        return np.asarray(np.linalg.solve(curvature, gradient[free]), dtype=np.float64)


def _descend(objective: _Objective, point: Floats, step: Floats, highest: Floats) -> Floats:
    """The first of the halved steps, cut at the bounds, at which the loss does not rise."""
    limit = objective.loss(point)
    limit += LOSS_SLACK * abs(limit)
    for halvings in range(HALVINGS_MAX):
        trial = np.minimum(point - step / 2**halvings, highest)
        if objective.loss(trial) <= limit:
            return np.asarray(trial, dtype=np.float64)
    return point
