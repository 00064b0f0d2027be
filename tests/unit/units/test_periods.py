"""Due dates counted from the first one, and where they move."""

from datetime import date, timedelta

import pytest

from tallystick.units.periods import HolidayRule, MonthEndRule, PeriodUnit, add_months, add_periods, working_day


def test_the_31st_falls_back_to_the_month_end_and_returns() -> None:
    due = [add_periods(date(2023, 10, 31), count, unit=PeriodUnit.MONTHS) for count in (1, 2, 3, 4, 5)]
    assert due == [date(2023, 11, 30), date(2023, 12, 31), date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 31)]


def test_the_31st_rolls_into_the_next_month_where_the_contract_says_so() -> None:
    due = [
        add_periods(date(2026, 1, 31), count, unit=PeriodUnit.MONTHS, month_end_rule=MonthEndRule.ROLL)
        for count in (1, 2, 3)
    ]
    assert due == [date(2026, 3, 1), date(2026, 3, 31), date(2026, 5, 1)]


def test_a_leap_day_has_no_anniversary_in_three_years_of_four() -> None:
    due = [add_periods(date(2024, 2, 29), count, unit=PeriodUnit.YEARS) for count in (1, 2, 3, 4)]
    assert due == [date(2025, 2, 28), date(2026, 2, 28), date(2027, 2, 28), date(2028, 2, 29)]


def test_months_are_counted_backwards_too() -> None:
    assert add_months(date(2024, 3, 31), -1) == date(2024, 2, 29)
    assert add_months(date(2024, 1, 15), -13) == date(2022, 12, 15)


def test_days_and_weeks_are_counted_plainly() -> None:
    assert add_periods(date(2024, 2, 20), 2, unit=PeriodUnit.DAYS, every=15) == date(2024, 3, 21)
    assert add_periods(date(2024, 2, 20), 2, unit=PeriodUnit.WEEKS, every=2) == date(2024, 3, 19)


@pytest.mark.parametrize(
    ("rule", "moved_to"),
    [
        (HolidayRule.NONE, date(2026, 2, 17)),
        (HolidayRule.FOLLOWING, date(2026, 2, 24)),
        (HolidayRule.MODIFIED_FOLLOWING, date(2026, 2, 24)),
        (HolidayRule.PRECEDING, date(2026, 2, 14)),
    ],
)
def test_a_due_date_in_the_spring_festival_moves_by_its_rule(rule: HolidayRule, moved_to: date) -> None:
    festival = {date(2026, 2, 15) + timedelta(days=day) for day in range(9)}
    assert working_day(date(2026, 2, 17), rule=rule, days_off=festival) == moved_to


def test_a_working_day_stays_under_every_rule() -> None:
    for rule in HolidayRule:
        assert working_day(date(2026, 2, 17), rule=rule, days_off={date(2026, 2, 18)}) == date(2026, 2, 17)


def test_a_calendar_without_working_days_is_refused() -> None:
    always = {date(2026, 1, 1) + timedelta(days=day) for day in range(120)}
    with pytest.raises(ValueError, match="no working day within a month of 2026-02-01"):
        working_day(date(2026, 2, 1), rule=HolidayRule.FOLLOWING, days_off=always)
