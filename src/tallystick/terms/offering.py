"""From a product's offer to the terms of one plan: the price that holds, the first due date, what is frozen."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tallystick.terms.days_off import days_off_at
from tallystick.terms.plan_dates import agreed_date
from tallystick.terms.plan_terms import BookedAs, PlanTerms, Recalculation
from tallystick.terms.product import (
    CalendarRules,
    DueDates,
    FirstDue,
    InstallmentOffer,
    InstallmentPrice,
    OfferKind,
    Product,
    installment_offers,
)
from tallystick.terms.statement_days import closes_on, due_on
from tallystick.units.periods import add_months
from tallystick.units.rates import PPM


class OfferReason(StrEnum):
    """Why a plan or a limit cannot be offered, in order of precedence."""

    OFFER_NOT_SOLD = "offer_not_sold"
    PRICE_UNKNOWN = "price_unknown"
    INSTALLMENTS_NOT_OFFERED = "installments_not_offered"
    PRINCIPAL_TOO_SMALL = "principal_too_small"
    PRINCIPAL_TOO_LARGE = "principal_too_large"
    LIMIT_TOO_SMALL = "limit_too_small"
    LIMIT_TOO_LARGE = "limit_too_large"
    PERSON_CAP_EXCEEDED = "person_cap_exceeded"
    TENOR_CAP_EXCEEDED = "tenor_cap_exceeded"
    PRICE_CAP_EXCEEDED = "price_cap_exceeded"
    LATE_RATE_CAP_EXCEEDED = "late_rate_cap_exceeded"
    PENALTY_CAP_EXCEEDED = "penalty_cap_exceeded"
    LATE_FEE_CAP_EXCEEDED = "late_fee_cap_exceeded"


class OfferFault(Struct, frozen=True, kw_only=True):
    """Why something is not offered: the reason, the field it is about, the figures that show it, and the way out."""

    reason: OfferReason
    field: str
    figures: dict[str, Any]
    way_out: str

    def __str__(self) -> str:
        figures = ", ".join(f"{name} {figure}" for name, figure in self.figures.items())
        return f"{self.field}: {self.reason} ({figures}); {self.way_out}"


def price_for(
    product: Product, *, offer: OfferKind, price_code: str, installments: int
) -> InstallmentPrice | OfferFault:
    """The price of a plan of so many installments, or why there is none."""
    sold = installment_offers(product).get(offer)
    if sold is None:
        known = ", ".join(installment_offers(product)) or "none"
        return OfferFault(
            reason=OfferReason.OFFER_NOT_SOLD,
            field="offer",
            figures={"offer": offer.value, "product": product.id},
            way_out=f"choose one of {known}",
        )
    coded = [price for price in sold.prices if price.code == price_code]
    if not coded:
        return OfferFault(
            reason=OfferReason.PRICE_UNKNOWN,
            field="price_code",
            figures={"price_code": price_code},
            way_out=f"choose one of {', '.join(sorted({price.code for price in sold.prices}))}",
        )
    for price in coded:
        if price.least_installments <= installments <= price.most_installments:
            return price
    ranges = ", ".join(f"{price.least_installments} to {price.most_installments}" for price in coded)
    return OfferFault(
        reason=OfferReason.INSTALLMENTS_NOT_OFFERED,
        field="installments",
        figures={"installments": installments},
        way_out=f"choose {ranges}",
    )


def own_prices(offer: InstallmentOffer) -> tuple[InstallmentPrice, ...]:
    """The prices that the borrower pays, none of them shared by a merchant."""
    return tuple(price for price in offer.prices if not price.merchant_subsidy_ppm)


def principal_fault(offer: InstallmentOffer, *, principal_minor: int) -> OfferFault | None:
    """Why an amount cannot be put into this kind of plan."""
    if principal_minor < offer.least_principal_minor:
        return OfferFault(
            reason=OfferReason.PRINCIPAL_TOO_SMALL,
            field="principal_minor",
            figures={"principal_minor": principal_minor, "least_minor": offer.least_principal_minor},
            way_out="draw more, or pay next month",
        )
    if principal_minor > offer.most_principal_minor:
        return OfferFault(
            reason=OfferReason.PRINCIPAL_TOO_LARGE,
            field="principal_minor",
            figures={"principal_minor": principal_minor, "most_minor": offer.most_principal_minor},
            way_out="draw less",
        )
    return None


def plan_terms(
    product: Product,
    *,
    offer: OfferKind,
    price: InstallmentPrice,
    installments: int,
    drawn_on: date,
) -> PlanTerms:
    """The terms that are frozen into a plan drawn on a day, the days off that move its due dates with them.

    >>> from tallystick.terms.catalog import shipped_products
    >>> line = shipped_products()["baitiao"]
    >>> price = price_for(line, offer=OfferKind.ORDER_INSTALLMENTS, price_code="standard", installments=12)
    >>> terms = plan_terms(line, offer=OfferKind.ORDER_INSTALLMENTS, price=price, installments=12,
    ...                    drawn_on=date(2026, 11, 3))
    >>> terms.per_period_ppm, terms.first_due_on
    (6000, datetime.date(2026, 11, 28))
    """
    sold = installment_offers(product)[offer]
    interest, calendar = product.interest, product.calendar
    per_period_ppm = price.fee_per_period_ppm or price.interest_per_period_ppm or 0
    nominal_rate = Decimal(price.nominal_rate_ppm or 0) / PPM
    terms = PlanTerms(
        installments=installments,
        amortization=price.amortization,
        nominal_rate=nominal_rate,
        per_period_ppm=per_period_ppm,
        per_period_booked_as=BookedAs.FEE if price.interest_per_period_ppm is None else BookedAs.INTEREST,
        merchant_subsidy_ppm=price.merchant_subsidy_ppm,
        early_settlement_fee_ppm=product.early_settlement.fee_ppm,
        unearned_charges=product.early_settlement.unearned_charges,
        day_count=interest.day_count,
        leap_rule=interest.leap_rule,
        interest_period=interest.period,
        first_due_on=first_due_on(product, due_dates=sold.due_dates, drawn_on=drawn_on),
        month_end_rule=calendar.month_end_rule,
        holiday_rule=calendar.holiday_rule,
        down_payment_ppm=sold.down_payment_ppm,
        rounding=interest.rounding,
        recalculation=interest.recalculation if nominal_rate else Recalculation.NONE,
        overdue_interest=interest.overdue,
    )
    return with_days_off(terms, begins_on=drawn_on, numbers=range(1, installments + 1), calendar=calendar)


def with_days_off(terms: PlanTerms, *, begins_on: date, numbers: Iterable[int], calendar: CalendarRules) -> PlanTerms:
    """The terms with the days off, as they are known now, that the installments of those numbers may meet."""
    dates = [agreed_date(terms, begins_on=begins_on, number=number) for number in numbers]
    return replace(terms, days_off=tuple(sorted({*terms.days_off, *days_off_at(dates, calendar=calendar)})))


def first_due_on(product: Product, *, due_dates: DueDates, drawn_on: date) -> date | None:
    """The due date of a plan's first installment; `None` is one period after the draw, whatever its length."""
    match due_dates.first:
        case FirstDue.ONE_PERIOD_AFTER_DRAW:
            return None
        case FirstDue.WITH_STATEMENT:
            assert product.pay_next_month is not None, (
                "the catalog refuses installments with statements that never come"
            )
            return due_on(closes_on(drawn_on, cycle=product.pay_next_month), cycle=product.pay_next_month)
        case FirstDue.DAY_OF_MONTH:
            assert due_dates.day is not None, "the catalog refuses a day of the month that is not given"
            return _next_day_of_month(drawn_on + timedelta(days=due_dates.least_days), day=due_dates.day)


def _next_day_of_month(earliest_on: date, *, day: int) -> date:
    """The first such day on or after a date; the month's last day where the month is too short."""
    anchor = date(earliest_on.year, 1, 31).replace(day=day)  # January has every day
    this_month = add_months(anchor, earliest_on.month - 1)
    return this_month if this_month >= earliest_on else add_months(anchor, earliest_on.month)
