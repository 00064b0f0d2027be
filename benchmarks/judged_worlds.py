"""Small worlds that judge estimates: lenders in memory who decide partly by chance, and what came of what they did.

A world of credit gives first limits by chance with known chances, offers half of its lines twice their limit later on,
and tells of each application what its line brought, and of each line of the book whether it went bad and what was lost.
A world of fraud is watched by a rule that stops nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tallystick.operations.applications import BureauReport
from tallystick.strategy.assignment import place_ppm, places_ppm
from tallystick.units.rates import PPM
from tallystick.world.economy import acts
from tallystick.world.economy.applying import reference_of
from tallystick.world.economy.economy_parameters import standard_economy
from tallystick.world.economy.in_memory import InMemory, LimitPolicy, SameForAll
from tallystick.world.economy.life import Life
from tallystick.world.economy.lives import NOBODY, day_number
from tallystick.world.economy.plan import WorldPlan
from tallystick.world.economy.rings_parameters import FraudParameters, standard_fraud

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ZONE: Final = timezone(timedelta(hours=8))

# Applications of the first months count, each with what its line brought in its next so many whole months.
APPLICATION_MONTHS: Final = 3
WINDOW_MONTHS: Final = 9
# The book stands at the beginning of this month, and is looked at again at the world's end.
BOOK_MONTH: Final = 4
MONTHS: Final = APPLICATION_MONTHS + WINDOW_MONTHS + 1
DEFAULT_FROM: Final = 91  # days past due

OUTCOMES: Final = ("decline", "small", "large")
LIMITS_MINOR: Final = (0, 300_000, 1_200_000)
# Of the bureau's score, from which on a band begins; who has none is in the lowest.
BAND_EDGES: Final = (640, 700)
# Chances of the outcomes by band, in ppm: those that decide, and those of the strategy that is to be valued.
LOGGED_PPM: Final = np.array([[400_000, 400_000, 200_000], [200_000, 400_000, 400_000], [100_000, 300_000, 600_000]])
VALUED_PPM: Final = np.array([[800_000, 200_000, 0], [0, 700_000, 300_000], [0, 0, 1_000_000]])

FRAUD_MONTHS: Final = 7
# So that a few hundred people have as many cases as some thousands.
FRAUD_RATE_FACTOR: Final = 10
FRAUD_LIMIT_MINOR: Final = 1_000_000
LARGE_SHARE: Final = 0.45  # of the limit, in one order: what the watching rule takes for fraud


@dataclass(frozen=True, slots=True)
class CreditWorld:
    """What came of a world of credit: the first applications of its first months, and its book; minor units.

    `band`, `outcome` (places) and `reward_minor`, shape (applications,). `book` has a row a line, with what the lender
    knows at `BOOK_MONTH`, and `is_bad`, `lost_minor` and `drawn_after_minor` of the world's end.
    """

    band: Integers
    outcome: Integers
    reward_minor: Floats
    person: Integers
    book: pa.Table


@dataclass(frozen=True, slots=True)
class FraudWorld:
    """Frauds that went through, shape (frauds,): caught by the rule, when they happened and are found out.

    `links` are line, device and address of each. Days count from the world's begin; `found_on` is -1 of what never is.
    The world ends on day `ends_on`.
    """

    is_caught: Flags
    happened_on: Integers
    found_on: Integers
    links: tuple[list[int], list[str | None], list[str | None]]
    ends_on: int


class LimitsByChance(LimitPolicy):
    """First limits by chances that depend on the bureau's score; later on, half of the lines are offered the double."""

    def __init__(self, chances_ppm: Integers, *, salt: str) -> None:
        self._bounds, self._salt = np.cumsum(chances_ppm, axis=1), salt
        self.first: dict[str, tuple[acts.Apply, int, int]] = {}  # by reference: application, band, outcome
        self.is_raised: Flags = np.zeros(0, dtype=np.bool_)  # of the lines that were there
        self.takes_applications = True  # the lender is full after the first months: only those are judged
        self._times: dict[str, int] = {}

    def first_limits(self, asked: Sequence[acts.Apply]) -> list[int]:
        """By the place of person and time among a million."""
        return [self._limit_minor(each) if self.takes_applications else 0 for each in asked]

    def _limit_minor(self, asked: acts.Apply) -> int:
        times = self._times[asked.reference] = self._times.get(asked.reference, 0) + 1
        place, band = place_ppm(f"{asked.reference}/{times}", salt=self._salt), band_of(asked)
        outcome = int(np.searchsorted(self._bounds[band], place, side="right"))
        self.first.setdefault(asked.reference, (asked, band, outcome))
        return LIMITS_MINOR[outcome]

    def reviewed_limits(self, lender: InMemory) -> Integers:
        """Once, the double for half of the lines; then as they are."""
        present = lender.columns.limit_minor
        if is_month(lender.today, BOOK_MONTH):
            self.is_raised = places_ppm(range(len(present)), salt=f"{self._salt}/raise") < PPM // 2
            return np.where(self.is_raised, 2 * present, present)
        return present


