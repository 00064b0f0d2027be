"""What the law forbids of a product and of one offer: each price by its own flows, its worst corner, with figures."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from msgspec import Struct

from tallystick.terms.annual_rates import DatedFlow, cn_irr_rates, published_percent
from tallystick.terms.caps import (
    LegalCap,
    bullet_tenor_cap,
    late_fee_cap,
    late_rate_cap,
    penalty_multiple_cap,
    person_cap_in_force,
    price_cap,
)
from tallystick.terms.offering import OfferFault, OfferReason, first_due_on, plan_terms, price_for, principal_fault
from tallystick.terms.plan_cost import plan_cost, revolving_flows
from tallystick.terms.plan_terms import Amortization, PlanTerms
from tallystick.terms.product import InstallmentOffer, InstallmentPrice, OfferKind, Product, installment_offers
from tallystick.units.periods import add_months
from tallystick.units.rates import PPM

_DAYS_A_YEAR: Final = 365
REVOLVING_PRICE: Final = "pay_next_month.daily_rate_ppm"


class LateRates(Struct, frozen=True, kw_only=True):
    """What principal past due bears a year, in ppm: its own interest that goes on, and penalty on top.

    `contract_ppm` is the rate that a penalty is held to as a multiple; 0 where there is none.
    """

    price: str
    own_ppm: int
    penalty_ppm: int
    contract_ppm: int


class Corner(Struct, frozen=True, kw_only=True):
    """One combination of a price: how many installments, of how much, drawn when; and what it costs per year."""

    installments: int
    principal_minor: int
    drawn_on: date
    simple_rate: Decimal
    effective_rate: Decimal
    flows: tuple[DatedFlow, ...]


def publication_faults(product: Product, *, on: date) -> tuple[OfferFault, ...]:
    """Everything that the law in force on a day forbids of a product; empty where it may be published.

    The day is the first on which it is sold, or today where that is later. Raises `NoLegalCap` where no price cap is
    known for its jurisdiction: nothing is published by guess.

    >>> from tallystick.terms.catalog import shipped_products
    >>> publication_faults(shipped_products()["baitiao"], on=date(2026, 11, 23))
    ()
    >>> faults = publication_faults(shipped_products()["baitiao"], on=date(2028, 1, 1))
    >>> faults[0].figures["cap_percent"], faults[0].figures["rule"]
    (Decimal('12.00'), 'CN-micro-2028')
    """
    return (
        *_above_person_cap(product, person_minor=product.limit.most_minor, on=on, field="limit.most_minor"),
        *price_faults(product, corners=price_corners(product, on=on), on=on),
    )


def price_faults(product: Product, *, corners: Mapping[str, Corner], on: date) -> tuple[OfferFault, ...]:
    """What the law in force on a day forbids of the prices that a contract promises; `corners` are those of that day.

    It is asked again whenever the contract is offered: a product may stay published longer than a law stays the same.
    """
    cap = price_cap(jurisdiction=product.jurisdiction, on=on)
    dear = (fault for field, corner in corners.items() for fault in _above_price_cap(corner, cap=cap, field=field))
    return (
        *dear,
        *_tenor_faults(product, on=on),
        *_late_rate_faults(product, rates=_late_rates(product), on=on),
        *_late_fee_faults(product, dearest_rate=max(corner.effective_rate for corner in corners.values()), on=on),
    )


def offer_faults(
    product: Product,
    *,
    offer: OfferKind,
    price_code: str,
    installments: int,
    principal_minor: int,
    drawn_on: date,
) -> tuple[OfferFault, ...]:
    """Why one plan may not be offered on a day: not sold so, or above a legal cap by its own flows."""
    price = price_for(product, offer=offer, price_code=price_code, installments=installments)
    if isinstance(price, OfferFault):
        return (price,)
    sold = installment_offers(product)[offer]
    wrong_principal = principal_fault(sold, principal_minor=principal_minor)
    if wrong_principal is not None:
        return (wrong_principal,)
    terms = plan_terms(product, offer=offer, price=price, installments=installments, drawn_on=drawn_on)
    corner = _corner(terms, principal_minor=principal_minor, drawn_on=drawn_on)
    cap = price_cap(jurisdiction=product.jurisdiction, on=drawn_on)
    return (
        *_above_price_cap(corner, cap=cap, field="price_code"),
        *_tenor_fault(price, installments=installments, product=product, on=drawn_on, field="installments"),
        *_late_rate_faults(product, rates=[_plan_rates(product, price, name=price_code)], on=drawn_on),
    )


def limit_faults(
    product: Product, *, limit_minor: int, other_limits_minor: int = 0, on: date
) -> tuple[OfferFault, ...]:
    """Why a limit may not be offered: outside the product's bounds, or with the person's others above the legal cap."""
    faults = []
    if limit_minor < product.limit.least_minor:
        faults.append(
            OfferFault(
                reason=OfferReason.LIMIT_TOO_SMALL,
                field="limit_minor",
                figures={"limit_minor": limit_minor, "least_minor": product.limit.least_minor},
                way_out="offer more, or no line",
            )
        )
    if limit_minor > product.limit.most_minor:
        faults.append(
            OfferFault(
                reason=OfferReason.LIMIT_TOO_LARGE,
                field="limit_minor",
                figures={"limit_minor": limit_minor, "most_minor": product.limit.most_minor},
                way_out="offer less",
            )
        )
    person_minor = limit_minor + other_limits_minor
    return (*faults, *_above_person_cap(product, person_minor=person_minor, on=on, field="limit_minor"))


def price_corners(product: Product, *, on: date) -> dict[str, Corner]:
    """The worst corner of every price of the product, by the key of the price in its file."""
    return {**revolving_corners(product, on=on), **installment_corners(product, on=on)}


def revolving_corners(product: Product, *, on: date) -> dict[str, Corner]:
    """The corner of paying next month, from that day on; empty where the product has no such price."""
    if product.pay_next_month is None:
        return {}
    flows = revolving_flows(product.pay_next_month, on=on)
    rates = cn_irr_rates(flows)
    corner = Corner(
        installments=len(flows) - 2,
        principal_minor=-flows[0].paid_minor,
        drawn_on=on,
        simple_rate=rates.simple,
        effective_rate=rates.effective,
        flows=flows,
    )
    return {REVOLVING_PRICE: corner}


def installment_corners(product: Product, *, on: date) -> dict[str, Corner]:
    """The worst corner of every price in installments: the same on each day of a month."""
    return {
        price_field(kind, place): worst_corner(product, offer=kind, price=price, on=on)
        for kind, offer in installment_offers(product).items()
        for place, price in enumerate(offer.prices)
    }


def price_field(kind: OfferKind, place: int) -> str:
    """The key of a price in the product's file."""
    return f"{kind}.prices[{place}]"


