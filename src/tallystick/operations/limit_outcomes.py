"""What a reviewed limit leads to: an offer, a decrease that holds at once, a freeze, a person who looks, or nothing."""

from datetime import date
from typing import Final

import numpy as np
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.decision_record import REVIEWED
from tallystick.operations.line_offers import offer_limit, turn_down_limit
from tallystick.operations.lines import Act, Recorded, record
from tallystick.servicing import facts
from tallystick.servicing.line import Condition, Line
from tallystick.servicing.owed import drawn_minor, held_minor
from tallystick.storage import borrowers, limit_offers, lines
from tallystick.storage.limit_offers import LimitOffer, OfferAnswer
from tallystick.storage.limit_reviews import Answer
from tallystick.strategy.choices import LimitRules, step_covering
from tallystick.strategy.reviewed_lines import TargetReason

OFFER_DAYS: Final = 30
# What became of a line, where no person has to look.
RAISE_OFFERED: Final = "offered"
LOWERED: Final = "lowered"
STAYS: Final = "kept"


class Target(Struct, frozen=True, kw_only=True):
    """What one line is to have: the decision that says so, the limit it was decided on, and why."""

    decision_id: int
    line_id: int
    borrower_id: int
    outcome: str  # of the checkpoint
    action: str
    limit_minor: int
    target_minor: int
    offered_minor: int  # by an offer that was open when it was decided
    reason: str
    held_by: str
    because: str  # the first reason that the strategy gives, empty without one


class Done(Struct, frozen=True, kw_only=True):
    """What was done; `because` is what the books said where they refused."""

    outcome: str = STAYS
    target_minor: int
    reason: str
    held_by: str
    because: str | None = None
    offer_id: int | None = None
    event_id: int | None = None


def carry_out(connection: Connection, target: Target, *, rules: LimitRules, act: Act) -> Done:
    """Do what was decided, on the line as it stands now; the person and the line are locked until the caller commits.

    A line whose limit or offer is another than when it was decided is passed over.
    """
    borrowers.lock_borrower(connection, target.borrower_id)
    stored = lines.lock_line(connection, target.line_id)
    assert stored is not None, "lines are never removed"
    done = _changed(stored.line, target)
    if stored.line.condition is Condition.OPEN and _is_as_decided(connection, stored.line, target, on=act.today):
        if target.target_minor > target.limit_minor:
            done = _offer(connection, target, act=act)
        elif target.outcome == "decrease":
            done = _lower(connection, stored.line, target, rules=rules, act=act)
        else:
            done = as_it_is(target)
    if target.action == "freeze_line":
        _freeze(connection, stored.line, target, act=act)
    return done


def answer_of(
    target: Target, done: Done, *, trigger: str, requested_minor: int | None, night_id: int | None, act: Act
) -> Answer:
    """What became of a line, as it is kept."""
    return Answer(
        decision_id=target.decision_id,
        night_id=night_id,
        line_id=target.line_id,
        borrower_id=target.borrower_id,
        trigger=trigger,
        requested_minor=requested_minor,
        limit_minor=target.limit_minor,
        target_minor=done.target_minor,
        outcome=done.outcome,
        reason=done.reason,
        held_by=done.held_by,
        refused_because=done.because,
        offer_id=done.offer_id,
        event_id=done.event_id,
        answered_by=act.actor,
        answered_at=act.at,
        answered_on=act.today,
    )


def as_it_is(target: Target) -> Done:
    """Nothing is done: the limit stays, for good or until a person decides."""
    outcome = REVIEWED if target.outcome == REVIEWED else STAYS
    return Done(outcome=outcome, target_minor=target.limit_minor, reason=target.reason, held_by=target.held_by)


def _changed(line: Line, target: Target) -> Done:
    told = TargetReason.CHANGED_MEANWHILE.value
    return Done(target_minor=target.limit_minor, reason=told, held_by=told, because=f"limit_minor {line.limit_minor}")


def _is_as_decided(connection: Connection, line: Line, target: Target, *, on: date) -> bool:
    if line.limit_minor != target.limit_minor:
        return False
    offer = limit_offers.open_offer(connection, target.line_id)
    offered_minor = offer.limit_minor if offer is not None and on <= offer.valid_until else 0
    return offered_minor == target.offered_minor or target.outcome == "decrease"


def _offer(connection: Connection, target: Target, *, act: Act) -> Done:
    offered = offer_limit(
        connection,
        target.line_id,
        limit_minor=target.target_minor,
        valid_days=OFFER_DAYS,
        reason="limit review",
        act=act,
    )
    if not isinstance(offered, LimitOffer):
        because = str(offered.reason)
        told = TargetReason.REFUSED_BY_BOOKS.value
        return Done(target_minor=target.limit_minor, reason=told, held_by=told, because=because)
    return Done(
        outcome=RAISE_OFFERED,
        target_minor=target.target_minor,
        reason=target.reason,
        held_by=target.held_by,
        offer_id=offered.offer_id,
    )


def _lower(connection: Connection, line: Line, target: Target, *, rules: LimitRules, act: Act) -> Done:
    """Down at once, never below what is drawn and held by now; an offer that is open is taken back first."""
    offer = limit_offers.open_offer(connection, target.line_id)
    if offer is not None and act.today <= offer.valid_until:
        turn_down_limit(connection, offer.offer_id, OfferAnswer.WITHDRAWN, act=act)
    exposure = drawn_minor(line) + held_minor(line)
    to_minor = int(step_covering(np.int64(max(exposure, target.target_minor)), rules=rules))
    if to_minor >= line.limit_minor:
        told = TargetReason.NOTHING_TO_LOWER.value
        return Done(target_minor=line.limit_minor, reason=told, held_by=told)
    change = facts.LimitChanged(limit_minor=to_minor, reason=target.because)
    lowered = record(connection, target.line_id, change, act=act)
    if not isinstance(lowered, Recorded):
        told = TargetReason.REFUSED_BY_BOOKS.value
        return Done(target_minor=line.limit_minor, reason=told, held_by=told, because=str(lowered.reason))
    return Done(
        outcome=LOWERED,
        target_minor=to_minor,
        reason=target.reason,
        held_by=target.held_by,
        event_id=lowered.event.event_id,
    )


def _freeze(connection: Connection, line: Line, target: Target, *, act: Act) -> None:
    """No new hold or draw until somebody lifts it; what is frozen already stays as it is."""
    if line.frozen_because is not None or line.condition is not Condition.OPEN:
        return
    frozen = facts.LineFrozen(reason=target.because)
    record(connection, target.line_id, frozen, act=act, decision_id=target.decision_id)
