"""Who gets what of an amount, by orders as contracts name them."""

from datetime import date

import pytest
from msgspec import Struct

from tallystick.servicing.allocation import AllocationOrder, InAdvance, Step, Timing, allocate, order_of
from tallystick.terms.product import AllocationRule, Component, Walk

FEBRUARY, MARCH, APRIL = date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)


class Part(Struct, frozen=True):
    owner_id: int
    due_on: date
    timing: Timing
    component: Component
    left_minor: int


def order(walk: Walk = Walk.OLDEST_DUE_FIRST, in_advance: InAdvance = InAdvance.NEXT) -> AllocationOrder:
    rule = AllocationRule(walk=walk, components=tuple(Component))
    return order_of(rule, in_advance=in_advance)


def paid(dues: list[Part], *, amount_minor: int, by: AllocationOrder, running: date | None = None) -> list[int]:
    """What each due gets, in the order of the list."""
    shares = allocate(dues, amount_minor=amount_minor, order=by, running_due_on=running)
    return [sum(share for due, share in shares if due is part) for part in dues]


OVERDUE = [
    Part(1, FEBRUARY, Timing.PAST_DUE, Component.PRINCIPAL, 100),
    Part(1, FEBRUARY, Timing.PAST_DUE, Component.INTEREST, 10),
    Part(1, MARCH, Timing.PAST_DUE, Component.PRINCIPAL, 100),
    Part(1, MARCH, Timing.PAST_DUE, Component.INTEREST, 5),
]
COMING = [
    Part(1, FEBRUARY, Timing.IN_ADVANCE, Component.PRINCIPAL, 100),
    Part(1, MARCH, Timing.IN_ADVANCE, Component.PRINCIPAL, 100),
    Part(1, APRIL, Timing.IN_ADVANCE, Component.PRINCIPAL, 100),
]


def test_the_oldest_due_date_is_paid_through_before_the_next() -> None:
    assert paid(OVERDUE, amount_minor=112, by=order()) == [100, 10, 0, 2]


def test_a_component_is_paid_over_all_due_dates_before_the_next() -> None:
    assert paid(OVERDUE, amount_minor=112, by=order(Walk.COMPONENT_FIRST)) == [97, 10, 0, 5]


def test_one_cent_goes_to_the_first_of_the_order() -> None:
    assert paid(OVERDUE, amount_minor=1, by=order()) == [0, 1, 0, 0]


def test_what_exceeds_all_dues_is_left_over() -> None:
    shares = allocate(OVERDUE, amount_minor=1_000, order=order())
    assert sum(share for _, share in shares) == 215


def test_nothing_owed_takes_nothing() -> None:
    assert allocate([], amount_minor=1_000, order=order()) == ()
    settled = [Part(1, FEBRUARY, Timing.DUE, Component.FEE, 0)]
    assert allocate(settled, amount_minor=1_000, order=order()) == ()


@pytest.mark.parametrize(
    ("in_advance", "shares"),
    [
        (InAdvance.NEXT, [100, 50, 0]),
        (InAdvance.LAST, [0, 50, 100]),
        (InAdvance.EVENLY, [50, 50, 50]),
    ],
)
def test_money_in_advance_goes_where_the_contract_says(in_advance: InAdvance, shares: list[int]) -> None:
    assert paid(COMING, amount_minor=150, by=order(in_advance=in_advance)) == shares


def test_the_running_installment_is_paid_before_the_last_ones() -> None:
    by = order(in_advance=InAdvance.RUNNING_THEN_LAST)
    assert paid(COMING, amount_minor=150, by=by, running=FEBRUARY) == [100, 0, 50]
    assert paid(COMING, amount_minor=150, by=by) == [0, 50, 100]


def test_an_even_spread_gives_the_odd_cent_to_the_last_and_goes_on_where_one_is_full() -> None:
    small = [
        Part(1, FEBRUARY, Timing.IN_ADVANCE, Component.PRINCIPAL, 10),
        Part(1, MARCH, Timing.IN_ADVANCE, Component.PRINCIPAL, 100),
        Part(1, APRIL, Timing.IN_ADVANCE, Component.PRINCIPAL, 100),
    ]
    assert paid(COMING, amount_minor=100, by=order(in_advance=InAdvance.EVENLY)) == [33, 33, 34]
    assert paid(small, amount_minor=100, by=order(in_advance=InAdvance.EVENLY)) == [10, 45, 45]


def test_two_cents_spread_over_three_never_pay_more_than_there_is() -> None:
    assert sum(paid(COMING, amount_minor=2, by=order(in_advance=InAdvance.EVENLY))) == 2


def test_owners_of_one_due_date_are_paid_in_the_order_given() -> None:
    two_plans = [
        Part(2, FEBRUARY, Timing.DUE, Component.PRINCIPAL, 100),
        Part(1, FEBRUARY, Timing.DUE, Component.PRINCIPAL, 100),
    ]
    assert paid(two_plans, amount_minor=150, by=order()) == [100, 50]


def test_what_no_step_names_is_not_paid() -> None:
    only_interest = AllocationOrder(steps=(Step(timing=Timing.PAST_DUE, component=Component.INTEREST),))
    assert paid(OVERDUE, amount_minor=1_000, by=only_interest) == [0, 10, 0, 5]
