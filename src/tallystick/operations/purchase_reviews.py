"""What the answer to a reviewed purchase leads to: its hold stays or is given back, and later decisions may know it."""

from typing import Any

from psycopg import Connection

from tallystick.operations.decision_record import APPROVED, stream_rows, tick_of
from tallystick.operations.lines import Act, record
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import borrowers, freezes, lines
from tallystick.storage.event_streams import read_event, write_stream
from tallystick.storage.freezes import Subject
from tallystick.storage.reviews import ActKind, Review


def purchase_refused(connection: Connection, review: Review, outcome: str) -> Refusal | None:
    """Why a purchase cannot be approved any more; the line is locked. Nothing keeps it from being declined."""
    if outcome != APPROVED:
        return None
    borrower = None if review.borrower_id is None else borrowers.read_borrower(connection, review.borrower_id)
    if borrower is not None and borrower.blocked_because is not None:
        return Refusal(RefusalReason.BORROWER_BLOCKED, field="borrower_id")
    purchase = _purchase(connection, review)
    asked = {
        (subject, number)
        for subject, number in (
            (Subject.LINE, review.line_id),
            (Subject.DEVICE, review.device_id),
            (Subject.MERCHANT, purchase["merchant_id"]),
        )
        if number is not None
    }
    frozen = freezes.standing_freezes(connection, asked)
    if frozen:
        figures = {"subjects": sorted(str(subject) for subject, _ in frozen)}
        return Refusal(RefusalReason.SUBJECT_FROZEN, field="review_id", figures=figures)
    if not _is_held(connection, review):
        return Refusal(RefusalReason.HOLD_UNKNOWN, field="hold_id")
    return None


def follow_purchase(connection: Connection, review: Review, act: Act, *, kind: ActKind, reason: str) -> None:  # noqa: ARG001
    """Give the hold of a declined purchase back, and tell the answer to later decisions."""
    is_declined = review.outcome != APPROVED
    if is_declined and review.line_id is not None and review.hold_id is not None:
        # A hold that is gone already, or on a line that was written off, leaves nothing to give back.
        record(connection, review.line_id, facts.HoldVoided(hold_id=review.hold_id), act=act)
    purchase = _purchase(connection, review)
    tick = max(tick_of(act.at), purchase["tick"])  # clocks of two servers differ
    told = purchase | {"tick": tick, "is_declined": is_declined}
    rows = stream_rows("purchase_outcome", {name: [value] for name, value in told.items()})
    write_stream(connection, "purchase_outcome", rows)


def _purchase(connection: Connection, review: Review) -> dict[str, Any]:
    purchase = read_event(connection, "purchase", review.review_id)
    assert purchase is not None, "what is decided on is in the stream"
    return purchase


def _is_held(connection: Connection, review: Review) -> bool:
    stored = None if review.line_id is None else lines.read_line(connection, review.line_id)
    return stored is not None and any(hold.hold_id == review.hold_id for hold in stored.line.holds)
