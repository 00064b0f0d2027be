"""What the answer to a reviewed limit leads to: an offer of what was asked for, within what the tables allow."""

from psycopg import Connection

from tallystick.operations.limit_outcomes import OFFER_DAYS
from tallystick.operations.line_offers import offer_limit
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal
from tallystick.storage.decisions import read_decision
from tallystick.storage.reviews import ActKind, Review
from tallystick.terms.offering import OfferFault

_INCREASE = "increase"


def limit_refused(_connection: Connection, _review: Review, _outcome: str) -> None:
    """Whether a higher limit may still be offered is asked when it is: its terms are drawn up then."""


def follow_limit(
    connection: Connection, review: Review, act: Act, *, kind: ActKind, reason: str
) -> Refusal | OfferFault | None:
    """Offer the limit that was asked for, or the most that the tables allow where nobody asked for one."""
    if review.outcome != _INCREASE:
        return None
    decision = read_decision(connection, review.review_id)
    assert decision is not None, "a review has its decision's number"
    assert review.line_id is not None, "a limit is a line's"
    most_minor = int(decision.outputs["most_minor"])
    limit_minor = most_minor if review.amount_minor is None else min(review.amount_minor, most_minor)
    offered = offer_limit(
        connection,
        review.line_id,
        limit_minor=limit_minor,
        valid_days=OFFER_DAYS,
        reason=f"{kind}: {reason}",
        act=act,
    )
    return offered if isinstance(offered, Refusal | OfferFault) else None
