"""A prior model at a lender: its log odds moved as far as the lender's own outcomes say, and how sure that is.

Few bads leave the prior as it is, many make it the lender's own: Bayes' rule on two figures, by a grid.
"""

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from tallystick.scoring.calibration import Calibration
from tallystick.scoring.folds import checked_outcome
from tallystick.scoring.model import Floats
from tallystick.scoring.validation import Interval

Codes = npt.NDArray[np.int64]

CONFIDENCE: Final = 0.90
_REACH_SD: Final = 6.0  # how far the grid goes beyond the mode, in standard deviations
_POINTS: Final = 61  # of the grid on each side, a fifth of a standard deviation apart
_MODE_DECIMALS: Final = 6  # about what a search by differences of the density can tell, far below any interval
_DECIMALS: Final = 9  # far coarser than what is left of rounding, so the number of threads does not show
_GRAIN: Final = 1e-3  # log odds nearer than this are one on the grid: a thousandth of the odds


@dataclass(frozen=True, slots=True)
class Belief:
    """How far a lender may be from the prior: standard deviations of the shift and of the slope's logarithm."""

    shift_sd: float
    slope_log_sd: float

    def __post_init__(self) -> None:
        for name in ("shift_sd", "slope_log_sd"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: must be above 0")


@cache
def shipped_belief() -> Belief:
    """That of update.toml."""
    told = tomllib.loads(files("tallystick.scoring").joinpath("update.toml").read_text(encoding="utf-8"))
    return Belief(**{name: float(entry["value"]) for name, entry in told.items()})


@dataclass(frozen=True, slots=True)
class Update:
    """log odds = center + shift + slope x (prior's log odds - center): the likeliest, in 90 % credible intervals.

    The shift is in log odds at the center; the slope has no unit. `is_distinguishable`: the prior itself, a shift of 0
    with a slope of 1, lies outside the region of highest density that holds 90 %.
    """

    center: float
    shift: Interval
    slope: Interval
    is_distinguishable: bool

    def calibrated(self, prior: Calibration) -> Calibration:
        """The prior's map after the update; what moves it to another base rate or horizon stays."""
        slope = self.slope.value
        return prior.stretched(offset=self.center + self.shift.value - slope * self.center, slope=slope)


def update_prior(
    log_odds: Floats, outcome: npt.ArrayLike, *, center: float, belief: Belief, clusters: Codes | None = None
) -> Update:
    """What a lender's own cases say of a prior: its log odds and what came, 1 bad, 0 good, both of shape (rows,).

    `center` is where a shift is told, the log odds of the prior's own share of bads: there shift and slope say things
    apart. Normal prior of the shift and of the slope's logarithm around 0, so that no order of cases is ever turned
    round; the posterior is summed on a grid, not taken for normal, for of few bads it is not. None of the rows bad, or
    none good, or no row at all, is an answer as well.

    `clusters` say whose each row is: five frauds on one line that was taken over say less than five on five lines. What
    all rows say is then weighed down by how much their sums per cluster vary beyond single rows (the magnitude
    adjustment of Ribatet, Cooley and Davison, Statistica Sinica 22, 2012), and never up.

    Twice the bads that the prior expects, of many cases: the shift is nearly ln 2 = 0.69.

    >>> sure = update_prior(np.full(4_000, -3.0), np.arange(4_000) < 347, center=-3.0, belief=Belief(0.69, 0.3))
    >>> round(sure.shift.value, 2), sure.is_distinguishable
    (0.64, True)

    The same share of forty cases is within chance, and the shift stays near 0.

    >>> few = update_prior(np.full(40, -3.0), np.arange(40) < 3, center=-3.0, belief=Belief(0.69, 0.3))
    >>> round(few.shift.value, 2), round(few.shift.low, 2), round(few.shift.high, 2), few.is_distinguishable
    (0.27, -0.6, 0.98, False)
    """
    is_bad = checked_outcome(outcome, rows=len(log_odds))
    if not np.isfinite(log_odds).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(log_odds)):,} log odds are not finite: leave those rows out")
    posterior = _Posterior.of(log_odds, is_bad, center=center, belief=belief)
    mode, spread = posterior.mode()
    if clusters is not None and len(clusters):
        posterior = posterior.weighed(1 / posterior.inflation(log_odds, is_bad, clusters, at=mode))
        mode, spread = posterior.mode()
    shifts, slope_logs = (
        at + sd * np.linspace(-_REACH_SD, _REACH_SD, _POINTS) for at, sd in zip(mode, spread, strict=True)
    )
    at_prior, highest = (posterior.log_density(at[0], at[1:])[0] for at in (np.zeros(2), mode))
    density = np.exp(np.array([posterior.log_density(shift, slope_logs) for shift in shifts]) - highest)
    denser = density >= np.exp(at_prior - highest)
    shift = _interval(mode[0], shifts, density.sum(axis=1))
    slope_log = _interval(mode[1], slope_logs, density.sum(axis=0))
    slope = Interval(*np.exp([slope_log.value, slope_log.low, slope_log.high]).round(_DECIMALS).tolist())
    return Update(center, shift, slope, bool(density[denser].sum() > CONFIDENCE * density.sum()))


