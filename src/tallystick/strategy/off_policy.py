"""What another strategy would have earned on recorded cases, told from the probabilities that were recorded with them.

Where chance gave an outcome now and then, the cases that got it stand for those that did not. Sources: Horvitz and
Thompson, 1952 (inverse propensity, IPS); Swaminathan and Joachims, 2015 (self-normalized, SNIPS); Dudík, Langford and
Li, 2011 (doubly robust, DR). What chance never gave is not estimated but bounded (Manski, 1990).
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from tallystick.scoring.validation import CONFIDENCE
from tallystick.units.rates import PPM

Floats = npt.NDArray[np.float64]
Wholes = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# A recorded probability is whole or rounded ppm; its strategy, asked again, must say the same.
_SAME_PROBABILITY: Final = 1e-6
_SUM_TO_ONE: Final = 1e-9

# How often borrowers were drawn, over so many draws as fit in this many numbers: one product for all of them.
_COUNTS_AT_ONCE: Final = 4_000_000

# Of a method: value and change, each at the least and at the most.
_FIGURES_EACH: Final = 4

# What is summed over cases, a column each.
_CASES, _WEIGHT, _WEIGHED, _SUPPORTED, _REWARD, _LEAST, _MOST, _ROBUST, _ROBUST_OLD = range(9)


@dataclass(frozen=True, slots=True)
class DecisionLog:
    """Recorded decisions with what came of them; arrays have shape (cases,), or (cases, outcomes) where it says so.

    `outcome` is a place among the checkpoint's outcomes, `probability_ppm` what was recorded with it, and `chances`
    (cases, outcomes) what the strategy that decided says of all outcomes (`Checkpoint.outcome_probabilities`). Where
    borrowers are dealt to several strategies by chance, both may be those of all of them by their shares.
    `is_mature` must depend on the case alone, such as on its date, and not on what was decided: if a decline counted as
    known at once and an approval after its window, the young cases would all be declines. `reward_minor` is read of
    mature cases only. `least_minor` and `most_minor` (cases, outcomes) bound what an outcome could have brought.
    """

    outcome: Wholes
    probability_ppm: Floats
    chances: Floats
    reward_minor: Floats
    is_mature: Flags
    least_minor: Floats
    most_minor: Floats
    borrower: npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class OffPolicySettings:
    """How sure, and how it is reckoned. Weights above `most_weight` are cut to it: less variance for a bias."""

    confidence: float = CONFIDENCE
    most_weight: float | None = None
    resamples: int = 400
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Bounded:
    """A figure between the ends of what the log leaves open, minor units a case; they are one where nothing is open.

    Each interval reaches from below the lower end to above the upper one: by the influence of each borrower (normal),
    and by drawing borrowers with replacement (percentiles). NaN where there are fewer than two borrowers.
    """

    low_minor: float
    high_minor: float
    normal: tuple[float, float]
    bootstrap: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """One method's word on the new strategy's value, and on its change against the old one's; `ips`, `snips`, `dr`."""

    method: str
    value: Bounded
    change: Bounded


@dataclass(frozen=True, slots=True)
class OffPolicyValue:
    """The value of a strategy on a log, over the mature cases; minor units a case.

    `unsupported_share` is how much of the new strategy's decisions chance never gave there; of it, `open_share` has
    consequences that are not known beforehand, so that the value is not identified for so many of the cases, of which
    it touches `open_cases`. `mean_weight` should be near one less `unsupported_share`: where it is not, the recorded
    probabilities are not those of the log. `effective_cases` is how many cases, evenly weighted, would tell as much.
    `clipped_cases` had weights cut, and `clipped_share` is how much of all weight that took away. `unpredicted` cases
    had no prediction for DR, which says of them what IPS says.
    """

    cases: int
    immature: int
    borrowers: int
    observed_minor: float
    estimates: tuple[Estimate, ...]
    unsupported_share: float
    open_share: float
    open_cases: int
    mean_weight: float
    largest_weight: float
    effective_cases: float
    clipped_cases: int
    clipped_share: float
    unpredicted: int
    settings: OffPolicySettings


