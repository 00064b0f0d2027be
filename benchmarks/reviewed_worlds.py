"""Worlds of a year under first limits, one review of all limits, and a year after it: what each line then brings.

The lender is in memory (`world/economy/in_memory.py`). In it no line touches another, and chance has no state: the year
after a review can be lived again under other limits, and everybody meets the same luck. So what a line brings at a
limit does not hang on the limits of others, and the years at a few levels hold what every plan over them would bring.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, time
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from tallystick.risk.loss import capital_share
from tallystick.strategy.economics import Economics, read_economics
from tallystick.strategy.policy import standard_strategy_files
from tallystick.units.rates import PPM
from tallystick.world.economy import acts
from tallystick.world.economy.applying import reference_of
from tallystick.world.economy.in_memory import InMemory
from tallystick.world.economy.line_columns import LineColumns
from tallystick.world.economy.lives import day_number
from tallystick.world.economy.plan import BEGINS_ON, WorldPlan
from world_in_memory import LivedWorld, StandardLimits

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

YEAR_MONTHS: Final = 12  # before the review, and after it
FIRST_CAP_MINOR: Final = 3_000_000
BAD_DAYS: Final = 91
_LEAST_MONTHS: Final = 2
_HALF: Final = 6
_YEAR_DAYS: Final = 365
_RATES_FROM_MINOR: Final = 100_000  # what a line earns is told as a rate of its mean balance, of one so high at least
ECONOMICS: Final = read_economics(standard_strategy_files()["economics.toml"])


# ---------------------------------------------------------------- the lender's policy


class OneReview:
    """A `LimitPolicy`: first limits until the review, one review, and no new lines after it.

    `limits` is what lines are to have from the review on, None for what they have. `seen` are the books on the first
    of each month, `asked` the last application of each person.
    """

    def __init__(self) -> None:
        self._first = StandardLimits(FIRST_CAP_MINOR)
        self._today = BEGINS_ON
        self.limits: Integers | None = None
        self.seen: list[dict[str, Integers]] = []
        self.asked: dict[str, acts.Apply] = {}

    def first_limits(self, asked: Sequence[acts.Apply]) -> list[int]:
        """As apply/ of the shipped strategy decides; the book is closed after the review."""
        if len(self.seen) >= YEAR_MONTHS:
            return [0] * len(asked)
        self.asked.update({each.reference: each for each in asked})
        return list(self._first.first_limits(asked, on=self._today))

    def reviewed_limits(self, lender: InMemory) -> Integers:
        """What was decided, at the review; at the other firsts of a month what lines have."""
        self._today = lender.today
        self.seen.append(books_of(lender))
        is_review = len(self.seen) == YEAR_MONTHS
        return self.limits if is_review and self.limits is not None else lender.columns.limit_minor


def books_of(lender: InMemory) -> dict[str, Integers]:
    """The lender's figures of its lines, each of shape (lines,)."""
    columns = lender.columns
    told = {name: getattr(columns, name).copy() for name in LineColumns.FIGURES}
    return told | {
        "limit_minor": columns.limit_minor.copy(),
        "drawn_minor": columns.drawn_minor,
        "owed_minor": columns.owed_minor,
        "held_minor": columns.held_minor.copy(),
        "plan_left_minor": columns.plan_left_minor.copy(),
        "days_past_due": columns.days_past_due(day_number(lender.today)),
        "is_open": columns.is_open.astype(np.int64),
        "is_charged_off": columns.is_charged_off.astype(np.int64),
    }


# ---------------------------------------------------------------- a world and its years


def live_to_review(seed: int, borrowers: int) -> LivedWorld:
    """The first year of a world."""
    plan = WorldPlan(seed=seed, borrowers=borrowers, months=2 * YEAR_MONTHS, reviews_from_month=1)
    return LivedWorld(plan, InMemory(OneReview())).live(YEAR_MONTHS)


@dataclass(frozen=True, slots=True)
class YearAfter:
    """What each line brought in the year after the review; shape (lines,), minor units unless the name says otherwise.

    `lost_minor` is what was charged off less what came back, and of what is 91 and more days past due at the end the
    share that is usually lost. `is_bad`: 91 days past due, or charged off, within the year; the share of years in
    which that was so where several were lived.
    """

    limit_minor: Integers  # at the end
    revenue_minor: Floats
    drawn_minor: Floats  # mean of the year's days
    lost_minor: Floats
    is_bad: Floats

    def profit_minor(self, pd: Floats) -> Floats:
        """What was earned less losses, (lines,)."""
        return self.earned_minor(pd) - self.lost_minor

    def earned_minor(self, pd: Floats, *, economics: Economics = ECONOMICS) -> Floats:
        """Revenue less funds, operations and the return asked on the capital that a PD (lines,) ties."""
        rate = (economics.funds_rate_ppm + economics.operations_cost_ppm) / PPM
        capital = capital_share(pd=pd, lgd=economics.lgd_ppm / PPM) * economics.capital_cost_ppm / PPM
        return np.asarray(self.revenue_minor - self.drawn_minor * (rate + capital))

    def at(self, places: Integers) -> "YearAfter":
        """Some lines of it."""
        return YearAfter(**{each.name: getattr(self, each.name)[places] for each in fields(self)})

    @classmethod
    def mean(cls, years: Sequence["YearAfter"]) -> "YearAfter":
        """What the same lines brought on average over several lucks."""
        return cls(**{each.name: np.mean([getattr(year, each.name) for year in years], axis=0) for each in fields(cls)})


