"""Schedules against figures worked out by hand, product by product."""

from datetime import date
from decimal import Decimal

import pytest

from tallystick.terms.plan_terms import (
    Amortization,
    BookedAs,
    EqualInstallmentRule,
    InterestBase,
    InterestPeriod,
    PlanTerms,
    Residue,
)
from tallystick.terms.schedule import Installment, InstallmentKind, schedule
from tallystick.units.day_counts import DayCount
from tallystick.units.periods import HolidayRule, MonthEndRule, PeriodUnit
from tallystick.units.rounding import Rounding

DRAWN_ON = date(2026, 1, 31)


def figures(terms: PlanTerms, *, principal_minor: int = 100_000, drawn_on: date = DRAWN_ON) -> list[tuple[int, ...]]:
    """Principal, interest and fee of each installment."""
    parts = schedule(terms, drawn_on=drawn_on, principal_minor=principal_minor)
    return [(part.principal_minor, part.interest_minor, part.fee_minor) for part in parts]


def one_percent_a_month(installments: int, amortization: Amortization) -> PlanTerms:
    return PlanTerms(
        installments=installments,
        amortization=amortization,
        nominal_rate=Decimal("0.12"),
        day_count=DayCount.THIRTY_360,
    )


def test_no_price_splits_the_principal_and_the_last_takes_the_cent() -> None:
    assert figures(PlanTerms(installments=3)) == [(33333, 0, 0), (33333, 0, 0), (33334, 0, 0)]


def test_equal_principal_bears_interest_on_what_is_left() -> None:
    terms = one_percent_a_month(4, Amortization.EQUAL_PRINCIPAL)
    assert figures(terms) == [(25000, 1000, 0), (25000, 750, 0), (25000, 500, 0), (25000, 250, 0)]


def test_principal_at_the_end_leaves_interest_alike() -> None:
    terms = one_percent_a_month(3, Amortization.INTEREST_THEN_PRINCIPAL)
    assert figures(terms) == [(0, 1000, 0), (0, 1000, 0), (100_000, 1000, 0)]


def test_equal_installments_differ_by_cents_only_in_the_last() -> None:
    parts = figures(one_percent_a_month(12, Amortization.EQUAL_INSTALLMENTS))
    totals = [sum(part) for part in parts]
    assert set(totals[:-1]) == {8885}
    assert abs(totals[-1] - 8885) <= 12
    assert sum(part[0] for part in parts) == 100_000


def test_the_shifted_residue_makes_the_last_installment_closer() -> None:
    last = PlanTerms(installments=36, nominal_rate=Decimal("0.12"), day_count=DayCount.THIRTY_360,
                     installment_multiple_minor=10)  # fmt: skip
    shifted = PlanTerms(installments=36, nominal_rate=Decimal("0.12"), day_count=DayCount.THIRTY_360,
                        installment_multiple_minor=10, residue=Residue.SHIFTED)  # fmt: skip
    gaps = [abs(sum(found[-1]) - sum(found[0])) for found in (figures(last), figures(shifted))]
    assert gaps[1] <= gaps[0]


def test_a_price_per_period_is_a_fee_or_interest_as_the_contract_books_it() -> None:
    as_fee = PlanTerms(installments=2, per_period_ppm=6_000)
    as_interest = PlanTerms(installments=2, per_period_ppm=6_000, per_period_booked_as=BookedAs.INTEREST)
    assert figures(as_fee) == [(50_000, 0, 600), (50_000, 0, 600)]
    assert figures(as_interest) == [(50_000, 600, 0), (50_000, 600, 0)]


@pytest.mark.parametrize(("subsidy_ppm", "fee_minor"), [(0, 600), (500_000, 300), (1_000_000, 0)])
def test_what_the_merchant_pays_the_borrower_does_not(subsidy_ppm: int, fee_minor: int) -> None:
    terms = PlanTerms(installments=2, per_period_ppm=6_000, merchant_subsidy_ppm=subsidy_ppm)
    assert [part[2] for part in figures(terms)] == [fee_minor, fee_minor]


def test_a_down_payment_is_due_on_the_day_of_the_draw_and_bears_no_price() -> None:
    terms = PlanTerms(installments=3, down_payment_ppm=250_000, per_period_ppm=10_000)
    down, *rest = schedule(terms, drawn_on=DRAWN_ON, principal_minor=100_000)
    assert (down.kind, down.due_on, down.principal_minor, down.fee_minor) == (
        InstallmentKind.DOWN_PAYMENT, DRAWN_ON, 25_000, 0,
    )  # fmt: skip
    assert [(part.principal_minor, part.fee_minor) for part in rest] == [(25_000, 750)] * 3


def test_flat_interest_is_on_what_was_drawn_at_first() -> None:
    terms = PlanTerms(
        installments=3, nominal_rate=Decimal("0.12"), interest_base=InterestBase.ORIGINAL_PRINCIPAL,
        day_count=DayCount.THIRTY_360,
    )  # fmt: skip
    assert figures(terms) == [(33333, 1000, 0), (33333, 1000, 0), (33334, 1000, 0)]


def test_one_rate_for_all_periods_is_the_common_annuity() -> None:
    terms = PlanTerms(
        installments=6, nominal_rate=Decimal("0.12"), day_count=DayCount.ACTUAL_365,
        interest_period=InterestPeriod.SHARE_OF_YEAR, equal_installment_rule=EqualInstallmentRule.ONE_RATE,
    )  # fmt: skip
    assert [sum(part) for part in figures(terms, principal_minor=500_000)][:5] == [86_274] * 5  # PMT(1 %, 6, 5000)


