"""How well a model ranks and how true its probabilities are: figures with intervals, per segment too."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtri
from scipy.stats import rankdata, t

from tallystick.scoring.folds import Flags, checked_outcome, derived_seed
from tallystick.scoring.model import Floats

CONFIDENCE = 0.95
GROUPS = 10
RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate between the ends of its interval, of 95 % confidence where nothing else is said."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """One model's AUC minus another's on the same rows, with its 95 % interval and two-sided p-value."""

    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Performance:
    """The figures of one set of lines; where only one outcome occurs nothing can be ranked: `auc`, `ks` are None."""

    lines: int
    bads: int
    auc: Interval | None
    ks: Interval | None
    brier: Interval
    calibration_error: Interval


@dataclass(frozen=True, slots=True)
class ReliabilityPoint:
    """A group of lines with similar predicted PD, and the share that went bad with its interval (Wilson)."""

    pd_mean: float
    bad_share: float
    bad_share_low: float
    bad_share_high: float
    lines: int


def measure(outcome: npt.ArrayLike, pd: Floats, *, seed: int) -> Performance:
    """All figures of one set of at least one line; both arrays have shape (lines,). The seed is for the resampling."""
    probabilities, is_bad = _checked(outcome, pd)
    bads = int(np.count_nonzero(is_bad))
    ranks = 0 < bads < len(is_bad)
    return Performance(
        lines=len(is_bad),
        bads=bads,
        auc=auc_interval(is_bad, probabilities) if ranks else None,
        ks=ks_interval(is_bad, probabilities) if ranks else None,
        brier=brier_interval(is_bad, probabilities),
        calibration_error=calibration_error_interval(is_bad, probabilities, seed=seed),
    )


def measure_segments(
    outcome: npt.ArrayLike, pd: Floats, segments: npt.NDArray[np.object_] | Sequence[str | None], *, seed: int
) -> dict[str, Performance]:
    """The figures of each segment, by its name, in the order of the names; lines without a segment are left out."""
    probabilities, is_bad = _checked(outcome, pd)
    names = np.asarray(segments, dtype=object)
    if names.shape != is_bad.shape:
        raise ValueError(f"{len(names):,} segments for {len(is_bad):,} lines: give one per line")
    found: dict[str, Performance] = {}
    for place, name in enumerate(sorted({name for name in names.tolist() if name is not None})):
        rows = names == name
        found[name] = measure(is_bad[rows], probabilities[rows], seed=derived_seed(seed, place))
    return found


def auc(outcome: npt.ArrayLike, scores: Floats) -> float:
    """Chance that a bad scores above a good, ties half: 5 of the 6 pairs here.

    >>> round(auc([0, 0, 1, 0, 1], np.array([0.1, 0.2, 0.3, 0.4, 0.5])), 4)
    0.8333
    """
    is_bad = _with_both(outcome, scores)
    bad_part, _ = _placements(is_bad, scores)
    return float(bad_part.mean())


def auc_interval(outcome: npt.ArrayLike, scores: Floats, *, confidence: float = CONFIDENCE) -> Interval:
    """AUC and its interval by DeLong's variance on the logit scale, in O(n log n).

    Source: DeLong et al., Biometrics 44, 1988; ranks: Sun and Xu, IEEE SPL 21, 2014; logit: Pepe, 2003; Student's
    quantile, which a handful of bads needs, by the degrees of freedom of Brunner and Munzel, Biometrical Journal 42,
    2000. With fewer than two goods or bads, or a perfect ranking, the variance is unknown or zero, and the interval
    says no more than DeLong does: [0, 1], or the value itself.
    """
    value, parts = _delong(outcome, scores)
    if not parts:
        return Interval(value, 0.0, 1.0)
    variance = sum(each for each, _ in parts)
    if not 0.0 < value < 1.0 or not variance:
        return Interval(value, value, value)
    freedom = variance**2 / sum(each**2 / (count - 1) for each, count in parts)
    quantile = float(t.ppf((1.0 + confidence) / 2.0, freedom))
    reach = quantile * math.sqrt(variance) / (value * (1 - value))
    return Interval(value, float(expit(logit(value) - reach)), float(expit(logit(value) + reach)))


def auc_with_error(outcome: npt.ArrayLike, scores: Floats) -> tuple[float, float | None]:
    """AUC and its standard error by DeLong's variance, which needs two goods and two bads to be known."""
    value, parts = _delong(outcome, scores)
    return value, math.sqrt(sum(each for each, _ in parts)) if parts else None


