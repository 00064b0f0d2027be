"""What the answer to a reviewed application leads to: an offer, or a decline that says whether a person gave it."""

from msgspec.structs import replace
from psycopg import Connection

from tallystick.operations.application_judgments import (
    decline_after_review,
    decline_after_timeout,
    offer_after_review,
)
from tallystick.operations.decision_record import OFFERED
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal
from tallystick.storage.reviews import ActKind, Review
from tallystick.terms.offering import OfferFault


def application_refused(_connection: Connection, _review: Review, _outcome: str) -> None:
    """Whether a line may still be offered is asked when it is: the terms are drawn up then."""


def follow_application(
    connection: Connection, review: Review, act: Act, *, kind: ActKind, reason: str
) -> Refusal | OfferFault | None:
    """Offer the line, in the names of both where two agreed, or decline; or why the books or the law refuse."""
    if review.outcome == OFFERED:
        by_two = act if review.proposed_by is None else replace(act, actor=review.proposed_by, approved_by=act.actor)
        offered = offer_after_review(connection, review.review_id, act=by_two, reason=reason)
        return offered if isinstance(offered, Refusal | OfferFault) else None
    decline = decline_after_timeout if kind is ActKind.TIMED_OUT else decline_after_review
    declined = decline(connection, review.review_id, act=act)
    return declined if isinstance(declined, Refusal) else None
