"""What makes a plan easier to bear: interest stops or is waived, due dates are put off, a new schedule replaces it."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from tallystick.servicing.plan_book import Book, with_settlement
from tallystick.servicing.plan_opening import open_plan
from tallystick.servicing.plan_settling import settle
from tallystick.servicing.plan_state import Plan, PlanDraw, PlanInstallment
from tallystick.terms.amortization import Pause
from tallystick.terms.last_installment import settle_last
from tallystick.terms.plan_dates import due_date
from tallystick.terms.plan_terms import HolidayInterest, PlanTerms, UnearnedCharges
from tallystick.terms.product import Component
from tallystick.terms.schedule import InstallmentKind


class Waived(Struct, frozen=True):
    """A plan after a waiver, and how much of it there was to waive."""

    plan: Plan
    waived_minor: int


def waive(plan: Plan, *, on: date, component: Component, amount_minor: int) -> Waived:
    """Give up interest or fees that are due, oldest first; what is not due yet, and principal, is not waived."""
    installments: list[PlanInstallment] = []
    rest_minor = amount_minor
    for part in plan.installments:
        waived_minor = min(rest_minor, part.left_of(component)) if part.due_on <= on else 0
        rest_minor -= waived_minor if component in {Component.INTEREST, Component.FEE} else 0
        if component is Component.INTEREST:
            part = replace(part, waived_interest_minor=part.waived_interest_minor + waived_minor)  # noqa: PLW2901
        elif component is Component.FEE:
            part = replace(part, waived_fee_minor=part.waived_fee_minor + waived_minor)  # noqa: PLW2901
        installments.append(with_settlement(part, on=on))
    return Waived(plan=replace(plan, installments=tuple(installments)), waived_minor=amount_minor - rest_minor)


def stop_interest(plan: Plan, *, on: date) -> Plan:
    """The plan bears no interest from a day on: hardship, death, identity theft. Fees stay: `stop_fees`."""
    if plan.is_recalculated:
        book = Book(plan)
        book.ladder.stop_interest(on)
        settle_last(book.ladder, until=on)
        book.ask_as_ladder(on=on)
        return replace(book.closed(rolled_to=on), interest_until=book.ladder.interest_until)
    earned = _with_earned_interest(plan, on=on)
    return replace(earned, interest_until=on if plan.interest_until is None else min(on, plan.interest_until))


def _with_earned_interest(plan: Plan, *, on: date) -> Plan:
    """Of the interest only what is earned on a day; a scheduled plan's price per period too, where it is interest."""
    if plan.is_recalculated:
        return settle(plan, on=on).plan
    waiving = replace(plan, terms=replace(plan.terms, unearned_charges=UnearnedCharges.WAIVED))
    earned = settle(waiving, on=on).plan.installments
    return replace(
        plan,
        installments=tuple(
            with_settlement(replace(part, interest_minor=fresh.interest_minor), on=on)
            for part, fresh in zip(plan.installments, earned, strict=True)
        ),
    )


def stop_fees(plan: Plan, *, on: date) -> Plan:
    """No period that begins on or after a day costs a fee, and paying the plan off early costs none.

    >>> from tallystick.servicing.plan_opening import open_plan
    >>> plan = open_plan(plan_id=1, terms=PlanTerms(installments=3, per_period_ppm=6_000),
    ...                  drawn_on=date(2026, 1, 31), principal_minor=90_000)
    >>> [part.fee_minor for part in stop_fees(plan, on=date(2026, 3, 1)).installments]  # the second period runs
    [540, 540, 0]
    """
    return replace(
        plan,
        terms=replace(plan.terms, early_settlement_fee_ppm=0),
        installments=tuple(
            part
            if part.from_on < on or part.kind is not InstallmentKind.REGULAR
            else with_settlement(replace(part, fee_minor=part.paid_fee_minor + part.waived_fee_minor), on=on)
            for part in plan.installments
        ),
    )


def with_days_off(plan: Plan, days_off: Iterable[date]) -> Plan:
    """The plan with more days off to move its due dates away from: those of the dates that easing gives it."""
    more = tuple(sorted({*plan.terms.days_off, *days_off}))
    return plan if more == plan.terms.days_off else replace(plan, terms=replace(plan.terms, days_off=more))


