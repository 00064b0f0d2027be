"""The law is checked by a price's own flows: the worst corner is found, and above a cap figures say so."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from tallystick.terms.caps import NoLegalCap
from tallystick.terms.catalog import shipped_products
from tallystick.terms.legality import (
    extreme_draw_dates,
    limit_faults,
    offer_faults,
    publication_faults,
    worst_corner,
)
from tallystick.terms.offering import OfferReason
from tallystick.terms.plan_terms import InterestPeriod
from tallystick.terms.product import (
    InstallmentOffer,
    InstallmentPrice,
    LateFee,
    LateTerms,
    OfferKind,
    Penalty,
    PenaltyBase,
    Product,
)

TODAY = date(2026, 11, 23)
BAITIAO = shipped_products()["baitiao"]
CASH = shipped_products()["cash"]
ORDER = OfferKind.ORDER_INSTALLMENTS


def _order_offer(product: Product) -> InstallmentOffer:
    assert product.order_installments is not None
    return product.order_installments


def _with_order_price(**changes: Any) -> Product:
    offer = _order_offer(BAITIAO)
    return replace(
        BAITIAO, order_installments=replace(offer, prices=(replace(offer.prices[0], **changes), *offer.prices[1:]))
    )


def _with_penalty(daily_rate_ppm: int) -> Product:
    penalty = Penalty(base=PenaltyBase.OVERDUE_PRINCIPAL, daily_rate_ppm=daily_rate_ppm)
    return replace(BAITIAO, late=LateTerms(grace_days=0, penalty=penalty))


@pytest.mark.parametrize("product_id", sorted(shipped_products()))
def test_what_ships_may_be_published_today(product_id: str) -> None:
    assert publication_faults(shipped_products()[product_id], on=TODAY) == ()


def test_a_short_first_period_makes_the_same_fee_dearer_and_the_worst_corner_finds_it() -> None:
    soonest, latest = extreme_draw_dates(BAITIAO, offer=_order_offer(BAITIAO), on=TODAY)
    assert (soonest, latest) == (date(2026, 12, 19), date(2026, 12, 20))
    worst = worst_corner(BAITIAO, offer=ORDER, price=_order_offer(BAITIAO).prices[0], on=TODAY)
    assert (worst.installments, worst.drawn_on) == (3, date(2026, 12, 19))
    assert Decimal("0.16") < worst.simple_rate < Decimal("0.17")  # 7.2 % nominal, 10.77 % with whole months


def test_a_price_above_the_cap_is_refused_with_rate_cap_rule_and_date() -> None:
    faults = publication_faults(_with_order_price(fee_per_period_ppm=9_000), on=TODAY)
    assert [fault.reason for fault in faults] == [OfferReason.PRICE_CAP_EXCEEDED]
    assert faults[0].field == "order_installments.prices[0]"
    assert faults[0].figures == {
        "annual_percent": Decimal("25.06"),
        "cap_percent": Decimal("24.00"),
        "rule": "CN-micro-2025",
        "in_force_from": date(2025, 12, 19),
        "installments": 3,
        "principal_minor": 5_000_000,
        "drawn_on": date(2026, 12, 19),
    }
    assert "lower the price" in str(faults[0])


@pytest.mark.parametrize(("nominal_rate_ppm", "refusals"), [(240_000, 0), (240_012, 1)])
def test_a_price_of_exactly_the_cap_is_allowed_and_a_cent_more_is_not(nominal_rate_ppm: int, refusals: int) -> None:
    assert CASH.cash is not None
    price = replace(CASH.cash.prices[2], nominal_rate_ppm=nominal_rate_ppm)
    twelfths = replace(
        CASH,
        late=LateTerms(grace_days=0),
        cash=replace(CASH.cash, prices=(price,)),
        interest=replace(CASH.interest, period=InterestPeriod.SHARE_OF_YEAR),
    )
    faults = offer_faults(
        twelfths,
        offer=OfferKind.CASH,
        price_code="principal_at_end",
        installments=1,
        principal_minor=1_000_000,
        drawn_on=TODAY,
    )
    assert [fault.reason for fault in faults] == [OfferReason.PRICE_CAP_EXCEEDED] * refusals


def test_when_the_cap_falls_the_same_products_may_no_longer_be_published() -> None:
    faults = publication_faults(CASH, on=date(2028, 1, 1))
    assert {fault.figures["rule"] for fault in faults} == {"CN-micro-2028"}
    assert [fault.field for fault in faults] == ["cash.prices[0]", "cash.prices[1]", "cash.prices[2]"]


def test_the_daily_rate_counts_as_what_a_year_of_it_costs() -> None:
    assert BAITIAO.pay_next_month is not None
    dearer = replace(BAITIAO, pay_next_month=replace(BAITIAO.pay_next_month, daily_rate_ppm=660))
    faults = publication_faults(dearer, on=TODAY)
    assert faults[0].field == "pay_next_month.daily_rate_ppm"
    assert faults[0].figures["annual_percent"] == Decimal("24.08")


def test_nothing_is_published_where_no_law_is_known() -> None:
    with pytest.raises(NoLegalCap, match="jurisdiction 'XX'"):
        publication_faults(replace(BAITIAO, jurisdiction="XX"), on=TODAY)


def test_principal_at_the_end_runs_for_a_year_at_most() -> None:
    assert CASH.cash is not None
    bullet = replace(CASH.cash.prices[2], most_installments=13)
    longer = replace(CASH, cash=replace(CASH.cash, prices=(*CASH.cash.prices[:2], bullet)))
    assert [(fault.reason, fault.field) for fault in publication_faults(longer, on=TODAY)] == [
        (OfferReason.TENOR_CAP_EXCEEDED, "cash.prices[2].most_installments")
    ]
    for installments, reasons in ((12, []), (13, [OfferReason.TENOR_CAP_EXCEEDED])):
        faults = offer_faults(
            longer,
            offer=OfferKind.CASH,
            price_code="principal_at_end",
            installments=installments,
            principal_minor=1_000_000,
            drawn_on=TODAY,
        )
        assert [fault.reason for fault in faults] == reasons


@pytest.mark.parametrize(
    ("daily_rate_ppm", "reasons"),
    [
        (180, set()),  # 13.20 % + 6.57 % a year: one and a half times the cheapest plan's rate is 19.80 %
        (181, {OfferReason.PENALTY_CAP_EXCEEDED}),  # 19.81 %
        (263, {OfferReason.PENALTY_CAP_EXCEEDED}),  # 14.40 % + 9.5995 %, the dearest plan's
        (264, {OfferReason.PENALTY_CAP_EXCEEDED, OfferReason.LATE_RATE_CAP_EXCEEDED}),  # 24.04 %
    ],
)
def test_interest_and_penalty_together_stay_within_what_late_payment_may_cost(
    daily_rate_ppm: int, reasons: set[OfferReason]
) -> None:
    assert {fault.reason for fault in publication_faults(_with_penalty(daily_rate_ppm), on=TODAY)} == reasons


def test_a_penalty_on_installments_is_not_added_to_what_a_bill_leaves_unpaid() -> None:
    """0.06 % a day is 21.90 % a year, and a bill bears no penalty; installments with a fee bear 5.48 % of it only."""
    assert BAITIAO.pay_next_month is not None
    revolving = replace(BAITIAO.pay_next_month, daily_rate_ppm=600)
    assert publication_faults(replace(_with_penalty(150), pay_next_month=revolving), on=TODAY) == ()


@pytest.mark.parametrize(("daily_rate_ppm", "is_lawful"), [(250, True), (251, False)])
def test_a_penalty_on_installments_with_a_fee_is_a_multiple_of_the_lines_rate(
    daily_rate_ppm: int,
    is_lawful: bool,  # noqa: FBT001
) -> None:
    """Half of 0.05 % a day is 0.025 %: a fee is no rate that a penalty could be a multiple of."""
    without_rates = replace(_with_penalty(daily_rate_ppm), cash=None)
    refused = [fault.reason for fault in publication_faults(without_rates, on=TODAY)]
    assert refused == [] if is_lawful else set(refused) == {OfferReason.PENALTY_CAP_EXCEEDED}


@pytest.mark.parametrize(("share_ppm", "is_lawful"), [(57_500, True), (57_501, False), (500_000, False)])
def test_a_late_fee_that_is_a_share_counts_with_the_interest(share_ppm: int, is_lawful: bool) -> None:  # noqa: FBT001
    """18.25 % a year of what revolves and 5.75 % once are 24 % of what is overdue for a year."""
    late = LateTerms(grace_days=0, late_fee=LateFee(share_ppm=share_ppm))
    faults = publication_faults(replace(BAITIAO, late=late), on=TODAY)
    if is_lawful:
        assert faults == ()
    else:
        assert {(fault.reason, fault.field) for fault in faults} == {
            (OfferReason.LATE_RATE_CAP_EXCEEDED, "late.late_fee")
        }


def test_a_plan_whose_lateness_costs_too_much_is_not_offered() -> None:
    dear = replace(CASH, late=replace(CASH.late, late_fee=LateFee(share_ppm=100_000)))
    faults = offer_faults(
        dear,
        offer=OfferKind.CASH,
        price_code="equal_installments",
        installments=6,
        principal_minor=1_000_000,
        drawn_on=TODAY,
    )
    assert [(fault.reason, str(fault.figures["late_percent"])) for fault in faults] == [
        (OfferReason.LATE_RATE_CAP_EXCEEDED, "33.84")
    ]


@pytest.mark.parametrize(
    ("daily_rate_ppm", "late_fee", "refusals"),
    [
        (4_000, LateFee(fixed_minor=1_500), 0),
        (4_000, LateFee(fixed_minor=1_501), 1),
        (4_000, LateFee(share_ppm=10_000), 1),
        (4_000, LateFee(share_ppm=10_000, most_minor=1_500), 0),
        (500, LateFee(fixed_minor=1_501), 0),  # the rule binds credit from an APR of 100 %
    ],
)
def test_a_late_fee_is_bounded_where_the_law_bounds_it(daily_rate_ppm: int, late_fee: LateFee, refusals: int) -> None:
    assert BAITIAO.pay_next_month is not None
    british = replace(
        BAITIAO,
        jurisdiction="GB",
        currency="GBP",
        pay_next_month=replace(BAITIAO.pay_next_month, daily_rate_ppm=daily_rate_ppm),
        late=LateTerms(grace_days=0, late_fee=late_fee),
    )
    faults = publication_faults(british, on=TODAY)
    assert [fault.reason for fault in faults] == [OfferReason.LATE_FEE_CAP_EXCEEDED] * refusals


def test_one_offer_is_judged_by_its_own_flows() -> None:
    dear = _with_order_price(fee_per_period_ppm=9_000)
    for drawn_on, refused in ((date(2026, 12, 20), False), (date(2026, 12, 19), True)):
        faults = offer_faults(
            dear, offer=ORDER, price_code="standard", installments=3, principal_minor=100_000, drawn_on=drawn_on
        )
        assert bool(faults) is refused
    unsold = offer_faults(
        dear, offer=ORDER, price_code="standard", installments=2, principal_minor=100_000, drawn_on=TODAY
    )
    assert [fault.reason for fault in unsold] == [OfferReason.INSTALLMENTS_NOT_OFFERED]
    small = offer_faults(dear, offer=ORDER, price_code="standard", installments=3, principal_minor=1, drawn_on=TODAY)
    assert [fault.reason for fault in small] == [OfferReason.PRINCIPAL_TOO_SMALL]


@pytest.mark.parametrize(
    ("limit_minor", "others_minor", "reasons"),
    [
        (100_000, 0, []),
        (99_999, 0, [OfferReason.LIMIT_TOO_SMALL]),
        (20_000_000, 0, []),
        (15_000_000, 5_000_001, [OfferReason.PERSON_CAP_EXCEEDED]),
        (20_000_001, 0, [OfferReason.LIMIT_TOO_LARGE, OfferReason.PERSON_CAP_EXCEEDED]),
    ],
)
def test_a_limit_stays_within_the_product_and_the_persons_other_lines(
    limit_minor: int, others_minor: int, reasons: list[OfferReason]
) -> None:
    faults = limit_faults(CASH, limit_minor=limit_minor, other_limits_minor=others_minor, on=TODAY)
    assert [fault.reason for fault in faults] == reasons


def test_a_price_in_another_place_of_the_file_is_named_by_its_place() -> None:
    offer = _order_offer(BAITIAO)
    dear = InstallmentPrice(
        code="dear", amortization=offer.prices[0].amortization, least_installments=6, most_installments=6,
        nominal_rate_ppm=300_000,
    )  # fmt: skip
    product = replace(BAITIAO, order_installments=replace(offer, prices=(*offer.prices, dear)))
    assert [fault.field for fault in publication_faults(product, on=TODAY) if fault.reason.startswith("price")] == [
        "order_installments.prices[2]"
    ]
