"""What a line owes on a day, as figures and as one list of dues: plans, bills and charges side by side."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from tallystick.servicing import plan as plans
from tallystick.servicing.accruing import MICRO, minor_from_micro
from tallystick.servicing.allocation import Timing
from tallystick.servicing.line import BillShare, Draw, Line, Pause
from tallystick.servicing.plan_figures import billed_left_minor
from tallystick.terms.product import Component, Product

REVOLVING_OWNER: Final = 0


class LineDue(Struct, frozen=True):
    """One part owed: by which plan or charge (`REVOLVING_OWNER`: the bills), until when, of what kind."""

    owner_id: int
    due_on: date
    timing: Timing
    component: Component
    left_minor: int


def drawn_minor(line: Line) -> int:
    """Principal drawn and not paid back: what counts against the limit."""
    left_minor = line.revolving.principal_minor
    for plan in line.plans:
        left_minor += plan.principal_left_minor
    return left_minor


def held_minor(line: Line) -> int:
    """What holds reserve."""
    return sum([hold.left_minor for hold in line.holds])


def cash_drawn_minor(line: Line) -> int:
    """Principal of cash draws not paid back: what counts against the cash limit."""
    cash_plans = {draw.plan_id for draw in line.draws if draw.is_cash}
    return sum(plan.principal_left_minor for plan in line.plans if plan.plan_id in cash_plans)


def principal_left_minor(line: Line, draw: Draw) -> int:
    """What is left of a draw's principal: in its plan, or to pay next month and in the plans of converted bills."""
    if draw.plan_id is not None:
        return sum(plan.principal_left_minor for plan in line.plans if plan.plan_id == draw.plan_id)
    next_month_minor = sum(item.left_minor for item in line.revolving.purchases if item.draw_id == draw.draw_id)
    return next_month_minor + sum(share_left_minor(line, share) for share in draw.bill_shares)


def share_left_minor(line: Line, share: BillShare) -> int:
    """What is owed of a draw's share in a converted bill: a refund finds no more than its plan has left."""
    return sum(min(share.left_minor, plan.principal_left_minor) for plan in line.plans if plan.plan_id == share.plan_id)


def available_minor(line: Line) -> int:
    """What may still be held or drawn; never negative, for the excess over a lowered limit is a figure of its own."""
    return max(0, line.limit_minor - drawn_minor(line) - held_minor(line))


def excess_minor(line: Line) -> int:
    """By how much the exposure exceeds the limit."""
    return max(0, drawn_minor(line) + held_minor(line) - line.limit_minor)


def dues(line: Line, *, day: date) -> tuple[LineDue, ...]:
    """Everything owed, with its timing seen from `day`: past due, asked for, or in advance."""
    return (*plan_dues(line, day=day, until=date.max), *_revolving_dues(line, day), *_charge_dues(line, day))


def dues_asked_for(line: Line, *, day: date) -> tuple[LineDue, ...]:
    """What is past due or asked for on `day`: everything owed but what is still in advance."""
    revolving = (due for due in _revolving_dues(line, day) if due.timing is not Timing.IN_ADVANCE)
    return (*plan_dues(line, day=day, until=asked_until(line, day=day)), *revolving, *_charge_dues(line, day))


def asked_until(line: Line, *, day: date) -> date:
    """The last due date that somebody has asked for: the day itself, or the due date of the last statement."""
    return max(day, line.last_statement_due_on or day)


def plan_dues(line: Line, *, day: date, until: date) -> Iterator[LineDue]:
    """What plans owe that is due until a day, with its timing seen from `day`."""
    asked = asked_until(line, day=day)
    for plan in line.plans:
        for due in plans.dues(plan, on=day, until=until):
            timing = _timing(due.due_on, day=day, asked_until=asked)
            yield LineDue(plan.plan_id, due.due_on, timing, due.component, due.left_minor)


def _timing(due_on: date, *, day: date, asked_until: date) -> Timing:
    if due_on < day:
        return Timing.PAST_DUE
    return Timing.DUE if due_on <= asked_until else Timing.IN_ADVANCE


