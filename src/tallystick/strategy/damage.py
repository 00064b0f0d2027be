"""Whether what a strategy decides lies beyond a damage limit: counts in, figures and their bounds out.

A limit is passed only where chance does not explain it. Of the strategy the least is taken that its counts allow, of
what it is compared with the most, each so many standard errors from what was counted; between them stands the limit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from tallystick.strategy.damage_limits import CheckpointLimits, DamageLimits, GrantedLimit, NightLimits, ShareLimit
from tallystick.units.rates import PPM

Figures: TypeAlias = npt.NDArray[np.float64] | float


class Measure(StrEnum):
    """What is limited; shares are named as in the file of limits."""

    APPROVALS = "approvals"
    RAISES = "raises"  # of limits: what is an approval elsewhere
    DECLINES = "declines"
    DECREASES = "decreases"
    REVIEWS = "reviews"
    GRANTED = "granted"  # per decision
    GRANTED_IN_ALL = "granted_in_all"  # within an hour, or in a night

    @property
    def is_amount(self) -> bool:
        """Whether its figures are minor units; those of the others are shares."""
        return self in (Measure.GRANTED, Measure.GRANTED_IN_ALL)


class Beside(StrEnum):
    """What a strategy is compared with."""

    CHAMPION = "champion"  # what the champion decides at the same time
    HOUR_BEFORE = "hour_before"  # the champion before it, until its release
    DAYS_BEFORE = "days_before"  # the champion before it, at the same time of the days before
    SAME_LINES = "same_lines"  # what the champion before it would do with the same lines in the same night
    NOTHING = "nothing"  # a stop stands by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Decisions of one strategy in one span of time. Each field is one figure, or one per replication.

    The sums over borrowers of squares and products of their own counts and amounts tell how much their decisions hang
    together: a card that is tried twenty times is no twenty opinions of a strategy. A limit that rises is `approved`,
    one that stays `declined`.
    """

    decisions: Figures
    approved: Figures
    declined: Figures
    lowered: Figures = 0.0
    reviewed: Figures
    granted_minor: Figures
    decisions_squared: Figures
    granted_squared: Figures
    granted_by_decisions: Figures

    @property
    def independent(self) -> Figures:
        """How many decisions of different borrowers they are worth, if each borrower's decisions are all alike.

        >>> float(NO_DECISIONS.independent)
        0.0
        """
        return self.decisions * self.decisions / np.maximum(self.decisions_squared, 1.0)

    def share(self, measure: Measure) -> Figures:
        """The share of decisions with an outcome."""
        counts = {
            Measure.APPROVALS: self.approved, Measure.RAISES: self.approved, Measure.DECLINES: self.declined,
            Measure.DECREASES: self.lowered, Measure.REVIEWS: self.reviewed,
        }  # fmt: skip
        return counts[measure] / np.maximum(self.decisions, 1.0)

    def granted_each(self) -> tuple[Figures, Figures]:
        """What is granted per decision in minor units, and the standard error of it as a ratio over borrowers.

        Of four decisions of four borrowers one is granted 800 and three nothing: the squares around the mean of 200
        are 600 squared and three times 200 squared, 480,000 in all, and its root over 4 is 173.2.

        >>> one_of_four = Tally(decisions=4, approved=1, declined=3, reviewed=0, granted_minor=800,
        ...     decisions_squared=4, granted_squared=640_000, granted_by_decisions=800)
        >>> mean, error = one_of_four.granted_each()
        >>> round(float(mean), 1), round(float(error), 1)
        (200.0, 173.2)
        """
        count = np.maximum(self.decisions, 1.0)
        mean = self.granted_minor / count
        squares = self.granted_squared - 2 * mean * self.granted_by_decisions + mean * mean * self.decisions_squared
        return mean, np.sqrt(np.maximum(squares, 0.0)) / count


NO_DECISIONS: Final = Tally(
    decisions=0.0,
    approved=0.0,
    declined=0.0,
    reviewed=0.0,
    granted_minor=0.0,
    decisions_squared=0.0,
    granted_squared=0.0,
    granted_by_decisions=0.0,
)


def tally_of(
    *,
    decisions: Figures,
    approved: Figures,
    declined: Figures,
    granted_minor: Figures,
    lowered: Figures = 0.0,
) -> Tally:
    """The tally of borrowers' own counts and amounts, shape (..., borrowers); what is none of these is under review.

    >>> two = tally_of(decisions=np.array([1.0, 3.0]), approved=np.array([1.0, 0.0]), declined=np.array([0.0, 3.0]),
    ...                granted_minor=np.array([500.0, 0.0]))
    >>> float(two.decisions), float(two.independent), float(two.share(Measure.DECLINES))
    (4.0, 1.6, 0.75)
    """
    return Tally(
        decisions=np.sum(decisions, axis=-1),
        approved=np.sum(approved, axis=-1),
        declined=np.sum(declined, axis=-1),
        lowered=np.sum(lowered, axis=-1),
        reviewed=np.sum(decisions - approved - declined - lowered, axis=-1),
        granted_minor=np.sum(granted_minor, axis=-1),
        decisions_squared=np.sum(decisions * decisions, axis=-1),
        granted_squared=np.sum(granted_minor * granted_minor, axis=-1),
        granted_by_decisions=np.sum(granted_minor * decisions, axis=-1),
    )


