"""What part of a year's rate falls into a part of a plan's period."""

from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Final

from tallystick.terms.plan_dates import Span
from tallystick.terms.plan_terms import InterestPeriod, PlanTerms
from tallystick.units.arithmetic import Arithmetic, Number
from tallystick.units.day_counts import (
    LeapRule,
    has_actual_years,
    has_thirty_day_months,
    holds_feb_29,
    parts_by_year,
    year_days,
)
from tallystick.units.periods import PeriodUnit, add_periods
from tallystick.units.rates import PPM

_PERIODS_A_YEAR: Final = {PeriodUnit.WEEKS: 52, PeriodUnit.MONTHS: 12, PeriodUnit.YEARS: 1}
_UNIT_DAYS: Final = {PeriodUnit.DAYS: 1, PeriodUnit.WEEKS: 7, PeriodUnit.MONTHS: 30, PeriodUnit.YEARS: 360}


Ratio = tuple[int, int]


@lru_cache(maxsize=1024)
def period_rates(terms: PlanTerms, *, begins_on: date) -> "PeriodRates":
    """The rates of a plan's periods, counted once for all that happens to it."""
    return PeriodRates(terms, begins_on=begins_on)


class PeriodRates:
    """The rates of parts of a plan's periods: the share of a year that a part is, times what the borrower pays a year.

    `begins_on` is the beginning of the first period.
    """

    def __init__(self, terms: PlanTerms, *, begins_on: date) -> None:
        self.terms = terms
        self.arithmetic = Arithmetic(terms.significant_digits)
        self._begins_on = begins_on
        borrower_share = Fraction(PPM - terms.merchant_subsidy_ppm, PPM)
        self._yearly = self.arithmetic.number(Fraction(terms.nominal_rate) * borrower_share)
        self._accrued: dict[tuple[date, date], Number] = {}
        self._daily: dict[tuple[date, date], Ratio] = {}

    def agreed(self, span: Span, *, from_on: date, until_on: date) -> Number:
        """The rate of a part of a period, the period counted as long as agreed: what installments are set by.

        >>> from decimal import Decimal
        >>> month = Span(from_on=date(2026, 1, 31), due_on=date(2026, 2, 28))
        >>> monthly = PlanTerms(installments=12, nominal_rate=Decimal("0.12"),
        ...                     interest_period=InterestPeriod.SHARE_OF_YEAR)
        >>> PeriodRates(monthly, begins_on=date(2026, 1, 31)).agreed(
        ...     month, from_on=date(2026, 1, 31), until_on=date(2026, 2, 14))
        Fraction(1, 200)
        """
        return self._rate(span, from_on=from_on, until_on=until_on, units=Fraction(self.terms.every))

    def accrued(self, span: Span, *, from_on: date) -> Number:
        """The rate from a day to the end of its period, the period counted as long as it is.

        Differs from `agreed` where months have 30 days and a first due date makes a period longer or shorter than
        agreed: 45 days to a first due date are a month and a half.
        """
        key = span.due_on, from_on
        if key not in self._accrued:
            units = Fraction(self.terms.every)
            if has_thirty_day_months(self.terms.day_count):
                units = self._units_long(span)
            self._accrued[key] = self._rate(span, from_on=from_on, until_on=span.due_on, units=units)
        return self._accrued[key]

    def interest(self, span: Span, *, from_on: date, balance_minor: int, days: int) -> Ratio:
        """Interest of so many days of a stretch that begins on a day, in minor units as numerator and denominator."""
        length = (span.due_on - from_on).days
        if self.terms.significant_digits is not None:
            to_end = self.arithmetic.product(balance_minor, self.accrued(span, from_on=from_on))
            found = self.arithmetic.product(self.arithmetic.quotient(to_end, length), days)
            return found.as_integer_ratio()
        key = span.due_on, from_on
        if key not in self._daily:
            self._daily[key] = (Fraction(self.accrued(span, from_on=from_on)) / length).as_integer_ratio()
        numerator, denominator = self._daily[key]
        return balance_minor * days * numerator, denominator

    def usual(self) -> Number:
        """The rate of one period as if all were alike: months of 30 days, or the share of the year that it is."""
        unit = self.terms.period_unit
        if self.terms.interest_period is not InterestPeriod.DAYS and unit in _PERIODS_A_YEAR:
            return self._of_year(self.arithmetic.quotient(self.terms.every, _PERIODS_A_YEAR[unit]), days=1, of_days=1)
        days = year_days(self.terms.day_count, year=self._begins_on.year)
        year_share = self.arithmetic.quotient(_UNIT_DAYS[unit] * self.terms.every, days)
        return self._of_year(year_share, days=1, of_days=1)

    def whole_term(self, ends_on: date) -> Number:
        """The rate of the whole term, counted as one stretch."""
        unit = self.terms.period_unit
        if self.terms.interest_period is not InterestPeriod.DAYS and unit in _PERIODS_A_YEAR:
            periods = self.arithmetic.number(self._units_long(Span(from_on=self._begins_on, due_on=ends_on)))
            return self._of_year(self.arithmetic.quotient(periods, _PERIODS_A_YEAR[unit]), days=1, of_days=1)
        days = (ends_on - self._begins_on).days
        year_share = self.arithmetic.quotient(days, year_days(self.terms.day_count, year=self._begins_on.year))
        return self._of_year(year_share, days=1, of_days=1)

    def _rate(self, span: Span, *, from_on: date, until_on: date, units: Fraction) -> Number:
        days = (until_on - from_on).days
        unit = self.terms.period_unit
        if days <= 0:
            return self.arithmetic.number(0)
        if self.terms.interest_period is not InterestPeriod.DAYS and unit in _PERIODS_A_YEAR:
            year_share = self.arithmetic.quotient(self.terms.every, _PERIODS_A_YEAR[unit])
            return self._of_year(year_share, days=days, of_days=span.days)
        year = _YearOfDays(self.terms, span=span, from_on=from_on)
        if year.is_split_by(until_on):
            return self._of_year(self._split_share(from_on=from_on, until_on=until_on), days=1, of_days=1)
        if has_thirty_day_months(self.terms.day_count):
            unit_days = self.arithmetic.product(_UNIT_DAYS[unit], self.arithmetic.number(units))
            year_share = self.arithmetic.quotient(unit_days, year.days)
            return self._of_year(year_share, days=days, of_days=span.days)
        return self._of_year(self.arithmetic.quotient(days, year.days), days=1, of_days=1)

    def _of_year(self, year_share: Number, *, days: int, of_days: int) -> Number:
        """So many days of so many of a share of the year's rate."""
        rate = self.arithmetic.product(self._yearly, year_share)
        rate = self.arithmetic.quotient(self.arithmetic.product(rate, days), of_days)
        return self.arithmetic.at_last_place(rate)

    def _split_share(self, *, from_on: date, until_on: date) -> Number:
        """The share of a stretch over New Year: each part over the days of its own year."""
        found = self.arithmetic.number(0)
        for year, days in parts_by_year(start_on=from_on, end_on=until_on, year_split=self.terms.year_split):
            found += self.arithmetic.quotient(days, year_days(self.terms.day_count, year=year))  # type: ignore[operator]
        return found

    def _units_long(self, span: Span) -> Fraction:
        """Whole units from the beginning of a period, and the days beyond them as a part of the next unit."""
        unit = self.terms.period_unit
        if self._is_on_grid(span):
            return Fraction(self.terms.every)
        count = 0
        while add_periods(span.from_on, count + 1, unit=unit) <= span.due_on:
            count += 1
        reached_on = add_periods(span.from_on, count, unit=unit)
        next_on = add_periods(span.from_on, count + 1, unit=unit)
        return count + Fraction((span.due_on - reached_on).days, (next_on - reached_on).days)

    def _is_on_grid(self, span: Span) -> bool:
        """Whether a period lies where counting from the first date puts it, so that month ends do not make it odd."""
        place = 0
        anchor = self.terms.first_due_on or self._begins_on
        while self._counted(anchor, place) < span.due_on:
            place += 1
        return self._counted(anchor, place) == span.due_on and self._counted(anchor, place - 1) == span.from_on

    def _counted(self, anchor: date, place: int) -> date:
        terms = self.terms
        return add_periods(
            anchor, place, unit=terms.period_unit, every=terms.every, month_end_rule=terms.month_end_rule
        )


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