def _revolving_dues(line: Line, day: date) -> Iterator[LineDue]:
    """Missed minimums are past due, interest before principal; what else is billed is due; the rest is in advance."""
    revolving = line.revolving
    interest_minor = revolving.interest_due_minor
    billed_minor = revolving.billed_principal_minor
    for bill in revolving.bills:
        if bill.due_on < day and bill.minimum_left_minor:
            interest_part = min(interest_minor, bill.minimum_left_minor)
            principal_part = min(billed_minor, bill.minimum_left_minor - interest_part)
            interest_minor -= interest_part
            billed_minor -= principal_part
            yield LineDue(REVOLVING_OWNER, bill.due_on, Timing.PAST_DUE, Component.INTEREST, interest_part)
            yield LineDue(REVOLVING_OWNER, bill.due_on, Timing.PAST_DUE, Component.PRINCIPAL, principal_part)
    asked_on = asked_until(line, day=day)
    yield LineDue(REVOLVING_OWNER, asked_on, Timing.DUE, Component.INTEREST, interest_minor)
    yield LineDue(REVOLVING_OWNER, asked_on, Timing.DUE, Component.PRINCIPAL, billed_minor)
    unbilled_minor = revolving.principal_minor - revolving.billed_principal_minor
    later = asked_on + timedelta(days=1)
    yield LineDue(REVOLVING_OWNER, later, Timing.IN_ADVANCE, Component.PRINCIPAL, unbilled_minor)


def _charge_dues(line: Line, day: date) -> Iterator[LineDue]:
    for charge in line.charges:
        yield LineDue(charge.charge_id, day, Timing.DUE, charge.component, charge.left_minor)


def oldest_unpaid_due_on(line: Line, *, day: date) -> date | None:
    """The oldest due date that was missed when `day` begins; a charge alone never makes a line past due."""
    oldest = day
    for bill in line.revolving.bills:
        if bill.due_on < oldest and bill.minimum_left_minor:
            oldest = bill.due_on
    for plan in line.plans:
        for part in plan.installments:
            if part.due_on < oldest and part.left_minor:
                oldest = part.due_on
    return oldest if oldest < day else None


def days_past_due(line: Line, *, day: date) -> int:
    """Days since the oldest missed due date, without the days on which a pause held."""
    oldest = oldest_unpaid_due_on(line, day=day)
    if oldest is None:
        return 0
    return days_since_missed(oldest, day=day, pauses=line.pauses)


def days_since_missed(oldest_unpaid_due_on: date, *, day: date, pauses: Sequence[Pause]) -> int:
    """Days since a due date that was missed, without the days on which a pause held.

    >>> days_since_missed(date(2026, 3, 1), day=date(2026, 3, 31), pauses=[Pause(date(2026, 3, 11), date(2026, 3, 21))])
    20
    """
    paused = _paused_days(pauses, from_on=oldest_unpaid_due_on + timedelta(days=1), until=day)
    return (day - oldest_unpaid_due_on).days - paused


def _paused_days(pauses: Sequence[Pause], *, from_on: date, until: date) -> int:
    """Days from one day until another begins on which a pause held; a day that two pauses share is one day."""
    days = 0
    for pause in sorted(pauses, key=lambda pause: pause.begins_on):
        begins_on, ends_on = max(pause.begins_on, from_on), min(pause.ends_on, until)
        if begins_on < ends_on:
            days += (ends_on - begins_on).days
            from_on = ends_on
    return days


def bucket(days: int, *, contract: Product) -> str:
    """The contract's delinquency bucket of so many days past due."""
    return max(
        (band for band in contract.delinquency.buckets if band.from_days <= days), key=lambda band: band.from_days
    ).code


def not_billed_minor(line: Line, *, day: date) -> int:
    """What the line still comes to beside what stands in the books: interest accrued, and charges of plans to come.

    Negative where more interest was given back than was billed since.
    """
    accrued_minor = minor_from_micro(line.revolving.interest.on(day)) + minor_from_micro(line.penalty.on(day))
    to_come_minor = sum(
        part.left_of(component)
        for plan in line.plans
        for part in plan.installments
        if part.due_on > day
        for component in (Component.INTEREST, Component.FEE)
    )
    return accrued_minor + to_come_minor


def coming_off_minor(line: Line, *, day: date) -> int:
    """Interest due that a refund has given back already, and the next statement takes off: nobody can waive it too."""
    return max(0, -(line.revolving.interest.on(day) // MICRO))


def owed_minor(line: Line, *, day: date) -> dict[Component, int]:
    """What stands in the books as receivable, by component: all principal, and what was billed of the rest."""
    return {**billed_minor(line, day=day), Component.PRINCIPAL: drawn_minor(line)}


def billed_minor(line: Line, *, day: date) -> dict[Component, int]:
    """What was billed besides principal and stands in the books as receivable, by component."""
    owed = {Component.PENALTY: 0, Component.FEE: 0, Component.INTEREST: line.revolving.interest_due_minor}
    for charge in line.charges:
        owed[charge.component] += charge.left_minor
    for plan in line.plans:
        interest_minor, fee_minor = billed_left_minor(plan, on=day)
        owed[Component.INTEREST] += interest_minor
        owed[Component.FEE] += fee_minor
    return owed