def _delong(outcome: npt.ArrayLike, scores: Floats) -> tuple[float, list[tuple[float, int]]]:
    """AUC, and of bads and of goods what they add to its variance and how many they are; nothing of fewer than two."""
    is_bad = _with_both(outcome, scores)
    placed = _placements(is_bad, scores)
    value = float(placed[0].mean())
    if min(map(len, placed)) < 2:
        return value, []
    return value, [(float(part.var(ddof=1)) / len(part), len(part)) for part in placed]


def auc_influence(outcome: npt.ArrayLike, scores: Floats) -> tuple[float, Floats]:
    """AUC, and what each row adds to how it errs: the mean of the rows' parts is 0, of their squares DeLong's variance
    times the rows."""
    is_bad = _with_both(outcome, scores)
    bad_part, good_part = _placements(is_bad, scores)
    value, parts = float(bad_part.mean()), np.empty(len(is_bad))
    parts[is_bad] = (bad_part - value) * (len(is_bad) / len(bad_part))
    parts[~is_bad] = (good_part - value) * (len(is_bad) / len(good_part))
    return value, parts


def auc_difference(outcome: npt.ArrayLike, scores: Floats, peer_scores: Floats) -> Difference:
    """AUC of `scores` minus AUC of `peer_scores` on the same rows, by DeLong's paired covariance."""
    is_bad = _with_both(outcome, scores)
    parts = [_placements(is_bad, np.asarray(one, dtype=np.float64)) for one in (scores, peer_scores)]
    bad_part, good_part = parts[0][0] - parts[1][0], parts[0][1] - parts[1][1]
    if min(len(bad_part), len(good_part)) < 2:
        raise ValueError("a difference needs at least two goods and two bads")
    value = float(bad_part.mean())
    error = math.sqrt(bad_part.var(ddof=1) / len(bad_part) + good_part.var(ddof=1) / len(good_part))
    reach = _quantile() * error
    chance = math.erfc(abs(value) / error / math.sqrt(2)) if error else float(value == 0)
    return Difference(value, value - reach, value + reach, chance)


def ks_interval(outcome: npt.ArrayLike, scores: Floats) -> Interval:
    """Largest distance between the cumulative shares of goods and bads, over all cut-offs.

    The interval is binomial at the best cut-off; choosing the cut-off moves it only to second order. In samples of
    some hundred lines the value itself is too high. Source: Schisterman and Perkins, Comm. Stat. 36, 2007.
    """
    is_bad = _with_both(outcome, scores)
    order = np.argsort(scores, kind="stable")
    last_of_tie = np.append(np.diff(scores[order]) > 0, True)
    bads, goods = np.cumsum(is_bad[order])[last_of_tie], np.cumsum(~is_bad[order])[last_of_tie]
    bad_share, good_share = bads / bads[-1], goods / goods[-1]
    best = int(np.argmax(good_share - bad_share))
    value = float(good_share[best] - bad_share[best])
    spread = good_share[best] * (1 - good_share[best]) / goods[-1] + bad_share[best] * (1 - bad_share[best]) / bads[-1]
    reach = _quantile() * math.sqrt(spread)
    return Interval(value, max(value - reach, 0.0), min(value + reach, 1.0))


def brier_interval(outcome: npt.ArrayLike, pd: Floats) -> Interval:
    """Mean squared distance of PD and outcome; normal interval of a mean.

    >>> round(brier_interval([0, 1], np.array([0.2, 0.6])).value, 4)  # (0.04 + 0.16) / 2
    0.1
    """
    probabilities, is_bad = _checked(outcome, pd)
    squares = (probabilities - is_bad) ** 2
    value = float(squares.mean())
    if len(squares) < 2:
        return Interval(value, 0.0, 1.0)
    reach = _quantile() * float(squares.std(ddof=1)) / math.sqrt(len(squares))
    return Interval(value, max(value - reach, 0.0), min(value + reach, 1.0))


