"""Days on which nobody works, by country: weekends and public holidays, less the weekends that are worked instead."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache

import holidays

from tallystick.terms.product import CalendarRules
from tallystick.units.periods import HolidayRule, working_day


def is_known_country(country: str) -> bool:
    """Whether the days off of a country (ISO code) are known.

    >>> is_known_country("CN"), is_known_country("XX")
    (True, False)
    """
    return country in holidays.list_supported_countries()


@cache
def days_off_of_year(country: str, year: int) -> frozenset[date]:
    """All days of a year on which nobody works in a country.

    Source: the `holidays` library, which follows the yearly notices of China's State Council, worked weekends too.

    >>> off = days_off_of_year("CN", 2026)
    >>> date(2026, 2, 20) in off, date(2026, 2, 28) in off  # a Friday off, a Saturday worked instead
    (True, False)
    """
    calendar = holidays.country_holidays(country, years=(year - 1, year, year + 1))  # swaps cross the new year
    first = date(year, 1, 1)
    days = (first + timedelta(days=number) for number in range((date(year, 12, 31) - first).days + 1))
    return frozenset(day for day in days if not calendar.is_working_day(day))


def days_off_at(days: Iterable[date], *, calendar: CalendarRules) -> tuple[date, ...]:
    """The days off in one run with any of the days, in order: all that the calendar's rule needs to move them.

    Few enough to be frozen into a contract, so that its dates stay whatever is announced later.

    >>> china = CalendarRules(month_end_rule="clamp", holiday_rule=HolidayRule.FOLLOWING, holidays="CN")
    >>> [str(day) for day in days_off_at([date(2026, 6, 19), date(2026, 6, 24)], calendar=china)]
    ['2026-06-19', '2026-06-20', '2026-06-21']
    """
    country = calendar.holidays
    if calendar.holiday_rule is HolidayRule.NONE or country is None:
        return ()
    found: set[date] = set()
    for start in days:
        for step in (timedelta(days=-1), timedelta(days=1)):
            day = start
            while day in days_off_of_year(country, day.year):
                found.add(day)
                day += step
    return tuple(sorted(found))


def moved(day: date, *, calendar: CalendarRules) -> date:
    """Where a date falls by the calendar's own rule and days off.

    >>> china = CalendarRules(month_end_rule="clamp", holiday_rule=HolidayRule.FOLLOWING, holidays="CN")
    >>> moved(date(2026, 2, 16), calendar=china)  # the Spring Festival lasts until Monday the 23rd
    datetime.date(2026, 2, 24)
    """
    return working_day(day, rule=calendar.holiday_rule, days_off=days_off_at([day], calendar=calendar))


@cache
def announced_through(country: str) -> int | None:
    """The last year whose days off are announced, where a government names them year by year; None where laws do.

    After that year only what the law itself names is known: whoever plans further must be told.
    """
    worked = holidays.country_holidays(country, years=range(2020, 2040)).weekend_workdays
    return max((day.year for day in worked), default=None)
