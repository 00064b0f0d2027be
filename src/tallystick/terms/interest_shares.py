"""How much of a year's interest falls into a part of a plan's period, as an exact share."""

from datetime import date
from fractions import Fraction
from typing import Final

from tallystick.terms.plan_dates import Span
from tallystick.terms.plan_terms import InterestPeriod, PlanTerms
from tallystick.units.day_counts import (
    DayCount,
    LeapRule,
    has_actual_years,
    has_thirty_day_months,
    holds_feb_29,
    year_days,
    year_share,
)
from tallystick.units.periods import PeriodUnit, add_periods

_PERIODS_A_YEAR: Final = {PeriodUnit.WEEKS: 52, PeriodUnit.MONTHS: 12, PeriodUnit.YEARS: 1}
_UNIT_DAYS: Final = {PeriodUnit.DAYS: 1, PeriodUnit.WEEKS: 7, PeriodUnit.MONTHS: 30, PeriodUnit.YEARS: 360}


def agreed_share(terms: PlanTerms, *, span: Span, from_on: date, until_on: date) -> Fraction:
    """The share of a year in a part of a period, the period counted as long as agreed: what installments are set by.

    >>> month = Span(from_on=date(2026, 1, 31), due_on=date(2026, 2, 28))
    >>> monthly = PlanTerms(installments=12, interest_period=InterestPeriod.SHARE_OF_YEAR)
    >>> agreed_share(monthly, span=month, from_on=date(2026, 1, 31), until_on=date(2026, 2, 14))
    Fraction(1, 24)
    """
    units = Fraction(terms.every)
    return _share(terms, span=span, from_on=from_on, until_on=until_on, units=units)


def accrued_share(terms: PlanTerms, *, span: Span, from_on: date, begins_on: date) -> Fraction:
    """The share of a year from a day to the end of its period, the period counted as long as it is.

    Differs from `agreed_share` where months have 30 days and a first due date makes a period longer or shorter than
    agreed: 45 days to a first due date are a month and a half. `begins_on` is the beginning of the first period.
    """
    if not has_thirty_day_months(terms.day_count):
        units = Fraction(terms.every)
    else:
        units = _units_long(span, unit=terms.period_unit, every=terms.every, begins_on=begins_on)
    return _share(terms, span=span, from_on=from_on, until_on=span.due_on, units=units)


def _share(terms: PlanTerms, *, span: Span, from_on: date, until_on: date, units: Fraction) -> Fraction:
    days = (until_on - from_on).days
    if days <= 0:
        return Fraction(0)
    part = Fraction(days, span.days)
    if terms.interest_period is not InterestPeriod.DAYS and terms.period_unit in _PERIODS_A_YEAR:
        return part * Fraction(terms.every, _PERIODS_A_YEAR[terms.period_unit])
    year = _YearOfDays(terms, span=span, from_on=from_on)
    if year.is_split_by(until_on):
        return year_share(
            start_on=from_on, end_on=until_on, day_count=DayCount.ACTUAL_ACTUAL, year_split=terms.year_split
        )
    if has_thirty_day_months(terms.day_count):
        return part * units * Fraction(_UNIT_DAYS[terms.period_unit], year.days)
    return Fraction(days, year.days)


class _YearOfDays:
    """The year that the days of a part of a period are counted over, by the day count and the leap rule."""

    def __init__(self, terms: PlanTerms, *, span: Span, from_on: date) -> None:
        self.from_on = from_on
        self.days = year_days(terms.day_count, year=from_on.year)
        self.can_split = has_actual_years(terms.day_count)
        if terms.leap_rule is LeapRule.FEB_29_PERIOD_ONLY and self.can_split:
            self.can_split = holds_feb_29(start_on=span.from_on, end_on=span.due_on)
            self.days = self.days if self.can_split else 365

    def is_split_by(self, until_on: date) -> bool:
        """Whether New Year lies between, so that each part counts over its own year."""
        return self.can_split and until_on.year > self.from_on.year


def _units_long(span: Span, *, unit: PeriodUnit, every: int, begins_on: date) -> Fraction:
    """Whole units from the beginning of a period, and the days beyond them as a part of the next unit."""
    if _is_on_grid(span, unit=unit, every=every, begins_on=begins_on):
        return Fraction(every)
    count = 0
    while add_periods(span.from_on, count + 1, unit=unit) <= span.due_on:
        count += 1
    reached_on = add_periods(span.from_on, count, unit=unit)
    next_on = add_periods(span.from_on, count + 1, unit=unit)
    return count + Fraction((span.due_on - reached_on).days, (next_on - reached_on).days)


def _is_on_grid(span: Span, *, unit: PeriodUnit, every: int, begins_on: date) -> bool:
    """Whether a period lies where counting from the first day puts it, so that month ends do not make it odd."""
    if add_periods(span.due_on, -1, unit=unit, every=every) != span.from_on:
        return False
    count = 1
    while (counted_on := add_periods(begins_on, count, unit=unit)) < span.due_on:
        count += 1
    return counted_on == span.due_on
