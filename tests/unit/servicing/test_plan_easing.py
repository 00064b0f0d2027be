"""Waivers, stopped interest, payment holidays, new schedules."""

from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tallystick.servicing import plan as plans
from tallystick.servicing.allocation import order_of
from tallystick.servicing.plan import Plan
from tallystick.terms.plan_terms import HolidayInterest, PlanTerms, Recalculation
from tallystick.terms.product import AllocationRule, Component, Walk
from tallystick.terms.schedule import InstallmentKind
from tallystick.units.day_counts import DayCount

DRAWN_ON = date(2026, 1, 31)
ORDER = order_of(AllocationRule(walk=Walk.OLDEST_DUE_FIRST, components=tuple(Component)))
FEES = PlanTerms(installments=3, per_period_ppm=6_000)
SCHEDULED = PlanTerms(installments=3, nominal_rate=Decimal("0.12"), day_count=DayCount.THIRTY_360)
DAILY = replace(SCHEDULED, recalculation=Recalculation.DAILY)


def opened(terms: PlanTerms) -> Plan:
    return plans.open_plan(plan_id=1, terms=terms, drawn_on=DRAWN_ON, principal_minor=90_000)


def interest(plan: Plan) -> list[int]:
    return [part.interest_minor for part in plan.installments]


def test_a_waiver_takes_what_is_due_oldest_first() -> None:
    given = plans.waive(opened(FEES), on=date(2026, 3, 31), component=Component.FEE, amount_minor=700)
    assert [part.waived_fee_minor for part in given.plan.installments] == [540, 160, 0]
    assert [part.fee_minor for part in given.plan.installments] == [540, 540, 540]
    assert given.waived_minor == 700


def test_what_is_not_due_or_is_principal_is_not_waived() -> None:
    plan = opened(FEES)
    assert plans.waive(plan, on=date(2026, 3, 31), component=Component.FEE, amount_minor=5_000).waived_minor == 1080
    assert plans.waive(plan, on=date(2026, 3, 31), component=Component.PRINCIPAL, amount_minor=9).waived_minor == 0


def test_waived_interest_is_not_asked_for_again() -> None:
    plan = plans.roll(opened(DAILY), on=date(2026, 2, 28))
    given = plans.waive(plan, on=date(2026, 2, 28), component=Component.INTEREST, amount_minor=900)
    rest = plans.roll(given.plan, on=date(2026, 3, 10))
    assert rest.installments[0].left_of(Component.INTEREST) == 0


def test_stopped_interest_leaves_what_accrued_and_asks_for_no_more() -> None:
    stopped = plans.stop_interest(opened(DAILY), on=date(2026, 2, 14))
    assert interest(stopped) == [450, 0, 0]  # half of 1 % of 900.00
    later = plans.roll(stopped, on=date(2026, 6, 30))
    assert interest(later) == [450, 0, 0]
    assert sum(part.principal_minor for part in later.installments) == 90_000


def test_stopped_interest_of_a_scheduled_plan_is_earned_by_the_day() -> None:
    assert interest(plans.stop_interest(opened(SCHEDULED), on=date(2026, 2, 14))) == [450, 0, 0]


def test_fees_go_on_where_interest_stops() -> None:
    stopped = plans.stop_interest(opened(FEES), on=date(2026, 2, 14))
    assert [part.fee_minor for part in stopped.installments] == [540, 540, 540]


def test_a_payment_holiday_moves_what_is_not_due_yet() -> None:
    plan = plans.payment_holiday(opened(FEES), on=date(2026, 3, 1), periods=2)
    assert [part.due_on.isoformat() for part in plan.installments] == ["2026-02-28", "2026-05-31", "2026-06-30"]
    assert [part.fee_minor for part in plan.installments] == [540, 540, 540]


def test_two_holidays_add_up() -> None:
    once = plans.payment_holiday(opened(FEES), on=date(2026, 2, 1), periods=2)
    twice = plans.payment_holiday(
        plans.payment_holiday(opened(FEES), on=date(2026, 2, 1), periods=1), on=date(2026, 2, 1), periods=1
    )
    assert [part.due_on for part in once.installments] == [part.due_on for part in twice.installments]


