"""A plan through time, by hand: on time, late, early, too much, paid off, drawn again."""

from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tallystick.servicing import plan as plans
from tallystick.servicing.allocation import AllocationOrder, InAdvance, Timing, order_of
from tallystick.servicing.plan import Plan
from tallystick.terms.plan_terms import (
    Amortization,
    EarlyPayment,
    FurtherDraws,
    OverdueInterest,
    PlanTerms,
    Recalculation,
    Rest,
    UnearnedCharges,
    UnseenPeriods,
)
from tallystick.terms.product import AllocationRule, Component, Walk
from tallystick.units.day_counts import DayCount

DRAWN_ON = date(2024, 1, 1)
FEE_PLAN = PlanTerms(installments=3, per_period_ppm=6_000)
DAILY_PLAN = PlanTerms(
    installments=6,
    nominal_rate=Decimal("0.07"),
    day_count=DayCount.THIRTY_360,
    recalculation=Recalculation.DAILY,
)


def order(in_advance: InAdvance = InAdvance.NEXT) -> AllocationOrder:
    components = (Component.PENALTY, Component.FEE, Component.INTEREST, Component.PRINCIPAL)
    return order_of(AllocationRule(walk=Walk.OLDEST_DUE_FIRST, components=components), in_advance=in_advance)


def opened(terms: PlanTerms = DAILY_PLAN, *, principal_minor: int = 10_000) -> Plan:
    return plans.open_plan(plan_id=7, terms=terms, drawn_on=DRAWN_ON, principal_minor=principal_minor)


def asked(plan: Plan) -> list[tuple[int, int]]:
    return [(part.principal_minor, part.interest_minor) for part in plan.installments]


def pay(plan: Plan, day: date, amount_minor: int, in_advance: InAdvance = InAdvance.NEXT) -> plans.Paid:
    return plans.pay(plan, on=day, amount_minor=amount_minor, order=order(in_advance))


def test_a_plan_asks_for_equal_installments() -> None:
    assert asked(opened()) == [(1643, 58), (1652, 49), (1662, 39), (1672, 29), (1681, 20), (1690, 10)]


def test_a_payment_on_time_pays_interest_and_principal_of_its_installment() -> None:
    paid = pay(opened(), date(2024, 2, 1), 1701)
    assert (paid.interest_minor, paid.principal_minor, paid.rest_minor) == (58, 1643, 0)
    first = paid.plan.installments[0]
    assert (first.settled_on, first.paid_early_minor, first.paid_late_minor) == (date(2024, 2, 1), 0, 0)
    assert asked(paid.plan)[1:] == asked(opened())[1:]


def test_dues_are_told_with_their_timing() -> None:
    timings = {due.number: due.timing for due in plans.dues(opened(), on=date(2024, 3, 1))}
    assert timings[1] is Timing.PAST_DUE
    assert timings[2] is Timing.DUE
    assert timings[3] is Timing.IN_ADVANCE


def test_principal_past_due_goes_on_bearing_interest() -> None:
    late = plans.roll(opened(), on=date(2024, 2, 15))
    # 16.43 overdue from 1 to 15 February, 14 of 29 days of a month at 7 %: 0.046
    assert asked(late)[:2] == [(1643, 58), (1648, 53)]
    assert sum(part.principal_minor for part in late.installments) == 10_000


def test_rolling_twice_or_by_way_of_days_between_is_rolling_once() -> None:
    at_once = plans.roll(opened(), on=date(2024, 3, 20))
    stepwise = plans.roll(plans.roll(opened(), on=date(2024, 2, 9)), on=date(2024, 3, 20))
    assert plans.roll(at_once, on=date(2024, 3, 20)) == at_once
    assert asked(stepwise) == asked(at_once)


def test_a_day_that_is_past_changes_nothing() -> None:
    plan = plans.roll(opened(), on=date(2024, 3, 20))
    assert plans.roll(plan, on=date(2024, 2, 1)) is plan


def test_where_overdue_interest_stops_a_late_day_costs_nothing() -> None:
    plan = opened(replace(DAILY_PLAN, overdue_interest=OverdueInterest.STOPS))
    assert asked(plans.roll(plan, on=date(2024, 2, 15))) == asked(plan)


def test_rest_at_the_end_of_the_period_counts_overdue_interest_to_it() -> None:
    plan = opened(replace(DAILY_PLAN, rest=Rest.PERIOD_END))
    assert asked(plans.roll(plan, on=date(2024, 2, 2)))[1] == (1643, 58)


@pytest.mark.parametrize(("walk", "last_minor"), [(Walk.OLDEST_DUE_FIRST, 1701), (Walk.COMPONENT_FIRST, 1700)])
def test_money_for_the_last_installment_pays_an_equal_one_or_it_with_its_cents(walk: Walk, last_minor: int) -> None:
    plan = plans.roll(opened(), on=date(2024, 2, 15))
    quote = plans.settle_quote(plan, on=date(2024, 2, 15))
    rule = AllocationRule(walk=walk, components=(Component.FEE, Component.PRINCIPAL, Component.INTEREST))
    paying = order_of(rule, in_advance=InAdvance.LAST)
    paid = plans.pay(plan, on=date(2024, 2, 15), amount_minor=quote.total_minor, order=paying)
    assert paid.plan.is_settled
    assert paid.plan.installments[-1].paid_principal_minor == last_minor
    assert [part.paid_principal_minor for part in paid.plan.installments[2:-1]] == [1701] * 3


