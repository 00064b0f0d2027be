"""Time between two dates as the laws on annual rates count it: unit periods (US), years of equal months (EU, China)."""

import calendar
from collections import Counter
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Final

import msgspec

_WEEK_DAYS: Final = 7
_WEEKS_A_YEAR: Final = 52
_MONTHS_A_YEAR: Final = 12
# Reg Z Appendix J (b)(3): all months are equal, of 30 days.
_MONTH_DAYS: Final = 30
_HALF_MONTH_DAYS: Final = 15
_YEAR_DAYS: Final = 365
_MONTH_END: Final = 31


class Interval(StrEnum):
    """What a unit period is a multiple of: the standard intervals of Reg Z Appendix J (b)(3)."""

    DAY = "day"
    WEEK = "week"
    SEMIMONTH = "semimonth"
    MONTH = "month"


class UnitPeriod(msgspec.Struct, frozen=True, order=True):
    """A number of standard intervals, at most a year: `UnitPeriod(interval=Interval.MONTH, count=3)` is a quarter."""

    interval: Interval
    count: int

    def periods_per_year(self) -> Fraction:
        """How many make a year, Reg Z Appendix J (b)(5).

        >>> UnitPeriod(interval=Interval.WEEK, count=2).periods_per_year()
        Fraction(26, 1)
        >>> UnitPeriod(interval=Interval.DAY, count=255).periods_per_year()
        Fraction(73, 51)
        """
        return Fraction(_INTERVALS_PER_YEAR[self.interval], self.count)

    def days(self) -> int:
        """Its length where months have 30 days; only to compare periods by length."""
        return self.count * _INTERVAL_DAYS[self.interval]


_INTERVALS_PER_YEAR: Final = {
    Interval.DAY: _YEAR_DAYS,
    Interval.WEEK: _WEEKS_A_YEAR,
    Interval.SEMIMONTH: 24,
    Interval.MONTH: _MONTHS_A_YEAR,
}
_INTERVAL_DAYS: Final = {
    Interval.DAY: 1,
    Interval.WEEK: _WEEK_DAYS,
    Interval.SEMIMONTH: _HALF_MONTH_DAYS,
    Interval.MONTH: _MONTH_DAYS,
}


_YEAR: Final = UnitPeriod(interval=Interval.MONTH, count=_MONTHS_A_YEAR)


class UnitSpan(msgspec.Struct, frozen=True):
    """Full unit periods, and the odd part of one more."""

    periods: int
    odd_period: Fraction


class MonthsAndDays(msgspec.Struct, frozen=True):
    """Full months counted back from the later date, and the days that remain before `odd_days_end_on`."""

    months: int
    odd_days: int
    odd_days_end_on: date


def months_and_days(*, start_on: date, end_on: date, day_of_month: int) -> MonthsAndDays:
    """Count full months back from `end_on`; `day_of_month` is the day on which the series falls where a month has it.

    >>> months_and_days(start_on=date(1978, 2, 10), end_on=date(1978, 4, 1), day_of_month=1)
    MonthsAndDays(months=1, odd_days=19, odd_days_end_on=datetime.date(1978, 3, 1))
    >>> months_and_days(start_on=date(2026, 1, 31), end_on=date(2026, 2, 28), day_of_month=31).months
    1
    """
    months = (end_on.year - start_on.year) * _MONTHS_A_YEAR + end_on.month - start_on.month
    if _months_before(end_on, months=months, day_of_month=day_of_month) < start_on:
        months -= 1
    turn_on = _months_before(end_on, months=months, day_of_month=day_of_month)
    return MonthsAndDays(months=months, odd_days=(turn_on - start_on).days, odd_days_end_on=turn_on)


class SeriesDay(msgspec.Struct, frozen=True, order=True):
    """A date, and the day of the month on which its series falls where a month has it: a February 28 may mean 31."""

    on: date
    day_of_month: int


