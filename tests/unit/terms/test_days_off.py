"""The calendar of a country: what the State Council announced, and what is known of later years."""

from datetime import date, timedelta

import pytest

from tallystick.terms.days_off import announced_through, days_off_at, days_off_of_year, moved
from tallystick.terms.product import CalendarRules
from tallystick.units.periods import HolidayRule, MonthEndRule


def _rules(rule: HolidayRule, country: str | None = "CN") -> CalendarRules:
    return CalendarRules(month_end_rule=MonthEndRule.CLAMP, holiday_rule=rule, holidays=country)


def _days(first: date, last: date) -> set[date]:
    return {first + timedelta(days=number) for number in range((last - first).days + 1)}


@pytest.mark.parametrize(
    ("first", "last", "worked"),
    [
        # General Office of the State Council, notice of 2025-11-04 on the holidays of 2026.
        (date(2026, 1, 1), date(2026, 1, 3), [date(2026, 1, 4)]),
        (date(2026, 2, 15), date(2026, 2, 23), [date(2026, 2, 14), date(2026, 2, 28)]),
        (date(2026, 4, 4), date(2026, 4, 6), []),
        (date(2026, 5, 1), date(2026, 5, 5), [date(2026, 5, 9)]),
        (date(2026, 6, 19), date(2026, 6, 21), []),
        (date(2026, 9, 25), date(2026, 9, 27), [date(2026, 9, 20)]),
        (date(2026, 10, 1), date(2026, 10, 7), [date(2026, 10, 10)]),
        # Notice of 2024-11-12 on the holidays of 2025.
        (date(2025, 1, 28), date(2025, 2, 4), [date(2025, 1, 26), date(2025, 2, 8)]),
        (date(2025, 10, 1), date(2025, 10, 8), [date(2025, 9, 28), date(2025, 10, 11)]),
    ],
)
def test_china_has_the_days_off_that_were_announced_and_works_the_weekends_that_were(
    first: date, last: date, worked: list[date]
) -> None:
    off = days_off_of_year("CN", first.year)
    assert _days(first, last) <= off
    assert not off & {first - timedelta(days=1), last + timedelta(days=1)} or first.weekday() == 0 or worked == []
    assert not off & set(worked)


def test_weekends_are_days_off_unless_they_are_worked() -> None:
    assert date(2026, 11, 28) in days_off_of_year("CN", 2026)
    assert date(2026, 11, 27) not in days_off_of_year("CN", 2026)


@pytest.mark.parametrize(
    ("rule", "becomes"),
    [
        (HolidayRule.NONE, date(2026, 10, 3)),
        (HolidayRule.FOLLOWING, date(2026, 10, 8)),
        (HolidayRule.MODIFIED_FOLLOWING, date(2026, 10, 8)),
        (HolidayRule.PRECEDING, date(2026, 9, 30)),
    ],
)
def test_a_date_within_the_national_day_moves_by_the_rule(rule: HolidayRule, becomes: date) -> None:
    country = None if rule is HolidayRule.NONE else "CN"
    assert moved(date(2026, 10, 3), calendar=_rules(rule, country)) == becomes


def test_a_run_of_days_off_crosses_the_new_year() -> None:
    """The first of January 2028 is a Saturday; the Monday after makes up for it."""
    run = days_off_at([date(2028, 1, 1)], calendar=_rules(HolidayRule.FOLLOWING))
    assert run[0] == date(2028, 1, 1)
    assert moved(date(2028, 1, 1), calendar=_rules(HolidayRule.PRECEDING)) == date(2027, 12, 31)


def test_without_a_rule_no_day_is_off() -> None:
    assert days_off_at([date(2026, 10, 1)], calendar=_rules(HolidayRule.NONE, None)) == ()


def test_china_announces_year_by_year_and_germany_by_law() -> None:
    announced = announced_through("CN")
    assert announced is not None
    assert announced >= 2026
    assert announced_through("DE") is None
