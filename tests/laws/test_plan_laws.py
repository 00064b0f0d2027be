"""Laws of installment plans over random lives, one of them against a slow model that counts day by day."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import hypothesis.strategies as st
from hypothesis import given, settings
from msgspec import Struct

from tallystick.servicing import plan as plans
from tallystick.servicing.allocation import AllocationOrder, InAdvance, order_of
from tallystick.servicing.plan import Plan
from tallystick.terms.plan_terms import (
    Amortization,
    BookedAs,
    InterestBase,
    InterestPeriod,
    PlanTerms,
    Recalculation,
    Residue,
    Rest,
)
from tallystick.terms.product import (
    AllocationRule,
    Component,
    RefundCharges,
    RefundInstallments,
    RefundTerms,
    Walk,
)
from tallystick.terms.schedule import schedule
from tallystick.units.day_counts import DayCount, LeapRule
from tallystick.units.periods import MonthEndRule, PeriodUnit
from tallystick.units.rounding import Rounding

days = st.dates(min_value=date(2023, 1, 1), max_value=date(2026, 12, 31))
principals = st.integers(min_value=1, max_value=50_000_000)
rates = st.decimals(min_value=0, max_value=Decimal("0.36"), places=4)
installment_counts = st.integers(min_value=1, max_value=24)
amortizations = st.sampled_from(Amortization)
orders = st.builds(
    lambda components, in_advance: order_of(
        AllocationRule(walk=Walk.OLDEST_DUE_FIRST, components=tuple(components)), in_advance=in_advance
    ),
    st.permutations(list(Component)),
    st.sampled_from([InAdvance.NEXT, InAdvance.LAST]),
)


@st.composite
def priced_terms(draw: st.DrawFn) -> PlanTerms:
    installments, amortization = draw(installment_counts), draw(amortizations)
    is_flat = amortization is not Amortization.INTEREST_THEN_PRINCIPAL and draw(st.booleans())
    return PlanTerms(
        installments=installments,
        amortization=amortization,
        nominal_rate=draw(rates),
        interest_base=InterestBase.ORIGINAL_PRINCIPAL if is_flat else InterestBase.DECLINING_BALANCE,
        day_count=draw(st.sampled_from(DayCount)),
        leap_rule=draw(st.sampled_from(LeapRule)),
        interest_period=draw(st.sampled_from(InterestPeriod)),
        period_unit=draw(st.sampled_from([PeriodUnit.DAYS, PeriodUnit.WEEKS, PeriodUnit.MONTHS])),
        every=draw(st.integers(min_value=1, max_value=15)),
        month_end_rule=draw(st.sampled_from(MonthEndRule)),
        down_payment_ppm=draw(st.sampled_from([0, 200_000, 333_333])),
        grace_principal=draw(st.integers(min_value=0, max_value=min(2, installments - 1))),
        residue=draw(st.sampled_from(Residue)),
        installment_multiple_minor=draw(st.sampled_from([1, 100])),
        rounding=draw(st.sampled_from(Rounding)),
    )


@st.composite
def fee_terms(draw: st.DrawFn) -> PlanTerms:
    return PlanTerms(
        installments=draw(installment_counts),
        per_period_ppm=draw(st.integers(min_value=0, max_value=20_000)),
        per_period_booked_as=draw(st.sampled_from(BookedAs)),
        down_payment_ppm=draw(st.sampled_from([0, 250_000])),
    )


def daily_terms(installments: int, rate: Decimal, amortization: Amortization) -> PlanTerms:
    return PlanTerms(
        installments=installments, amortization=amortization, nominal_rate=rate, recalculation=Recalculation.DAILY
    )


class Deed(Struct, frozen=True):
    """Something done to a plan so many days after the thing before it."""

    days_later: int
    amount_minor: int


lives = st.lists(
    st.builds(
        Deed,
        days_later=st.integers(min_value=0, max_value=70),
        amount_minor=st.integers(min_value=1, max_value=4_000_000),
    ),
    max_size=8,
)


def live(plan: Plan, life: list[Deed], *, order: AllocationOrder, watch: Callable[[Plan, int, int], None]) -> Plan:
    """Roll and pay through a life; `watch` sees the plan, what was paid in and what was left over, after each deed."""
    on, paid_in_minor, rest_minor = plan.drawn_on, 0, 0
    for deed in life:
        on += timedelta(days=deed.days_later)
        plan = plans.roll(plan, on=on)
        paid = plans.pay(plan, on=on, amount_minor=deed.amount_minor, order=order)
        plan, paid_in_minor, rest_minor = paid.plan, paid_in_minor + deed.amount_minor, rest_minor + paid.rest_minor
        watch(plan, paid_in_minor, rest_minor)
    return plan


def sound(plan: Plan, paid_in_minor: int, rest_minor: int) -> None:
    """Principal sums to its draw, nothing is negative or paid twice, and every cent paid in is somewhere."""
    parts = plan.installments
    assert sum(part.principal_minor for part in parts) == plan.principal_minor
    for part in parts:
        assert 0 <= part.paid_principal_minor <= part.principal_minor
        assert 0 <= part.paid_interest_minor <= part.interest_minor
        assert 0 <= part.paid_fee_minor <= part.fee_minor
        assert (part.settled_on is None) == (part.left_minor > 0)
    assert sum(part.paid_minor for part in parts) + rest_minor == paid_in_minor


@given(terms=priced_terms() | fee_terms(), drawn_on=days, principal_minor=principals)
def test_principal_of_a_schedule_sums_to_its_draw_and_ends_at_nothing(
    terms: PlanTerms, drawn_on: date, principal_minor: int
) -> None:
    parts = schedule(terms, drawn_on=drawn_on, principal_minor=principal_minor)
    assert sum(part.principal_minor for part in parts) == principal_minor
    assert parts[-1].balance_minor == 0
    assert all(min(part.principal_minor, part.interest_minor, part.fee_minor) >= 0 for part in parts)


@given(terms=priced_terms() | fee_terms(), drawn_on=days, principal_minor=principals)
def test_a_plan_opens_with_the_schedule_that_was_shown(terms: PlanTerms, drawn_on: date, principal_minor: int) -> None:
    shown = schedule(terms, drawn_on=drawn_on, principal_minor=principal_minor)
    plan = plans.open_plan(plan_id=1, terms=terms, drawn_on=drawn_on, principal_minor=principal_minor)
    assert [(part.due_on, part.principal_minor, part.interest_minor, part.fee_minor) for part in shown] == [
        (part.due_on, part.principal_minor, part.interest_minor, part.fee_minor) for part in plan.installments
    ]


@given(terms=priced_terms() | fee_terms(), drawn_on=days, principal_minor=principals, life=lives, order=orders)
def test_a_scheduled_plan_stays_sound_and_costs_what_it_said(
    terms: PlanTerms, drawn_on: date, principal_minor: int, life: list[Deed], order: AllocationOrder
) -> None:
    plan = plans.open_plan(plan_id=1, terms=terms, drawn_on=drawn_on, principal_minor=principal_minor)
    lived = live(plan, life, order=order, watch=sound)
    assert [part.due_minor for part in lived.installments] == [part.due_minor for part in plan.installments]


@settings(deadline=None)
@given(
    installments=st.integers(min_value=1, max_value=12), rate=rates, amortization=amortizations, drawn_on=days,
    principal_minor=principals, life=lives, order=orders,
)  # fmt: skip
def test_a_plan_whose_interest_follows_stays_sound_and_pays_off_to_nothing(
    installments: int, rate: Decimal, amortization: Amortization, drawn_on: date, principal_minor: int,
    life: list[Deed], order: AllocationOrder,
) -> None:  # fmt: skip
    terms = daily_terms(installments, rate, amortization)
    plan = plans.open_plan(plan_id=1, terms=terms, drawn_on=drawn_on, principal_minor=principal_minor)
    lived = live(plan, life, order=order, watch=sound)
    if not lived.is_settled:
        on = lived.rolled_to + timedelta(days=9)
        quote = plans.settle_quote(lived, on=on)
        paid = plans.pay(lived, on=on, amount_minor=quote.total_minor, order=order)
        assert paid.plan.is_settled
        assert paid.rest_minor == 0


@settings(deadline=None)
@given(
    installments=st.integers(min_value=1, max_value=6), rate=rates, drawn_on=days,
    principal_minor=st.integers(min_value=10_000, max_value=5_000_000), life=lives,
)  # fmt: skip
def test_interest_paid_is_that_of_the_days_that_principal_was_owed(
    installments: int, rate: Decimal, drawn_on: date, principal_minor: int, life: list[Deed]
) -> None:
    components = (Component.PENALTY, Component.FEE, Component.INTEREST, Component.PRINCIPAL)
    order = order_of(AllocationRule(walk=Walk.OLDEST_DUE_FIRST, components=components))
    terms = daily_terms(installments, rate, Amortization.EQUAL_INSTALLMENTS)
    plan = plans.open_plan(plan_id=1, terms=terms, drawn_on=drawn_on, principal_minor=principal_minor)
    owed_from = [(drawn_on, principal_minor)]
    on = drawn_on
    for deed in [*life, Deed(days_later=5, amount_minor=10**9)]:
        on += timedelta(days=deed.days_later)
        if plan.is_settled:
            break
        plan = plans.pay(plan, on=on, amount_minor=deed.amount_minor, order=order).plan
        owed_from.append((on, plan.principal_left_minor))
    assert plan.is_settled
    ends_on = plan.installments[-1].due_on
    counted = _interest_day_by_day(owed_from, rate=rate, ends_on=ends_on)
    paid_minor = sum(part.paid_interest_minor for part in plan.installments)
    assert abs(paid_minor - counted) <= len(plan.installments)


def _interest_day_by_day(owed_from: list[tuple[date, int]], *, rate: Decimal, ends_on: date) -> Fraction:
    """Each day's interest on what is owed when it ends, up to the last due date."""
    owed_minor = dict(owed_from)
    day, owing_minor, interest = owed_from[0][0], 0, Fraction(0)
    while day < min(ends_on, owed_from[-1][0]):
        owing_minor = owed_minor.get(day, owing_minor)
        interest += owing_minor * Fraction(rate) / 365
        day += timedelta(days=1)
    return interest


