"""Laws of one step of a line's life: what is known of a line is what looking it through would find."""

import os
import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count

import pytest
from msgspec.structs import replace
from tests.laws.fates import Fate

from tallystick.servicing.facts import AnyFact, Event, HoldPlaced, LineFrozen
from tallystick.servicing.history import standing
from tallystick.servicing.keeping_up import next_due_on
from tallystick.servicing.steps import Step, caught_up, caught_up_if_due, due_after, with_event
from tallystick.terms.plan_terms import Recalculation

LIVES = int(os.environ.get("TALLYSTICK_LIVES", "80")) // 5  # each is looked through again after each of its acts
PARTS = 4


def moments(part: int, recalculation: Recalculation) -> Iterator[tuple[Fate, str]]:
    """Random lives after each of their acts, and where they are for whoever looks for a fault."""
    for seed in range(part, LIVES, PARTS):
        fate = Fate(seed, recalculation)
        for _ in fate.acts():
            yield fate, f"life {seed}, {fate.today}"


@pytest.mark.parametrize("recalculation", Recalculation)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_step_ends_with_the_figures_of_its_line(part: int, recalculation: Recalculation) -> None:
    for fate, where in moments(part, recalculation):
        assert fate.life.stands is not None
        assert fate.life.stands.figures == standing(fate.line).figures, where


@pytest.mark.parametrize("recalculation", Recalculation)
@pytest.mark.parametrize("part", range(PARTS))
def test_until_the_next_due_day_only_the_day_of_a_line_moves_on(part: int, recalculation: Recalculation) -> None:
    chance = random.Random(part)
    for fate, where in moments(part, recalculation):
        line, contracts = fate.line, fate.life.contracts
        due_on = next_due_on(line, terms=contracts[line.contract_hash])
        days = {fate.today + timedelta(days=chance.randrange(60)) for _ in range(2)}
        if due_on is not None:
            days |= {due_on + timedelta(days=day) for day in (0, 1)}
        for day in days:
            looked_through = caught_up(line, today=day, event_ids=count(9_000), contracts=contracts)
            known = caught_up_if_due(line, due_on=due_on, today=day, event_ids=count(9_000), contracts=contracts)
            assert _plain(known) == _plain(looked_through), f"{where}, caught up to {day}"
            is_due = due_on is not None and due_on < day
            changes = looked_through.line != replace(line, as_of=max(line.as_of, day))
            assert is_due or not changes, f"{where}, caught up to {day}"


def _plain(step: Step) -> Step:
    """The step without the day and the cause of its figures, which tell nothing."""
    assert step.stands is not None
    return replace(step, stands=replace(step.stands, effective_on=date.min, cause="", event_id=0))


@pytest.mark.parametrize("recalculation", Recalculation)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_hold_and_a_freeze_move_no_other_due_day(part: int, recalculation: Recalculation) -> None:
    """A line that sleeps does not wake, and what is due on a day stays due on it, however long nobody looked."""
    chance = random.Random(part)
    for fate, where in moments(part, recalculation):
        contracts = fate.life.contracts
        due_on, ids = next_due_on(fate.line, terms=contracts[fate.line.contract_hash]), count(9_000)
        today = fate.today + timedelta(days=chance.choice([0, 0, 1, 5, 20, 200]))
        step = caught_up_if_due(fate.line, due_on=due_on, today=today, event_ids=ids, contracts=contracts)
        placed = HoldPlaced(
            hold_id=9_999, amount_minor=100, merchant_id=5, expires_on=today + timedelta(days=chance.choice([1, 7, 40]))
        )
        both: list[AnyFact] = [placed, LineFrozen(reason="asked")]
        for fact in chance.sample(both, k=chance.choice([1, 2])):
            step = with_event(step, Event(next(ids), today, fact), line_id=fate.line.line_id, contracts=contracts)
        assert step.line is not None
        terms = contracts[step.line.contract_hash]
        assert due_after(step, due_before=due_on, terms=terms) == next_due_on(step.line, terms=terms), where
