"""How near predicted amounts come, and how true they are on average: figures with intervals, by group and by label."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import rankdata

from tallystick.scoring.model import Floats
from tallystick.scoring.validation import CONFIDENCE, GROUPS, Interval

RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class AmountGroup:
    """Some rows: what was predicted on average, and what came, with the 95 % interval of its mean."""

    name: str
    rows: int
    predicted: float
    observed: Interval


def mean_interval(figures: Floats) -> Interval:
    """A mean with its normal interval.

    >>> found = mean_interval(np.array([1.0, 3.0]))
    >>> [round(end, 4) for end in (found.low, found.value, found.high)]
    [0.04, 2.0, 3.96]
    """
    value = float(figures.mean())
    if len(figures) < 2:
        return Interval(value, -math.inf, math.inf)
    reach = float(ndtri((1 + CONFIDENCE) / 2)) * float(figures.std(ddof=1)) / math.sqrt(len(figures))
    return Interval(value, value - reach, value + reach)


def absolute_error(observed: Floats, predicted: Floats) -> Interval:
    """Mean absolute error. Least for a forecast of the median, which is 0 where most amounts are."""
    return mean_interval(np.abs(predicted - observed))


def absolute_error_saved(observed: Floats, predicted: Floats, peer: Floats) -> Interval:
    """How much less than a peer's the mean absolute error is, on the same rows; above 0 is better."""
    return mean_interval(np.abs(peer - observed) - np.abs(predicted - observed))


def squared_error_saved(observed: Floats, predicted: Floats, peer: Floats) -> Interval:
    """How much less than a peer's the mean squared error is, on the same rows; above 0 is better."""
    return mean_interval((peer - observed) ** 2 - (predicted - observed) ** 2)


def root_squared_error(observed: Floats, predicted: Floats) -> Interval:
    """Root of the mean squared error, which a forecast of the mean makes least."""
    squares = mean_interval((predicted - observed) ** 2)
    return Interval(*(math.sqrt(max(each, 0.0)) for each in (squares.value, squares.low, squares.high)))


def explained_share(observed: Floats, predicted: Floats, peer: Floats, *, seed: int) -> Interval:
    """Share of a peer's squared error that is gone: 0 is no better than the peer, 1 perfect; below 0 is worse."""
    ours, theirs = (predicted - observed) ** 2, (peer - observed) ** 2
    return _resampled(lambda rows: 1.0 - float(ours[rows].sum() / theirs[rows].sum()), len(observed), seed)


def rank_correlation(observed: Floats, predicted: Floats, *, seed: int) -> Interval:
    """Spearman's correlation: whether larger ones were predicted larger, whatever the scale."""

    def figure(rows: npt.NDArray[np.int64]) -> float:
        return float(np.corrcoef(rankdata(observed[rows]), rankdata(predicted[rows]))[0, 1])

    return _resampled(figure, len(observed), seed)


def groups_of_amounts(observed: Floats, predicted: Floats, *, groups: int = GROUPS) -> tuple[AmountGroup, ...]:
    """Equally large groups from the least predicted up; equal predictions are never parted."""
    place = ((rankdata(predicted) - 0.5) * groups / len(predicted)).astype(np.int64)
    return by_label(observed, predicted, place + 1)


def by_label(observed: Floats, predicted: Floats, labels: npt.NDArray[np.generic]) -> tuple[AmountGroup, ...]:
    """The rows of each label, in the order of the labels."""
    found = []
    for label in np.unique(labels):
        rows = labels == label
        found.append(
            AmountGroup(
                name=str(label),
                rows=int(np.count_nonzero(rows)),
                predicted=float(predicted[rows].mean()),
                observed=mean_interval(observed[rows]),
            )
        )
    return tuple(found)


def calibration_distance(groups: tuple[AmountGroup, ...]) -> float:
    """Mean distance of what was predicted and what came, over groups by their rows."""
    rows = sum(one.rows for one in groups)
    return sum(abs(one.predicted - one.observed.value) * one.rows for one in groups) / rows


def _resampled(figure: Callable[[npt.NDArray[np.int64]], float], rows: int, seed: int) -> Interval:
    """A figure with its percentile bootstrap interval over rows."""
    chance = np.random.Generator(np.random.PCG64(seed))
    drawn = [figure(chance.integers(0, rows, rows)) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(figure(np.arange(rows)), float(low), float(high))
