"""When statements close and when they are due, by the product's cycle."""

from datetime import date, timedelta

from tallystick.terms.product import PayNextMonth
from tallystick.units.periods import add_months


def closes_on(day: date, *, cycle: PayNextMonth) -> date:
    """The day at whose end the first statement closes that holds what is posted on `day`."""
    this_month = day.replace(day=cycle.statement_day)
    return this_month if this_month >= day else add_months(this_month, 1)


def due_on(closed_on: date, *, cycle: PayNextMonth) -> date:
    """When a statement closed on that day is due, before any holiday rule: the next due day, or so many days later.

    >>> from tallystick.terms.catalog import shipped_products
    >>> cycle = shipped_products()["baitiao"].pay_next_month
    >>> due_on(closes_on(date(2026, 1, 20), cycle=cycle), cycle=cycle)
    datetime.date(2026, 2, 28)
    """
    if cycle.due_day is None:
        return closed_on + timedelta(days=cycle.due_after_days or 0)
    this_month = closed_on.replace(day=cycle.due_day)
    return this_month if this_month > closed_on else add_months(this_month, 1)