def series_days(*, start_on: date, dates: Sequence[date]) -> tuple[SeriesDay, ...]:
    """Dates of one series, all advances or all payments, with the day of the month that they mean.

    Month ends stay month ends, and the 30th is one in February; dates of no common day mean their own, and so does
    what happens on the day of the first advance.

    >>> month_ends = [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]
    >>> [day.day_of_month for day in series_days(start_on=date(2025, 12, 10), dates=month_ends)]
    [31, 31, 31]
    >>> [day.day_of_month for day in series_days(start_on=date(2026, 1, 30), dates=[date(2026, 2, 28)])]
    [30]
    """
    later = {day for day in dates if day > start_on}
    for meant in (start_on.day, max((day.day for day in later), default=start_on.day)):
        if all(day.day == min(meant, _last_day(day)) for day in later):
            return tuple(SeriesDay(on=day, day_of_month=meant if day in later else day.day) for day in dates)
    return tuple(SeriesDay(on=day, day_of_month=day.day) for day in dates)


def unit_spans(*, start_on: date, days: Sequence[SeriesDay], unit_period: UnitPeriod) -> tuple[UnitSpan, ...]:
    """How far each day lies from the first advance, Reg Z Appendix J (b)(5)(ii)-(v).

    >>> quarter = UnitPeriod(interval=Interval.MONTH, count=3)
    >>> days = [SeriesDay(on=date(1978, 10, 1), day_of_month=1)]
    >>> unit_spans(start_on=date(1978, 5, 23), days=days, unit_period=quarter)
    (UnitSpan(periods=1, odd_period=Fraction(13, 30)),)
    """
    return tuple(_unit_span(start_on=start_on, day=day, unit_period=unit_period) for day in days)


def _unit_span(*, start_on: date, day: SeriesDay, unit_period: UnitPeriod) -> UnitSpan:
    if unit_period.interval in (Interval.DAY, Interval.WEEK):
        return _span_of_days((day.on - start_on).days, unit_days=unit_period.days())
    counted = months_and_days(start_on=start_on, end_on=day.on, day_of_month=day.day_of_month)
    if unit_period == _YEAR:
        years, months = divmod(counted.months, _MONTHS_A_YEAR)
        if not counted.odd_days:
            return UnitSpan(periods=years, odd_period=Fraction(months, _MONTHS_A_YEAR))
        turn_on = _months_before(day.on, months=years * _MONTHS_A_YEAR, day_of_month=day.day_of_month)
        return UnitSpan(periods=years, odd_period=Fraction((turn_on - start_on).days, _YEAR_DAYS))
    return _span_of_days(_MONTH_DAYS * counted.months + counted.odd_days, unit_days=unit_period.days())


def _span_of_days(days: int, *, unit_days: int) -> UnitSpan:
    periods, odd_days = divmod(days, unit_days)
    return UnitSpan(periods=periods, odd_period=Fraction(odd_days, unit_days))


def year_fractions(*, start_on: date, days: Sequence[SeriesDay]) -> tuple[Fraction, ...]:
    """How many years each day lies from the first drawdown, EU directive 2008/48 Annex I, remark (c).

    Whole months where every date allows it, else whole weeks (a year has 52), else months and odd days: these are
    counted at the beginning and divided by the 365 or 366 days of the year that ends with the last of them.

    >>> days = [SeriesDay(on=date(2026, 2, 15), day_of_month=15), SeriesDay(on=date(2027, 1, 15), day_of_month=15)]
    >>> year_fractions(start_on=date(2026, 1, 15), days=days)
    (Fraction(1, 12), Fraction(1, 1))
    >>> year_fractions(start_on=date(2026, 1, 5), days=days[:1]) == (Fraction(1, 12) + Fraction(10, 365),)
    True
    """
    counted = [months_and_days(start_on=start_on, end_on=day.on, day_of_month=day.day_of_month) for day in days]
    day_counts = [(day.on - start_on).days for day in days]
    if any(count.odd_days for count in counted) and not any(count % _WEEK_DAYS for count in day_counts):
        return tuple(Fraction(count, _WEEK_DAYS * _WEEKS_A_YEAR) for count in day_counts)
    return tuple(
        Fraction(count.months, _MONTHS_A_YEAR) + Fraction(count.odd_days, _year_days_before(count.odd_days_end_on))
        for count in counted
    )


