"""From log odds to a probability of default that is true on average, and its one rounding to ppm."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from tallystick.scoring.folds import Flags, two_outcomes
from tallystick.scoring.model import Floats
from tallystick.scoring.woe_regression import fit_log_odds

CalibrationMethod = Literal["platt", "beta", "isotonic"]
PdPpm = npt.NDArray[np.int64]

PD_PPM_MIN, PD_PPM_MAX = 1, 999_999
_L2_PENALTY = 1e-6  # keeps the regression finite, far below what any figure shows

_NOT_RISING = "the log odds do not rise with the risk: check that 1 is bad, and that these rows belong to this model"


class CalibrationFault(ValueError):
    """Log odds cannot be turned into probabilities, for they do not rise with the risk."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A map from log odds of bad to PD that never falls.

    platt: logit PD = p0 + p1 x log odds. beta: logit PD = p0 + p1 ln q - p2 ln(1 - q) with q = expit(log odds).
    isotonic: logit PD interpolated between knots, flat beyond them. `shift` is added to every logit; it moves the
    whole book to a stated mean PD (see `shift_to_central_tendency`).
    """

    method: CalibrationMethod
    parameters: tuple[float, ...] = ()
    knot_log_odds: tuple[float, ...] = ()
    knot_logits: tuple[float, ...] = ()
    shift: float = 0.0

    def pd(self, log_odds: npt.ArrayLike) -> Floats:
        """PD per row, shape as `log_odds`, over the horizon of the outcome that was fitted.

        >>> Calibration("platt", parameters=(-0.5, 1.0)).pd([-2.0, 0.5]).round(4).tolist()
        [0.0759, 0.5]
        """
        figures = np.asarray(log_odds, dtype=np.float64)
        return np.asarray(expit(self._logits(figures) + self.shift), dtype=np.float64)

    def learned_log_odds(self, log_odds: npt.ArrayLike) -> Floats:
        """Log odds of the outcome that was learned, before `shift` moves them, shape as `log_odds`.

        >>> Calibration("platt", parameters=(-0.5, 2.0), shift=9.0).learned_log_odds([-2.0, 0.5]).tolist()
        [-4.5, 0.5]
        """
        return self._logits(np.asarray(log_odds, dtype=np.float64))

    def stretched(self, *, offset: float, slope: float) -> "Calibration":
        """The same map with offset + slope x the log odds that were learned; `shift` comes on top as before.

        >>> Calibration("platt", parameters=(-0.5, 2.0), shift=9.0).stretched(offset=1.0, slope=0.5)
        Calibration(method='platt', parameters=(0.75, 1.0), knot_log_odds=(), knot_logits=(), shift=9.0)
        """
        if not slope > 0:
            raise ValueError(f"slope is {slope}: must be above 0, or the map falls")
        intercept = tuple(offset + slope * each for each in self.parameters[:1])
        slopes = tuple(slope * each for each in self.parameters[1:])
        knots = tuple(offset + slope * each for each in self.knot_logits)
        return replace(self, parameters=intercept + slopes, knot_logits=knots)

    def shifted(self, shift: float) -> "Calibration":
        """The same map with `shift` more on every logit."""
        return replace(self, shift=self.shift + shift)

    def to_json(self) -> bytes:
        """The map as canonical JSON; `calibration_from_json` reads back the same map to the last bit."""
        fields = {
            "method": self.method,
            "parameters": self.parameters,
            "knot_log_odds": self.knot_log_odds,
            "knot_logits": self.knot_logits,
            "shift": self.shift,
        }
        return f"{json.dumps(fields, sort_keys=True, indent=1, allow_nan=False)}\n".encode()

    def _logits(self, log_odds: Floats) -> Floats:
        if self.method == "platt":
            offset, slope = self.parameters
            return np.asarray(offset + slope * log_odds)
        if self.method == "beta":
            offset, slope_bad, slope_good = self.parameters
            bad, good = _log_probabilities(log_odds)
            return np.asarray(offset + slope_bad * bad - slope_good * good)
        return np.asarray(np.interp(log_odds, self.knot_log_odds, self.knot_logits))


def fit_calibration(log_odds: Floats, outcome: npt.ArrayLike, method: CalibrationMethod = "platt") -> Calibration:
    """Fit the map on rows that the model has not seen (out of fold); both arrays have shape (rows,).

    platt is the usual choice: two parameters, so it needs few bads, keeps the order of all scores and carries on
    beyond them; its targets are smoothed as Platt (1999) does. beta (Kull et al., AISTATS 2017) has a slope for each
    tail and bends where both ends are too bold. isotonic follows any shape and needs a thousand bads or more
    (Niculescu-Mizil and Caruana, ICML 2005); scores between its knots keep their order, those beyond them tie.

    Raises `ColumnFault` unless goods and bads both occur, and `CalibrationFault` for log odds that are not finite
    or do not rise with the risk.
    """
    if method not in get_args(CalibrationMethod):
        raise ValueError(f"method is {method!r}: must be one of {', '.join(get_args(CalibrationMethod))}")
    figures = np.asarray(log_odds, dtype=np.float64)
    is_bad = two_outcomes(outcome, rows=len(figures), least=1)
    if not np.isfinite(figures).all():
        raise CalibrationFault(f"{np.count_nonzero(~np.isfinite(figures)):,} log odds are not finite: refit the model")
    if figures[is_bad].mean() <= figures[~is_bad].mean():
        raise CalibrationFault(_NOT_RISING)
    if method == "isotonic":
        return _fit_isotonic(figures, is_bad)
    evidence = figures[:, None]
    if method == "beta":
        bad, good = _log_probabilities(figures)
        evidence = np.column_stack([bad, -good])
    # the regression holds coefficients at or below 0, so the evidence is handed over with its sign turned
    line = fit_log_odds(
        evidence=-evidence,
        is_bad=_smoothed(is_bad),
        bounded=np.ones(evidence.shape[1], dtype=np.bool_),
        l2_penalty=_L2_PENALTY,
    )
    slopes = (0.0 - line.coefficients).tolist()
    if not any(slopes):
        raise CalibrationFault(_NOT_RISING)
    return Calibration(method, parameters=(line.intercept, *slopes))


def calibration_from_json(text: bytes) -> Calibration:
    """The map that `to_json` wrote. Raises `ValueError` where the text is no such map."""
    try:
        fields: Mapping[str, Any] = json.loads(text)
        method: CalibrationMethod = fields["method"]
        calibration = Calibration(
            method,
            parameters=tuple(map(float, fields["parameters"])),
            knot_log_odds=tuple(map(float, fields["knot_log_odds"])),
            knot_logits=tuple(map(float, fields["knot_logits"])),
            shift=float(fields["shift"]),
        )
        wanted = {"platt": 2, "beta": 3, "isotonic": 0}[method]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the calibration cannot be read ({error!r}): restore the model folder") from error
    knots = len(calibration.knot_log_odds)
    if len(calibration.parameters) != wanted or knots != len(calibration.knot_logits) or (knots == 0) != (wanted > 0):
        raise ValueError(f"the calibration is not a complete {method} map: restore the model folder")
    return calibration


def pd_ppm(pd: npt.ArrayLike) -> PdPpm:
    """PD in whole ppm, 1..999,999: the one rounding (half to even), before any rule reads a PD.

    Raises `ValueError` where a PD is missing or outside [0, 1].

    >>> pd_ppm([0.0, 0.0123456, 1.0]).tolist()
    [1, 12346, 999999]
    """
    figures = np.asarray(pd, dtype=np.float64)
    if not ((figures >= 0) & (figures <= 1)).all():
        raise ValueError("a PD is missing or outside [0, 1]: it must be a probability on every row")
    return np.clip(np.rint(figures * 1e6).astype(np.int64), PD_PPM_MIN, PD_PPM_MAX)


def central_tendency_shift(pd: npt.ArrayLike, mean: float) -> float:
    """What to add to every logit so that the mean PD becomes `mean`, a probability between 0 and 1.

    The mean rises strictly with the shift, so there is one answer; it is found to 1e-12 by Brent's method. Use it where
    the training sample was enriched, or the horizon's long-run mean is known.

    >>> round(central_tendency_shift([0.5, 0.5], 0.2), 6)  # logit 0.2 - logit 0.5
    -1.386294
    """
    from scipy.optimize import brentq

    figures = np.asarray(pd, dtype=np.float64)
    if not (0.0 < mean < 1.0) or not len(figures) or not ((figures > 0) & (figures < 1)).all():
        raise ValueError(f"a mean PD of {mean} cannot be reached: it, and every PD, must be between 0 and 1")
    logits = logit(figures)
    reach = float(np.abs(logits).max()) + abs(math.log(mean / (1 - mean))) + 1.0
    return float(brentq(lambda shift: float(expit(logits + shift).mean()) - mean, -reach, reach, xtol=1e-12))


def base_rate_shift(*, learned: float, stated: float) -> float:
    """What to add to every logit where bads look as they did, and goods too, but bads are another share of all.

    Bayes' rule: the odds of every row change by the same factor, that of the odds of the two shares (Elkan, IJCAI 2001,
    theorem 2). Unlike `central_tendency_shift` it does not presume that rows of each score come as often as before.

    >>> round(base_rate_shift(learned=0.01, stated=0.001), 6)  # odds of 1 to 99 become 1 to 999
    -2.311635
    """
    if not (0.0 < learned < 1.0 and 0.0 < stated < 1.0):
        raise ValueError(f"base rates are {learned} and {stated}: both must be between 0 and 1")
    return math.log(stated / (1 - stated)) - math.log(learned / (1 - learned))


def shift_to_central_tendency(pd: npt.ArrayLike, mean: float) -> Floats:
    """The PDs with one shift on every logit, so that their mean is `mean` and their order is kept.

    >>> shift_to_central_tendency([0.1, 0.3], 0.1).round(4).tolist()
    [0.0453, 0.1547]
    """
    figures = np.asarray(pd, dtype=np.float64)
    return np.asarray(expit(logit(figures) + central_tendency_shift(figures, mean)), dtype=np.float64)


def _log_probabilities(log_odds: Floats) -> tuple[Floats, Floats]:
    """ln q and ln(1 - q) of q = expit(log odds), without leaving the floats at either end."""
    return -np.logaddexp(0.0, -log_odds), -np.logaddexp(0.0, log_odds)


def _smoothed(is_bad: Flags) -> Floats:
    bads = int(np.count_nonzero(is_bad))
    goods = len(is_bad) - bads
    return np.where(is_bad, (bads + 1) / (bads + 2), 1 / (goods + 2))


def _fit_isotonic(log_odds: Floats, is_bad: Flags) -> Calibration:
    """Pool adjacent violators; each block becomes one knot at its mean log odds (Oron and Flournoy, 2017)."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(log_odds, kind="stable")
    values, starts = np.unique(log_odds[order], return_index=True)
    rows = np.diff(np.append(starts, len(order)))
    bads = np.add.reduceat(is_bad[order].astype(np.float64), starts)
    fitted = isotonic_regression(bads / rows, weights=rows.astype(np.float64))
    blocks = fitted.blocks[:-1]
    block_rows, block_bads = np.add.reduceat(rows, blocks), np.add.reduceat(bads, blocks)
    if len(blocks) < 2:
        raise CalibrationFault(_NOT_RISING)
    centers = np.add.reduceat(values * rows, blocks) / block_rows
    shares = _inside(block_bads / block_rows, block_rows)
    return Calibration("isotonic", knot_log_odds=tuple(centers.tolist()), knot_logits=tuple(logit(shares).tolist()))


def _inside(shares: Floats, rows: npt.NDArray[np.int64]) -> Floats:
    """Rising shares, of which only the first can be 0 and the last 1: there half a row of the other kind is added.

    Never past the neighbor: a first block of one single good says little and must not lift those above it.
    """
    inside = shares.copy()
    if shares[0] == 0.0:
        inside[0] = min(0.5 / (rows[0] + 1), shares[1])
    if shares[-1] == 1.0:
        inside[-1] = max(1 - 0.5 / (rows[-1] + 1), inside[-2])
    return inside
