"""A payment to a plan whose interest stays as scheduled: it pays what the installments ask for, in the order agreed."""

from collections import Counter
from datetime import date
from typing import Final

from tallystick.servicing.allocation import AllocationOrder, allocate
from tallystick.servicing.plan_book import Book
from tallystick.servicing.plan_state import Due, Paid, Plan, timing_of
from tallystick.terms.product import Component

_OF_A_PLAN: Final = (Component.PRINCIPAL, Component.INTEREST, Component.FEE)


def dues(plan: Plan, *, on: date, until: date = date.max) -> tuple[Due, ...]:
    """Everything left to pay that is due `until` a day, oldest first, with its timing seen from the day `on`."""
    return tuple(
        Due(
            owner_id=plan.plan_id,
            number=installment.number,
            due_on=installment.due_on,
            timing=timing_of(installment.due_on, on=on),
            component=component,
            left_minor=left_minor,
        )
        for installment in plan.installments
        if installment.due_on <= until and installment.left_minor
        for component in _OF_A_PLAN
        if (left_minor := installment.left_of(component)) > 0
    )


def running_due_on(plan: Plan, *, on: date) -> date | None:
    """The due date of the period that a day lies in."""
    return next((part.due_on for part in plan.installments if part.from_on <= on < part.due_on), None)


def pay_as_scheduled(plan: Plan, *, on: date, amount_minor: int, order: AllocationOrder, until: date) -> Paid:
    """Pay dues until a day in the order agreed; what is left when nothing is due any more is the rest."""
    book = Book(plan)
    applied: Counter[Component] = Counter()
    owed = dues(plan, on=on, until=until)
    shares = allocate(owed, amount_minor=amount_minor, order=order, running_due_on=running_due_on(plan, on=on))
    for due, share_minor in shares:
        book.pay(due.number - 1, component=due.component, amount_minor=share_minor, on=on)
        applied[due.component] += share_minor
    rest_minor = amount_minor - sum(applied.values())
    return Paid(plan=book.closed(rolled_to=on), applied_minor=dict(applied), rest_minor=rest_minor)
