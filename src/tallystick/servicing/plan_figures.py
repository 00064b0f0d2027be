"""What a plan comes to on a day: charged, paid and left, as the line and its books ask for it."""

from datetime import date

from tallystick.servicing.plan_state import Plan
from tallystick.terms.product import Component


def charged_minor(plan: Plan, *, on: date) -> dict[Component, int]:
    """Interest and fees that stand in the books as receivable or paid: those of installments due, and paid early."""
    interest_minor = fee_minor = 0
    for part in plan.installments:
        is_due = part.due_on <= on
        interest_minor += part.interest_minor if is_due else part.paid_interest_minor
        fee_minor += part.fee_minor if is_due else part.paid_fee_minor
    return {Component.INTEREST: interest_minor, Component.FEE: fee_minor}


def billed_left_minor(plan: Plan, *, on: date) -> tuple[int, int]:
    """Interest and fees of installments due and not paid."""
    interest_minor = fee_minor = 0
    for part in plan.installments:
        if part.due_on <= on:
            interest_minor += part.interest_minor - part.waived_interest_minor - part.paid_interest_minor
            fee_minor += part.fee_minor - part.waived_fee_minor - part.paid_fee_minor
    return interest_minor, fee_minor


def left_minor(plan: Plan) -> int:
    """Everything left to pay, due or not."""
    return sum(part.left_minor for part in plan.installments)
