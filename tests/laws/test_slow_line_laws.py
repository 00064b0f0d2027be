"""Random lives of a line, beside a second model that lives every day of them; see `slow_line`."""

import os
import random
from datetime import date, timedelta
from fractions import Fraction

import pytest
from tests.laws.audits import (
    as_of,
    audit,
    audit_money_back,
    audit_plans,
    folded_from_zero,
    is_open,
    pay_off,
    recorded_anew,
    told_by,
)
from tests.laws.fates import OPENED_ON, Fate
from tests.laws.slow_line import SlowLine, lived
from tests.lives import balances_of

from tallystick.servicing import facts
from tallystick.servicing.accrued import accrued
from tallystick.servicing.line import Line
from tallystick.servicing.owed import (
    available_minor,
    cash_drawn_minor,
    days_past_due,
    drawn_minor,
    held_minor,
    not_billed_minor,
    owed_minor,
)
from tallystick.terms.plan_terms import Recalculation
from tallystick.terms.product import Component

LIVES = int(os.environ.get("TALLYSTICK_LIVES", "80"))
FIRST_LIFE = int(os.environ.get("TALLYSTICK_FIRST_LIFE", "0"))
PARTS = 8
LOOKS = 0.3  # the share of acts after which the second model is asked: it lives the whole life anew each time


def _figures(line: Line, day: date) -> dict[str, object]:
    return {
        "condition": line.condition,
        "limit": (line.limit_minor, line.cash_limit_minor),
        "drawn": drawn_minor(line),
        "drawn in cash": cash_drawn_minor(line),
        "held": held_minor(line),
        "available": available_minor(line),
        "credit": line.credit_minor,
        "claim": line.charged_off_minor - line.recovered_minor,
        "owed": owed_minor(line, day=day),
        "penalty accrued": Fraction(line.penalty.on(day), 1_000_000),
        "accrued": Fraction(line.revolving.interest.on(day), 1_000_000),
        "days past due": days_past_due(line, day=day),
        "minimum missing": line.revolving.minimum_left_minor,
        "purchases": [(item.draw_id, item.left_minor, item.revolves) for item in line.revolving.purchases],
        "plans": {
            plan.plan_id: (
                plan.principal_minor,
                [(part.due_on, *map(part.left_of, Component)) for part in plan.installments if part.left_minor],
            )
            for plan in line.plans
            if not plan.is_settled
        },
    }


def _slow_figures(line: SlowLine, day: date) -> dict[str, object]:
    return {
        "condition": line.condition,
        "limit": (line.limit_minor, line.cash_limit_minor),
        "drawn": line.drawn_minor,
        "drawn in cash": sum(plan.principal_left_minor for plan in line.plans if plan.is_cash),
        "held": line.held_minor,
        "available": max(0, line.limit_minor - line.drawn_minor - line.held_minor),
        "credit": line.credit_minor,
        "claim": line.claim_minor,
        "owed": {component: line.owed_minor(component, day) for component in Component},
        "penalty accrued": line.penalty,
        "accrued": line.bills.accrued,
        "days past due": line.days_past_due(day),
        "minimum missing": line.bills.missing_minor,
        "purchases": [(item.draw_id, item.left_minor, item.revolves) for item in line.bills.bought],
        "plans": {
            plan.plan_id: (
                plan.principal_minor,
                [(part.due_on, *map(part.left, Component)) for part in plan.parts if part.left_minor],
            )
            for plan in line.plans
            if plan.left_minor
        },
    }


def _seeds(part: int, lives: int) -> range:
    return range(FIRST_LIFE + part, FIRST_LIFE + lives, PARTS)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_line_is_what_living_every_day_of_it_makes_it(part: int) -> None:
    for seed in _seeds(part, LIVES):
        fate, chance = Fate(seed), random.Random(seed)
        for _ in fate.acts():
            if chance.random() < LOOKS:
                _is_as_lived(fate, seed=seed)
        _is_as_lived(fate, seed=seed)


def _is_as_lived(fate: Fate, *, seed: int) -> None:
    slow = lived(fate.life.events, contracts=fate.life.contracts, today=fate.today)
    assert _figures(fate.line, fate.today) == _slow_figures(slow, fate.today), f"life {seed}, {fate.today}"


@pytest.mark.parametrize("recalculation", Recalculation)
@pytest.mark.parametrize("part", range(PARTS))
def test_at_every_moment_books_plans_limits_and_the_borrowers_money_are_sound(
    part: int, recalculation: Recalculation
) -> None:
    for seed in _seeds(part, LIVES):
        fate = Fate(seed, recalculation)
        for taken in fate.acts():
            audit(fate.life)
            audit_plans(fate.line)
            if isinstance(taken, facts.Event) and _is_new_use(taken.fact):
                used_minor = drawn_minor(fate.line) + held_minor(fate.line)
                assert used_minor <= fate.line.limit_minor, f"life {seed}, {fate.today}"
            audit_money_back(fate.life)


def _is_new_use(fact: facts.AnyFact) -> bool:
    return isinstance(fact, facts.HoldPlaced) or (isinstance(fact, facts.Drawdown) and fact.hold_id is None)


@pytest.mark.parametrize("recalculation", Recalculation)
@pytest.mark.parametrize("part", range(PARTS))
def test_folding_a_whole_life_again_gives_its_line_its_books_and_its_history(
    part: int, recalculation: Recalculation
) -> None:
    for seed in _seeds(part, LIVES):
        fate = Fate(seed, recalculation)
        for _ in fate.acts():
            pass
        again = folded_from_zero(fate.life)
        assert again.line == fate.line, f"life {seed}"
        assert +balances_of(again.transfers) == +fate.life.balances(), f"life {seed}"
        stored, rebuilt = told_by(fate.life.history), told_by(again.history)
        for passed in range((fate.today - OPENED_ON).days + 1):
            day = OPENED_ON + timedelta(days=passed)
            assert as_of(stored, day).figures == as_of(rebuilt, day).figures, f"life {seed}, {day}"


@pytest.mark.parametrize("recalculation", Recalculation)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_life_recorded_in_another_order_ends_in_the_same_line_and_books(
    part: int, recalculation: Recalculation
) -> None:
    for seed in _seeds(part, LIVES // 4):
        fate = Fate(seed, recalculation)
        for _ in fate.acts():
            pass
        line, balances = recorded_anew(fate.life, chance=random.Random(seed))
        assert line == fate.line, f"life {seed}"
        assert balances == +fate.life.balances(), f"life {seed}"


@pytest.mark.parametrize("recalculation", Recalculation)
@pytest.mark.parametrize("part", range(PARTS))
def test_paying_a_line_off_leaves_exactly_nothing(part: int, recalculation: Recalculation) -> None:
    for seed in _seeds(part, LIVES):
        fate = Fate(seed, recalculation)
        for _ in fate.acts():
            pass
        if not is_open(fate.line):
            continue
        pay_off(fate.life, today=fate.today)
        line = fate.line
        assert set(owed_minor(line, day=line.as_of).values()) == {0}, f"life {seed}"
        assert (accrued(line).on(line.as_of), not_billed_minor(line, day=line.as_of)) == (0, 0), f"life {seed}"
        if recalculation is Recalculation.DAILY:
            continue  # the second model has no such plans: test_plan_laws lives them day by day
        slow = lived(fate.life.events, contracts=fate.life.contracts, today=line.as_of)
        assert slow.still_owed_minor(line.as_of) == slow.bills.accrued == slow.penalty == 0, f"life {seed}"
