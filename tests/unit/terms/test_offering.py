"""Which price holds, when the first installment is due, and what is frozen into a plan."""

from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tallystick.terms.catalog import shipped_products
from tallystick.terms.offering import OfferFault, OfferReason, first_due_on, plan_terms, price_for, principal_fault
from tallystick.terms.plan_terms import BookedAs, Recalculation
from tallystick.terms.product import DueDates, FirstDue, InstallmentPrice, OfferKind, installment_offers
from tallystick.terms.schedule import schedule
from tallystick.terms.statement_days import closes_on, due_on
from tallystick.units.periods import HolidayRule

BAITIAO = shipped_products()["baitiao"]
EDUCATION = shipped_products()["scene-education"]
ORDER = OfferKind.ORDER_INSTALLMENTS


def _price(offer: OfferKind, code: str, installments: int) -> InstallmentPrice:
    price = price_for(BAITIAO, offer=offer, price_code=code, installments=installments)
    assert isinstance(price, InstallmentPrice)
    return price


@pytest.mark.parametrize("installments", [3, 6, 7, 12, 24])
def test_any_count_within_the_bounds_has_a_price(installments: int) -> None:
    assert _price(ORDER, "standard", installments).fee_per_period_ppm == 6_000


@pytest.mark.parametrize(
    ("offer", "code", "installments", "reason", "field"),
    [
        (OfferKind.CASH, "standard", 12, OfferReason.OFFER_NOT_SOLD, "offer"),
        (ORDER, "gold", 12, OfferReason.PRICE_UNKNOWN, "price_code"),
        (ORDER, "standard", 5, OfferReason.INSTALLMENTS_NOT_OFFERED, "installments"),
        (ORDER, "standard", 25, OfferReason.INSTALLMENTS_NOT_OFFERED, "installments"),
    ],
)
def test_what_is_not_sold_is_refused_by_name(
    offer: OfferKind, code: str, installments: int, reason: OfferReason, field: str
) -> None:
    fault = price_for(EDUCATION, offer=offer, price_code=code, installments=installments)
    assert isinstance(fault, OfferFault)
    assert (fault.reason, fault.field) == (reason, field)
    assert "choose" in str(fault)


def test_a_principal_outside_the_bounds_is_refused_with_both_figures() -> None:
    offer = installment_offers(BAITIAO)[ORDER]
    small = principal_fault(offer, principal_minor=9_999)
    large = principal_fault(offer, principal_minor=5_000_001)
    assert small is not None
    assert small.reason is OfferReason.PRINCIPAL_TOO_SMALL
    assert large is not None
    assert large.figures == {"principal_minor": 5_000_001, "most_minor": 5_000_000}
    assert principal_fault(offer, principal_minor=10_000) is None


def test_what_is_bought_on_the_statement_day_is_on_that_statement_and_a_day_later_on_the_next() -> None:
    cycle = BAITIAO.pay_next_month
    assert cycle is not None
    assert closes_on(date(2026, 11, 19), cycle=cycle) == date(2026, 11, 19)
    assert closes_on(date(2026, 11, 20), cycle=cycle) == date(2026, 12, 19)
    assert due_on(date(2026, 12, 19), cycle=cycle) == date(2026, 12, 28)
    on_a_day = replace(cycle, due_after_days=None, due_day=5)
    assert due_on(date(2026, 12, 19), cycle=on_a_day) == date(2027, 1, 5)


@pytest.mark.parametrize(
    ("day", "drawn_on", "first_on"),
    [
        (5, date(2026, 11, 3), date(2026, 12, 5)),  # 5 November is two days away, less than twenty
        (5, date(2026, 11, 15), date(2026, 12, 5)),
        (5, date(2026, 11, 16), date(2027, 1, 5)),
        (31, date(2027, 1, 20), date(2027, 2, 28)),  # a short month has no 31st
        (31, date(2027, 1, 11), date(2027, 1, 31)),
    ],
)
def test_an_own_due_day_leaves_at_least_the_days_promised(day: int, drawn_on: date, first_on: date) -> None:
    due_dates = DueDates(first=FirstDue.DAY_OF_MONTH, day=day, least_days=20)
    assert first_due_on(EDUCATION, due_dates=due_dates, drawn_on=drawn_on) == first_on


def test_a_free_plan_leaves_the_borrower_nothing_to_pay_but_principal() -> None:
    terms = plan_terms(
        BAITIAO, offer=ORDER, price=_price(ORDER, "merchant_free", 3), installments=3, drawn_on=date(2026, 11, 3)
    )
    parts = schedule(terms, drawn_on=date(2026, 11, 3), principal_minor=100_001)
    assert [part.fee_minor + part.interest_minor for part in parts] == [0, 0, 0]
    assert sum(part.principal_minor for part in parts) == 100_001


def test_interest_on_the_balance_follows_what_is_owed_and_a_fee_does_not() -> None:
    cash = plan_terms(
        BAITIAO,
        offer=OfferKind.CASH,
        price=_price(OfferKind.CASH, "equal_principal", 12),
        installments=12,
        drawn_on=date(2026, 11, 3),
    )
    assert (cash.nominal_rate, cash.recalculation, cash.first_due_on) == (Decimal("0.144"), Recalculation.DAILY, None)
    order = plan_terms(
        BAITIAO, offer=ORDER, price=_price(ORDER, "standard", 12), installments=12, drawn_on=date(2026, 11, 3)
    )
    assert (order.per_period_ppm, order.recalculation) == (6_000, Recalculation.NONE)
    flat = InstallmentPrice(
        code="flat", amortization=cash.amortization, least_installments=1, most_installments=12,
        interest_per_period_ppm=5_000,
    )  # fmt: skip
    terms = plan_terms(BAITIAO, offer=ORDER, price=flat, installments=12, drawn_on=date(2026, 11, 3))
    assert (terms.per_period_ppm, terms.per_period_booked_as) == (5_000, BookedAs.INTEREST)


def test_due_dates_move_off_the_days_off_of_the_country_and_only_those_are_frozen() -> None:
    """Statements close on the 19th, nine days to pay: 28 November and 28 February 2027 fall on weekends."""
    calendar = replace(BAITIAO.calendar, holiday_rule=HolidayRule.FOLLOWING, holidays="CN")
    moving = replace(BAITIAO, calendar=calendar)
    terms = plan_terms(
        moving, offer=ORDER, price=_price(ORDER, "standard", 4), installments=4, drawn_on=date(2026, 11, 3)
    )
    assert terms.days_off == (date(2026, 11, 28), date(2026, 11, 29), date(2027, 2, 27), date(2027, 2, 28))
    parts = schedule(terms, drawn_on=date(2026, 11, 3), principal_minor=100_000)
    assert [part.due_on for part in parts] == [
        date(2026, 11, 30), date(2026, 12, 28), date(2027, 1, 28), date(2027, 3, 1)
    ]  # fmt: skip
