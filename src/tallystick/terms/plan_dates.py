"""The periods of a plan: where each begins and when its installment is due."""

from datetime import date

from msgspec import Struct

from tallystick.terms.plan_terms import PlanTerms
from tallystick.units.periods import add_periods, working_day


class Span(Struct, frozen=True):
    """One period: its installment is due when it ends."""

    from_on: date
    due_on: date

    @property
    def days(self) -> int:
        """Calendar days from its beginning to its due date."""
        return (self.due_on - self.from_on).days


def plan_spans(terms: PlanTerms, *, drawn_on: date) -> tuple[Span, ...]:
    """The periods of a plan, each beginning where the one before is due.

    >>> terms = PlanTerms(installments=3)
    >>> [str(span.due_on) for span in plan_spans(terms, drawn_on=date(2026, 1, 31))]
    ['2026-02-28', '2026-03-31', '2026-04-30']
    """
    begins_on = terms.starts_on or drawn_on
    due_dates = [due_date(terms, begins_on=begins_on, number=number) for number in range(1, terms.installments + 1)]
    if terms.length is not None:
        due_dates[-1] = add_periods(begins_on, terms.length, unit=terms.period_unit)
    return spans_between(begins_on, due_dates)


def spans_between(begins_on: date, due_dates: list[date]) -> tuple[Span, ...]:
    """Periods one after the other, up to each due date.

    Raises `ValueError` where due dates do not rise: rules that move them would make two fall on one day.
    """
    starts = [begins_on, *due_dates[:-1]]
    for number, (from_on, due_on) in enumerate(zip(starts, due_dates, strict=True), start=1):
        if due_on <= from_on:
            raise ValueError(f"due_on: installment {number} would be due on {due_on}, not after {from_on}; "
                             "give a later first_due_on, or a longer period")  # fmt: skip
    return tuple(Span(from_on=from_on, due_on=due_on) for from_on, due_on in zip(starts, due_dates, strict=True))


def due_date(terms: PlanTerms, *, begins_on: date, number: int) -> date:
    """When the installment of that number is due: counted from the first date, then moved off a day off."""
    due_on = agreed_date(terms, begins_on=begins_on, number=number)
    return working_day(due_on, rule=terms.holiday_rule, days_off=terms.days_off)


def agreed_date(terms: PlanTerms, *, begins_on: date, number: int) -> date:
    """The date of an installment before days off move it, counted from the first date, never stepwise."""
    anchor, periods = (begins_on, number) if terms.first_due_on is None else (terms.first_due_on, number - 1)
    return add_periods(anchor, periods, unit=terms.period_unit, every=terms.every, month_end_rule=terms.month_end_rule)