def re_aged_terms(terms: PlanTerms, *, installments: int, first_due_on: date) -> PlanTerms:
    """The terms of a new schedule of what is left: interest as before, no second price per period, no grace."""
    return replace(
        terms, installments=installments, first_due_on=first_due_on, starts_on=None, length=None,
        per_period_ppm=0, down_payment_ppm=0, grace_principal=0, grace_interest=0, interest_free=0,
    )  # fmt: skip


def payment_holiday(plan: Plan, *, on: date, periods: int) -> Plan:
    """Installments due after a day are put off by whole periods; interest goes on, or pauses, as the terms say."""
    assert periods > 0, "a holiday has at least one period"
    put_off = plan.holiday_periods + periods
    begins_on = plan.terms.starts_on or plan.drawn_on
    moved: list[PlanInstallment] = []
    number = 0
    pauses = plan.pauses
    for part in plan.installments:
        if part.kind is InstallmentKind.REGULAR:
            number += 1
        if part.kind is not InstallmentKind.REGULAR or part.due_on <= on:
            moved.append(part)
            continue
        due_on = due_date(plan.terms, begins_on=begins_on, number=number + put_off)
        is_first = part.from_on <= on or number == 1
        if is_first and plan.terms.holiday_interest is HolidayInterest.STOPS:
            pauses = (*pauses, Pause(begins_on=part.due_on, ends_on=due_on))
        from_on = part.from_on if is_first else moved[-1].due_on
        moved.append(replace(part, from_on=from_on, due_on=due_on))
    shifted = replace(plan, installments=tuple(moved), pauses=pauses, holiday_periods=put_off)
    book = Book(shifted)
    settle_last(book.ladder, until=on)
    if plan.terms.nominal_rate:
        book.ask_as_ladder(on=on, from_due_on=on)
    return book.closed(rolled_to=on)


def re_age(plan: Plan, *, on: date, installments: int, first_due_on: date) -> Plan:
    """Everything unpaid is put into a new schedule: principal over so many installments, charges due with the first.

    What was paid of the old installments stays with them. Principal bears interest as before, none where it was
    stopped, so of the old interest only what is earned is put over. The price of a plan that costs so much per period
    is not charged a second time.
    """
    before = _with_earned_interest(plan, on=on) if plan.terms.nominal_rate else plan
    left_minor = before.principal_left_minor
    charges = {
        component: sum(part.left_of(component) for part in before.installments)
        for component in (Component.INTEREST, Component.FEE)
    }
    terms = re_aged_terms(plan.terms, installments=installments, first_due_on=first_due_on)
    if plan.interest_until is not None:
        terms = replace(terms, nominal_rate=Decimal(0))
    fresh = open_plan(plan_id=plan.plan_id, terms=terms, drawn_on=on, principal_minor=left_minor)
    closed = [_closed(part, on=on) for part in before.installments]
    paid = PlanDraw(
        on=plan.drawn_on, principal_minor=plan.paid_principal_minor, financed_minor=0, interest_from=plan.drawn_on
    )
    moved = PlanInstallment(
        number=0,
        kind=InstallmentKind.AT_ONCE,
        from_on=on,
        due_on=first_due_on,
        interest_minor=charges[Component.INTEREST],
        fee_minor=charges[Component.FEE],
    )
    extra = [moved] if moved.due_minor else []
    parts = [*closed, *extra, *fresh.installments]
    return replace(
        fresh,
        drawn_on=plan.drawn_on,
        installments=tuple(replace(part, number=number) for number, part in enumerate(parts, start=1)),
        draws=(paid, *fresh.draws),
        interest_until=plan.interest_until,
    )


def _closed(part: PlanInstallment, *, on: date) -> PlanInstallment:
    """An installment that asks for no more than was paid of it, and has no place in the new schedule."""
    closed = replace(
        part,
        kind=InstallmentKind.REPLACED,
        principal_minor=part.paid_principal_minor,
        interest_minor=part.paid_interest_minor + part.waived_interest_minor,
        fee_minor=part.paid_fee_minor + part.waived_fee_minor,
    )
    return with_settlement(closed, on=on)
