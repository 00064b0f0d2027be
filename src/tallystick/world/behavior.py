"""How borrowers use and repay their lines, one statement month at a time, all lines at once; the money adds up."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from tallystick.units.rates import PPM
from tallystick.world.borrowers import Borrowers, free_income_share
from tallystick.world.parameters import LenderParameters, WorldParameters
from tallystick.world.policy import Lines
from tallystick.world.streams import Streams

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NO_USE, FULL, REVOLVING, LATE = range(4)  # indices into features.tables.REPAYMENTS


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """One statement month of a block of lines, each column of shape (lines,).

    balance = balance of the month before + spent + charged - refunded - paid, to the minor unit.
    """

    months_ago: int
    is_open: Flags  # the line existed
    balance_minor: Integers
    paid_minor: Integers
    spent_minor: Integers
    charged_minor: Integers
    refunded_minor: Integers
    months_past_due: Integers
    repayment: Integers
    is_jobless: Flags  # truth: the main income is lost


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where each line stands between two months."""

    balance_minor: Integers
    spent_minor: Integers
    months_past_due: Integers
    is_active: Flags
    is_jobless: Flags


@dataclass(frozen=True, slots=True)
class _Leaning:
    """What of a borrower's behavior stays the same from month to month."""

    free_income_minor: Floats  # a month, while employed
    monthly_spend_minor: Floats  # in a month of use
    active_chance: Floats


def live(
    *, streams: Streams, borrowers: Borrowers, lines: Lines, parameters: WorldParameters
) -> Iterator[MonthFigures]:
    """Live through burn-in and history, the oldest month first; yields every month, the last one is month 0."""
    leaning = _leaning(streams=streams, borrowers=borrowers, parameters=parameters)
    standing = _start(streams=streams, leaning=leaning)
    first = parameters.lender.history_months + parameters.lender.burn_in_months - 1
    for months_ago in range(first, -1, -1):
        month = _Month(months_ago, streams, borrowers, lines, leaning, parameters)
        figures, standing = month.pass_by(standing)
        yield figures


def installment_due(*, statement_minor: Integers, lender: LenderParameters) -> Integers:
    """What one month asks for: a share of the statement, at least the floor, at most all of it; minor units.

    A line that is k months past due owes k + 1 of these, at most the statement.

    >>> from tallystick.world.parameters import standard_parameters
    >>> statements = np.array([-2_000, 0, 3_000, 12_000, 1_000_009])
    >>> installment_due(statement_minor=statements, lender=standard_parameters().lender).tolist()
    [0, 0, 3000, 5000, 100000]
    """
    share_ppm = round(lender.minimum_share * PPM)
    share_minor = (np.maximum(statement_minor, 0) * share_ppm) // PPM
    due: Integers = np.minimum(np.maximum(share_minor, lender.minimum_floor_minor), np.maximum(statement_minor, 0))
    return due


def interest_month(*, unpaid_minor: Integers, nominal_rate_ppm: Integers) -> Integers:
    """A month's interest on what a statement leaves unpaid, rounded half up to the minor unit, once.

    10,000 yuan at 18.25 % a year cost 152.08 yuan a month; a credit balance earns nothing.

    >>> interest_month(unpaid_minor=np.array([1_000_000, -500]), nominal_rate_ppm=np.array([182_500, 182_500])).tolist()
    [15208, 0]
    """
    interest: Integers = (np.maximum(unpaid_minor, 0) * nominal_rate_ppm + 6 * PPM) // (12 * PPM)
    return interest


def _leaning(*, streams: Streams, borrowers: Borrowers, parameters: WorldParameters) -> _Leaning:
    behavior = parameters.behavior
    free = free_income_share(
        income=borrowers.income_month_minor,
        dependents=borrowers.dependents,
        debt_service_share=borrowers.debt_service_share,
        behavior=behavior,
    )
    spend_log = (
        behavior.spend_log_sd * streams.normal("behavior/spend leaning")
        + behavior.spend_thrift_log * borrowers.thrift
        + behavior.spend_need_log * borrowers.need
    )
    active = (
        behavior.active_share_intercept
        + behavior.active_need * borrowers.need
        + behavior.active_taste_sd * borrowers.taste
    )
    return _Leaning(
        free_income_minor=borrowers.income_month_minor * free,
        monthly_spend_minor=borrowers.income_month_minor * behavior.spend_income_share * np.exp(spend_log),
        active_chance=expit(active),
    )


