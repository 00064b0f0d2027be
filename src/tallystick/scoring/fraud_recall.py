"""How much of fraud is caught, told while labels are still coming: frauds are found out late, and some never are.

A label that came within so many days stands for those that take longer: of recent purchases only the quick ones are
known. The law of the delays is told backwards in time, for delays are cut off on the right (Lagakos, Barraj and De
Gruttola, Biometrika 75, 1988), for caught and missed frauds each by its own, as what was caught is found out sooner.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import expit, logit
from scipy.stats import t as student

from tallystick.scoring.folds import Flags
from tallystick.scoring.model import Floats
from tallystick.scoring.validation import CONFIDENCE, Interval, wilson_interval

Wholes = npt.NDArray[np.int64]

# Cases are left out one at a time, or, where there are more of them, so many groups of them.
_GROUPS_MOST: Final = 200


def recall_of_found(
    is_caught: npt.ArrayLike,
    *,
    delay_days: npt.ArrayLike,
    age_days: npt.ArrayLike,
    case: npt.ArrayLike,
    within_days: int,
    confidence: float = CONFIDENCE,
) -> Interval:
    """The share that a rule or a score catches of the frauds that are found out within so many days.

    A row a known fraud, shape (frauds,): whether it is caught, after how many days it was found out, how many days ago
    it happened, and its case (`linked_cases`): the frauds of one case share their luck, and the interval leaves out one
    case at a time (jackknife, Student's t on the log odds). Frauds found later than `within_days` are left out. Give
    frauds of which enough can be known by now: of those younger than the quickest half of delays next to nothing is.

    Raises `ValueError` where nothing is known, or a label comes before its fraud or after today.

    Two of the five known ones are caught. One of those missed happened 20 days ago only, and was found out on the tenth
    day, as one of the two old ones was: it stands for two.

    >>> told = recall_of_found([True, True, False, False, False], delay_days=[3, 5, 10, 10, 40],
    ...     age_days=[90, 20, 20, 90, 90], case=range(5), within_days=60)
    >>> round(told.value, 3)  # 2 of 2 + 2 + 1 + 1
    0.333
    """
    caught = np.asarray(is_caught, dtype=np.bool_)
    delay, age = np.asarray(delay_days, dtype=np.int64), np.asarray(age_days, dtype=np.int64)
    if not caught.shape == delay.shape == age.shape == np.shape(case):
        raise ValueError("is_caught, delay_days, age_days and case are of different shapes: give one each per fraud")
    if ((delay < 0) | (delay > age)).any():
        raise ValueError("a delay_days is below 0 or above age_days: a label comes after its fraud and before today")
    counts = delay <= within_days
    if not counts.any():
        raise ValueError(f"no fraud was found out within {within_days} days: wait, or allow for more days")
    caught, delay, age = caught[counts], delay[counts], np.minimum(age[counts], within_days)
    group, groups = _groups(np.asarray(case)[counts])
    value = _recall(caught, delay, age)
    if groups < 2:
        return Interval(value, 0.0, 1.0)
    if not 0.0 < value < 1.0:
        low, high = wilson_interval(round(value * groups), groups, confidence=confidence)
        return Interval(value, float(low), float(high))
    return _jackknife(value, caught, delay, age, group=group, groups=groups, confidence=confidence)


def linked_cases(*links: Sequence[Hashable]) -> Wholes:
    """Which frauds belong together, shape (frauds,): those that share a borrower, a device, an address or another link.

    Each of `links` has one value a fraud, None for nothing to go by. Cases are numbered from 0, and what is linked over
    others is one case. Two borrowers are one ring by their device, and a third one by an address:

    >>> linked_cases([1, 1, 2, 3, 4], ["a", "a", "a", "b", None], ["x", "x", "y", "y", None]).tolist()
    [0, 0, 0, 0, 1]
    """
    frauds = len(links[0])
    if any(len(each) != frauds for each in links):
        raise ValueError("links are of different lengths: give one value of each per fraud")
    rows: list[int] = []
    nodes: list[int] = []
    numbers: dict[tuple[int, Hashable], int] = {}
    for kind, each in enumerate(links):
        for fraud, value in enumerate(each):
            if value is not None:
                rows.append(fraud)
                nodes.append(frauds + numbers.setdefault((kind, value), len(numbers)))
    size = frauds + len(numbers)
    graph = coo_array((np.ones(len(rows)), (rows, nodes)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1][:frauds], dtype=np.int64)


def recall_of_all(found: Interval, *, never_found_share: float) -> tuple[float, float]:
    """Within which bounds the recall of all frauds lies, where at most such a share is never found out.

    Nothing tells whether those were caught; so they are all taken as missed, and all as caught (Manski, 1990).

    >>> recall_of_all(Interval(0.5, 0.4, 0.6), never_found_share=0.25)
    (0.3, 0.7)
    """
    if not 0.0 <= never_found_share <= 1.0:
        raise ValueError(f"never_found_share is {never_found_share}: give a share, 0 to 1")
    known = 1.0 - never_found_share
    return round(known * found.low, 12), round(known * found.high + never_found_share, 12)


def _jackknife(
    value: float, caught: Flags, delay: Wholes, age: Wholes, *, group: Wholes, groups: int, confidence: float
) -> Interval:
    without = np.array(
        [_recall(caught[kept], delay[kept], age[kept]) for kept in (group != each for each in range(groups))]
    )
    # A group that holds all that was caught, or missed, leaves a recall of 0 or 1: half a case keeps it finite.
    least = 0.5 / (groups + 1)
    told, center = logit(np.clip(without, least, 1.0 - least)), float(logit(value))
    error = float(np.sqrt((groups - 1) / groups * ((told - told.mean()) ** 2).sum()))
    reach = float(student.ppf((1.0 + confidence) / 2.0, groups - 1)) * error
    return Interval(value, float(expit(center - reach)), float(expit(center + reach)))


def _recall(caught: Flags, delay: Wholes, age: Wholes) -> float:
    """Known frauds over the chance that one of that age is known by now."""
    hits = float((1.0 / _known_by(delay[caught], age[caught])).sum())
    misses = float((1.0 / _known_by(delay[~caught], age[~caught])).sum())
    return hits / (hits + misses)


def _known_by(delay: Wholes, age: Wholes) -> Floats:
    """The chance that a fraud is known at each age, of those that ever count: products of what does not come later.

    On each day, of those known by it of which it could have been seen, the share that came on that very day.
    """
    if not len(delay):
        return np.ones(0)
    days = np.arange(int(age.max()) + 2)
    came = np.bincount(delay, minlength=len(days)).astype(np.float64)
    # Of each day: found out by then, and old enough to have been found out on it.
    begun, over = np.bincount(delay, minlength=len(days)), np.bincount(age + 1, minlength=len(days))
    seen = np.cumsum(begun) - np.cumsum(over)
    # Where all came on that day nothing earlier is known: half a fraud more keeps the chance above nothing.
    stays = np.where(came > 0, np.maximum(seen - came, 0.5) / np.maximum(seen, came + 0.5), 1.0)
    later = np.append(np.cumprod(stays[::-1])[::-1][1:], 1.0)
    return np.asarray(later[age])


def _groups(case: npt.NDArray[Any]) -> tuple[Wholes, int]:
    """To which group each fraud belongs, and how many groups there are; a case is in one of them."""
    keys, place = np.unique(case, return_inverse=True)
    groups = min(len(keys), _GROUPS_MOST)
    return np.asarray(place % groups, dtype=np.int64), groups