def share_bounds(share: Figures, count: Figures, *, errors: float) -> tuple[Figures, Figures]:
    """The least and the most that a counted share may be in truth: Wilson's interval (1927), which holds at 0 and 1.

    All of 60 at 4 standard errors: 60 / (60 + 16) at least.

    >>> [round(float(bound), 4) for bound in share_bounds(1.0, 60.0, errors=4)]
    [0.7895, 1.0]
    """
    count = np.maximum(count, 1e-9)
    slack = errors * errors / count
    middle = (share + slack / 2) / (1 + slack)
    half = np.sqrt(slack * share * (1 - share) + slack * slack / 4) / (1 + slack)
    return middle - half, middle + half


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One figure of a strategy beside what it is compared with, and the limit; amounts are in minor units.

    `least` is the least that `now` may be in truth, `most` the limit for it. `is_enough` tells that both were counted
    on enough decisions to say something.
    """

    strategy_id: str
    measure: Measure
    beside: Beside
    now: Any
    least: Any
    before: Any
    most: Any
    decisions: Any
    decisions_before: Any
    is_enough: Any
    on_trial: bool

    @property
    def is_beyond(self) -> Any:
        """Whether the limit is passed, chance aside."""
        return self.is_enough & (self.least > self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One strategy of a release: what it decided, and what that is compared with.

    It is on trial as long as the release can be undone for what it does.
    """

    strategy_id: str
    on_trial: bool
    now: Tally
    beside: tuple[tuple[Beside, Tally], ...]


def findings(arm: Arm, *, limits: DamageLimits, of: CheckpointLimits | NightLimits) -> Iterator[Finding]:
    """Every figure of a strategy beside each that it is compared with.

    Sixty borrowers are all declined, where the champion declines 100 of 500. In truth at least 0.7895 are declined now,
    and the champion declines 0.2803 at most: the limit is the larger of twice that and 0.1 more, 0.5607, and is passed.

    >>> from tallystick.strategy.damage_limits import shipped_damage_limits
    >>> def counted(decisions: float, declined: float) -> Tally:
    ...     passed = decisions - declined
    ...     return Tally(decisions=decisions, approved=passed, declined=declined, reviewed=0.0,
    ...         granted_minor=100 * passed, decisions_squared=decisions, granted_squared=10_000 * passed,
    ...         granted_by_decisions=100 * passed)
    >>> arm = Arm(strategy_id="b", on_trial=True, now=counted(60, 60), beside=((Beside.CHAMPION, counted(500, 100)),))
    >>> limits = shipped_damage_limits()
    >>> for each in findings(arm, limits=limits, of=limits.authorize):
    ...     print(each.measure, *(f"{float(figure):.4f}" for figure in (each.now, each.least, each.before, each.most)),
    ...           bool(each.is_beyond))
    approvals 0.0000 0.0000 0.8000 0.9309 False
    declines 1.0000 0.7895 0.2000 0.5607 True
    reviews 0.0000 0.0000 0.0000 0.0810 False
    granted 0.0000 0.0000 80.0000 174.3108 False
    """
    errors = limits.standard_errors
    for beside, before in arm.beside:
        enough = np.minimum(arm.now.independent, before.independent) >= limits.least_decisions
        figure = partial(
            Finding,
            strategy_id=arm.strategy_id,
            beside=beside,
            decisions=arm.now.decisions,
            decisions_before=before.decisions,
            is_enough=enough,
            on_trial=arm.on_trial,
        )
        for measure, limit in _share_limits(of):
            now, other = arm.now.share(measure), before.share(measure)
            least, _ = share_bounds(now, arm.now.independent, errors=errors)
            _, other_most = share_bounds(other, before.independent, errors=errors)
            most = _most_share(measure, other_most, limit)
            yield figure(measure=measure, now=now, least=least, before=other, most=most)
        mean, error = arm.now.granted_each()
        other_mean, other_error = before.granted_each()
        most = _most_granted(other_mean + errors * other_error, of.granted)
        least = mean - errors * error
        yield figure(measure=Measure.GRANTED, now=mean, least=least, before=other_mean, most=most)


def stop_finding(champion: Arm, *, granted_minor: int, decisions: int, of: CheckpointLimits | NightLimits) -> Finding:
    """All that a release granted within an hour, or would in a night, beside what it may; it is the champion's."""
    return Finding(
        strategy_id=champion.strategy_id,
        measure=Measure.GRANTED_IN_ALL,
        beside=Beside.NOTHING,
        now=granted_minor,
        least=granted_minor,
        before=0,
        most=of.granted.most_minor,
        decisions=decisions,
        decisions_before=0,
        is_enough=True,
        on_trial=champion.on_trial,
    )


def passed(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings of limits that are passed beside everything that there is enough of to compare with.

    A new champion is compared with the hour before it and with the days before: where one of them shows the same
    figures, it is the time and not the strategy.
    """
    said = [each for each in found if each.is_enough]
    spared = {(each.strategy_id, each.measure) for each in said if not each.is_beyond}
    return tuple(each for each in said if (each.strategy_id, each.measure) not in spared)


def _share_limits(of: CheckpointLimits | NightLimits) -> Iterator[tuple[Measure, ShareLimit]]:
    """The shares that are limited there, in the order of `Measure`."""
    for measure in Measure:
        limit = getattr(of, measure, None)
        if isinstance(limit, ShareLimit):
            yield measure, limit


def _most_granted(other: Figures, limit: GrantedLimit) -> Figures:
    return np.maximum(other * (limit.ratio_ppm / PPM), other + limit.more_minor)


def _most_share(measure: Measure, other: Figures, limit: ShareLimit) -> Figures:
    ratio, points = limit.ratio_ppm / PPM, limit.points_ppm / PPM
    if measure is Measure.APPROVALS:
        return np.maximum(1 - (1 - other) / ratio, other + points)
    return np.maximum(other * ratio, other + points)