def _start(*, streams: Streams, leaning: _Leaning) -> _Standing:
    nothing = np.zeros(streams.count, dtype=np.int64)
    return _Standing(
        balance_minor=nothing,
        spent_minor=nothing,
        months_past_due=nothing,
        is_active=streams.uniform("behavior/active at first") < leaning.active_chance,
        is_jobless=np.zeros(streams.count, dtype=np.bool_),
    )


@dataclass(frozen=True, slots=True)
class _Month:
    """One month of all lines: work, then pay the last statement, then charges, refunds and purchases."""

    months_ago: int
    streams: Streams
    borrowers: Borrowers
    lines: Lines
    leaning: _Leaning
    parameters: WorldParameters

    def pass_by(self, before: _Standing) -> tuple[MonthFigures, _Standing]:
        is_open = self.lines.months_on_book > self.months_ago
        is_jobless = self._work(before)
        paid, repayment, months_past_due = self._pay(before, is_jobless=is_jobless)
        charged = self._charge(before, paid=paid, months_past_due=months_past_due)
        refunded = self._refund(before)
        owed = before.balance_minor + charged - refunded - paid
        is_active = self._use(before)
        spent = self._spend(owed, is_buyer=is_active & is_open & (months_past_due == 0), is_jobless=is_jobless)
        balance = owed + spent
        figures = MonthFigures(
            months_ago=self.months_ago,
            is_open=is_open,
            balance_minor=balance,
            paid_minor=paid,
            spent_minor=spent,
            charged_minor=charged,
            refunded_minor=refunded,
            months_past_due=months_past_due,
            repayment=repayment,
            is_jobless=is_jobless,
        )
        return figures, _Standing(
            balance_minor=balance,
            spent_minor=spent,
            months_past_due=months_past_due,
            is_active=is_active,
            is_jobless=is_jobless,
        )

    def _uniform(self, name: str) -> Floats:
        return self.streams.uniform(f"behavior/{name}/{self.months_ago}")

    def _work(self, before: _Standing) -> Flags:
        people = self.parameters.borrowers
        chance = np.where(before.is_jobless, 1.0 - people.job_found_month, people.job_loss_month)
        return self._uniform("work") < chance

    def _pay(self, before: _Standing, *, is_jobless: Flags) -> tuple[Integers, Integers, Integers]:
        """Payment of the last statement, how it counts, and the months past due after it."""
        statement = np.maximum(before.balance_minor, 0)
        installment = installment_due(statement_minor=statement, lender=self.parameters.lender)
        due = np.minimum(installment * (before.months_past_due + 1), statement)
        kept = np.where(is_jobless, self.parameters.borrowers.job_loss_income_share, 1.0)
        free = self.leaning.free_income_minor * kept
        is_late = self._uniform("late") < self._late_chance(before, free=free, due=due, is_jobless=is_jobless)
        is_full = self._uniform("full") < self._full_chance(free=free, statement=statement)
        paid = np.where(is_full, statement, self._revolving_payment(statement=statement, due=due))
        paid = np.where(is_late, self._late_payment(installment), paid)
        stays = (
            ~is_late
            & (before.months_past_due > 0)
            & (self._uniform("partial cure") < self.parameters.behavior.partial_cure_chance)
        )
        paid = np.minimum(np.where(stays, installment, paid), statement)
        missed = (paid < due).astype(np.int64) * np.where(
            paid >= installment, before.months_past_due, before.months_past_due + 1
        )
        repayment = np.where(
            statement == 0, NO_USE, np.where(paid >= statement, FULL, np.where(paid >= due, REVOLVING, LATE))
        )
        return paid, repayment.astype(np.int64), missed

    def _late_chance(self, before: _Standing, *, free: Floats, due: Integers, is_jobless: Flags) -> Floats:
        behavior, people = self.parameters.behavior, self.borrowers
        cover = np.log(np.clip(free / np.maximum(due, 1), 0.05, 50.0))
        chance: Floats = expit(
            behavior.late_intercept
            + behavior.late_honesty * people.honesty
            + behavior.late_patience * people.patience
            + behavior.late_liquidity * cover
            + behavior.late_jobless * is_jobless
            + behavior.late_again * (before.months_past_due > 0)
        )
        return chance

    def _full_chance(self, *, free: Floats, statement: Integers) -> Floats:
        behavior, people = self.parameters.behavior, self.borrowers
        cover = np.log(np.clip(free / np.maximum(statement, 1), 0.02, 20.0))
        chance: Floats = expit(
            behavior.full_intercept
            + behavior.full_patience * people.patience
            + behavior.full_thrift * people.thrift
            + behavior.full_liquidity * cover
        )
        return chance

    def _revolving_payment(self, *, statement: Integers, due: Integers) -> Integers:
        """The minimum, or more in whole hundreds of yuan; never less than what is due."""
        behavior = self.parameters.behavior
        share = self._uniform("revolving share") ** behavior.pay_above_minimum_power
        above = (share * (statement - due) / 10_000).astype(np.int64) * 10_000
        pays_minimum = self._uniform("minimum") < behavior.pay_minimum_chance
        return due + np.where(pays_minimum, 0, above)

    def _late_payment(self, installment: Integers) -> Integers:
        """Nothing, or a part of one installment; always less than it."""
        pays = self._uniform("late pays") >= self.parameters.behavior.late_pays_nothing
        part = (self._uniform("late part") * installment).astype(np.int64)
        return np.where(pays, part, 0)

    def _charge(self, before: _Standing, *, paid: Integers, months_past_due: Integers) -> Integers:
        lender = self.parameters.lender
        late_ppm = round(lender.late_rate_multiple * PPM)
        rate = np.where(months_past_due > 0, self.lines.nominal_rate_ppm * late_ppm // PPM, self.lines.nominal_rate_ppm)
        return interest_month(unpaid_minor=np.maximum(before.balance_minor, 0) - paid, nominal_rate_ppm=rate)

    def _refund(self, before: _Standing) -> Integers:
        behavior = self.parameters.behavior
        returns = self._uniform("refund") < behavior.refund_chance
        share = self._uniform("refund share") * behavior.refund_share_most
        return np.where(returns, (share * before.spent_minor).astype(np.int64), 0)

    def _use(self, before: _Standing) -> Flags:
        stays = self._uniform("active stays") < self.parameters.behavior.active_stays
        drawn_anew = self._uniform("active") < self.leaning.active_chance
        return np.where(stays, before.is_active, drawn_anew)

    def _spend(self, owed: Integers, *, is_buyer: Flags, is_jobless: Flags) -> Integers:
        """Purchases of the month, bounded by the available credit; a line past due is blocked."""
        behavior, people = self.parameters.behavior, self.borrowers
        month_of_year = (self.parameters.lender.observation_month - 1 - self.months_ago) % 12
        noise = self.streams.normal(f"behavior/spend/{self.months_ago}")
        usual = self.leaning.monthly_spend_minor * np.exp(behavior.spend_month_log_sd * noise)
        buys_large = self._uniform("large purchase") < behavior.large_purchase_chance
        large = buys_large * behavior.large_purchase_income_share * people.income_month_minor
        kept = np.where(is_jobless, np.sqrt(self.parameters.borrowers.job_loss_income_share), 1.0)
        wished = (usual * behavior.season[month_of_year] + large) * kept
        available = np.maximum(self.lines.credit_limit_minor - owed, 0)
        return np.where(is_buyer, np.minimum(wished, available).astype(np.int64), 0)