def unit_period_of(*, start_on: date, days: Sequence[SeriesDay]) -> UnitPeriod:
    """The period that occurs most often between flows, at most a year, Reg Z Appendix J (b)(4).

    One advance and one payment have their whole term; of equally frequent periods the shorter counts; where none
    occurs twice, the average to the nearest week or month. At least one day lies after `start_on`.

    >>> quarterly = [SeriesDay(on=date(1978, 10, 1), day_of_month=1), SeriesDay(on=date(1979, 1, 1), day_of_month=1),
    ...              SeriesDay(on=date(1979, 4, 1), day_of_month=1)]
    >>> unit_period_of(start_on=date(1978, 5, 23), days=quarterly)
    UnitPeriod(interval=<Interval.MONTH: 'month'>, count=3)
    >>> unit_period_of(start_on=date(1978, 1, 3), days=[SeriesDay(on=date(1978, 9, 15), day_of_month=15)])
    UnitPeriod(interval=<Interval.DAY: 'day'>, count=255)
    """
    ends = sorted({day.on: day for day in sorted(days) if day.on > start_on}.values())
    assert ends, "a unit period needs time to pass"
    if len(ends) == 1:
        return _whole_term(start_on=start_on, day=ends[0])
    dates = [day.on for day in ends]
    if _is_semimonthly(dates):
        return UnitPeriod(interval=Interval.SEMIMONTH, count=1)
    often = Counter(_period_between(earlier, later) for earlier, later in zip((start_on, *dates), ends, strict=False))
    most = max(often.values())
    if most > 1:
        return min((period for period, count in often.items() if count == most), key=UnitPeriod.days)
    return _nearest_standard((dates[-1] - start_on).days / len(dates))


def _whole_term(*, start_on: date, day: SeriesDay) -> UnitPeriod:
    """Appendix J (b)(4)(ii), (b)(5)(vi) and (vii): whole months, else days, and never more than a year."""
    period = _period_between(start_on, day)
    if period.interval is Interval.MONTH:
        return period
    return UnitPeriod(interval=Interval.DAY, count=(day.on - start_on).days)


def _period_between(earlier: date, later: SeriesDay) -> UnitPeriod:
    counted = months_and_days(start_on=earlier, end_on=later.on, day_of_month=later.day_of_month)
    if counted.months >= _MONTHS_A_YEAR:
        return _YEAR
    if not counted.odd_days:
        return UnitPeriod(interval=Interval.MONTH, count=counted.months)
    weeks, odd_days = divmod((later.on - earlier).days, _WEEK_DAYS)
    if not odd_days:
        return UnitPeriod(interval=Interval.WEEK, count=weeks)
    return UnitPeriod(interval=Interval.DAY, count=(later.on - earlier).days)


def _is_semimonthly(dates: Sequence[date]) -> bool:
    """Two days of the month in turn, such as the 1st and the 16th, or the 15th and the end."""
    gaps = {(later - earlier).days for earlier, later in pairwise(dates)}
    days = {_MONTH_END if day.day >= _MONTH_DAYS or day.day == _last_day(day) else day.day for day in dates}
    return len(dates) > 2 and len(days) == 2 and gaps <= {13, 14, 15, 16} and len(gaps) > 1


def _nearest_standard(days: float) -> UnitPeriod:
    standard = [
        *(UnitPeriod(interval=Interval.WEEK, count=count) for count in range(1, _WEEKS_A_YEAR + 1)),
        *(UnitPeriod(interval=Interval.MONTH, count=count) for count in range(1, _MONTHS_A_YEAR + 1)),
        UnitPeriod(interval=Interval.SEMIMONTH, count=1),
        UnitPeriod(interval=Interval.DAY, count=1),
    ]
    return min(standard, key=lambda period: (abs(period.days() - days), period.days()))


def _months_before(day: date, *, months: int, day_of_month: int) -> date:
    year, month = divmod(day.year * _MONTHS_A_YEAR + day.month - 1 - months, _MONTHS_A_YEAR)
    first = date(year, month + 1, 1)
    return first.replace(day=min(day_of_month, _last_day(first)))


def _last_day(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _year_days_before(day: date) -> int:
    """Days of the year that ends on `day`: 366 where it holds a 29th of February."""
    year_earlier = _months_before(day, months=_MONTHS_A_YEAR, day_of_month=day.day)
    return (day - year_earlier).days