def test_periods_that_nobody_looked_at_stay_as_scheduled_where_the_terms_say_so() -> None:
    terms = replace(DAILY_PLAN, unseen_periods=UnseenPeriods.AS_SCHEDULED)
    unseen = plans.roll(opened(terms), on=date(2024, 4, 20))
    caught_up = plans.roll(opened(), on=date(2024, 4, 20))
    assert [interest_minor for _, interest_minor in asked(unseen)[:3]] == [58, 49, 39]
    assert [interest_minor for _, interest_minor in asked(caught_up)[:3]] == [58, 58, 58]
    # 100.00 owed from 1 to 20 April, then 50.43 as scheduled: 7 % / 12 x (100 x 19 + 50.43 x 11) / 30
    assert asked(unseen)[3] == (1653, 48)
    seen = plans.roll(plans.roll(opened(terms), on=date(2024, 3, 1)), on=date(2024, 4, 20))
    assert [interest_minor for _, interest_minor in asked(seen)[:3]] == [58, 58, 39]


def test_equal_principal_paid_early_is_equal_in_the_installments_that_are_left() -> None:
    terms = replace(
        DAILY_PLAN, amortization=Amortization.EQUAL_PRINCIPAL, early_payment=EarlyPayment.SMALLER_INSTALLMENTS
    )
    paid = pay(opened(terms, principal_minor=12_000), date(2024, 2, 1), 2_000 + 70 + 5_000)
    assert [principal_minor for principal_minor, _ in asked(paid.plan)] == [7_000] + [1_000] * 5
    again = pay(paid.plan, date(2024, 2, 15), 1_500).plan
    quote = plans.settle_quote(again, on=date(2024, 2, 15))
    assert (quote.principal_minor, quote.interest_minor) == (3_500, 14)  # 50.00 x 7 % / 12 x 14 of 29 days
    assert pay(again, date(2024, 2, 15), quote.total_minor).plan.is_settled


def test_rest_at_the_end_of_the_period_makes_early_money_pay_as_if_it_came_then() -> None:
    terms = replace(DAILY_PLAN, rest=Rest.PERIOD_END, early_payment=EarlyPayment.SMALLER_INSTALLMENTS)
    part = pay(opened(terms), date(2024, 1, 20), 200)
    assert (part.interest_minor, part.principal_minor) == (58, 142)
    assert asked(part.plan) == asked(opened())
    early = pay(opened(terms), date(2024, 1, 20), 1701 + 2_560)
    on_time = pay(opened(terms), date(2024, 2, 1), 1701 + 2_560)
    assert asked(early.plan) == asked(on_time.plan)
    assert asked(early.plan)[0] == (1643 + 2_560, 58)


def test_paying_early_saves_interest_and_the_last_installment_is_smaller() -> None:
    paid = pay(opened(), date(2024, 1, 15), 1701)
    assert asked(paid.plan)[0] == (1675, 26)
    assert paid.plan.installments[0].paid_early_minor == 1701
    assert sum(part.due_minor for part in paid.plan.installments) < 10_205


def test_paying_more_than_the_installment_pays_the_next_as_principal() -> None:
    paid = pay(opened(), date(2024, 2, 1), 3402)
    assert asked(paid.plan)[1] == (1701, 0)
    assert paid.interest_minor == 58


def test_money_for_the_last_installment_leaves_the_next_one_due() -> None:
    paid = pay(opened(), date(2024, 2, 1), 1701 + 1000, InAdvance.LAST)
    assert paid.plan.installments[1].left_minor == 1701
    assert paid.plan.installments[-1].paid_minor == 1000


def test_settling_costs_principal_and_interest_to_the_day_and_leaves_nothing() -> None:
    plan = pay(opened(), date(2024, 2, 1), 1701).plan
    quote = plans.settle_quote(plan, on=date(2024, 2, 15))
    assert (quote.principal_minor, quote.interest_minor) == (8357, 24)  # 83.57 x 7 % / 12 x 14 of 29 days
    paid = pay(plan, date(2024, 2, 15), quote.total_minor)
    assert paid.plan.is_settled
    assert paid.rest_minor == 0


def test_interest_to_the_end_of_the_period_where_the_contract_says_so() -> None:
    plan = opened(replace(DAILY_PLAN, pay_off_interest_until=Rest.PERIOD_END))
    quote = plans.settle_quote(plan, on=date(2024, 1, 15))
    assert (quote.principal_minor, quote.interest_minor) == (10_000, 58)


