"""Worlds of the economy lived with a lender in memory, and what the lender's monthly reports would show of them.

The lender grants first limits as the shipped strategy does, from what applicants state and the bureau tells, and
doubles them, up to the cap, every six months in which a line was paid in time.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta, timezone
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import expit

from tallystick.features.as_of_catalog import load_as_of_catalog
from tallystick.operations.applications import BureauReport
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.checkpoint_reading import read_checkpoint
from tallystick.strategy.policy import standard_strategy_files
from tallystick.terms.catalog import shipped_products
from tallystick.units.rates import PPM
from tallystick.world.economy.acts import DONE, AcceptLine, Answer, AnyAct, Apply, Capture, Morning, Step
from tallystick.world.economy.diary import Diary
from tallystick.world.economy.economy_parameters import standard_economy
from tallystick.world.economy.in_memory import InMemory
from tallystick.world.economy.information_parameters import standard_information
from tallystick.world.economy.life import Life
from tallystick.world.economy.lives import Lives, day_number
from tallystick.world.economy.plan import WorldPlan

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CAP_MINOR: Final = 3_000_000
_YEAR_DAYS: Final = 365.25
_ZONE: Final = timezone(timedelta(hours=8))
# What review_limit/ of the shipped strategy says of raises: cooling.csv, repayment.csv, most.csv, grade.csv with
# cut_off.csv, and [affordability] of checkpoint.toml. How much more is the optimizer's there; here it is twice as much.
_RESTS_DAYS: Final = 180
_WELL_PAID_DAYS: Final = 90
_MOST_UNKNOWN_MINOR: Final = 500_000
_MOST_WEAK_MINOR: Final = 1_000_000
_WEAK_FROM_PD, _NO_RAISE_FROM_PD = 0.07, 0.11
_AFFORDABLE_INCOMES: Final = 3
_STEP_MINOR: Final = 100_000
# What nobody in a world of single lines has against him when he applies, and what is not known without the product.
_NOTHING_AGAINST: Final[dict[str, Any]] = {
    "borrower_is_blocked": False, "device_is_blocked": False, "is_under_care": False, "open_applications_count": 0,
    "days_since_declined": None, "other_lines_count": 0, "charged_off_lines_count": 0, "joint_limit_minor": 0,
    "joint_exposure_minor": 0, "joint_days_past_due": 0, "borrower_fraud_count_90d": 0,
    "borrower_application_count_7d": 1, "address_application_count_30d": 1, "device_distinct_applicants_30d": 1,
    "phone_distinct_applicants_90d": 1,
}  # fmt: skip


# ---------------------------------------------------------------- the lender's limits


@cache
def standard_application() -> Checkpoint:
    """The shipped strategy's decision about an application."""
    files = {name: text.encode() for name, text in standard_strategy_files().items()}
    return read_checkpoint(CheckpointName.APPLY, files, catalog=load_as_of_catalog(), products=shipped_products())


def bureau_pd(report: BureauReport | None) -> float | None:
    """The yearly chance of going bad that the bureau's score stands for; None without a score."""
    if report is None or report.bureau_score is None:
        return None
    bureau = standard_information().bureau
    return float(expit((bureau.score_at_even_odds - report.bureau_score) / bureau.score_per_log_odds))


def application_case(asked: Apply, *, on: date) -> dict[str, Any]:
    """What the shipped strategy reads of an application; the PD is what the bureau's score stands for."""
    stated, report = asked.stated, asked.report
    pd = bureau_pd(report)
    return _NOTHING_AGAINST | {
        name: getattr(stated, name) for name in standard_application().case_types if hasattr(stated, name)
    } | {
        "age_years": None if stated.born_on is None else int((on - stated.born_on).days / _YEAR_DAYS),
        "bureau_score": report and report.bureau_score,
        "bureau_inquiries_90d": report and report.inquiries_90d,
        "bureau_worst_days_past_due_24m": report and report.worst_days_past_due_24m,
        "bureau_total_drawn": report and report.total_drawn_minor,
        "bureau_report_days": report and 0,
        "pd_ppm": None if pd is None else round(pd * PPM),
    }  # fmt: skip