@settings(deadline=None)
@given(installments=st.integers(min_value=1, max_value=8), rate=rates, drawn_on=days, principal_minor=principals,
       life=lives, order=orders, late=st.integers(min_value=0, max_value=200))  # fmt: skip
def test_rolling_again_changes_nothing(
    installments: int, rate: Decimal, drawn_on: date, principal_minor: int, life: list[Deed],
    order: AllocationOrder, late: int,
) -> None:  # fmt: skip
    terms = daily_terms(installments, rate, Amortization.EQUAL_INSTALLMENTS)
    plan = plans.open_plan(plan_id=1, terms=terms, drawn_on=drawn_on, principal_minor=principal_minor)
    lived = live(plan, life, order=order, watch=sound)
    on = lived.rolled_to + timedelta(days=late)
    rolled = plans.roll(lived, on=on)
    assert plans.roll(rolled, on=on) == rolled
    sound(rolled, sum(part.paid_minor for part in lived.installments), 0)


@settings(deadline=None)
@given(
    terms=fee_terms() | st.builds(daily_terms, st.integers(min_value=1, max_value=8), rates, amortizations),
    drawn_on=days, principal_minor=principals, life=lives, order=orders,
    refund_minor=st.integers(min_value=1, max_value=60_000_000),
    policy=st.builds(
        RefundTerms, installments=st.sampled_from(RefundInstallments), interest=st.sampled_from(RefundCharges),
        fee=st.sampled_from(RefundCharges),
    ),
)  # fmt: skip
def test_a_refund_takes_no_more_than_is_owed_and_returns_no_more_than_was_paid(
    terms: PlanTerms, drawn_on: date, principal_minor: int, life: list[Deed], order: AllocationOrder,
    refund_minor: int, policy: RefundTerms,
) -> None:  # fmt: skip
    plan = plans.open_plan(plan_id=1, terms=terms, drawn_on=drawn_on, principal_minor=principal_minor)
    lived = live(plan, life, order=order, watch=sound)
    paid = {
        Component.INTEREST: sum(part.paid_interest_minor for part in lived.installments),
        Component.FEE: sum(part.paid_fee_minor for part in lived.installments),
    }
    on = lived.rolled_to + timedelta(days=3)
    given_back = plans.refund(plans.roll(lived, on=on), on=on, principal_minor=refund_minor, terms=policy)
    assert given_back.principal_minor + given_back.overflow_minor == refund_minor
    assert given_back.plan.principal_left_minor == lived.principal_left_minor - given_back.principal_minor
    for component, minor in given_back.returned_minor.items():
        assert 0 < minor <= paid[component]
    assert sum(part.principal_minor for part in given_back.plan.installments) == given_back.plan.principal_minor
    assert all(part.left_minor >= 0 for part in given_back.plan.installments)


@settings(deadline=None)
@given(installments=st.integers(min_value=1, max_value=8), rate=rates, drawn_on=days, principal_minor=principals,
       life=lives, order=orders, until=st.sampled_from(Rest))  # fmt: skip
def test_stopped_interest_never_asks_for_more(
    installments: int, rate: Decimal, drawn_on: date, principal_minor: int, life: list[Deed],
    order: AllocationOrder, until: Rest,
) -> None:  # fmt: skip
    terms = PlanTerms(installments=installments, nominal_rate=rate, recalculation=Recalculation.DAILY,
                      pay_off_interest_until=until)  # fmt: skip
    plan = plans.open_plan(plan_id=1, terms=terms, drawn_on=drawn_on, principal_minor=principal_minor)
    lived = live(plan, life, order=order, watch=sound)
    stopped = plans.stop_interest(lived, on=lived.rolled_to)
    assert plans.owed_minor(stopped) <= plans.owed_minor(lived)
    later = plans.roll(stopped, on=lived.rolled_to + timedelta(days=400))
    assert plans.owed_minor(later) == plans.owed_minor(stopped)
