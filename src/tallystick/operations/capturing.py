"""Authorized purchases claimed by their merchants: at once or in parts, a little more than was held, or given back."""

from datetime import date

from msgspec import Struct
from psycopg import Connection

from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_record import APPROVED
from tallystick.operations.lending import DrawRequest, PlanRequest, draw
from tallystick.operations.lines import Act, Recorded, record
from tallystick.operations.reviewing import final_outcome
from tallystick.servicing import facts
from tallystick.servicing.line import Hold
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import decisions, lines
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.purchase_fates import drawn_on_holds_minor
from tallystick.storage.reviews import read_review
from tallystick.strategy.case_columns import CheckpointName
from tallystick.terms.offering import OfferFault
from tallystick.units.rates import PPM


class Claim(Struct, frozen=True, kw_only=True):
    """What a merchant claims; minor units. `keeps_hold` leaves the rest for a later claim."""

    amount_minor: int
    keeps_hold: bool = False
    merchant_fee_minor: int = 0
    purpose: str = ""
    plan: PlanRequest | None = None


def most_claimed_minor(authorized_minor: int, *, over_ppm: int) -> int:
    """What may be claimed in all of an authorization, rounded down to whole minor units.

    A tenth above 99.99 yuan is 109.98 yuan:

    >>> most_claimed_minor(9_999, over_ppm=100_000)
    10998
    """
    return authorized_minor + authorized_minor * over_ppm // PPM


def capture(
    connection: Connection,
    decision: StoredDecision,
    claim: Claim,
    *,
    deciders: Deciders,
    act: Act,
    on: date | None = None,
) -> Recorded | Refusal | OfferFault:
    """Draw what was authorized, once, or in parts while the hold is kept.

    All parts together stay within what was authorized and the strategy's tolerance. What exceeds the limit by that is
    the line's named excess.
    """
    hold = _held(connection, decision)
    if isinstance(hold, Refusal):
        return hold
    assert decision.line_id is not None
    assert decision.amount_minor is not None
    checkpoint = deciders.compiled(connection, decision.strategy_id)[CheckpointName.AUTHORIZE]
    drawn_minor = drawn_on_holds_minor(connection, [hold.hold_id], [decision.line_id])
    claimed_minor = drawn_minor.get(hold.hold_id, 0)
    most_minor = most_claimed_minor(decision.amount_minor, over_ppm=checkpoint.capture_over_ppm) - claimed_minor
    if claim.amount_minor > most_minor:
        figures = {"most_minor": max(0, most_minor)}
        return Refusal(RefusalReason.CAPTURE_EXCEEDS_AUTHORIZED, field="amount_minor", figures=figures)
    drawing = DrawRequest(
        amount_minor=claim.amount_minor,
        merchant_id=hold.merchant_id,
        merchant_fee_minor=claim.merchant_fee_minor,
        category=hold.category,
        purpose=claim.purpose,
        plan=claim.plan,
        hold_id=hold.hold_id,
        keeps_hold=claim.keeps_hold,
    )
    return draw(connection, decision.line_id, drawing, act=act, on=on)


def void(connection: Connection, decision: StoredDecision, *, amount_minor: int | None, act: Act) -> Recorded | Refusal:
    """Give back what is held, or part of it; a purchase that waits for a person too."""
    if decision.line_id is None or decision.hold_id is None:
        return _not_approved(decision.outcome)
    voided = facts.HoldVoided(hold_id=decision.hold_id, amount_minor=amount_minor)
    return record(connection, decision.line_id, voided, act=act)


def _held(connection: Connection, decision: StoredDecision) -> Hold | Refusal:
    """The hold, with its line locked, so that two claims never take the same yuan."""
    if decisions.withdrawn_among(connection, [decision.decision_id]):
        return Refusal(RefusalReason.AUTHORIZATION_WITHDRAWN, field="authorization_id")
    if decision.hold_id is None or decision.line_id is None:
        return _not_approved(decision.outcome)
    stored = lines.lock_line(connection, decision.line_id)
    outcome = final_outcome(decision, read_review(connection, decision.decision_id))
    if outcome != APPROVED:
        return _not_approved(outcome)
    assert stored is not None, "a hold stands on a line"
    held = next((each for each in stored.line.holds if each.hold_id == decision.hold_id), None)
    return held or Refusal(RefusalReason.HOLD_UNKNOWN, field="authorization_id")


def _not_approved(outcome: str) -> Refusal:
    return Refusal(RefusalReason.AUTHORIZATION_NOT_APPROVED, field="authorization_id", figures={"outcome": outcome})