def worst_corner(product: Product, *, offer: OfferKind, price: InstallmentPrice, on: date) -> Corner:
    """The combination of a price that costs the most per year.

    Looked at are each count of installments, the least and the most principal (cents round hardest on small ones),
    and the draws with the shortest and the longest first period.
    """
    sold = installment_offers(product)[offer]
    principals_minor = sorted({sold.least_principal_minor, sold.most_principal_minor})
    draw_dates = extreme_draw_dates(product, offer=sold, on=on)
    corners = (
        _known_corner(
            plan_terms(product, offer=offer, price=price, installments=count, drawn_on=drawn_on),
            principal_minor=principal_minor,
            drawn_on=drawn_on,
        )
        for count in range(price.least_installments, price.most_installments + 1)
        for drawn_on in draw_dates
        for principal_minor in principals_minor
    )
    return max(corners, key=lambda corner: corner.simple_rate)


def extreme_draw_dates(product: Product, *, offer: InstallmentOffer, on: date) -> tuple[date, ...]:
    """The days of the year from next month on whose first installment comes soonest and latest after the draw.

    A fee per period costs most per year when the first period is short, interest by days when it is long. They are the
    same on each day of a month, so that their costs are found once in it.
    """
    waits: dict[int, date] = {}
    begins_on = add_months(on.replace(day=1), 1)
    for ahead in range(_DAYS_A_YEAR):
        day = begins_on + timedelta(days=ahead)
        due = first_due_on(product, due_dates=offer.due_dates, drawn_on=day) or add_months(day, 1)
        waits.setdefault((due - day).days, day)
    return tuple(dict.fromkeys((waits[min(waits)], waits[max(waits)])))


def _corner(terms: PlanTerms, *, principal_minor: int, drawn_on: date) -> Corner:
    cost = plan_cost(terms, drawn_on=drawn_on, principal_minor=principal_minor)
    return Corner(
        installments=terms.installments,
        principal_minor=principal_minor,
        drawn_on=drawn_on,
        simple_rate=cost.rates.simple,
        effective_rate=cost.rates.effective,
        flows=cost.flows,
    )


# From one month to the next the draws of the extremes are mostly the same, and a product has hundreds of corners: all
# of them take 2 s.
_known_corner: Final = lru_cache(maxsize=2_048)(_corner)


def _above_price_cap(corner: Corner, *, cap: LegalCap, field: str) -> Iterator[OfferFault]:
    if corner.simple_rate * PPM <= cap.bound:
        return
    yield OfferFault(
        reason=OfferReason.PRICE_CAP_EXCEEDED,
        field=field,
        figures={
            "annual_percent": published_percent(corner.simple_rate, decimals=2),
            "cap_percent": _percent(cap.bound),
            "rule": cap.id,
            "in_force_from": cap.in_force_from,
            "installments": corner.installments,
            "principal_minor": corner.principal_minor,
            "drawn_on": corner.drawn_on,
        },
        way_out=f"lower the price until its all-in annual cost is at most {_percent(cap.bound)} %",
    )


def _above_person_cap(product: Product, *, person_minor: int, on: date, field: str) -> Iterator[OfferFault]:
    cap = person_cap_in_force(jurisdiction=product.jurisdiction, on=on)
    if cap is not None and cap.currency == product.currency and person_minor > cap.bound:
        yield OfferFault(
            reason=OfferReason.PERSON_CAP_EXCEEDED,
            field=field,
            figures={"person_minor": person_minor, "cap_minor": cap.bound, "rule": cap.id, "on": on},
            way_out="lower the limit so that all lines of one person together stay within the cap",
        )


