"""Whether groups of people fare alike under one cut-off: the four-fifths ratio and the equal-opportunity gap."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from tallystick.scoring.folds import Flags
from tallystick.scoring.model import Floats
from tallystick.scoring.validation import CONFIDENCE, Interval

IMPACT_RATIO_MIN = 0.8  # the four-fifths rule: 29 CFR 1607.4(D)
OPPORTUNITY_GAP_MAX = 0.1
GROUP_ROWS_MIN = 50  # smaller groups are shown and judge nothing


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """A group beside the group that is approved most: ratio of approved shares, and gap among those who proved good."""

    group: str
    rows: int
    approved_share: float
    impact_ratio: Interval
    opportunity_gap: Interval

    @property
    def refused(self) -> bool:
        """A limit is broken, and chance alone hardly explains it: even the kinder end of the interval breaks it."""
        judged = self.rows >= GROUP_ROWS_MIN
        return judged and (self.impact_ratio.high < IMPACT_RATIO_MIN or self.opportunity_gap.low > OPPORTUNITY_GAP_MAX)


def approved_rows(pd: Floats, *, approve_percent: int) -> Flags:
    """The safest rows, so many in a hundred; equal PDs are never parted, so it may be fewer.

    >>> approved_rows(np.array([0.1, 0.2, 0.3, 0.3]), approve_percent=75)
    array([ True,  True, False, False])
    """
    wanted = len(pd) * approve_percent // 100
    ordered = np.sort(pd)
    if wanted == len(pd):
        return np.ones(len(pd), dtype=np.bool_)
    return np.asarray(pd < ordered[wanted])


def group_outcomes(
    groups: npt.NDArray[np.object_], approved: Flags, is_bad: Flags
) -> tuple[GroupOutcome, ...]:  # fmt: skip
    """Every group in order of its name, against the one with the largest approved share; None is no group.

    Of 100 women 60 are approved and of 100 men 80: the ratio is 0.75, below four fifths.

    >>> groups = np.array(["f"] * 100 + ["m"] * 100, dtype=object)
    >>> approved = np.array([True] * 60 + [False] * 40 + [True] * 80 + [False] * 20)
    >>> women = group_outcomes(groups, approved, np.zeros(200, dtype=bool))[0]
    >>> round(women.impact_ratio.value, 2), round(women.opportunity_gap.value, 2), women.refused
    (0.75, 0.2, False)
    """
    names = sorted({name for name in groups.tolist() if name is not None})
    masks = {name: groups == name for name in names}
    if not names:
        return ()
    large = [name for name in names if masks[name].sum() >= GROUP_ROWS_MIN] or names
    best = max(large, key=lambda name: float(approved[masks[name]].mean()))
    reference = approved[masks[best]], approved[masks[best] & ~is_bad]
    return tuple(
        GroupOutcome(
            group=name,
            rows=int(masks[name].sum()),
            approved_share=float(approved[masks[name]].mean()),
            impact_ratio=_ratio(approved[masks[name]], reference[0], same=name == best),
            opportunity_gap=_gap(approved[masks[name] & ~is_bad], reference[1], same=name == best),
        )
        for name in names
    )


def _ratio(own: Flags, other: Flags, *, same: bool) -> Interval:
    """A ratio of two shares with its interval on the log scale. Source: Katz et al., Biometrics 34, 1978."""
    if same:
        return Interval(1.0, 1.0, 1.0)
    share, reference = float(own.mean()), float(other.mean())
    if not share or not reference:
        return Interval(0.0, 0.0, 1.0)
    error = math.sqrt((1 - share) / (share * len(own)) + (1 - reference) / (reference * len(other)))
    reach = math.exp(float(ndtri((1 + CONFIDENCE) / 2)) * error)
    value = share / reference
    return Interval(value, value / reach, value * reach)


def _gap(own: Flags, other: Flags, *, same: bool) -> Interval:
    """A difference of two shares with its normal interval; nothing is known of a group without goods."""
    if same or not len(own) or not len(other):
        return Interval(0.0, 0.0 if same else -1.0, 0.0 if same else 1.0)
    share, reference = float(own.mean()), float(other.mean())
    error = math.sqrt(share * (1 - share) / len(own) + reference * (1 - reference) / len(other))
    reach = float(ndtri((1 + CONFIDENCE) / 2)) * error
    return Interval(reference - share, reference - share - reach, reference - share + reach)
