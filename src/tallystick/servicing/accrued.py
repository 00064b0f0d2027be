"""What a line has earned and not billed: one straight line per day until the next change that time makes.

Revolving and penalty interest accrue on a balance; the price of a plan's running period accrues evenly over its days.
None of these bends before the line's next due day, so two whole numbers carry the sum: columns can add up a million
lines without opening one, and get the same figure to the millionth of a minor unit.
"""

from datetime import date

from tallystick.servicing.accruing import MICRO, Accrual
from tallystick.servicing.line import Condition, Line
from tallystick.servicing.plan import Plan


def accrued(line: Line) -> Accrual:
    """Everything accrued and not billed when `as_of` begins, and what each day adds until the line next changes."""
    if line.condition is not Condition.OPEN:
        return Accrual(counted_to=line.as_of)
    day = line.as_of
    accrued_micro = daily_micro = 0
    for part in (line.revolving.interest, line.penalty, *[running_price(plan, day=day) for plan in line.plans]):
        accrued_micro += part.on(day)
        daily_micro += part.daily_micro
    return Accrual(counted_to=day, accrued_micro=accrued_micro, daily_micro=daily_micro)


def running_price(plan: Plan, *, day: date) -> Accrual:
    """Interest and fee of the period that a day lies in, earned evenly over its days, less what was paid in advance.

    The micro units that the days do not share evenly are earned when the installment falls due.
    """
    running = next((part for part in plan.installments if part.from_on <= day < part.due_on), None)
    if running is None:
        return Accrual(counted_to=day)
    open_minor = running.interest_minor + running.fee_minor - running.paid_interest_minor - running.paid_fee_minor
    daily_micro = open_minor * MICRO // (running.due_on - running.from_on).days
    return Accrual(counted_to=running.from_on, daily_micro=daily_micro).rolled(day)