def live_year_after(world: LivedWorld, limits: Integers | None, *, luck: int = 0) -> tuple[YearAfter, OneReview]:
    """Live the year after the review, with these limits of all lines, or with those that they have.

    Gives what it brought and the policy with what it saw. Under one `luck` all limits meet the same shocks.
    """
    lived, ends_on = world.fork(replace(world.plan, luck=luck)), world.plan.ends_on
    policy = lived.lender.policy
    assert isinstance(policy, OneReview), "worlds are made by `live_to_review`"
    policy.limits = limits
    lived.live(YEAR_MONTHS)
    lived.lender.begin(ends_on, at=datetime.combine(ends_on, time(0), tzinfo=UTC))  # the last day is closed
    return _brought(policy.seen[YEAR_MONTHS - 1 :], books_of(lived.lender)), policy


def _brought(seen: Sequence[dict[str, Integers]], last: dict[str, Integers]) -> YearAfter:
    """What lines of the review brought from the review's books, the first of `seen`, to the last ones."""
    first = seen[0]
    lines = len(first["limit_minor"])
    gained = {name: (last[name][:lines] - first[name]).astype(np.float64) for name in LineColumns.FIGURES}
    is_late = (last["days_past_due"] >= BAD_DAYS) & (last["is_charged_off"] == 0)
    late = np.where(is_late, last["owed_minor"], 0)[:lines] * (ECONOMICS.lgd_ppm / PPM)
    bad = [(each["days_past_due"] >= BAD_DAYS) | (each["is_charged_off"] > 0) for each in (*seen[1:], last)]
    return YearAfter(
        limit_minor=last["limit_minor"][:lines],
        revenue_minor=gained["interest_minor"] + gained["fee_minor"] + gained["merchant_fee_minor"],
        drawn_minor=gained["drawn_minor_days"] / _YEAR_DAYS,
        lost_minor=gained["charged_off_minor"] + gained["charges_lost_minor"] - gained["recovered_minor"] + late,
        is_bad=np.any([each[:lines] for each in bad], axis=0).astype(np.float64),
    )


# ---------------------------------------------------------------- what is known at the review


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The book of a review and all that the lender knows of it; `place` (lines,) are the lines' places."""

    place: Integers
    features: dict[str, Floats]  # each (lines,), NaN where nobody told
    limit_minor: Integers
    drawn_minor: Integers  # with what is held, never negative
    income_month_minor: Floats


def reviewed(policy: OneReview, world: LivedWorld) -> Reviewed:
    """The lines that a review looks at: open, two months old, not bad already, and no ring's.

    What rings take is fraud, which no limit policy foresees: it is judged apart.
    """
    year = policy.seen[:YEAR_MONTHS]
    now = year[-1]
    months = np.sum([_as_long(np.ones_like(each["is_open"]), len(now["is_open"])) for each in year], axis=0)
    life = world.life
    who = life.lives.person_of(np.arange(1, len(now["is_open"]) + 1))
    is_ring = life.rings.never_pays(len(world.plan.days))[who]
    stands = (now["is_open"] > 0) & (now["days_past_due"] < BAD_DAYS)
    place = np.flatnonzero(stands & (months >= _LEAST_MONTHS) & ~is_ring)
    applied = _applications(policy, world)
    told = _behavior(year, place, months=months[place]) | {name: column[place] for name, column in applied.items()}
    return Reviewed(
        place=place,
        features=told,
        limit_minor=now["limit_minor"][place],
        drawn_minor=np.maximum(now["drawn_minor"] + now["held_minor"], 0)[place],
        income_month_minor=told["income_month_minor"],
    )


def _as_long(column: Integers, lines: int) -> Integers:
    """A month's column, with 0 for lines that were not open yet."""
    return np.pad(column, (0, lines - len(column)))