def band_of(asked: acts.Apply) -> int:
    """The band of the bureau's score."""
    score = None if asked.report is None else asked.report.bureau_score
    return 0 if score is None else int(np.searchsorted(BAND_EDGES, score, side="right"))


def is_month(day: date, month: int) -> bool:
    """Whether a day is in so many months after the worlds' begin."""
    return WorldPlan(seed=0, borrowers=1, months=1).month_of(day) == month


def world_of(plan: WorldPlan, lender: InMemory, *, fraud: FraudParameters) -> Life:
    """A world that has not begun."""
    return Life(
        plan,
        lender,
        parameters=msgspec.structs.replace(standard_economy(), fraud=fraud),
        zone=ZONE,
    )


def live_credit(seed: int, borrowers: int, chances_ppm: Integers) -> CreditWorld:
    """Live a world of credit under such chances."""
    plan = WorldPlan(seed=seed, borrowers=borrowers, months=MONTHS, reviews_from_month=BOOK_MONTH)
    policy = LimitsByChance(chances_ppm, salt=f"seed {seed}")
    lender = InMemory(policy)
    life = world_of(plan, lender, fraud=standard_fraud())
    brought: dict[int, Integers] = {}  # by month: what each line had brought when it began
    for day in plan.days:
        if day.day == 1:
            month = plan.month_of(day)
            brought[month] = _brought_minor(lender)
            policy.takes_applications = month < APPLICATION_MONTHS
            if month == BOOK_MONTH:
                known = lender.standing()
        life.live(day)
    lender.begin(plan.ends_on, at=datetime.combine(plan.ends_on, time(), tzinfo=ZONE))
    brought[MONTHS] = _brought_minor(lender)
    return CreditWorld(*_applications(life, plan, policy, brought), book=_book(life, lender, policy, known))


def _brought_minor(lender: InMemory) -> Integers:
    """What each line earned until now, less its principal where it was written off or is in default."""
    told = lender.columns
    earned = told.interest_minor + told.fee_minor + told.merchant_fee_minor
    return np.asarray(earned - _lost_minor(lender) - told.charges_lost_minor)


def _lost_minor(lender: InMemory) -> Integers:
    """Of each line what was written off and did not come back, and what is drawn of it where it is in default."""
    told = lender.columns
    written_off = told.charged_off_minor - told.recovered_minor
    in_default = told.days_past_due(day_number(lender.today)) >= DEFAULT_FROM
    lost = np.where(told.is_charged_off, written_off, np.where(in_default, told.drawn_minor, 0))
    return np.asarray(np.maximum(lost, 0))


def _applications(
    life: Life, plan: WorldPlan, policy: LimitsByChance, brought: dict[int, Integers]
) -> tuple[Integers, Integers, Floats, Integers]:
    """Of each person's first application in the first months: band, outcome, what its line brought, person."""
    asked, opened = life.diary.table("applications"), life.diary.table("lines")
    by_person = {
        person: (day, line_id)
        for day, person, line_id, accepts in _rows(opened, "day", "person", "line_id", "accepts")
        if accepts
    }
    begins = day_number(plan.begins_on)
    seen: set[int] = set()
    rows: list[tuple[int, int, int, int]] = []
    for day, person in _rows(asked, "day", "person"):
        month = plan.month_of(plan.begins_on + timedelta(days=day - begins))
        if person in seen or month >= APPLICATION_MONTHS:
            continue
        seen.add(person)
        _, band, outcome = policy.first[reference_of(person)]
        on, line_id = by_person.get(person, (NOBODY, 0))
        reward = int(brought[month + 1 + WINDOW_MONTHS][line_id - 1]) if on == day else 0
        rows.append((band, outcome, reward, person))
    columns = np.asarray(rows, dtype=np.int64).reshape(-1, 4).T
    return columns[0], columns[1], columns[2].astype(np.float64), columns[3]


