"""Paying a plan off before its time: what that costs on a day, and the plan that asks for exactly that."""

from datetime import date
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from tallystick.servicing.plan_book import Book, with_settlement
from tallystick.servicing.plan_recalculating import freeze_interest, roll_book
from tallystick.servicing.plan_state import Plan, PlanInstallment
from tallystick.terms.plan_terms import UnearnedCharges
from tallystick.terms.product import Component
from tallystick.terms.schedule import InstallmentKind
from tallystick.units.rates import PPM
from tallystick.units.rounding import whole


class SettleQuote(Struct, frozen=True):
    """What paying a plan off on a day costs; paying exactly `total_minor` leaves exactly nothing."""

    principal_minor: int
    interest_minor: int
    fee_minor: int
    settlement_fee_minor: int

    @property
    def total_minor(self) -> int:
        """All parts together."""
        return self.principal_minor + self.interest_minor + self.fee_minor + self.settlement_fee_minor


class Settled(Struct, frozen=True):
    """A plan that asks only for what paying it off costs, and the fee for that, which is no part of the plan."""

    plan: Plan
    fee_minor: int


def settle_quote(plan: Plan, *, on: date) -> SettleQuote:
    """What paying the plan off on a day costs.

    >>> from tallystick.servicing.plan_opening import open_plan
    >>> from tallystick.terms.plan_terms import PlanTerms
    >>> plan = open_plan(plan_id=1, terms=PlanTerms(installments=3, per_period_ppm=6_000),
    ...                  drawn_on=date(2026, 1, 31), principal_minor=100_000)
    >>> quote = settle_quote(plan, on=date(2026, 2, 10))  # the price of the running period only
    >>> quote.principal_minor, quote.fee_minor, quote.total_minor
    (100000, 600, 100600)
    """
    settled = settle(plan, on=on)
    parts = {component: sum(part.left_of(component) for part in settled.plan.installments) for component in Component}
    return SettleQuote(
        principal_minor=parts[Component.PRINCIPAL],
        interest_minor=parts[Component.INTEREST],
        fee_minor=parts[Component.FEE],
        settlement_fee_minor=settled.fee_minor,
    )


def settle(plan: Plan, *, on: date) -> Settled:
    """The plan as if it were paid off on a day: it asks for no interest after it, nor for an unearned price."""
    early_minor = sum(part.left_of(Component.PRINCIPAL) for part in plan.installments if part.due_on > on)
    fee_minor = whole(Fraction(early_minor * plan.terms.early_settlement_fee_ppm, PPM), plan.terms.rounding)
    settled = _without_later_interest(plan, on=on) if plan.is_recalculated else _without_unearned(plan, on=on)
    return Settled(plan=settled, fee_minor=fee_minor)


def _without_later_interest(plan: Plan, *, on: date) -> Plan:
    rest = plan.terms.pay_off_interest_until
    book = Book(plan)
    roll_book(book, on=on, rest=rest)
    freeze_interest(book, on=on, rest=rest)
    return replace(book.closed(rolled_to=on), interest_until=book.ladder.interest_until)


def _without_unearned(plan: Plan, *, on: date) -> Plan:
    """A period that has begun has earned its price per period; interest by the year is earned day by day."""
    if plan.terms.unearned_charges is UnearnedCharges.CHARGED:
        return plan
    return replace(plan, installments=tuple(_earned(part, plan=plan, on=on) for part in plan.installments))


def _earned(part: PlanInstallment, *, plan: Plan, on: date) -> PlanInstallment:
    if part.due_on <= on or part.kind is not InstallmentKind.REGULAR:  # what a new schedule put over is owed whole
        return part
    days = (part.due_on - part.from_on).days
    elapsed = max(0, (on - part.from_on).days)
    begun = Fraction(1) if part.from_on < on else Fraction(0)
    share = Fraction(elapsed, days) if plan.terms.nominal_rate else begun
    if plan.interest_until is not None:  # it was stopped: what was earned until then is all there is
        share = Fraction(1)
    interest_minor = whole(part.interest_minor * share, plan.terms.rounding)
    fee_minor = whole(part.fee_minor * begun, plan.terms.rounding)
    earned = replace(
        part,
        interest_minor=max(interest_minor, part.paid_interest_minor + part.waived_interest_minor),
        fee_minor=max(fee_minor, part.paid_fee_minor + part.waived_fee_minor),
    )
    return with_settlement(earned, on=on)


def owed_minor(plan: Plan) -> int:
    """Everything left to pay, due or not."""
    return sum(part.left_minor for part in plan.installments)