def test_interest_of_a_holiday_is_asked_for_unless_the_contract_stops_it() -> None:
    asking = plans.payment_holiday(opened(DAILY), on=date(2026, 3, 1), periods=1)
    free = plans.payment_holiday(
        opened(replace(DAILY, holiday_interest=HolidayInterest.STOPS)), on=date(2026, 3, 1), periods=1
    )
    assert sum(interest(asking)) > sum(interest(free))
    for plan in (asking, free):
        assert sum(part.principal_minor for part in plan.installments) == 90_000


def test_a_new_schedule_holds_all_that_is_unpaid() -> None:
    plan = plans.pay(opened(FEES), on=date(2026, 2, 28), amount_minor=30_540, order=ORDER).plan
    aged = plans.re_age(plan, on=date(2026, 6, 1), installments=6, first_due_on=date(2026, 7, 1))
    fresh = [part for part in aged.installments if part.kind is InstallmentKind.REGULAR]
    assert [part.principal_minor for part in fresh] == [10_000] * 6
    assert plans.owed_minor(aged) == plans.owed_minor(plan)
    assert aged.principal_left_minor == plan.principal_left_minor


def test_charges_of_the_old_schedule_are_due_with_the_first_new_installment() -> None:
    aged = plans.re_age(opened(FEES), on=date(2026, 6, 1), installments=6, first_due_on=date(2026, 7, 1))
    moved = next(part for part in aged.installments if part.kind is InstallmentKind.AT_ONCE)
    assert (moved.due_on, moved.fee_minor) == (date(2026, 7, 1), 3 * 540)


def test_interest_goes_on_in_a_new_schedule() -> None:
    plan = plans.roll(opened(DAILY), on=date(2026, 4, 1))
    aged = plans.re_age(plan, on=date(2026, 4, 1), installments=3, first_due_on=date(2026, 5, 1))
    paid = plans.pay(
        aged, on=date(2026, 5, 1), amount_minor=plans.settle_quote(aged, on=date(2026, 5, 1)).total_minor, order=ORDER
    )
    assert paid.plan.is_settled
    assert paid.interest_minor > 900


def test_a_new_schedule_of_a_scheduled_plan_takes_over_only_the_interest_earned() -> None:
    """Fourteen of 28 days of 9.00 are put over; the new schedule bears the interest of the days to come."""
    plan = plans.re_age(opened(SCHEDULED), on=date(2026, 2, 14), installments=3, first_due_on=date(2026, 3, 14))
    assert interest(plan) == [0, 0, 0, 450, 900, 603, 303]
    assert plans.settle_quote(plan, on=date(2026, 2, 14)).interest_minor == 450


@pytest.mark.parametrize("terms", [SCHEDULED, DAILY])
def test_interest_that_was_stopped_stays_stopped_in_a_new_schedule_and_is_earned_once(terms: PlanTerms) -> None:
    stopped = plans.stop_interest(opened(terms), on=date(2026, 2, 14))
    later = date(2026, 2, 20)
    assert interest(plans.stop_interest(stopped, on=later)) == [450, 0, 0]
    assert plans.settle_quote(stopped, on=later).interest_minor == 450
    plan = plans.re_age(stopped, on=later, installments=3, first_due_on=date(2026, 3, 14))
    assert sum(interest(plans.roll(plan, on=date(2026, 4, 1)))) == 450


def test_what_a_new_schedule_puts_over_is_owed_on_its_own_day_too() -> None:
    late = date(2026, 3, 5)  # 540 are past due, as many each are to come
    plan = plans.re_age(opened(FEES), on=late, installments=3, first_due_on=date(2026, 4, 14))
    quotes = [plans.settle_quote(plan, on=day).fee_minor for day in (late, date(2026, 3, 6))]
    assert quotes == [1_620, 1_620]