def calibration_error_interval(outcome: npt.ArrayLike, pd: Floats, *, seed: int, groups: int = GROUPS) -> Interval:
    """Mean distance of mean PD and bad share over equally large groups of similar PD (expected calibration error).

    Chance alone makes it positive, and resampling adds the same again; so the interval reaches as far below the
    value as the upper quantile of the resampled values lies above. Each group's mean error is drawn from the normal
    distribution that resampling its lines tends to.
    """
    probabilities, is_bad = _checked(outcome, pd)
    group = _groups(probabilities, groups)
    lines = np.bincount(group)
    errors = is_bad - probabilities
    means = np.bincount(group, weights=errors) / lines
    variances = np.maximum(np.bincount(group, weights=errors**2) / lines - means**2, 0.0)
    shares = lines / lines.sum()
    value = float(shares @ np.abs(means))
    # standard_normal's stream belongs to this seed alone; 1,000 resamples fix the quantile to some 3 %
    noise = np.random.Generator(np.random.PCG64(seed)).standard_normal((RESAMPLES, len(lines)))
    resampled = np.abs(means + noise * np.sqrt(variances / lines)) @ shares
    reach = max(float(np.quantile(resampled, (1 + CONFIDENCE) / 2)) - value, 0.0)
    return Interval(value, max(value - reach, 0.0), min(value + reach, 1.0))


def reliability(
    outcome: npt.ArrayLike, pd: Floats, *, groups: int = GROUPS, confidence: float = CONFIDENCE
) -> tuple[ReliabilityPoint, ...]:
    """Predicted against observed, in equally large groups from the lowest PD up; equal PDs are never parted."""
    probabilities, is_bad = _checked(outcome, pd)
    group = _groups(probabilities, groups)
    lines, bads = np.bincount(group), np.bincount(group, weights=is_bad)
    means = np.bincount(group, weights=probabilities) / lines
    low, high = wilson_interval(bads, lines, confidence=confidence)
    columns = (means, bads / lines, low, high)
    rows = zip(*(column.tolist() for column in columns), lines.tolist(), strict=True)
    return tuple(ReliabilityPoint(*row) for row in rows)


def wilson_interval(
    bads: npt.ArrayLike, lines: npt.ArrayLike, *, confidence: float = CONFIDENCE
) -> tuple[Floats, Floats]:
    """Interval of a share; shapes broadcast. Source: Wilson, JASA 22, 1927.

    >>> [round(float(end), 4) for end in wilson_interval(0, 20)]
    [0.0, 0.1611]
    """
    count = np.asarray(lines, dtype=np.float64)
    share = np.asarray(bads, dtype=np.float64) / count
    z = _quantile(confidence)
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.clip(middle - reach, 0.0, share), np.clip(middle + reach, share, 1.0)


def _groups(pd: Floats, groups: int) -> npt.NDArray[np.int64]:
    """Equally large groups by rank. Ties share a rank, so the order of the rows cannot part goods from bads."""
    place = ((rankdata(pd) - 0.5) * groups / len(pd)).astype(np.int64)
    return np.asarray(np.unique(place, return_inverse=True)[1], dtype=np.int64)


def _placements(is_bad: Flags, scores: Floats) -> tuple[Floats, Floats]:
    """For each bad the share of goods below it, for each good the share of bads above it; ties half."""
    bad_scores, good_scores = scores[is_bad], scores[~is_bad]
    ranks = rankdata(scores)
    goods_below = (ranks[is_bad] - rankdata(bad_scores)) / len(good_scores)
    bads_above = 1.0 - (ranks[~is_bad] - rankdata(good_scores)) / len(bad_scores)
    return goods_below, bads_above


def _quantile(confidence: float = CONFIDENCE) -> float:
    return float(ndtri((1 + confidence) / 2))


def _with_both(outcome: npt.ArrayLike, scores: Floats) -> Flags:
    is_bad = checked_outcome(outcome, rows=len(scores))
    if not np.isfinite(scores).all():
        raise ValueError("a score is missing or infinite: every line must have been scored")
    if is_bad.all() or not is_bad.any():
        raise ValueError("only one outcome occurs: nothing can be ranked")
    return is_bad


def _checked(outcome: npt.ArrayLike, pd: Floats) -> tuple[Floats, Flags]:
    probabilities = np.asarray(pd, dtype=np.float64)
    if not len(probabilities):
        raise ValueError("no lines to measure")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("a PD is missing or outside [0, 1]: it must be a probability on every line")
    return probabilities, checked_outcome(outcome, rows=len(probabilities))
