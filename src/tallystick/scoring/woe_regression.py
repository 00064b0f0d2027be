"""Logistic regression whose coefficients keep their sign: more evidence of good must lower the risk."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from tallystick.scoring.model import Floats

STEPS_MAX = 100
HALVINGS_MAX = 40
GRADIENT_LIMIT_PER_ROW = 1e-12
LOSS_SLACK = 1e-12  # near the answer, rounding in the sum hides how much a step gains
DECIMALS = 9  # far coarser than what is left of rounding, so the number of threads does not show


@dataclass(frozen=True, slots=True)
class LogOddsLine:
    """log odds of bad = intercept + evidence @ coefficients, a bounded coefficient of 0 hit its bound."""

    intercept: float
    coefficients: Floats


def fit_log_odds(evidence: Floats, is_bad: Floats, l2_penalty: float) -> LogOddsLine:
    """Maximum likelihood under coefficients <= 0, less l2_penalty/2 x their squares (the intercept goes free).

    `evidence` has shape (rows, features), `is_bad` is 0.0 or 1.0 per row. Projected Newton: coefficients at their
    bound whose gradient pushes outward are held, the others take a Newton step, halved until the loss falls. The
    problem is convex, so the answer does not depend on the start. Source: Bertsekas, SIAM J. Control Optim. 20(2),
    1982.

    The second column rises with the risk although it should not, so it stays at its bound:

    >>> rows = np.array([[1.0, -1.0], [1.0, -0.5], [-1.0, 1.0], [-1.0, 0.2], [1.0, 0.0], [-1.0, 0.0]])
    >>> line = fit_log_odds(rows, np.array([0.0, 0.0, 1.0, 1.0, 1.0, 0.0]), l2_penalty=1.0)
    >>> line.coefficients.round(3)
    array([-0.403,  0.   ])
    """
    rows, width = evidence.shape
    design = np.column_stack([np.ones(rows), evidence])
    penalty = np.concatenate([[0.0], np.full(width, l2_penalty)])
    bounded = np.arange(width + 1) > 0
    point = np.zeros(width + 1)
    share = is_bad.mean()
    point[0] = np.log(share / (1 - share))
    loss = _loss(design, is_bad, penalty, point)
    for _ in range(STEPS_MAX):
        risk = expit(design @ point)
        gradient = design.T @ (risk - is_bad) + penalty * point
        free = ~(bounded & (point >= 0.0) & (gradient <= 0.0))
        if np.abs(gradient[free]).max() <= GRADIENT_LIMIT_PER_ROW * rows:
            return LogOddsLine(intercept=round(float(point[0]), DECIMALS), coefficients=point[1:].round(DECIMALS) + 0.0)
        step = _newton_step(design[:, free], risk, penalty[free], gradient[free])
        point, loss = _descend(design, is_bad, penalty, point, free, step, loss)
    raise RuntimeError(f"the regression did not settle in {STEPS_MAX} steps: raise l2_penalty")


def _newton_step(design: Floats, risk: Floats, penalty: Floats, gradient: Floats) -> Floats:
    curvature = (design.T * (risk * (1 - risk))) @ design
    curvature[np.diag_indices_from(curvature)] += penalty + 1e-9 * len(risk)
    return np.asarray(np.linalg.solve(curvature, gradient), dtype=np.float64)


def _descend(
    design: Floats,
    is_bad: Floats,
    penalty: Floats,
    point: Floats,
    free: npt.NDArray[np.bool_],
    step: Floats,
    loss: float,
) -> tuple[Floats, float]:
    """The first of the halved steps, cut at the bounds, at which the loss does not rise."""
    scale = 1.0
    for _ in range(HALVINGS_MAX):
        trial = point.copy()
        trial[free] -= scale * step
        trial[1:] = np.minimum(trial[1:], 0.0)
        trial_loss = _loss(design, is_bad, penalty, trial)
        if trial_loss <= loss + LOSS_SLACK * abs(loss):
            return trial, trial_loss
        scale /= 2
    return point, loss


def _loss(design: Floats, is_bad: Floats, penalty: Floats, point: Floats) -> float:
    log_odds = design @ point
    return float(np.logaddexp(0.0, log_odds).sum() - is_bad @ log_odds + 0.5 * (penalty * point) @ point)