def test_grace_asks_for_interest_first_and_principal_later() -> None:
    terms = PlanTerms(installments=3, grace_principal=1, nominal_rate=Decimal("0.12"), day_count=DayCount.THIRTY_360)
    assert [part[0] for part in figures(terms)] == [0, 49751, 50249]


def test_interest_put_off_is_asked_for_by_the_first_installment_after_it() -> None:
    terms = PlanTerms(
        installments=3, grace_interest=1, nominal_rate=Decimal("0.12"), day_count=DayCount.THIRTY_360,
        amortization=Amortization.EQUAL_PRINCIPAL, installment_multiple_minor=100,
    )  # fmt: skip
    found = figures(terms, principal_minor=90_000)
    assert [part[0] for part in found] == [30_000, 30_000, 30_000]
    assert [part[1] for part in found] == [0, 900 + 600, 300]


def test_interest_free_installments_cost_nothing() -> None:
    assert [part[2] for part in figures(PlanTerms(installments=3, per_period_ppm=6_000, interest_free=2))] == [
        0,
        0,
        600,
    ]
    flat = PlanTerms(installments=3, interest_free=1, nominal_rate=Decimal("0.12"), day_count=DayCount.THIRTY_360)
    assert next(part[1] for part in figures(flat)) == 0


def test_installments_are_multiples_and_the_last_takes_the_rest() -> None:
    terms = PlanTerms(installments=3, installment_multiple_minor=100)
    assert figures(terms) == [(33300, 0, 0), (33300, 0, 0), (33400, 0, 0)]


def test_a_draw_smaller_than_its_multiple_is_still_spread() -> None:
    terms = PlanTerms(installments=3, installment_multiple_minor=1_000)
    assert [part[0] for part in figures(terms, principal_minor=900)] == [300, 300, 300]


def test_a_draw_of_one_cent_is_asked_for_once() -> None:
    assert [part[0] for part in figures(PlanTerms(installments=3), principal_minor=1)] == [0, 0, 1]


def due_dates(parts: tuple[Installment, ...]) -> list[str]:
    return [part.due_on.isoformat() for part in parts]


def test_a_down_payment_rounded_up_is_never_more_than_the_draw() -> None:
    terms = PlanTerms(installments=3, down_payment_ppm=900_000, installment_multiple_minor=100)
    parts = schedule(terms, drawn_on=date(2026, 1, 15), principal_minor=60)
    assert [part.principal_minor for part in parts] == [60, 0, 0, 0]


def test_flat_installments_rounded_up_end_where_everything_is_asked_for() -> None:
    terms = PlanTerms(
        installments=24, nominal_rate=Decimal("0.24"), interest_base=InterestBase.ORIGINAL_PRINCIPAL,
        interest_period=InterestPeriod.SHARE_OF_YEAR, rounding=Rounding.UP,
    )  # fmt: skip
    parts = schedule(terms, drawn_on=date(2026, 1, 15), principal_minor=100)
    assert [part.principal_minor for part in parts] == [5] * 20 + [0] * 4
    assert [part.interest_minor for part in parts] == [2] * 24


def test_month_ends_roll_where_the_contract_says_so() -> None:
    terms = PlanTerms(installments=3, month_end_rule=MonthEndRule.ROLL, nominal_rate=Decimal("0.12"),
                      day_count=DayCount.THIRTY_360)  # fmt: skip
    parts = schedule(terms, drawn_on=date(2025, 1, 31), principal_minor=1_000_000)
    assert due_dates(parts) == ["2025-03-01", "2025-03-31", "2025-05-01"]
    assert parts[0].interest_minor == 10_000  # a month by agreement, whatever its days


def test_a_first_due_date_anchors_the_others() -> None:
    terms = PlanTerms(installments=3, first_due_on=date(2026, 3, 31))
    parts = schedule(terms, drawn_on=date(2026, 1, 20), principal_minor=100_000)
    assert due_dates(parts) == ["2026-03-31", "2026-04-30", "2026-05-31"]


def test_a_long_first_period_bears_interest_for_its_length() -> None:
    terms = PlanTerms(installments=2, first_due_on=date(2026, 3, 16), nominal_rate=Decimal("0.12"),
                      day_count=DayCount.THIRTY_360)  # fmt: skip
    first, _ = schedule(terms, drawn_on=date(2026, 2, 1), principal_minor=100_000)
    assert first.interest_minor == 1484  # one month of 30 days, and 15 of the 31 days of March


def test_due_dates_move_off_days_off() -> None:
    terms = PlanTerms(
        installments=2, holiday_rule=HolidayRule.FOLLOWING, days_off=(date(2026, 2, 28), date(2026, 3, 1))
    )
    parts = schedule(terms, drawn_on=DRAWN_ON, principal_minor=100_000)
    assert due_dates(parts) == ["2026-03-02", "2026-03-31"]


def test_a_rule_that_makes_two_due_dates_one_is_refused() -> None:
    off = tuple(date(2026, 2, day) for day in range(2, 5))
    terms = PlanTerms(installments=3, period_unit=PeriodUnit.DAYS, holiday_rule=HolidayRule.FOLLOWING, days_off=off)
    with pytest.raises(ValueError, match="installment 3 would be due on 2026-02-05, not after 2026-02-05"):
        schedule(terms, drawn_on=DRAWN_ON, principal_minor=100_000)


def test_a_fixed_length_ends_the_last_period() -> None:
    terms = PlanTerms(installments=3, period_unit=PeriodUnit.WEEKS, every=2, length=7)
    parts = schedule(terms, drawn_on=date(2024, 2, 1), principal_minor=75_000)
    assert due_dates(parts) == ["2024-02-15", "2024-02-29", "2024-03-21"]
