"""Periods of a contract: every date is counted from the first one, and rules with names say what a date becomes."""

from calendar import monthrange
from collections.abc import Collection
from datetime import date, timedelta
from enum import StrEnum


class PeriodUnit(StrEnum):
    """What periods are counted in."""

    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


class MonthEndRule(StrEnum):
    """What a day becomes that a month does not have: the month's last day, or the first day of the next month."""

    CLAMP = "clamp"
    ROLL = "roll"


class HolidayRule(StrEnum):
    """What a due date on a day off becomes (ISDA 2006 Definitions 4.12).

    `modified_following` is the next working day, but the one before where the next lies in another month.
    """

    NONE = "none"
    FOLLOWING = "following"
    MODIFIED_FOLLOWING = "modified_following"
    PRECEDING = "preceding"


def add_months(anchor: date, months: int, *, month_end_rule: MonthEndRule = MonthEndRule.CLAMP) -> date:
    """The same day of the month, so many months after the anchor (before it, where negative).

    >>> [add_months(date(2026, 1, 31), months).isoformat() for months in (1, 2, 3)]
    ['2026-02-28', '2026-03-31', '2026-04-30']
    >>> add_months(date(2026, 1, 31), 1, month_end_rule=MonthEndRule.ROLL)
    datetime.date(2026, 3, 1)
    """
    years, month_before = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    last_day = monthrange(years, month_before + 1)[1]
    found = date(years, month_before + 1, min(anchor.day, last_day))
    if anchor.day > last_day and month_end_rule is MonthEndRule.ROLL:
        return found + timedelta(days=1)
    return found


def add_periods(
    anchor: date, periods: int, *, unit: PeriodUnit, every: int = 1, month_end_rule: MonthEndRule = MonthEndRule.CLAMP
) -> date:
    """The end of so many periods after the anchor, each `every` units long; never counted stepwise.

    >>> [add_periods(date(2024, 1, 31), count, unit=PeriodUnit.MONTHS).isoformat() for count in (1, 2)]
    ['2024-02-29', '2024-03-31']
    >>> add_periods(date(2024, 1, 31), 3, unit=PeriodUnit.WEEKS, every=2)
    datetime.date(2024, 3, 13)
    """
    count = periods * every
    match unit:
        case PeriodUnit.DAYS:
            return anchor + timedelta(days=count)
        case PeriodUnit.WEEKS:
            return anchor + timedelta(weeks=count)
        case PeriodUnit.MONTHS:
            return add_months(anchor, count, month_end_rule=month_end_rule)
        case PeriodUnit.YEARS:
            return add_months(anchor, 12 * count, month_end_rule=month_end_rule)


def working_day(day: date, *, rule: HolidayRule, days_off: Collection[date] = frozenset()) -> date:
    """Where a date moves by the holiday rule. `days_off` holds every day on which nobody works, weekends too.

    Raises `ValueError` where days off leave no working day within a month.

    >>> weekend = {date(2026, 1, 31), date(2026, 2, 1)}
    >>> for rule in HolidayRule:
    ...     print(rule, working_day(date(2026, 1, 31), rule=rule, days_off=weekend))
    none 2026-01-31
    following 2026-02-02
    modified_following 2026-01-30
    preceding 2026-01-30
    """
    match rule:
        case HolidayRule.NONE:
            return day
        case HolidayRule.FOLLOWING:
            return _nearest(day, step=1, days_off=days_off)
        case HolidayRule.PRECEDING:
            return _nearest(day, step=-1, days_off=days_off)
        case HolidayRule.MODIFIED_FOLLOWING:
            following = _nearest(day, step=1, days_off=days_off)
            return following if following.month == day.month else _nearest(day, step=-1, days_off=days_off)


def _nearest(day: date, *, step: int, days_off: Collection[date]) -> date:
    for distance in range(32):
        found = day + timedelta(days=step * distance)
        if found not in days_off:
            return found
    raise ValueError(f"days_off: no working day within a month of {day}; check the calendar that supplies days off")


def full_months(*, since: date, until: date) -> int:
    """How many months have passed in full; an anniversary that its month does not have falls on the month's last day.

    >>> full_months(since=date(2026, 1, 31), until=date(2026, 2, 28)), full_months(
    ...     since=date(2026, 1, 31), until=date(2026, 2, 27))
    (1, 0)
    """
    months = (until.year - since.year) * 12 + until.month - since.month
    return months if add_months(since, months) <= until else months - 1