def off_policy_value(
    log: DecisionLog,
    chances: Floats,
    *,
    predicted_minor: Floats | None = None,
    spread_minor: Floats | None = None,
    settings: OffPolicySettings | None = None,
) -> OffPolicyValue:
    """The value of a strategy that gives each outcome with `chances`, shape (cases, outcomes).

    `predicted_minor` (cases, outcomes) is a reward model's word, made without the rewards of the same cases; with it
    comes the doubly robust estimate. `spread_minor`, of the same shape, is how far rewards lie from it (standard
    deviation), learned elsewhere: large losses are rare, and a log that holds none of them yet looks surer than it is.
    The doubly robust estimate's normal interval then goes by it, and no longer by how far this log's rewards lie; what
    cases of one borrower bring is then taken as independent.
    Raises `ValueError` where the log does not hold together, or holds no mature case.

    Four cases of which half were approved by chance and brought 10, 10, or nothing declined. Always to approve is
    worth (2 x 10 + 2 x 10) / 4 a case, 5 more than the log's mean:

    >>> from dataclasses import replace
    >>> nothing = np.zeros((4, 2))
    >>> log = DecisionLog(
    ...     outcome=np.array([0, 0, 1, 1]), probability_ppm=np.full(4, 500_000.0), chances=np.full((4, 2), 0.5),
    ...     reward_minor=np.array([10.0, 10.0, 0.0, 0.0]), is_mature=np.ones(4, dtype=np.bool_),
    ...     least_minor=nothing, most_minor=nothing + 20.0, borrower=np.arange(4))
    >>> value = off_policy_value(log, np.array([[1.0, 0.0]] * 4))
    >>> [(each.method, each.value.low_minor, each.change.low_minor) for each in value.estimates]
    [('ips', 10.0, 5.0), ('snips', 10.0, 5.0)]
    >>> value.effective_cases, value.unsupported_share
    (2.0, 0.0)

    These rewards are all alike, so the interval has no width. Where approvals are known to spread by 4 about 10, it
    reaches 1.96 x sqrt(4 x 0.5 x 2^2 x 4^2) / 4 = 5.54 to both sides:

    >>> robust = off_policy_value(log, np.array([[1.0, 0.0]] * 4), predicted_minor=np.array([[10.0, 0.0]] * 4),
    ...     spread_minor=np.array([[4.0, 0.0]] * 4)).estimates[2]
    >>> robust.value.low_minor, np.round(robust.value.normal, 2).tolist()
    (10.0, [4.46, 15.54])

    Had chance never approved the last two, they could bring anything from 0 to 20 each:

    >>> half = replace(log, chances=np.array([[0.5, 0.5], [0.5, 0.5], [0.0, 1.0], [0.0, 1.0]]),
    ...     outcome=np.array([0, 1, 1, 1]), probability_ppm=np.array([5e5, 5e5, 1e6, 1e6]),
    ...     reward_minor=np.array([10.0, 0.0, 0.0, 0.0]))
    >>> value = off_policy_value(half, np.array([[1.0, 0.0]] * 4))
    >>> value.estimates[0].value.low_minor, value.estimates[0].value.high_minor, value.open_share
    (5.0, 15.0, 0.5)
    """
    chosen = settings or OffPolicySettings()
    _check(log, chances)
    mature = log.is_mature
    outcome, reward = log.outcome[mature], log.reward_minor[mature]
    cases = np.arange(len(outcome))
    old, new = log.chances[mature], chances[mature]
    supported = old > 0.0
    outside = np.where(supported, 0.0, new)
    raw = new[cases, outcome] / old[cases, outcome]
    weight = raw if chosen.most_weight is None else np.minimum(raw, chosen.most_weight)
    least, most = log.least_minor[mature], log.most_minor[mature]
    columns = [
        np.ones(len(cases)),
        weight,
        weight * reward,
        1.0 - outside.sum(axis=1),
        reward,
        (outside * least).sum(axis=1),
        (outside * most).sum(axis=1),
    ]
    unpredicted, told = 0, None
    if predicted_minor is not None:
        given = predicted_minor[mature]
        unpredicted = int(np.count_nonzero((np.isnan(given) & ((new > 0.0) | (old > 0.0))).any(axis=1)))
        predicted = np.nan_to_num(given, nan=0.0)
        beside = reward - predicted[cases, outcome]
        expected = (np.where(supported, new, 0.0) * predicted).sum(axis=1), (old * predicted).sum(axis=1)
        columns += [expected[0] + weight * beside, expected[1] + beside]
        if spread_minor is not None:
            if unpredicted:
                raise ValueError(f"{unpredicted} cases have no prediction: leave them out, or spread_minor")
            told = _Told(
                np.column_stack(expected), *_told_variances(old, new, spread_minor[mature], chosen.most_weight)
            )
    is_open = outside * (most > least)
    by_borrower = _borrower_sums(np.column_stack(columns), log.borrower[mature])
    errors = _errors(by_borrower)
    if told is not None:
        expected_alone = np.column_stack([*columns[:_ROBUST], told.expected])
        errors = _told_errors(errors, _errors(_borrower_sums(expected_alone, log.borrower[mature])), told, len(cases))
    return OffPolicyValue(
        cases=len(cases),
        immature=int(np.count_nonzero(~mature)),
        borrowers=len(by_borrower),
        observed_minor=float(by_borrower.sum(axis=0)[_REWARD] / len(cases)),
        estimates=_estimates(by_borrower, errors, chosen),
        unsupported_share=float(outside.sum() / len(cases)),
        open_share=float(is_open.sum() / len(cases)),
        open_cases=int(np.count_nonzero(is_open.any(axis=1))),
        mean_weight=float(weight.mean()),
        largest_weight=float(weight.max()),
        effective_cases=float(weight.sum() ** 2 / (weight**2).sum()) if weight.any() else 0.0,
        clipped_cases=int(np.count_nonzero(weight < raw)),
        clipped_share=float(1.0 - weight.sum() / raw.sum()) if raw.any() else 0.0,
        unpredicted=unpredicted,
        settings=chosen,
    )


