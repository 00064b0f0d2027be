"""What limits do to debt, default, income and loss, learned from a lender's randomized steps and shrunk to a prior.

Some lines are given, at a review, a limit drawn by chance from those they could have had. What follows the part of the
step that was chance alone is its effect, whatever else decided who could have what. Segments are small and default is
rare, so each segment's slope is drawn toward what is published, by as much as the evidence is weak.

What a step earns and what it loses are learned apart. Nearly every line shows what it earns, and few lose anything, but
much: of a thousand lines the profit tells next to nothing, while what they earn before losses tells a lot.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import ndtri

from tallystick.units.rates import PPM

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_GRID: Final = 33  # values of the spread between segments that are weighed
_MOST_LEVERAGE: Final = 0.9
_LEAST_LINES: Final = 20  # a segment with fewer randomized lines tells nothing by itself
STEP_COLUMNS: Final = (
    "segment", "limit_minor", "given_minor", "mean_given_minor", "mean_doublings", "pd_ppm", "drawn_expected_minor",
    "earned_expected_minor", "lost_expected_minor", "drawn_minor", "is_bad", "lost_minor", "earned_minor",
)  # fmt: skip


class StepFault(ValueError):
    """A table of randomized steps cannot be read; the message names each column and the way out."""


@dataclass(frozen=True, slots=True)
class Slopes:
    """By how much an outcome follows a randomized step in each segment; arrays of shape (segments,).

    Where too little was randomized `estimate` is 0 and `standard_error` infinite.
    """

    estimate: Floats
    standard_error: Floats
    lines: Integers  # that were randomized

    def interval(self, level: float = 0.9) -> tuple[Floats, Floats]:
        """Two-sided, by the normal distribution, without any prior."""
        return _interval(self.estimate, self.standard_error, level)


@dataclass(frozen=True, slots=True)
class Learned:
    """What prior and evidence come to together, per segment: normal with this mean and standard deviation."""

    mean: Floats
    standard_deviation: Floats
    slopes: Slopes  # the evidence alone
    prior: Floats
    segments_differ_by: float  # how far segments were found to lie from the prior beyond their common shift

    def interval(self, level: float = 0.9) -> tuple[Floats, Floats]:
        """Two-sided, by the normal distribution."""
        return _interval(self.mean, self.standard_deviation, level)


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed of a slope before any step: `prior` (segments,), and how far it may be off.

    `common_sd`: all segments together, `own_sd_most`: one segment beside the others, at most; both in units of `scale`
    (segments,). Where that is the prior itself they are shares of it: losses are published for the strong and the
    weak alike as a share of what these owe, and are off alike.
    """

    prior: Floats
    common_sd: float
    own_sd_most: float
    scale: Floats | None = None  # one, where nobody says

    def units(self) -> Floats:
        """The scale."""
        return np.ones_like(self.prior) if self.scale is None else self.scale


@dataclass(frozen=True, slots=True)
class LearnedResponse:
    """How segments respond to a limit: debt, loss and what is earned before losses per unit of it.

    Of default it is the log odds per doubling.
    """

    drawn: Learned
    default: Learned
    lost: Learned
    earned: Learned


def randomized_slopes(
    outcome: Floats,
    *,
    step: Floats,
    mean_step: Floats,
    segment: Integers,
    segments: int,
    weight: Floats | None = None,
    variance: Floats | None = None,
) -> Slopes:
    """The slope of an outcome on a randomized step, in each of `segments`; arrays of shape (lines,).

    `mean_step` is the mean of the steps that a line could have been given, by their chances: `step - mean_step` is
    chance alone, so the slope is what follows from it, whoever could be given more. Whatever of the outcome was
    known before the step may be taken off: the slope stays the same in expectation and its error shrinks. `weight`
    is what one unit of step would move the outcome by at a slope of one (1 where nobody says). `variance` is how much
    an outcome varies by itself, where that is known beforehand: of a segment in which nobody happened to default the
    residuals alone would say that no step ever makes anybody default. The error is then the larger of the two.

    Four lines of one segment, of which chance gave two a step of 100; they owe 30 more than the others:

    >>> slopes = randomized_slopes(
    ...     np.array([10.0, 40.0, 12.0, 42.0] * 10), step=np.array([0.0, 100.0] * 20), mean_step=np.full(40, 50.0),
    ...     segment=np.zeros(40, dtype=np.int64), segments=1)
    >>> slopes.estimate.round(3).tolist(), slopes.standard_error.round(4).tolist()
    ([0.3], [0.0033])
    """
    chance = step - mean_step
    moved = step if weight is None else step * weight
    count = np.bincount(segment, weights=chance != 0, minlength=segments).astype(np.int64)

    def summed(values: Floats) -> Floats:
        told: Floats = np.bincount(segment, weights=values, minlength=segments).astype(np.float64)
        return told

    lines = np.maximum(np.bincount(segment, minlength=segments), 1)
    level, moved_level = summed(outcome) / lines, summed(moved) / lines
    moved = moved - moved_level[segment]
    rest = outcome - level[segment]
    by = summed(chance * moved)
    knows = (count >= _LEAST_LINES) & (by > 0)
    safe = np.where(knows, by, 1.0)
    estimate = np.where(knows, summed(chance * rest) / safe, 0.0)
    # A line pulls the slope toward itself by its leverage, and what is left of it is too small by that (HC3: MacKinnon
    # and White, Journal of Econometrics 29, 1985): else intervals of some thirty lines hold too seldom.
    leverage = np.minimum(chance * moved / safe[segment] + 1.0 / lines[segment], _MOST_LEVERAGE)
    noise = summed((chance * (rest - estimate[segment] * moved) / (1.0 - leverage)) ** 2)
    if variance is not None:
        noise = np.maximum(noise, summed(chance**2 * variance))
    return Slopes(estimate, np.where(knows, np.sqrt(noise) / safe, np.inf), count)