class StandardLimits:
    """First limits by the shipped tables; then twice as much every six months, where a line was paid in time.

    An application that a person would look at is granted what the tables say, as analysts pass most of them.
    """

    def __init__(self, cap_minor: int = CAP_MINOR) -> None:
        self.cap_minor = cap_minor
        self._rested, self._late_on, self._most = (np.zeros(0, dtype=np.int64) for _ in range(3))

    def first_limits(self, asked: Sequence[Apply], *, on: date) -> list[int]:
        """As apply/ of the shipped strategy decides."""
        cases = pa.Table.from_pylist([application_case(each, on=on) for each in asked])
        decisions = standard_application().decide(cases, request_ids=[each.reference for each in asked])
        limits = np.minimum(decisions.outputs["limit_minor"], self.cap_minor)
        return [int(limit) for limit in np.where(decisions.outcome == "decline", 0, limits)]

    def reviewed_limits(self, lender: "Watched") -> Integers:
        """Twice today's, at most what the tables and three stated incomes allow; never less than today's."""
        columns, today, before = lender.columns, day_number(lender.today), len(self._most)
        new = [self._most_minor(asked) for asked in lender.applications[before:]]
        self._most = np.concatenate([self._most, np.asarray(new, dtype=np.int64)])
        self._rested = np.concatenate([self._rested, np.full(len(new), today)])
        self._late_on = np.concatenate([self._late_on, np.zeros(len(new), dtype=np.int64)])
        self._late_on[columns.days_past_due(today) > 0] = today
        may = (today - self._rested >= _RESTS_DAYS) & (today - self._late_on >= _WELL_PAID_DAYS) & columns.is_open
        self._rested[may] = today
        raised = np.maximum(np.minimum(2 * columns.limit_minor, self._most), columns.limit_minor)
        return np.asarray(np.where(may, raised, columns.limit_minor))

    def _most_minor(self, asked: Apply) -> int:
        pd, income = bureau_pd(asked.report), asked.stated.income_month_minor
        if pd is None or pd >= _NO_RAISE_FROM_PD:
            return 0
        tabled = _MOST_UNKNOWN_MINOR if income is None else _MOST_WEAK_MINOR if pd >= _WEAK_FROM_PD else self.cap_minor
        carried = tabled if income is None else income * _AFFORDABLE_INCOMES // _STEP_MINOR * _STEP_MINOR
        return min(tabled, carried, self.cap_minor)


# ---------------------------------------------------------------- what is seen


@dataclass(frozen=True, slots=True)
class Statements:
    """What a lender sees on the mornings after its statements, in columns of shape (lines, statements); minor units.

    Of a line that was not open yet everything is 0; `use_minor` is of calendar months, the first one the world's first.
    """

    closing_minor: Integers
    paid_minor: Integers  # since the statement before
    limit_minor: Integers
    drawn_minor: Integers
    days_past_due: Integers
    is_open: Flags
    is_charged_off: Flags
    charged_off_minor: Integers
    recovered_minor: Integers
    use_minor: Integers
    person: Integers  # (lines,)
    opened_month: Integers  # (lines,)

    def of(self, lines: Integers | Flags) -> "Statements":
        """Some of the lines, or some of them more than once."""
        return Statements(**{each.name: getattr(self, each.name)[lines] for each in fields(self)})


def joined(told: Sequence[Statements]) -> Statements:
    """The lines of several worlds of the same months, one after the other."""
    return Statements(
        **{each.name: np.concatenate([getattr(some, each.name) for some in told]) for each in fields(Statements)}
    )


_STANDING: Final = ("limit_minor", "drawn_minor", "days_past_due", "is_open", "is_charged_off")
_SEEN: Final = ("closing_minor", "paid_minor", *_STANDING, "charged_off_minor", "recovered_minor")