def chances_agree(chances: Floats, outcome: Wholes, *, probability_ppm: Floats) -> Flags:
    """On which cases the outcome's chance is the probability that was recorded with it, and not nothing.

    >>> chances_agree(np.array([[0.3, 0.7], [0.3, 0.7], [1.0, 0.0]]), np.array([1, 1, 1]),
    ...     probability_ppm=np.array([700_000.0, 300_000.0, 0.0])).tolist()
    [True, False, False]
    """
    given = chances[np.arange(len(outcome)), outcome]
    return (np.abs(given - probability_ppm / PPM) <= _SAME_PROBABILITY) & (given > 0.0)


def _check(log: DecisionLog, chances: Floats) -> None:
    cases = len(log.outcome)
    for name, column in (
        ("probability_ppm", log.probability_ppm), ("reward_minor", log.reward_minor), ("is_mature", log.is_mature),
        ("borrower", log.borrower),
    ):  # fmt: skip
        if column.shape != (cases,):
            raise ValueError(f"{name} has shape {column.shape} where there are {cases} cases")
    for name, table in (
        ("the log's chances", log.chances), ("least_minor", log.least_minor), ("most_minor", log.most_minor),
    ):  # fmt: skip
        if table.shape != chances.shape or len(table) != cases:
            raise ValueError(f"{name} have shape {table.shape} where the new ones are {chances.shape} of {cases} cases")
    if not log.is_mature.any():
        raise ValueError("no case is mature: nothing is known of what came of any; wait, or shorten the window")
    for whose, table in (("the log's", log.chances), ("the new", chances)):
        strange = np.count_nonzero((np.abs(table.sum(axis=1) - 1.0) > _SUM_TO_ONE) | (table < 0.0).any(axis=1))
        if strange:
            raise ValueError(f"{whose} chances are no probabilities that sum to 1 on {strange} cases")
    other = np.count_nonzero(~chances_agree(log.chances, log.outcome, probability_ppm=log.probability_ppm))
    if other:
        raise ValueError(
            f"{other} recorded probabilities are not those of the strategy that decided: give each case the chances of "
            "its own strategy, on the inputs recorded with it"
        )
    lost = np.count_nonzero(np.isnan(log.reward_minor[log.is_mature]))
    if lost:
        raise ValueError(f"{lost} mature cases have no reward: a case is mature once what came of it is known")


def _borrower_sums(columns: Floats, borrower: npt.NDArray[Any]) -> Floats:
    """What each borrower's cases come to, shape (borrowers, columns): cases of one borrower go together."""
    keys, place = np.unique(borrower, return_inverse=True)
    return np.column_stack([np.bincount(place, weights=column, minlength=len(keys)) for column in columns.T])


def _estimates(by_borrower: Floats, errors: Floats, settings: OffPolicySettings) -> tuple[Estimate, ...]:
    methods = ("ips", "snips", "dr") if by_borrower.shape[1] > _ROBUST else ("ips", "snips")
    figures = _figures(by_borrower.sum(axis=0))
    reach = float(ndtri((1.0 + settings.confidence) / 2.0)) * errors
    drawn = _figures(_resampled(by_borrower, settings))
    tails = [(1.0 - settings.confidence) / 2.0, (1.0 + settings.confidence) / 2.0]
    below, above = np.quantile(drawn, tails, axis=0) if len(by_borrower) > 1 else np.full((2, len(figures)), math.nan)

    def bounded(low: int) -> Bounded:
        high = low + 1
        return Bounded(
            low_minor=float(figures[low]),
            high_minor=float(figures[high]),
            normal=(float(figures[low] - reach[low]), float(figures[high] + reach[high])),
            bootstrap=(float(below[low]), float(above[high])),
        )

    return tuple(
        Estimate(method, bounded(_FIGURES_EACH * place), bounded(_FIGURES_EACH * place + 2))
        for place, method in enumerate(methods)
    )


