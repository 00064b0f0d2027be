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


refund_policies = st.builds(
    RefundTerms, installments=st.sampled_from(RefundInstallments), interest=st.sampled_from(RefundCharges),
    fee=st.sampled_from(RefundCharges),
)  # fmt: skip


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
    policy=refund_policies,
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


class Refund(Struct, frozen=True):
    """A refund so many days after the deed before it: a share of all that was drawn, in ppm."""

    days_later: int
    share_ppm: int
    policy: RefundTerms


refunds = st.builds(
    Refund, days_later=st.integers(min_value=0, max_value=70), share_ppm=st.integers(min_value=1, max_value=700_000),
    policy=refund_policies,
)  # fmt: skip
mixed_lives = st.lists(
    st.builds(Deed, days_later=st.integers(min_value=0, max_value=70), amount_minor=st.integers(1, 1_000_000))
    | refunds,
    max_size=8,
)
INTEREST_FIRST = order_of(
    AllocationRule(
        walk=Walk.OLDEST_DUE_FIRST,
        components=(Component.PENALTY, Component.FEE, Component.INTEREST, Component.PRINCIPAL),
    )
)


class Watched(Struct, frozen=True):
    """A plan just before and after a refund, and the refund."""

    before: Plan
    after: Plan
    deed: Refund
    on: date
    given_minor: int

    @property
    def share(self) -> Fraction:
        """The refund's share of all principal that was not given back before."""
        left_minor = self.before.principal_minor - self.before.overflowed_minor
        return min(Fraction(1), Fraction(self.given_minor, left_minor)) if left_minor else Fraction(0)