@pytest.mark.parametrize("amortization", list(Amortization))
def test_a_pay_off_after_money_came_early_and_then_none_leaves_nothing(amortization: Amortization) -> None:
    terms = replace(
        DAILY_PLAN, amortization=amortization, nominal_rate=Decimal("0.36"),
        rest=Rest.PERIOD_END, pay_off_interest_until=Rest.PERIOD_END,
    )  # fmt: skip
    early = pay(opened(terms, principal_minor=430_000), date(2024, 1, 10), 120_000).plan
    late = plans.roll(early, on=date(2024, 4, 3))
    quote = plans.settle_quote(late, on=date(2024, 4, 3))
    paid = pay(late, date(2024, 4, 3), quote.total_minor)
    assert (paid.plan.is_settled, paid.rest_minor) == (True, 0)


@pytest.mark.parametrize("in_advance", list(InAdvance))
def test_a_pay_off_leaves_nothing_whatever_the_order(in_advance: InAdvance) -> None:
    plan = plans.roll(opened(), on=date(2024, 3, 20))
    quote = plans.settle_quote(plan, on=date(2024, 3, 20))
    paid = pay(plan, date(2024, 3, 20), quote.total_minor + 5, in_advance)
    assert paid.plan.is_settled
    assert paid.rest_minor == 5


def test_settling_a_fee_plan_waives_the_price_of_periods_not_begun() -> None:
    plan = opened(FEE_PLAN, principal_minor=90_000)
    quote = plans.settle_quote(plan, on=date(2024, 2, 10))
    assert (quote.principal_minor, quote.fee_minor) == (90_000, 540 + 540)
    charged = plans.settle_quote(
        opened(replace(FEE_PLAN, unearned_charges=UnearnedCharges.CHARGED), principal_minor=90_000),
        on=date(2024, 2, 10),
    )
    assert charged.fee_minor == 3 * 540


def test_the_early_settlement_fee_is_on_principal_not_due_yet() -> None:
    plan = opened(replace(FEE_PLAN, early_settlement_fee_ppm=10_000), principal_minor=90_000)
    assert plans.settle_quote(plan, on=date(2024, 2, 10)).settlement_fee_minor == 600
    assert plans.settle_quote(plan, on=date(2024, 4, 10)).settlement_fee_minor == 0


def test_paying_a_settled_plan_leaves_nothing_of_it() -> None:
    plan = opened(FEE_PLAN, principal_minor=90_000)
    settled = plans.settle(plan, on=date(2024, 2, 10)).plan
    paid = pay(settled, date(2024, 2, 10), plans.owed_minor(settled))
    assert paid.plan.is_settled


def test_one_cent_is_a_payment() -> None:
    paid = pay(opened(), date(2024, 1, 2), 1)
    assert paid.rest_minor == 0
    assert sum(part.paid_minor for part in paid.plan.installments) == 1


def test_a_further_draw_raises_the_installments_that_are_left() -> None:
    plan = pay(opened(), date(2024, 2, 1), 1701).plan
    raised = plans.add_draw(plan, on=date(2024, 2, 1), principal_minor=5_000)
    assert asked(raised)[0] == asked(plan)[0]
    assert all(part.due_minor > 1701 for part in raised.installments[1:])
    assert sum(part.principal_minor for part in raised.installments) == 15_000


def test_a_further_draw_with_a_term_of_its_own_ends_later() -> None:
    plan = opened(replace(DAILY_PLAN, further_draws=FurtherDraws.FULL_TERM))
    longer = plans.add_draw(plan, on=date(2024, 2, 15), principal_minor=10_000)
    assert len(longer.installments) == 7
    assert longer.installments[-1].due_on == date(2024, 8, 1)


def test_a_draw_after_the_last_due_date_is_due_at_once() -> None:
    plan = plans.add_draw(opened(FEE_PLAN), on=date(2024, 5, 20), principal_minor=500)
    assert (plan.installments[-1].due_on, plan.installments[-1].principal_minor) == (date(2024, 5, 20), 500)


@pytest.mark.parametrize(
    ("early_payment", "installments", "due_minor"),
    [
        (EarlyPayment.SMALLER_INSTALLMENTS, 6, 1180),
        (EarlyPayment.FEWER_INSTALLMENTS, 5, 1701),
        (EarlyPayment.NEXT_INSTALLMENTS, 6, 0),
    ],
)
def test_principal_paid_early_makes_the_rest_smaller_fewer_or_later(
    early_payment: EarlyPayment, installments: int, due_minor: int
) -> None:
    plan = opened(replace(DAILY_PLAN, early_payment=early_payment))
    paid = pay(plan, date(2024, 2, 1), 1701 + 2_560)
    asking = [part for part in paid.plan.installments if part.due_minor]
    assert len(asking) <= installments
    assert paid.plan.installments[0].principal_minor == 1643 + 2_560
    if due_minor:
        assert paid.plan.installments[1].due_minor == due_minor
    else:
        assert paid.plan.installments[1].principal_minor == 0
    assert sum(part.principal_minor for part in paid.plan.installments) == 10_000