class Watched(InMemory):
    """A lender in memory with its limits by `StandardLimits`, and what it would report every month.

    `applications` and `opened_on` are of each line, by its place; `draws` are (place, day, minor units).
    """

    def __init__(self, limits: StandardLimits) -> None:
        super().__init__(_Policy(self, limits))
        self.limits = limits
        self.applications: list[Apply] = []
        self.opened_on: list[date] = []
        self.draws: list[tuple[int, date, int]] = []
        self.seen: list[dict[str, npt.NDArray[Any]]] = []
        self._asked: dict[int, Apply] = {}

    def begin(self, day: date, *, at: datetime) -> Morning:
        """As it is; the morning after a statement is written down."""
        morning = super().begin(day, at=at)
        if (day - timedelta(days=1)).day == self.terms.statement_day:
            self._see(morning)
        return morning

    def do(self, step: Step, acts: Sequence[AnyAct]) -> list[Answer]:
        """As it is; who opens a line with what, and who draws on one, is written down."""
        places = {act: self._held[act.decision_id][0] for act in acts if isinstance(act, Capture)}
        answers = super().do(step, acts)
        for act, answer in zip(acts, answers, strict=True):
            if isinstance(act, Apply):
                self._asked[answer.number] = act
            elif isinstance(act, Capture):
                self.draws.append((places[act], step.day, answer.amount_minor))
            elif isinstance(act, AcceptLine) and act.accepts:
                assert answer.outcome == DONE, "an offer that stands is accepted"
                self.applications.append(self._asked[act.application_id])
                self.opened_on.append(step.day)
        return answers

    def _see(self, morning: Morning) -> None:
        columns, told = self.columns, morning.statements
        closing, paid = (np.zeros(len(columns), dtype=np.int64) for _ in range(2))
        if told.num_rows:
            place = told["line_id"].to_numpy() - 1
            closing[place], paid[place] = told["closing_minor"].to_numpy(), told["payments_minor"].to_numpy()
        standing = {name: morning.standing[name].to_numpy(zero_copy_only=False) for name in _STANDING}
        sums = {name: getattr(columns, name).copy() for name in ("charged_off_minor", "recovered_minor")}
        self.seen.append({"closing_minor": closing, "paid_minor": paid, **standing, **sums})


@dataclass(frozen=True, slots=True)
class _Policy:
    """A policy that knows the day and the lender's applications."""

    lender: Watched
    limits: StandardLimits

    def first_limits(self, asked: Sequence[Apply]) -> list[int]:
        return self.limits.first_limits(asked, on=self.lender.today)

    def reviewed_limits(self, lender: InMemory) -> Integers:  # noqa: ARG002 - it is the one that is known
        return self.limits.reviewed_limits(self.lender)


# ---------------------------------------------------------------- worlds


class LivedWorld:
    """A world that is lived month by month; `fork` lets another one go on from where it is."""

    def __init__(self, plan: WorldPlan, lender: Watched, *, lives: Lives | None = None, months: int = 0) -> None:
        self.plan, self.lender, self.months = plan, lender, months
        self.life = Life(plan, lender, parameters=standard_economy(), zone=_ZONE, lives=lives)

    def live(self, months: int) -> "LivedWorld":
        """So many months more; what the diary would keep is not looked at."""
        for day in self.plan.days:
            if self.months <= self.plan.month_of(day) < self.months + months:
                self.life.live(day)
                if day.day == 1:
                    self.life.diary = Diary()
        self.months += months
        return self

    def fork(self, plan: WorldPlan) -> "LivedWorld":
        """The same world on this day, which goes on by another plan of the same people and months, or to other luck."""
        lives = Lives.load(self.life.lives.dump())
        return LivedWorld(plan, copy.deepcopy(self.lender), lives=lives, months=self.months)

    def statements(self) -> Statements:
        """What the lender saw, of the lines that no ring holds: what rings take is fraud, no credit loss."""
        lender, lines = self.lender, len(self.lender.columns)
        seen = {name: np.column_stack([_as_long(each[name], lines) for each in lender.seen]) for name in _SEEN}
        use = np.zeros((lines, self.months), dtype=np.int64)
        for place, day, amount in lender.draws:
            use[place, self.plan.month_of(day)] += amount
        person = np.zeros(lines, dtype=np.int64)
        held = np.flatnonzero(self.life.lives.line_id)
        person[self.life.lives.line_id[held] - 1] = held
        opened = np.asarray([self.plan.month_of(day) for day in lender.opened_on])
        told = Statements(**seen, use_minor=use, person=person, opened_month=opened)
        return told.of(~self.life.rings.never_pays(len(self.plan.days))[person])

    def fraud_minor(self) -> int:
        """What rings' lines took and was written off."""
        gone = np.flatnonzero(self.life.rings.never_pays(len(self.plan.days)))
        places = self.life.lives.line_id[gone] - 1
        return int(self.lender.columns.charged_off_minor[places[places >= 0]].sum())


def _as_long(told: npt.NDArray[Any], lines: int) -> npt.NDArray[Any]:
    return np.concatenate([told, np.zeros(lines - len(told), dtype=told.dtype)])