def live_with_refunds(plan: Plan, life: list[Deed | Refund]) -> tuple[Plan, list[Watched], list[tuple[date, int]]]:
    """The plan at the end, each refund of it, and what principal was owed from which day on."""
    on, drawn_minor, watched = plan.drawn_on, plan.principal_minor, []
    owed_from = [(on, plan.principal_left_minor)]
    for deed in life:
        on += timedelta(days=deed.days_later)
        if plan.is_settled or on >= plan.installments[-1].due_on:
            break
        plan = plans.roll(plan, on=on)
        if isinstance(deed, Deed):  # dues only, as a line pays them
            plan = plans.pay(plan, on=on, amount_minor=deed.amount_minor, order=INTEREST_FIRST, until=on).plan
        else:
            given_minor = max(1, drawn_minor * deed.share_ppm // 1_000_000)
            refunded = plans.refund(plan, on=on, principal_minor=given_minor, terms=deed.policy)
            watched.append(Watched(before=plan, after=refunded.plan, deed=deed, on=on, given_minor=given_minor))
            plan = refunded.plan
        owed_from.append((on, plan.principal_left_minor))
    return plan, watched, owed_from


def daily_plan(installments: int, rate: Decimal, drawn_on: date, principal_minor: int, how: Amortization) -> Plan:
    terms = daily_terms(installments, rate, how)
    return plans.open_plan(plan_id=1, terms=terms, drawn_on=drawn_on, principal_minor=principal_minor)


daily_plans = st.builds(
    daily_plan, st.integers(min_value=1, max_value=8), rates, days, st.integers(min_value=10_000, max_value=5_000_000),
    amortizations,
)  # fmt: skip


@settings(deadline=None)
@given(plan=daily_plans, life=mixed_lives)
def test_a_refund_changes_nothing_of_the_past_but_what_it_gives_back(plan: Plan, life: list[Deed | Refund]) -> None:
    _, watched, _ = live_with_refunds(plan, life)
    for one in watched:
        gives_back = one.deed.policy.interest is RefundCharges.PRO_RATA
        for part, after in zip(one.before.installments, one.after.installments, strict=True):
            assert (after.from_on, after.due_on) == (part.from_on, part.due_on)
            assert after.principal_minor <= part.principal_minor or part.due_on > one.on
            if part.due_on <= one.on:
                kept = 1 - one.share if gives_back else Fraction(1)
                assert abs(after.interest_minor - part.interest_minor * kept) < 1


@settings(deadline=None)
@given(plan=daily_plans, life=mixed_lives)
def test_interest_after_refunds_is_that_of_the_days_that_principal_was_owed(
    plan: Plan, life: list[Deed | Refund]
) -> None:
    lived, watched, owed_from = live_with_refunds(plan, life)
    if not lived.is_recalculated:  # all of its price came back
        return
    on = owed_from[-1][0] + timedelta(days=5)
    settled = plans.settle(lived, on=on).plan
    asked_minor = sum(part.interest_minor for part in settled.installments)
    counted = _interest_with_refunds(plan, [*owed_from, (on, 0)], watched)
    assert abs(asked_minor - counted) <= len(plan.installments) * (1 + len(watched))
    assert sum(part.principal_minor for part in settled.installments) == lived.principal_minor


def _interest_with_refunds(plan: Plan, owed_from: list[tuple[date, int]], watched: list[Watched]) -> Fraction:
    """Each day's interest on what is owed when it ends; a refund pro rata gives its share of all so far back."""
    ends_on, rate = plan.installments[-1].due_on, plan.terms.nominal_rate
    shares = [(one.on, one.share) for one in watched if one.deed.policy.interest is RefundCharges.PRO_RATA]
    interest, day = Fraction(0), plan.drawn_on
    for until in sorted({on for on, _ in shares} | {owed_from[-1][0]}):
        known = [
            (day, _owed_on(owed_from, day)),
            *((on, minor) for on, minor in owed_from if day < on < until),
            (until, 0),
        ]
        interest += _interest_day_by_day(known, rate=rate, ends_on=ends_on)
        for on, share in shares:
            if on == until:
                interest *= 1 - share
        day = until
    return interest


def _owed_on(owed_from: list[tuple[date, int]], day: date) -> int:
    return [minor for on, minor in owed_from if on <= day][-1]


@settings(deadline=None)
@given(plan=daily_plans, life=mixed_lives)
def test_which_installments_a_refund_shrinks_when_interest_follows(plan: Plan, life: list[Deed | Refund]) -> None:
    _, watched, _ = live_with_refunds(plan, life)
    for one in watched:
        if one.after.is_settled or one.after.terms.recalculation is Recalculation.NONE:
            continue
        pairs = list(zip(one.before.installments, one.after.installments, strict=True))
        less_minor = [part.principal_minor - after.principal_minor for part, after in pairs]
        open_minor = [part.left_of(Component.PRINCIPAL) for part, _ in pairs]
        due = [place for place, (part, _) in enumerate(pairs) if part.due_on <= one.on]
        taken_minor = one.before.principal_left_minor - one.after.principal_left_minor
        due_minor = sum(less_minor[place] for place in due)
        match one.deed.policy.installments:
            case RefundInstallments.NEXT:
                assert due_minor == min(taken_minor, sum(open_minor[place] for place in due))
            case RefundInstallments.LAST:
                later_minor = sum(open_minor) - sum(open_minor[place] for place in due)
                assert due_minor == max(0, taken_minor - later_minor)
            case RefundInstallments.REAMORTIZED:
                exact = Fraction(taken_minor * sum(open_minor[place] for place in due), max(1, sum(open_minor)))
                assert abs(due_minor - exact) < 1
                _alike(one)


def _alike(one: Watched) -> None:
    """Installments to come ask for the same principal, or for the same in all, cents apart, while any is left."""
    if one.after.principal_left_minor == 0:
        return
    to_come = [
        after
        for part, after in zip(one.before.installments, one.after.installments, strict=True)
        if part.due_on > one.on and part.left_of(Component.PRINCIPAL) > 0
    ]
    if one.after.terms.amortization is Amortization.EQUAL_INSTALLMENTS:
        asked_minor = [part.principal_minor + part.interest_minor for part in to_come]
    elif one.after.terms.amortization is Amortization.EQUAL_PRINCIPAL:
        asked_minor = [part.principal_minor for part in to_come]
    else:
        return
    if len(asked_minor) > 1:
        assert max(asked_minor) - min(asked_minor) <= 2 * len(one.after.installments)


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