def shrunk(slopes: Slopes, belief: Belief) -> Learned:
    """Slopes drawn toward what was believed, by normal hierarchical Bayes.

    A segment's slope lies from its prior by a shift that all share and one of its own, both normal; how far segments
    differ is unknown, uniform up to `own_sd_most`, and averaged over by how well each value explains the evidence
    (Gelman and others, Bayesian Data Analysis, 2013, section 5.4). Without evidence the prior stands.

    One segment has been seen well and lies 0.2 above its prior; the other, not seen, follows with a wide margin:

    >>> slopes = Slopes(np.array([0.4, 0.0]), np.array([0.01, np.inf]), np.array([5_000, 0]))
    >>> learned = shrunk(slopes, Belief(prior=np.array([0.2, 0.3]), common_sd=0.1, own_sd_most=0.2))
    >>> learned.mean.round(2).tolist(), learned.standard_deviation.round(2).tolist()
    ([0.4, 0.4], [0.01, 0.15])
    """
    seen = np.flatnonzero(np.isfinite(slopes.standard_error))
    off = slopes.estimate[seen] - belief.prior[seen]
    noise = np.diag(slopes.standard_error[seen] ** 2)
    grid, units = np.linspace(0.0, belief.own_sd_most, _GRID), belief.units()
    means, variances, logs = [], [], []
    for own in grid:
        known = belief.common_sd**2 * np.outer(units, units) + own**2 * np.diag(units**2)
        between = known[np.ix_(seen, seen)] + noise
        gain = np.linalg.solve(between, known[seen]).T
        means.append(gain @ off)
        variances.append(np.diag(known) - np.einsum("ij,ji->i", gain, known[seen]))
        logs.append(-0.5 * (np.linalg.slogdet(between)[1] + off @ np.linalg.solve(between, off)))
    weights = np.exp(np.asarray(logs) - max(logs))
    weights /= weights.sum()
    shift = weights @ np.asarray(means)
    variance = weights @ (np.asarray(variances) + np.asarray(means) ** 2) - shift**2
    return Learned(
        mean=belief.prior + shift,
        standard_deviation=np.sqrt(np.maximum(variance, 0.0)),
        slopes=slopes,
        prior=belief.prior,
        segments_differ_by=float(weights @ grid),
    )


def adjusted(
    outcome: Floats, expected: Floats, *, step: Floats, mean_step: Floats, segment: Integers, segments: int
) -> Floats:
    """The outcome less what could be told of it before the step, as far as the one follows the other; (lines,).

    A step that was chance alone has nothing to do with what was expected before it: its slope stays, and lines that
    owed much before as well no longer blur it (Deng, Xu, Kohavi and Walker, WSDM 2013: CUPED). How far it follows is
    told by least squares within segments, beside the steps and what they could have been.

    Of ten lines each owes after the step a tenth of what it was expected to owe, and 0.3 of the step:

    >>> expected, step = np.arange(10) * 100.0, np.array([0.0, 50.0] * 5)
    >>> adjusted(
    ...     0.1 * expected + 0.3 * step, expected, step=step, mean_step=np.full(10, 25.0),
    ...     segment=np.zeros(10, dtype=np.int64), segments=1).round(2).tolist()[:4]
    [45.0, 60.0, 45.0, 60.0]
    """
    lines = np.maximum(np.bincount(segment, minlength=segments), 1)

    def within(values: Floats) -> Floats:
        means = np.bincount(segment, weights=values, minlength=segments) / lines
        return np.asarray(values - means[segment])

    told = np.column_stack([within(each) for each in (expected, step - mean_step, mean_step)])
    follows = np.linalg.lstsq(told, within(outcome), rcond=None)[0][0]
    return np.asarray(outcome - follows * (expected - expected.mean()))