def _behavior(year: Sequence[dict[str, Integers]], place: Integers, *, months: Integers) -> dict[str, Floats]:
    """What the books tell of each line over the months up to the review."""
    now = year[-1]

    def over(name: str, last: int = YEAR_MONTHS) -> Floats:
        """(lines, months), the latest last; 0 before a line was opened."""
        rows = [_as_long(each[name], len(now[name]))[place] for each in year[-last:]]
        return np.asarray(rows, dtype=np.float64).T

    limit = now["limit_minor"][place].astype(np.float64)
    drawn, late = np.maximum(over("drawn_minor"), 0), over("days_past_due")
    lived = np.minimum(months, _HALF)
    half = {
        name: over(name, _HALF + 1)[:, -1] - over(name, _HALF + 1)[:, 0]
        for name in ("interest_minor", "fee_minor", "merchant_fee_minor", "paid_minor", "drawn_minor_days")
    }
    mean_drawn = half["drawn_minor_days"] / (lived * 30.4)
    interest = np.diff(over("interest_minor", _HALF + 1), axis=1)
    yearly = YEAR_MONTHS / lived
    return {
        "limit": limit,
        "months": months.astype(np.float64),
        "drawn": drawn[:, -1],
        "use": drawn[:, -1] / limit,
        "use_mean_6m": mean_drawn / limit,
        "use_max_12m": drawn.max(axis=1) / limit,
        "drawn_mean_6m": mean_drawn,
        "use_rise_3m": (drawn[:, -1] - drawn[:, -4]) / limit,
        "plan_share": now["plan_left_minor"][place] / np.maximum(drawn[:, -1], _RATES_FROM_MINOR),
        "interest_rate_6m": half["interest_minor"] * yearly / np.maximum(mean_drawn, _RATES_FROM_MINOR),
        "fee_rate_6m": half["fee_minor"] * yearly / np.maximum(mean_drawn, _RATES_FROM_MINOR),
        "merchant_rate_6m": half["merchant_fee_minor"] * yearly / np.maximum(mean_drawn, _RATES_FROM_MINOR),
        "spend_over_limit": half["merchant_fee_minor"] * yearly / limit,
        "paid_over_limit": half["paid_minor"] * yearly / limit,
        "interest_months": (interest > 0).mean(axis=1),
        "late_now": late[:, -1],
        "late_max_6m": late[:, -_HALF:].max(axis=1),
        "late_max_12m": late.max(axis=1),
        "late_months": (late > 0).sum(axis=1).astype(np.float64),
    }


def _applications(policy: OneReview, world: LivedWorld) -> dict[str, Floats]:
    """What each line's borrower had applied with, shape (all lines,)."""
    who = world.life.lives.person_of(np.arange(1, len(world.lender.columns) + 1))
    told = [policy.asked[reference_of(person)] for person in who.tolist()]

    def column(values: Sequence[float | None]) -> Floats:
        return np.asarray([np.nan if value is None else value for value in values], dtype=np.float64)

    reports = {
        name: column([None if each.report is None else getattr(each.report, name) for each in told])
        for name in (
            "bureau_score", "open_lines", "total_limit_minor", "total_drawn_minor", "inquiries_90d",
            "worst_days_past_due_24m",
        )
    }  # fmt: skip
    stated = {
        "income_month_minor": column([each.stated.income_month_minor for each in told]),
        "income_is_proven": column([each.stated.income_is_proven for each in told]),
        "age_days": column(
            [
                None
                if each.stated.born_on is None
                else day_number(world.plan.begins_on) - day_number(each.stated.born_on)
                for each in told
            ]
        ),
    }
    limit = world.lender.columns.limit_minor
    ratios = {
        "limit_over_income": limit / stated["income_month_minor"],
        "debt_over_income": reports["total_drawn_minor"] / stated["income_month_minor"],
    }
    return reports | stated | ratios


def true_traits(world: LivedWorld, place: Integers) -> dict[str, Floats]:
    """What no lender sees of these lines' borrowers: who they are, and how they stand on the eve of the review."""
    life = world.life
    who = life.lives.person_of(place + 1)
    people, lives = life.people, life.lives
    told: dict[str, npt.NDArray[Any]] = {
        **{each.name: getattr(people.traits, each.name) for each in fields(people.traits)},
        **{name: getattr(people, name) for name in _TRAITS},
        "is_jobless": lives.is_jobless,
        "is_active": lives.is_active,
        "budget": life.chances.normal("person/budget", np.arange(len(people))),
        "owed_elsewhere": life.chances.normal("elsewhere/limit", np.arange(len(people))),
    }
    return {f"true_{name}": np.asarray(column, dtype=np.float64)[who] for name, column in told.items()}


_TRAITS: Final = (
    "digital", "free_income_minor", "risk", "debt_share_of_limit", "borrows_elsewhere", "has_automatic_payment",
)  # fmt: skip