def _tenor_faults(product: Product, *, on: date) -> Iterator[OfferFault]:
    for kind, offer in installment_offers(product).items():
        for place, price in enumerate(offer.prices):
            field = f"{price_field(kind, place)}.most_installments"
            yield from _tenor_fault(price, installments=price.most_installments, product=product, on=on, field=field)


def _tenor_fault(
    price: InstallmentPrice, *, installments: int, product: Product, on: date, field: str
) -> Iterator[OfferFault]:
    cap = bullet_tenor_cap(jurisdiction=product.jurisdiction, on=on)
    if cap is None or price.amortization is not Amortization.INTEREST_THEN_PRINCIPAL or installments <= cap.bound:
        return
    yield OfferFault(
        reason=OfferReason.TENOR_CAP_EXCEEDED,
        field=field,
        figures={"months": installments, "cap_months": cap.bound, "rule": cap.id, "on": on},
        way_out=f"repay the principal within {cap.bound} months, or in installments",
    )


def _late_rate_faults(product: Product, *, rates: Iterable[LateRates], on: date) -> Iterator[OfferFault]:
    """What paying late costs on each principal: all of it against the cap, and the penalty as a multiple of the price.

    A late fee that is a share counts once, as on what is overdue for a year; of what is paid sooner it is more a year.
    """
    fee_ppm = product.late.late_fee.share_ppm if product.late.late_fee else 0
    total_cap = late_rate_cap(jurisdiction=product.jurisdiction, on=on)
    multiple_cap = penalty_multiple_cap(jurisdiction=product.jurisdiction, on=on)
    for borne in rates:
        late_ppm = borne.own_ppm + borne.penalty_ppm + fee_ppm
        if total_cap is not None and late_ppm > max(borne.own_ppm, total_cap.bound):
            yield OfferFault(
                reason=OfferReason.LATE_RATE_CAP_EXCEEDED,
                field="late.penalty" if borne.penalty_ppm else "late.late_fee",
                figures={
                    "price": borne.price,
                    "late_percent": _percent(late_ppm),
                    "cap_percent": _percent(total_cap.bound),
                    "rule": total_cap.id,
                    "on": on,
                },
                way_out="lower the penalty, the late fee, or the price",
            )
        overdue_ppm = borne.contract_ppm + borne.penalty_ppm
        if multiple_cap is not None and overdue_ppm * PPM > multiple_cap.bound * borne.contract_ppm > 0:
            yield OfferFault(
                reason=OfferReason.PENALTY_CAP_EXCEEDED,
                field="late.penalty",
                figures={
                    "price": borne.price,
                    "multiple": round(Decimal(overdue_ppm) / borne.contract_ppm, 3),
                    "cap_multiple": Decimal(multiple_cap.bound) / PPM,
                    "rule": multiple_cap.id,
                    "on": on,
                },
                way_out="lower the penalty",
            )


def _late_rates(product: Product) -> Iterator[LateRates]:
    """What each price comes to when payment is late; what a bill leaves unpaid revolves and bears no penalty."""
    if product.pay_next_month is not None:
        line_ppm = product.pay_next_month.daily_rate_ppm * _DAYS_A_YEAR
        yield LateRates(price=REVOLVING_PRICE, own_ppm=line_ppm, penalty_ppm=0, contract_ppm=line_ppm)
    for kind, offer in installment_offers(product).items():
        for place, price in enumerate(offer.prices):
            yield _plan_rates(product, price, name=price_field(kind, place))


def _plan_rates(product: Product, price: InstallmentPrice, *, name: str) -> LateRates:
    """A fee on the original principal does not go on; a penalty on it is a multiple of the line's own rate."""
    line_ppm = product.pay_next_month.daily_rate_ppm * _DAYS_A_YEAR if product.pay_next_month else 0
    return LateRates(
        price=name,
        own_ppm=price.nominal_rate_ppm or 0,
        penalty_ppm=product.penalty_daily_ppm() * _DAYS_A_YEAR,
        contract_ppm=price.nominal_rate_ppm or line_ppm,
    )


def _late_fee_faults(product: Product, *, dearest_rate: Decimal, on: date) -> Iterator[OfferFault]:
    cap = late_fee_cap(jurisdiction=product.jurisdiction, on=on)
    fee = product.late.late_fee
    if cap is None or fee is None or cap.currency != product.currency or dearest_rate * PPM < cap.binds_from_ppm:
        return
    most_minor = fee.fixed_minor if fee.share_ppm == 0 else fee.most_minor
    if most_minor is None or max(most_minor, fee.least_minor) > cap.bound:
        yield OfferFault(
            reason=OfferReason.LATE_FEE_CAP_EXCEEDED,
            field="late.late_fee",
            figures={"most_minor": most_minor, "cap_minor": cap.bound, "rule": cap.id, "on": on},
            way_out=f"give most_minor of at most {cap.bound}",
        )


def _percent(share_ppm: int) -> Decimal:
    return published_percent(Decimal(share_ppm) / PPM, decimals=2)
