"""Refunds of what a plan paid for: which installments shrink, what comes back, what overflows."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tallystick.servicing import plan as plans
from tallystick.servicing.allocation import order_of
from tallystick.servicing.plan import Plan
from tallystick.terms.plan_terms import PlanTerms, Recalculation
from tallystick.terms.product import (
    AllocationRule,
    Component,
    RefundCharges,
    RefundInstallments,
    RefundTerms,
    Walk,
)
from tallystick.units.day_counts import DayCount

DRAWN_ON = date(2026, 1, 31)
ORDER = order_of(AllocationRule(walk=Walk.OLDEST_DUE_FIRST, components=tuple(Component)))


def policy(
    which: RefundInstallments = RefundInstallments.LAST, charges: RefundCharges = RefundCharges.PRO_RATA
) -> RefundTerms:
    return RefundTerms(installments=which, interest=charges, fee=charges)


def fee_plan(principal_minor: int = 90_000) -> Plan:
    terms = PlanTerms(installments=3, per_period_ppm=6_000)
    return plans.open_plan(plan_id=1, terms=terms, drawn_on=DRAWN_ON, principal_minor=principal_minor)


def daily_plan() -> Plan:
    terms = PlanTerms(
        installments=6, nominal_rate=Decimal("0.12"), day_count=DayCount.THIRTY_360, recalculation=Recalculation.DAILY
    )
    return plans.open_plan(plan_id=1, terms=terms, drawn_on=DRAWN_ON, principal_minor=60_000)


@pytest.mark.parametrize(
    ("which", "principals"),
    [
        (RefundInstallments.NEXT, [0, 15_000, 30_000]),
        (RefundInstallments.LAST, [30_000, 15_000, 0]),
        (RefundInstallments.REAMORTIZED, [15_000, 15_000, 15_000]),
    ],
)
def test_the_policy_says_which_installments_shrink(which: RefundInstallments, principals: list[int]) -> None:
    given = plans.refund(fee_plan(), on=date(2026, 2, 3), principal_minor=45_000, terms=policy(which))
    assert [part.principal_minor for part in given.plan.installments] == principals
    assert given.plan.principal_left_minor == 45_000


@pytest.mark.parametrize(
    ("charges", "fees"),
    [
        (RefundCharges.PRO_RATA, [270, 270, 270]),
        (RefundCharges.UNEARNED_ONLY, [540, 270, 270]),
        (RefundCharges.KEPT, [540, 540, 540]),
    ],
)
def test_charges_follow_the_principal_as_the_policy_says(charges: RefundCharges, fees: list[int]) -> None:
    given = plans.refund(fee_plan(), on=date(2026, 2, 3), principal_minor=45_000, terms=policy(charges=charges))
    assert [part.fee_minor for part in given.plan.installments] == fees


def test_a_fee_that_was_paid_on_what_is_given_back_comes_back() -> None:
    plan = plans.pay(fee_plan(), on=date(2026, 2, 28), amount_minor=30_540, order=ORDER).plan
    given = plans.refund(plan, on=date(2026, 3, 5), principal_minor=45_000, terms=policy())
    assert given.returned_minor == {Component.FEE: 270}
    assert given.plan.installments[0].paid_fee_minor == 270


def test_what_exceeds_the_principal_left_overflows_and_all_charges_come_back() -> None:
    plan = plans.pay(fee_plan(), on=date(2026, 2, 28), amount_minor=30_540, order=ORDER).plan
    given = plans.refund(plan, on=date(2026, 3, 5), principal_minor=90_000, terms=policy())
    assert (given.principal_minor, given.overflow_minor) == (60_000, 30_000)
    assert given.returned_minor == {Component.FEE: 540}
    assert given.plan.is_settled


@pytest.mark.parametrize("terms", ["fee", "daily"])
def test_a_refund_after_pay_off_gives_back_charges_pro_rata(terms: str) -> None:
    """A third, then the rest: after both, all that was paid above the principal has come back, to the cent."""
    plan, component = (fee_plan(), Component.FEE) if terms == "fee" else (daily_plan(), Component.INTEREST)
    paid_off = plans.pay(plan, on=date(2026, 8, 1), amount_minor=10**6, order=ORDER).plan
    assert paid_off.is_settled
    whole_minor, third_minor = plan.principal_minor, plan.principal_minor // 3
    charged_minor = sum(part.paid_minor for part in paid_off.installments) - whole_minor
    third = plans.refund(paid_off, on=date(2026, 8, 2), principal_minor=third_minor, terms=policy())
    assert (third.principal_minor, third.overflow_minor) == (0, third_minor)
    assert abs(third.returned_minor[component] - charged_minor // 3) <= len(plan.installments)
    rest = plans.refund(third.plan, on=date(2026, 8, 3), principal_minor=whole_minor - third_minor, terms=policy())
    assert third.returned_minor[component] + rest.returned_minor[component] == charged_minor


def test_charges_that_are_kept_stay_after_pay_off() -> None:
    plan = fee_plan()
    paid = plans.pay(plan, on=date(2026, 5, 1), amount_minor=plans.owed_minor(plan), order=ORDER)
    kept = policy(charges=RefundCharges.KEPT)
    given = plans.refund(paid.plan, on=date(2026, 5, 2), principal_minor=100, terms=kept)
    assert (given.principal_minor, given.overflow_minor, given.returned_minor) == (0, 100, {})


def test_several_partial_refunds_leave_what_one_would() -> None:
    plan = fee_plan()
    once = plans.refund(plan, on=date(2026, 2, 3), principal_minor=60_000, terms=policy()).plan
    twice = plan
    for part_minor in (20_000, 40_000):
        twice = plans.refund(twice, on=date(2026, 2, 3), principal_minor=part_minor, terms=policy()).plan
    assert [part.principal_minor for part in once.installments] == [part.principal_minor for part in twice.installments]
    assert (
        [part.fee_minor for part in once.installments]
        == [180, 180, 180]
        == [part.fee_minor for part in twice.installments]
    )


def test_a_refund_of_everything_before_the_first_bill_leaves_nothing() -> None:
    given = plans.refund(fee_plan(), on=date(2026, 2, 1), principal_minor=90_000, terms=policy())
    assert given.plan.is_settled


@pytest.mark.parametrize("which", list(RefundInstallments))
def test_interest_follows_the_smaller_balance_by_itself(which: RefundInstallments) -> None:
    plan = daily_plan()
    given = plans.refund(plan, on=date(2026, 2, 10), principal_minor=30_000, terms=policy(which, RefundCharges.KEPT))
    parts = given.plan.installments
    assert sum(part.principal_minor for part in parts) == 30_000
    assert sum(part.interest_minor for part in parts) < sum(part.interest_minor for part in plan.installments)


def test_interest_paid_on_what_is_given_back_comes_back() -> None:
    plan = plans.pay(daily_plan(), on=date(2026, 2, 28), amount_minor=10_353, order=ORDER).plan
    interest_paid_minor = plan.installments[0].paid_interest_minor
    assert interest_paid_minor == 600
    given = plans.refund(plan, on=date(2026, 3, 1), principal_minor=30_000, terms=policy())
    assert given.returned_minor == {Component.INTEREST: 300}
    assert given.plan.installments[0].left_minor == 0
    assert sum(part.principal_minor for part in given.plan.installments) == 30_000


def test_a_refund_of_everything_settles_a_plan_whose_interest_follows() -> None:
    plan = daily_plan()
    given = plans.refund(plan, on=DRAWN_ON, principal_minor=60_000, terms=policy())
    assert given.plan.is_settled


PAST_DUE: list[tuple[RefundInstallments, RefundCharges, list[tuple[int, int]]]] = [
    (
        RefundInstallments.NEXT, RefundCharges.KEPT,
        [(4_753, 600), (9_753, 600), (9_935, 418), (10_047, 306), (10_148, 205), (10_364, 104)],
    ),
    (
        RefundInstallments.LAST, RefundCharges.KEPT,
        [(9_753, 600), (9_753, 600), (9_982, 371), (10_098, 255), (10_199, 154), (5_215, 52)],
    ),
    (
        RefundInstallments.REAMORTIZED, RefundCharges.KEPT,
        [(8_940, 600), (8_940, 600), (9_131, 386), (9_237, 280), (9_329, 188), (9_423, 94)],
    ),
    (
        RefundInstallments.NEXT, RefundCharges.PRO_RATA,
        [(4_753, 550), (9_753, 550), (9_935, 415), (10_047, 306), (10_148, 205), (10_364, 104)],
    ),
    (
        RefundInstallments.LAST, RefundCharges.PRO_RATA,
        [(9_753, 550), (9_753, 550), (9_982, 368), (10_098, 255), (10_199, 154), (5_215, 52)],
    ),
    (
        RefundInstallments.REAMORTIZED, RefundCharges.PRO_RATA,
        [(8_940, 550), (8_940, 550), (9_133, 383), (9_236, 280), (9_328, 188), (9_423, 94)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("which", "charges", "asked"), PAST_DUE)
def test_a_refund_with_installments_past_due_leaves_their_interest_as_it_ran(
    which: RefundInstallments, charges: RefundCharges, asked: list[tuple[int, int]]
) -> None:
    """600.00 at 12 %, nothing paid for two installments, 50.00 given back on 2 April.

    Until that day 600.00 bore interest: 6.00 a month, 0.40 in April. From it on, what is past due is supposed to be
    paid, and to the end of April 404.94 bear 3.78 where only what is past due shrinks, 354.94 bear 3.31 where the last
    does, 371.20 bear 3.46 where all do. Pro rata, a twelfth of 6.00, of 6.00 and of 0.40 comes back.
    """
    plan = plans.roll(daily_plan(), on=date(2026, 4, 2))
    given = plans.refund(plan, on=date(2026, 4, 2), principal_minor=5_000, terms=policy(which, charges))
    assert [(part.principal_minor, part.interest_minor) for part in given.plan.installments] == asked
    assert given.plan.principal_left_minor == 55_000


def test_what_a_refund_leaves_past_due_goes_on_bearing_interest_though_no_later_installment_is_left() -> None:
    """All three installments to come are given back; 195.06 past due bear 1.95 more by the end of April."""
    plan = plans.roll(daily_plan(), on=date(2026, 4, 2))
    given = plans.refund(plan, on=date(2026, 4, 2), principal_minor=40_494, terms=policy(charges=RefundCharges.KEPT))
    rolled = plans.roll(given.plan, on=date(2026, 4, 30))
    assert [part.principal_minor for part in rolled.installments] == [9_753, 9_753, 0, 0, 0, 0]
    assert sum(part.interest_minor for part in rolled.installments) == 600 + 600 + 40 + 182
    paid = plans.pay(rolled, on=date(2026, 4, 30), amount_minor=plans.owed_minor(rolled), order=ORDER)
    assert (paid.plan.is_settled, paid.rest_minor) == (True, 0)


def with_down_payment(**price: Any) -> Plan:
    """600.00 drawn, of which 120.00 was paid down and 480.00 is financed."""
    terms = PlanTerms(installments=6, down_payment_ppm=200_000, day_count=DayCount.THIRTY_360, **price)
    plan = plans.open_plan(plan_id=1, terms=terms, drawn_on=DRAWN_ON, principal_minor=60_000)
    return plans.pay(plan, on=DRAWN_ON, amount_minor=12_000, order=ORDER).plan


FEE: dict[str, Any] = {"per_period_ppm": 6_000}
DAILY: dict[str, Any] = {"nominal_rate": Decimal("0.12"), "recalculation": Recalculation.DAILY}


@pytest.mark.parametrize("price", [FEE, DAILY], ids=["fee", "daily interest"])
@pytest.mark.parametrize("refunded_on", [date(2026, 2, 3), date(2026, 3, 1), date(2026, 4, 2)])
@pytest.mark.parametrize("paid_minor", [0, 9_000])
@pytest.mark.parametrize("which", list(RefundInstallments))
def test_a_full_refund_gives_all_of_the_price_back_whatever_was_paid_down(
    price: dict[str, Any], refunded_on: date, paid_minor: int, which: RefundInstallments
) -> None:
    plan = with_down_payment(**price)
    if paid_minor:
        plan = plans.pay(plan, on=min(refunded_on, date(2026, 2, 28)), amount_minor=paid_minor, order=ORDER).plan
    plan = plans.roll(plan, on=refunded_on)
    given = plans.refund(plan, on=refunded_on, principal_minor=60_000, terms=policy(which))
    assert given.plan.is_settled
    assert sum(part.interest_minor + part.fee_minor for part in given.plan.installments) == 0
    returned_minor = given.overflow_minor + sum(given.returned_minor.values())
    assert returned_minor == sum(part.paid_minor for part in plan.installments)


def test_a_partial_refund_gives_back_the_share_of_what_was_financed() -> None:
    """240.00 of the 480.00 financed: half of each fee."""
    plan = with_down_payment(**FEE)
    fees_minor = [part.fee_minor for part in plan.installments]
    given = plans.refund(plan, on=date(2026, 2, 3), principal_minor=24_000, terms=policy())
    assert [2 * part.fee_minor for part in given.plan.installments] == fees_minor


def test_a_full_refund_after_an_installment_leaves_no_fee_to_pay() -> None:
    plan = plans.pay(fee_plan(), on=date(2026, 2, 28), amount_minor=30_540, order=ORDER).plan
    given = plans.refund(plan, on=date(2026, 3, 5), principal_minor=90_000, terms=policy())
    assert given.plan.is_settled
    assert (given.overflow_minor, given.returned_minor) == (30_000, {Component.FEE: 540})
