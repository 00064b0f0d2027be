"""How many of the day's alerts are right, and how sure that is: card precision, and intervals by resampling keys."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tallystick.scoring.folds import Flags, checked_outcome
from tallystick.scoring.model import Floats
from tallystick.scoring.validation import CONFIDENCE, Interval

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CardDays:
    """Each card on each of its days once: its highest score there, and whether anything of it was bad."""

    day: Ids
    card: Ids
    score: Floats
    is_bad: Flags


def card_days(*, day: Ids, card: Ids, score: Floats, outcome: npt.ArrayLike) -> CardDays:
    """Purchases summed up by card and day; arrays have shape (purchases,)."""
    is_bad = checked_outcome(outcome, rows=len(score))
    pairs, place = np.unique(np.column_stack([day, card]), axis=0, return_inverse=True)
    highest = np.full(len(pairs), -np.inf)
    np.maximum.at(highest, place, score)
    bad = np.zeros(len(pairs), dtype=np.bool_)
    np.logical_or.at(bad, place, is_bad)
    return CardDays(pairs[:, 0], pairs[:, 1], highest, bad)


def card_precision(cards: CardDays, *, per_day: int = 100) -> float:
    """Mean over days of the share of bad cards among the `per_day` with the day's highest scores.

    A card that was found on one day is left out after it; of equal scores the smaller card number comes first. Source:
    Le Borgne et al., Reproducible Machine Learning for Credit Card Fraud Detection, 2022, "card precision top-k".

    Two alerts a day. On day 1 card 7 is found and card 8 is not; on day 2 card 7 no longer counts, 9 and 8 are looked
    at and 9 is bad: (1/2 + 1/2) / 2.

    >>> days = card_days(day=np.array([1, 1, 1, 2, 2, 2]), card=np.array([7, 8, 9, 7, 8, 9]),
    ...     score=np.array([0.9, 0.8, 0.1, 0.9, 0.2, 0.7]), outcome=[1, 0, 0, 1, 0, 1])
    >>> card_precision(days, per_day=2)
    0.5
    """
    found: set[int] = set()
    shares = []
    for day in np.unique(cards.day):
        today = np.flatnonzero((cards.day == day) & ~np.isin(cards.card, list(found)))
        order = np.lexsort((cards.card[today], -cards.score[today]))[:per_day]
        hits = today[order][cards.is_bad[today[order]]]
        found.update(cards.card[hits].tolist())
        shares.append(len(hits) / per_day)
    return float(np.mean(shares))


def resampled(cards: CardDays, times: npt.NDArray[np.int64]) -> CardDays:
    """The cards drawn with replacement: card number i (of the sorted ones) as often as `times[i]` says."""
    place = np.unique(cards.card, return_inverse=True)[1]
    rows = np.repeat(np.arange(len(place)), times[place])
    # the copies of one card are cards of their own: found apart
    copy = np.arange(len(rows)) - np.repeat(np.cumsum(times[place]) - times[place], times[place])
    return CardDays(cards.day[rows], place[rows] + copy * len(times), cards.score[rows], cards.is_bad[rows])


def interval_by_key(
    value: float,
    figure: Callable[[npt.NDArray[np.int64]], float],
    *,
    keys: int,
    seed: int,
    resamples: int,
    confidence: float = CONFIDENCE,
) -> Interval:
    """A bootstrap interval: `figure` of how often each of the keys was drawn, percentiles of many draws.

    Purchases of one card go together, so cards are drawn; draws that tell no figure (NaN) are left out. Source: Efron
    and Tibshirani, 1993, chapter 13.
    """
    chance = np.random.Generator(np.random.PCG64(seed))
    drawn = [figure(np.bincount(chance.integers(0, keys, keys), minlength=keys)) for _ in range(resamples)]
    low, high = np.nanquantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, float(low), float(high))