def learn_response(steps: pa.Table, *, drawn: Belief, default: Belief, lost: Belief, earned: Belief) -> LearnedResponse:
    """What randomized steps tell of all segments, beside what was believed of each.

    A row of `steps` is a line that took part, amounts in minor units: its `segment` (from 0), present limit
    `limit_minor` and the limit it was given, `mean_given_minor` and `mean_doublings`, the means of all limits it could
    have been given and of their log2 over the present one, by their chances; what was expected of it at its present
    limit, by whatever was known before the step: `pd_ppm`, `drawn_expected_minor`, `earned_expected_minor` and
    `lost_expected_minor`; and what followed in the time after: the mean balance `drawn_minor`, `is_bad`, `lost_minor`,
    and `earned_minor` before these losses, less costs. Raises `StepFault` naming every column that is missing, empty
    in places or out of range.
    """
    told = _columns(steps, segments=len(drawn.prior))
    segment = told["segment"].astype(np.int64)
    step, mean_step = told["given_minor"] - told["limit_minor"], told["mean_given_minor"] - told["limit_minor"]
    pd = told["pd_ppm"] / PPM
    doublings = np.log2(told["given_minor"] / told["limit_minor"])

    def by_unit(figure: str, belief: Belief, *, variance: Floats | None = None) -> Learned:
        chance: dict[str, Any] = {
            "step": step,
            "mean_step": mean_step,
            "segment": segment,
            "segments": len(belief.prior),
        }
        outcome = adjusted(told[f"{figure}_minor"], told[f"{figure}_expected_minor"], **chance)
        slopes = randomized_slopes(outcome, **chance, variance=variance)
        return shrunk(slopes, belief)

    # A rise of the log odds by b moves a default of chance p by b p (1 - p), to first order.
    odds = randomized_slopes(
        told["is_bad"] - pd, step=doublings, mean_step=told["mean_doublings"], segment=segment,
        segments=len(default.prior), weight=pd * (1.0 - pd), variance=pd * (1.0 - pd),
    )  # fmt: skip
    # Who defaults loses what is expected over the chance of it, all others nothing.
    of_default = np.divide(told["lost_expected_minor"], pd, out=np.zeros_like(pd), where=pd > 0)
    return LearnedResponse(
        drawn=by_unit("drawn", drawn),
        default=shrunk(odds, default),
        lost=by_unit("lost", lost, variance=of_default**2 * pd * (1.0 - pd)),
        earned=by_unit("earned", earned),
    )


def _columns(steps: pa.Table, *, segments: int) -> dict[str, Floats]:
    missing = [name for name in STEP_COLUMNS if name not in steps.column_names]
    if missing:
        raise StepFault(f"steps have no column {', '.join(missing)}; give {', '.join(STEP_COLUMNS)}")
    empty = [name for name in STEP_COLUMNS if steps[name].null_count]
    told = {name: np.asarray(steps[name].to_numpy(zero_copy_only=False), dtype=np.float64) for name in STEP_COLUMNS}
    faults = [f"{name} has empty cells; leave such lines out" for name in empty]
    faults += [
        f"{name} {way}"
        for name, is_wrong, way in (
            ("segment", (told["segment"] < 0) | (told["segment"] >= segments), f"must be from 0 to {segments - 1}"),
            ("limit_minor", told["limit_minor"] <= 0, "must be above zero; a line without a limit takes no part"),
            ("given_minor", told["given_minor"] <= 0, "must be above zero"),
            ("pd_ppm", (told["pd_ppm"] < 0) | (told["pd_ppm"] > PPM), f"must be between 0 and {PPM}"),
        )
        if not empty and np.any(is_wrong)
    ]
    if faults:
        raise StepFault(f"steps cannot be read: {'; '.join(faults)}")
    return told


def _interval(center: Floats, spread: Floats, level: float) -> tuple[Floats, Floats]:
    half = float(ndtri(0.5 + level / 2)) * spread
    return center - half, center + half
