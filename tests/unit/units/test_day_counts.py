"""Day counts against figures counted by hand."""

from datetime import date
from fractions import Fraction

import pytest

from tallystick.units.day_counts import DayCount, LeapRule, YearSplit, holds_feb_29, year_days, year_share


@pytest.mark.parametrize(
    ("day_count", "share"),
    [
        (DayCount.THIRTY_360, Fraction(30, 360)),
        (DayCount.THIRTY_364, Fraction(30, 364)),
        (DayCount.THIRTY_365, Fraction(30, 365)),
        (DayCount.THIRTY_ACTUAL, Fraction(30, 366)),
        (DayCount.ACTUAL_360, Fraction(29, 360)),
        (DayCount.ACTUAL_364, Fraction(29, 364)),
        (DayCount.ACTUAL_365, Fraction(29, 365)),
        (DayCount.ACTUAL_ACTUAL, Fraction(29, 366)),
    ],
)
def test_a_leap_february_by_each_day_count(day_count: DayCount, share: Fraction) -> None:
    assert year_share(start_on=date(2024, 2, 1), end_on=date(2024, 3, 1), day_count=day_count) == share


@pytest.mark.parametrize(
    ("year_split", "share"),
    [
        (YearSplit.FIRST_OF_JANUARY, Fraction(20, 365) + Fraction(11, 366)),
        (YearSplit.LAST_OF_DECEMBER, Fraction(19, 365) + Fraction(12, 366)),
    ],
)
def test_new_year_is_split_where_the_rule_says(year_split: YearSplit, share: Fraction) -> None:
    found = year_share(
        start_on=date(2023, 12, 12), end_on=date(2024, 1, 12), day_count=DayCount.ACTUAL_ACTUAL, year_split=year_split
    )
    assert found == share


@pytest.mark.parametrize("year_split", list(YearSplit))
def test_a_stretch_over_three_years_counts_every_day_once(year_split: YearSplit) -> None:
    share = year_share(
        start_on=date(2023, 1, 1), end_on=date(2026, 1, 1), day_count=DayCount.ACTUAL_ACTUAL, year_split=year_split
    )
    if year_split is YearSplit.FIRST_OF_JANUARY:
        assert share == 3
    else:  # the night of 31 December 2023 counts over 366 days, that of 2024 over 365, that of 2025 within 2026
        assert share == Fraction(364 + 365 + 1, 365) + 1


def test_only_a_period_with_29_february_counts_366_days() -> None:
    february, march = (date(2024, 2, 1), date(2024, 3, 1)), (date(2024, 3, 1), date(2024, 4, 1))
    shares = [
        year_share(
            start_on=start_on,
            end_on=end_on,
            day_count=DayCount.ACTUAL_ACTUAL,
            leap_rule=LeapRule.FEB_29_PERIOD_ONLY,
        )
        for start_on, end_on in (february, march)
    ]
    assert shares == [Fraction(29, 366), Fraction(31, 365)]


def test_no_days_are_no_share_of_a_year() -> None:
    for day_count in DayCount:
        assert year_share(start_on=date(2024, 2, 29), end_on=date(2024, 2, 29), day_count=day_count) == 0


def test_a_stretch_that_runs_backwards_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="end_on: 2024-01-01 lies before start_on 2024-01-02"):
        year_share(start_on=date(2024, 1, 2), end_on=date(2024, 1, 1), day_count=DayCount.ACTUAL_360)


@pytest.mark.parametrize(("year", "days"), [(2023, 365), (2024, 366), (2100, 365)])
def test_a_year_of_actual_days_is_as_long_as_it_is(year: int, days: int) -> None:
    assert year_days(DayCount.ACTUAL_ACTUAL, year=year) == year_days(DayCount.THIRTY_ACTUAL, year=year) == days


def test_29_february_belongs_to_the_stretch_that_ends_with_it() -> None:
    assert holds_feb_29(start_on=date(2024, 1, 29), end_on=date(2024, 2, 29))
    assert not holds_feb_29(start_on=date(2024, 2, 29), end_on=date(2028, 2, 28))
    assert holds_feb_29(start_on=date(2023, 3, 1), end_on=date(2025, 3, 1))