@dataclass(frozen=True, slots=True)
class _Posterior:
    """Of the shift and the slope's logarithm; `away` are log odds less the center, with `rows` and `bads` at each."""

    center: float
    away: Floats
    rows: Floats
    bads: Floats
    belief: Belief

    @classmethod
    def of(cls, log_odds: Floats, is_bad: npt.NDArray[np.bool_], *, center: float, belief: Belief) -> "_Posterior":
        away, place = np.unique(np.rint((log_odds - center) / _GRAIN) * _GRAIN, return_inverse=True)
        rows = np.bincount(place, minlength=len(away)).astype(np.float64)
        bads = np.bincount(place, weights=is_bad, minlength=len(away)).astype(np.float64)
        return cls(center, away, rows, bads, belief)

    def log_density(self, shift: float, slope_logs: Floats) -> Floats:
        """At each slope, up to a constant."""
        told = self.center + shift + np.exp(slope_logs)[:, None] * self.away
        likelihood = told @ self.bads - np.logaddexp(0.0, told) @ self.rows
        surprise = (shift / self.belief.shift_sd) ** 2 + (slope_logs / self.belief.slope_log_sd) ** 2
        return np.asarray(likelihood - surprise / 2, dtype=np.float64)

    def weighed(self, weight: float) -> "_Posterior":
        """What the rows say, counted so many times."""
        return replace(self, rows=self.rows * weight, bads=self.bads * weight)

    def inflation(self, log_odds: Floats, is_bad: npt.NDArray[np.bool_], clusters: Codes, *, at: Floats) -> float:
        """How many times the scores of clusters vary as those of as many independent rows would; 1 at least."""
        each = replace(self, away=log_odds - self.center)
        risk, sides = each._risk(at), each._sides(at)
        missed, weight = is_bad - risk, risk * (1 - risk)
        sums = np.column_stack([np.bincount(clusters, weights=missed * side) for side in sides.T])
        information = (sides.T * weight) @ sides
        # The widths of the prior keep it regular where all log odds are one.
        inverse = np.linalg.inv(information + self._prior())
        return max(1.0, float(np.trace(inverse @ (sums.T @ sums)) / np.trace(inverse @ information)))

    def _prior(self) -> Floats:
        return np.diag([self.belief.shift_sd**-2, self.belief.slope_log_sd**-2])

    def mode(self) -> tuple[Floats, Floats]:
        """Where the density is highest, and the standard deviations there by Fisher's information."""

        def falling(at: Floats) -> tuple[float, Floats]:
            missed, sides = self.bads - self.rows * self._risk(at), self._sides(at)
            return -float(self.log_density(at[0], at[1:])[0]), self._prior() @ at - missed @ sides

        at: Floats = minimize(falling, np.zeros(2), jac=True, method="BFGS").x.round(_MODE_DECIMALS) + 0.0
        risk, sides = self._risk(at), self._sides(at)
        information = self._prior() + (sides.T * (self.rows * risk * (1 - risk))) @ sides
        return at, np.sqrt(np.diagonal(np.linalg.inv(information)))

    def _risk(self, at: Floats) -> Floats:
        return np.asarray(expit(self.center + at[0] + np.exp(at[1]) * self.away), dtype=np.float64)

    def _sides(self, at: Floats) -> Floats:
        """What a small step in shift and slope's logarithm adds to each log odds, shape (log odds, 2)."""
        return np.column_stack([np.ones(len(self.away)), np.exp(at[1]) * self.away])


def _interval(value: float, points: Floats, mass: Floats) -> Interval:
    """The middle 90 % of a mass that is told at evenly spaced points, each standing for its surroundings."""
    below = (np.cumsum(mass) - mass / 2) / mass.sum()
    low, high = np.interp([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], below, points)
    return Interval(*np.round([value, low, high], _DECIMALS).tolist())