def _rows(table: pa.Table, *names: str) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def _book(life: Life, lender: InMemory, policy: LimitsByChance, known: pa.Table) -> pa.Table:
    """The lines that were open and not in default when the book was made, and how they ended."""
    lives, columns = life.lives, lender.columns
    in_book = known["is_open"].to_numpy() & (known["days_past_due"].to_numpy() < DEFAULT_FROM)
    known = known.filter(pa.array(in_book))
    place = known["line_id"].to_numpy() - 1
    person = lives.person_of(place + 1)
    asked = [policy.first[reference_of(each)] for each in person.tolist()]
    applied = [application for application, _, _ in asked]
    is_bad = (columns.is_charged_off | (columns.days_past_due(day_number(lender.today)) >= DEFAULT_FROM))[place]
    limit = known["limit_minor"].to_numpy()
    income = np.array([each.stated.income_month_minor or np.nan for each in applied], dtype=np.float64)
    reports = [each.report or BureauReport() for each in applied]
    return pa.table({
        "line_id": place + 1,
        "band": np.array([band for _, band, _ in asked], dtype=np.int64),
        "limit_minor": limit,
        "drawn_minor": np.maximum(known["drawn_minor"].to_numpy(), 0),
        "utilization_ratio": np.maximum(known["drawn_minor"].to_numpy(), 0) / limit,
        "days_past_due": known["days_past_due"].to_numpy().astype(np.float64),
        "limit_to_income": limit / income,
        "bureau_score": pa.array([each.bureau_score for each in reports], pa.float64()),
        "inquiries_90d": pa.array([each.inquiries_90d for each in reports], pa.float64()),
        "worst_days_past_due_24m": pa.array([each.worst_days_past_due_24m for each in reports], pa.float64()),
        "is_raised": policy.is_raised[place],
        "is_bad": is_bad.astype(np.float64),
        "lost_minor": _lost_minor(lender)[place],
        "drawn_after_minor": np.maximum(columns.drawn_minor[place], 0),
    })  # fmt: skip


class WatchingRule:
    """A rule that stops nothing: what it would take for fraud is a large order, or a device that is not the line's."""

    def __init__(self) -> None:
        self._device: dict[int, str | None] = {}
        self.caught: set[int] = set()
        self.seen: dict[int, acts.Buy] = {}  # by order

    def __call__(self, buy: acts.Buy) -> bool:
        """Whether a purchase is stopped: never."""
        self.seen[buy.order] = buy
        is_strange = self._device.setdefault(buy.line_id, buy.device) != buy.device
        if is_strange or buy.amount_minor > LARGE_SHARE * FRAUD_LIMIT_MINOR:
            self.caught.add(buy.order)
        return False


def dense_fraud() -> FraudParameters:
    """The shipped fraud, planned for one year, so many times as often."""
    shipped = standard_fraud()
    kinds = tuple(replace(kind, rate=kind.rate * FRAUD_RATE_FACTOR) for kind in shipped.kinds)
    return replace(shipped, kinds=kinds, rings=replace(shipped.rings, periods=2))


def live_fraud(seed: int, borrowers: int) -> FraudWorld:
    """Live a world of fraud that the rule watches."""
    plan = WorldPlan(seed=seed, borrowers=borrowers, months=FRAUD_MONTHS, reviews_from_month=FRAUD_MONTHS)
    rule = WatchingRule()
    life = world_of(plan, InMemory(SameForAll(FRAUD_LIMIT_MINOR), stops=rule), fraud=dense_fraud())
    for day in plan.days:
        life.live(day)
    begins = day_number(plan.begins_on)
    frauds = [
        (order, day, found_on)
        for day, order, kind, found_on, outcome in _rows(
            life.diary.table("purchases"), "day", "order", "kind", "found_on", "outcome"
        )
        if kind and outcome == acts.Happened.APPROVE
    ]
    bought = [rule.seen[order] for order, _, _ in frauds]
    return FraudWorld(
        is_caught=np.array([each.order in rule.caught for each in bought], dtype=np.bool_),
        happened_on=np.array([day - begins for _, day, _ in frauds], dtype=np.int64),
        found_on=np.array([-1 if on is None else on - begins for _, _, on in frauds], dtype=np.int64),
        links=(
            [each.line_id for each in bought],
            [each.device for each in bought],
            [each.address for each in bought],
        ),
        ends_on=len(plan.days),
    )
