"""Holds: what is reserved is not drawn, comes free in time, and a corrected past brings none back for good."""

from datetime import date

import pytest
from tests.lives import Life

from tallystick.servicing.facts import (
    Drawdown,
    DrawKind,
    Event,
    EventUndone,
    FeeCharged,
    HoldExpired,
    HoldPlaced,
    HoldVoided,
)
from tallystick.servicing.owed import available_minor, drawn_minor, held_minor
from tallystick.servicing.refusals import Refusal, RefusalReason

OPENED_ON, PLACED_ON, EXPIRES_ON = date(2026, 1, 5), date(2026, 2, 1), date(2026, 2, 8)


@pytest.fixture
def life() -> Life:
    """A line of 30,000 yuan with 500 of them held."""
    life = Life().open(OPENED_ON)
    held = HoldPlaced(hold_id=4, amount_minor=50_000, expires_on=EXPIRES_ON, merchant_id=5)
    assert isinstance(life.act(held, today=PLACED_ON), Event)
    return life


def _capture(amount_minor: int, *, keeps_hold: bool) -> Drawdown:
    return Drawdown(
        draw_id=9, kind=DrawKind.PURCHASE, amount_minor=amount_minor, merchant_id=5, hold_id=4, keeps_hold=keeps_hold
    )


def test_a_hold_takes_from_what_is_available_and_owes_nothing(life: Life) -> None:
    assert life.line is not None
    assert (held_minor(life.line), available_minor(life.line), drawn_minor(life.line)) == (50_000, 2_950_000, 0)


def test_a_hold_expires_when_its_day_begins(life: Life) -> None:
    assert held_minor(life.sleep_until(date(2026, 2, 7))) == 50_000
    assert held_minor(life.sleep_until(EXPIRES_ON)) == 0
    assert [event.effective_on for event in life.events if isinstance(event.fact, HoldExpired)] == [EXPIRES_ON]


@pytest.mark.parametrize(("keeps_hold", "left_minor"), [(False, 0), (True, 30_000)])
def test_a_capture_of_a_part_keeps_the_rest_only_where_it_says_so(
    life: Life, *, keeps_hold: bool, left_minor: int
) -> None:
    assert isinstance(life.act(_capture(20_000, keeps_hold=keeps_hold), today=PLACED_ON), Event)
    assert life.line is not None
    assert (held_minor(life.line), drawn_minor(life.line)) == (left_minor, 20_000)


@pytest.mark.parametrize(("part_minor", "left_minor"), [(None, 0), (20_000, 30_000)])
def test_a_void_gives_back_all_or_a_part(life: Life, part_minor: int | None, left_minor: int) -> None:
    assert isinstance(life.act(HoldVoided(hold_id=4, amount_minor=part_minor), today=PLACED_ON), Event)
    assert life.line is not None
    assert held_minor(life.line) == left_minor


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (HoldVoided(hold_id=99), RefusalReason.HOLD_UNKNOWN),
        (HoldVoided(hold_id=4, amount_minor=50_001), RefusalReason.HOLD_TOO_SMALL),
    ],
)
def test_more_than_is_held_is_refused(life: Life, fact: HoldVoided | Drawdown, reason: RefusalReason) -> None:
    refused = life.act(fact, today=PLACED_ON)
    assert isinstance(refused, Refusal)
    assert refused.reason is reason


def test_an_expiry_is_not_taken_back(life: Life) -> None:
    life.sleep_until(EXPIRES_ON)
    expiry = next(event for event in life.events if isinstance(event.fact, HoldExpired))
    refused = life.act(EventUndone(event_id=expiry.event_id, reason="too soon"), today=date(2026, 2, 9))
    assert isinstance(refused, Refusal)
    assert refused.reason is RefusalReason.EVENT_NOT_UNDOABLE


def test_a_hold_that_a_correction_brings_back_after_its_time_expires_at_once_and_for_good(life: Life) -> None:
    """Its expiry was once put into the past behind the checkpoints, and the next correction brought it back."""
    voided = life.act(HoldVoided(hold_id=4), today=PLACED_ON)
    life.act(_purchase(), today=PLACED_ON)
    late, later = date(2026, 4, 25), date(2026, 4, 28)
    life.sleep_until(late)
    assert isinstance(voided, Event)
    assert isinstance(life.act(EventUndone(event_id=voided.event_id, reason="wrong hold"), today=late), Event)
    assert held_minor(life.sleep_until(late)) == 0
    life.act(FeeCharged(charge_id=1, amount_minor=100, reason="copy"), today=later, on=date(2026, 3, 25))
    assert life.line is not None
    assert held_minor(life.line) == 0
    assert [event.effective_on for event in life.events if isinstance(event.fact, HoldExpired)] == [late]


def _purchase() -> Drawdown:
    return Drawdown(draw_id=10, kind=DrawKind.PURCHASE, amount_minor=70_000, merchant_id=5)
