"""Day counts: how long a stretch of days is, as an exact share of a year."""

from collections.abc import Iterator
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction


class DayCount(StrEnum):
    """How days become a share of a year: how the days of a month are counted, over how many days of a year.

    Source: ISDA 2006 Definitions 4.16: 30/360 is 30E/360 (g), actual/360 (e), actual/365 fixed (d),
    actual/actual (b). The others are met in contracts of shops and credit unions; 364 days are 52 weeks.
    """

    THIRTY_360 = "thirty_360"
    THIRTY_364 = "thirty_364"
    THIRTY_365 = "thirty_365"
    THIRTY_ACTUAL = "thirty_actual"
    ACTUAL_360 = "actual_360"
    ACTUAL_364 = "actual_364"
    ACTUAL_365 = "actual_365"
    ACTUAL_ACTUAL = "actual_actual"


class LeapRule(StrEnum):
    """When a year counts 366 days in actual/actual: every leap year, or only in a stretch that holds a 29 February."""

    ACTUAL = "actual"
    FEB_29_PERIOD_ONLY = "feb_29_period_only"


class YearSplit(StrEnum):
    """Where a stretch over New Year is cut in two, each part counted over its own year's days.

    ISDA counts the nights of each year, so the first part ends where 1 January begins. `last_of_december` ends it a
    day earlier, so that the night of 31 December counts in the new year.
    """

    FIRST_OF_JANUARY = "first_of_january"
    LAST_OF_DECEMBER = "last_of_december"


def year_share(
    *,
    start_on: date,
    end_on: date,
    day_count: DayCount,
    leap_rule: LeapRule = LeapRule.ACTUAL,
    year_split: YearSplit = YearSplit.FIRST_OF_JANUARY,
) -> Fraction:
    """The stretch from `start_on` up to, not including, `end_on` as an exact share of a year.

    Raises `ValueError` where the stretch ends before it starts.

    >>> half_year = {"start_on": date(2024, 1, 31), "end_on": date(2024, 7, 31)}
    >>> for day_count in DayCount:
    ...     print(day_count, year_share(**half_year, day_count=day_count))
    thirty_360 1/2
    thirty_364 45/91
    thirty_365 36/73
    thirty_actual 30/61
    actual_360 91/180
    actual_364 1/2
    actual_365 182/365
    actual_actual 91/183
    """
    if end_on < start_on:
        raise ValueError(f"end_on: {end_on} lies before start_on {start_on}; give the earlier day first")
    if day_count is DayCount.ACTUAL_ACTUAL:
        return _actual_actual(start_on=start_on, end_on=end_on, leap_rule=leap_rule, year_split=year_split)
    if has_thirty_day_months(day_count):
        days = thirty_day_months(start_on=start_on, end_on=end_on)
    else:
        days = (end_on - start_on).days
    return Fraction(days, year_days(day_count, year=start_on.year))


def year_days(day_count: DayCount, *, year: int) -> int:
    """The days that a calendar year counts.

    >>> year_days(DayCount.ACTUAL_360, year=2024), year_days(DayCount.ACTUAL_ACTUAL, year=2024)
    (360, 366)
    """
    match day_count:
        case DayCount.THIRTY_360 | DayCount.ACTUAL_360:
            return 360
        case DayCount.THIRTY_364 | DayCount.ACTUAL_364:
            return 364
        case DayCount.THIRTY_365 | DayCount.ACTUAL_365:
            return 365
        case DayCount.THIRTY_ACTUAL | DayCount.ACTUAL_ACTUAL:
            return 366 if is_leap(year) else 365


def has_actual_years(day_count: DayCount) -> bool:
    """Whether a year counts the days that it has."""
    return day_count in {DayCount.THIRTY_ACTUAL, DayCount.ACTUAL_ACTUAL}


def has_thirty_day_months(day_count: DayCount) -> bool:
    """Whether a month counts 30 days."""
    return day_count in {DayCount.THIRTY_360, DayCount.THIRTY_364, DayCount.THIRTY_365, DayCount.THIRTY_ACTUAL}


def thirty_day_months(*, start_on: date, end_on: date) -> int:
    """Days between two dates when each month has 30: the 31st counts as the 30th (30E/360).

    >>> thirty_day_months(start_on=date(2026, 1, 31), end_on=date(2026, 2, 28))
    28
    >>> thirty_day_months(start_on=date(2026, 1, 31), end_on=date(2026, 3, 31))
    60
    """
    months = (end_on.year - start_on.year) * 12 + end_on.month - start_on.month
    return months * 30 + min(end_on.day, 30) - min(start_on.day, 30)


def holds_feb_29(*, start_on: date, end_on: date) -> bool:
    """Whether a 29 February lies after `start_on`, up to and with `end_on`.

    >>> holds_feb_29(start_on=date(2024, 2, 1), end_on=date(2024, 3, 1))
    True
    >>> holds_feb_29(start_on=date(2024, 2, 29), end_on=date(2024, 3, 29))
    False
    """
    years = range(start_on.year, end_on.year + 1)
    return any(is_leap(year) and start_on < date(year, 2, 29) <= end_on for year in years)


def is_leap(year: int) -> bool:
    """Whether a year has 366 days.

    >>> is_leap(2024), is_leap(2100), is_leap(2000)
    (True, False, True)
    """
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _actual_actual(*, start_on: date, end_on: date, leap_rule: LeapRule, year_split: YearSplit) -> Fraction:
    if leap_rule is LeapRule.FEB_29_PERIOD_ONLY:
        long_year = holds_feb_29(start_on=start_on, end_on=end_on)
        return Fraction((end_on - start_on).days, 366 if long_year else 365)
    parts = parts_by_year(start_on=start_on, end_on=end_on, year_split=year_split)
    return sum((Fraction(days, 366 if is_leap(year) else 365) for year, days in parts), Fraction(0))


def parts_by_year(*, start_on: date, end_on: date, year_split: YearSplit) -> Iterator[tuple[int, int]]:
    """Each year that a stretch touches, and how many of its days count there.

    >>> stretch = (date(2023, 12, 12), date(2024, 1, 12))
    >>> list(parts_by_year(start_on=stretch[0], end_on=stretch[1], year_split=YearSplit.LAST_OF_DECEMBER))
    [(2023, 19), (2024, 12)]
    """
    early = timedelta(days=0 if year_split is YearSplit.FIRST_OF_JANUARY else 1)
    for year in range(start_on.year, end_on.year + 1):
        begins_on = max(start_on, date(year, 1, 1) - early) if year > start_on.year else start_on
        ends_on = min(end_on, date(year + 1, 1, 1) - early) if year < end_on.year else end_on
        yield year, (ends_on - begins_on).days