def _figures(sums: Floats) -> Floats:
    """Of each method, value and change at the least and at the most of what is open: shape (..., 4 x methods)."""
    count, weight = sums[..., _CASES], sums[..., _WEIGHT]
    ratio = np.divide(sums[..., _WEIGHED], weight, out=np.zeros_like(weight), where=weight > 0.0)
    old = sums[..., _REWARD] / count
    pairs = [(sums[..., _WEIGHED] / count, old), (sums[..., _SUPPORTED] / count * ratio, old)]
    if sums.shape[-1] > _ROBUST:
        pairs.append((sums[..., _ROBUST] / count, sums[..., _ROBUST_OLD] / count))
    least, most = sums[..., _LEAST] / count, sums[..., _MOST] / count
    told = [(new + least, new + most, new - before + least, new - before + most) for new, before in pairs]
    return np.stack([figure for four in told for figure in four], axis=-1)


def _errors(by_borrower: Floats) -> Floats:
    """The standard error of each figure: the influence of each borrower on it, squared and summed.

    A figure f of the sums t is moved by a borrower's share of them s by (df/dt) s. As f is a ratio these sum to zero.
    """
    sums = by_borrower.sum(axis=0)
    count, weight = sums[_CASES], sums[_WEIGHT]

    def mean(column: int) -> Floats:
        return _slope(len(sums), {column: 1.0 / count, _CASES: -sums[column] / count**2})

    pairs = [(mean(_WEIGHED), mean(_REWARD)), (_slope(len(sums), {}), mean(_REWARD))]
    if weight > 0.0:
        supported, weighed = sums[_SUPPORTED] / count, sums[_WEIGHED] / weight
        normalized = {_SUPPORTED: weighed / count, _WEIGHED: supported / weight}
        normalized |= {_WEIGHT: -supported * weighed / weight, _CASES: -supported * weighed / count}
        pairs[1] = (_slope(len(sums), normalized), mean(_REWARD))
    if len(sums) > _ROBUST:
        pairs.append((mean(_ROBUST), mean(_ROBUST_OLD)))
    least, most = mean(_LEAST), mean(_MOST)
    rows = [row for new, old in pairs for row in (new + least, new + most, new - old + least, new - old + most)]
    borrowers = len(by_borrower)
    if borrowers < 2:
        return np.full(len(rows), math.nan)
    influence = by_borrower @ np.array(rows).T
    errors: Floats = np.sqrt(borrowers / (borrowers - 1) * (influence**2).sum(axis=0))
    return errors


@dataclass(frozen=True, slots=True)
class _Told:
    """What is told of rewards beforehand: expected of new and old strategy (cases, 2), and sums of their variance."""

    expected: Floats
    value_variance: float
    change_variance: float


def _told_variances(old: Floats, new: Floats, spread_minor: Floats, most_weight: float | None) -> tuple[float, float]:
    """How much the weighed rewards vary about what is expected of them, summed over cases: of value and change.

    Over the outcomes that chance could have given, each with its own weight.
    """
    weight = np.divide(new, old, out=np.zeros_like(new), where=old > 0.0)
    if most_weight is not None:
        weight = np.minimum(weight, most_weight)
    each = old * np.nan_to_num(spread_minor, nan=0.0) ** 2
    return float((weight**2 * each).sum()), float(((weight - 1.0) ** 2 * each).sum())


def _told_errors(errors: Floats, expected_alone: Floats, told: _Told, cases: int) -> Floats:
    """The doubly robust errors by what is told: of what is expected case by case, and of the rewards about it."""
    robust = _FIGURES_EACH * 2  # the third method's figures
    variance = np.repeat([told.value_variance, told.change_variance], 2) / cases**2
    replaced = errors.copy()
    replaced[robust:] = np.sqrt(expected_alone[robust:] ** 2 + variance)
    return replaced


def _slope(columns: int, parts: dict[int, float]) -> Floats:
    slope = np.zeros(columns)
    for column, part in parts.items():
        slope[column] = part
    return slope


def _resampled(by_borrower: Floats, settings: OffPolicySettings) -> Floats:
    """The sums over as many borrowers drawn with replacement, shape (resamples, columns)."""
    chance = np.random.Generator(np.random.PCG64(settings.seed))
    borrowers = len(by_borrower)
    at_once = max(1, _COUNTS_AT_ONCE // borrowers)
    drawn: list[Floats] = []
    for start in range(0, settings.resamples, at_once):
        times = [
            np.bincount(chance.integers(0, borrowers, borrowers), minlength=borrowers)
            for _ in range(min(at_once, settings.resamples - start))
        ]
        drawn.append(np.array(times, dtype=np.float64) @ by_borrower)
    return np.concatenate(drawn)
