"""What a person looks at: taken from the queue, judged with a reason, by two where it says so, and closed in time.

Each function is one transaction of the caller's, but `close_overdue` and `stop_in_flight`, which commit each review by
itself. Person, line and review are locked in this order, as everywhere, so that nobody waits in a circle.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta, tzinfo
from typing import Final, Protocol

from msgspec import Struct
from psycopg import Connection

from tallystick.operations.application_reviews import application_refused, follow_application
from tallystick.operations.clocks import act_on_line
from tallystick.operations.decision_events import tell_review_closed
from tallystick.operations.decision_record import REVIEWED
from tallystick.operations.limit_judgments import follow_limit, limit_refused
from tallystick.operations.lines import Act, is_same_person
from tallystick.operations.purchase_reviews import follow_purchase, purchase_refused
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import borrowers, lines, reviews
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.reviews import ActKind, Review, ReviewAct
from tallystick.strategy.case_columns import CHECKPOINT_OUTPUTS, CheckpointName
from tallystick.terms.offering import OfferFault

# How long a review that somebody took and left is kept from others.
ASSIGNED_MINUTES: Final = 30


class Follow(Protocol):
    """Write what follows from a review that was closed, or say why it cannot be: then it was not closed."""

    def __call__(
        self, connection: Connection, review: Review, act: Act, /, *, kind: ActKind, reason: str
    ) -> Refusal | OfferFault | None: ...


class Closing(Struct, frozen=True):
    """What closing a review of one checkpoint means.

    `refused` says why an outcome cannot be, before anything is written; `follow` writes what follows from it, after
    the review was closed.
    """

    refused: Callable[[Connection, Review, str], Refusal | None]
    follow: Follow


class _NotFollowed(Exception):
    """What would follow is refused: nothing is written."""

    def __init__(self, refusal: Refusal | OfferFault) -> None:
        super().__init__(str(refusal.reason))
        self.refusal = refusal


# By checkpoint; one that is not here opens no reviews.
CLOSINGS: Final[Mapping[str, Closing]] = {
    CheckpointName.AUTHORIZE: Closing(refused=purchase_refused, follow=follow_purchase),
    CheckpointName.APPLY: Closing(refused=application_refused, follow=follow_application),
    CheckpointName.REVIEW_LIMIT: Closing(refused=limit_refused, follow=follow_limit),
}


def final_outcome(decision: StoredDecision, review: Review | None) -> str:
    """What came of a decision in the end: its own outcome, or what was judged where it waited for a person."""
    if decision.outcome != REVIEWED or review is None or review.outcome is None:
        return decision.outcome
    return review.outcome


def take_next(
    connection: Connection, *, act: Act, checkpoint: str | None = None, assigned_minutes: int = ASSIGNED_MINUTES
) -> Review | None:
    """Assign the first review that waits: by priority, then deadline; never to two at once.

    What somebody took and left for `assigned_minutes` waits again.
    """
    lapsed_at = act.at - timedelta(minutes=assigned_minutes)
    taken = reviews.take_next_review(connection, by=act.actor, at=act.at, lapsed_at=lapsed_at, checkpoint=checkpoint)
    if taken is not None:
        _add_act(connection, taken, ActKind.ASSIGNED, act=act)
    return taken


def release(
    connection: Connection, review_id: int, *, reason: str, act: Act, assigned_minutes: int = ASSIGNED_MINUTES
) -> Review | Refusal:
    """Give a review back to the queue."""
    review = _open_review(connection, review_id, act=act, assigned_minutes=assigned_minutes)
    if isinstance(review, Refusal):
        return review
    reviews.assign_review(connection, review_id, to=None, at=None)
    _add_act(connection, review, ActKind.RELEASED, reason=reason, act=act)
    return _read(connection, review_id)


def judge(
    connection: Connection,
    review_id: int,
    outcome: str,
    *,
    reason: str,
    act: Act,
    zone: tzinfo,
    assigned_minutes: int = ASSIGNED_MINUTES,
) -> Review | Refusal | OfferFault:
    """Answer a case for good; where two are needed, the first approval is a proposal and the second one holds.

    The outcome is the checkpoint's best or worst. A decline needs one person, also against another's proposal. What
    is assigned to somebody else is refused; what nobody has is taken by judging it.
    """
    review = _open_review(connection, review_id, act=act, assigned_minutes=assigned_minutes)
    if isinstance(review, Refusal):
        return review
    answers = CHECKPOINT_OUTPUTS[CheckpointName(review.checkpoint)]
    known = list(answers.ending)
    if outcome not in known:
        return Refusal(RefusalReason.REVIEW_OUTCOME_UNKNOWN, field="outcome", figures={"known": known})
    refusal = CLOSINGS[review.checkpoint].refused(connection, review, outcome)
    if refusal is not None:
        return refusal
    if outcome == answers.passing and review.needs_two:
        if review.proposed_by is None:
            reviews.propose_outcome(connection, review_id, outcome, by=act.actor)
            _add_act(connection, review, ActKind.PROPOSED, outcome=outcome, reason=reason, act=act)
            return _read(connection, review_id)
        if is_same_person(review.proposed_by, act.actor):
            figures = {"proposed_by": review.proposed_by}
            return Refusal(RefusalReason.SECOND_PERSON_MISSING, field="outcome", figures=figures)
    return _close(connection, review, outcome, kind=ActKind.JUDGED, reason=reason, act=act, zone=zone)


def close_overdue(connection: Connection, *, act: Act, zone: tzinfo, most: int) -> int:
    """Close up to `most` reviews whose deadline is over with their configured outcome; gives how many.

    What cannot be approved is declined: without a second person where two are needed, or where the line, device or
    merchant was frozen meanwhile. What others have is left for the next round. `connection` commits by itself.
    """
    closed = 0
    for review_id, line_id in reviews.overdue_reviews(connection, at=act.at, checkpoints=CLOSINGS, most=most):
        with connection.transaction():
            review = _free_review(connection, review_id, line_id)
            if review is None or review.outcome is not None:
                continue
            outcome = _timeout_outcome(connection, review)
            reason = f"configured: {review.timeout_outcome}"
            for each in (outcome, _worst(review)):
                told = _close(connection, review, each, kind=ActKind.TIMED_OUT, reason=reason, act=act, zone=zone)
                if isinstance(told, Review):
                    closed += 1
                    break
    return closed


def stop_in_flight(connection: Connection, *, act: Act, zone: tzinfo, most: int, freeze_id: int | None = None) -> int:
    """Decline up to `most` reviews that wait on a frozen line or device, by one freeze or by any; gives how many.

    To be called once a batch that froze something is committed, and again and again: what a crash left is found.
    `connection` commits by itself.
    """
    stopped = 0
    found = reviews.reviews_of_frozen(connection, checkpoints=CLOSINGS, freeze_id=freeze_id, most=most)
    for review_id, line_id in found:
        with connection.transaction():
            review = _free_review(connection, review_id, line_id)
            if review is None or review.outcome is not None:
                continue
            stop(connection, review, reason="frozen", act=act, zone=zone)
            stopped += 1
    return stopped


def stop(connection: Connection, review: Review, *, reason: str, act: Act, zone: tzinfo) -> Review:
    """Decline a review that is locked, because what it is about was stopped."""
    stopped = _close(connection, review, _worst(review), kind=ActKind.STOPPED, reason=reason, act=act, zone=zone)
    assert isinstance(stopped, Review), "nothing keeps a case from being declined"
    return stopped


def _timeout_outcome(connection: Connection, review: Review) -> str:
    outcome, worst = review.timeout_outcome, _worst(review)
    if outcome == worst:
        return worst
    if review.needs_two or CLOSINGS[review.checkpoint].refused(connection, review, outcome) is not None:
        return worst
    return outcome


def _worst(review: Review) -> str:
    return CHECKPOINT_OUTPUTS[CheckpointName(review.checkpoint)].ending[-1]


def _close(
    connection: Connection, review: Review, outcome: str, *, kind: ActKind, reason: str, act: Act, zone: tzinfo
) -> Review | Refusal | OfferFault:
    """Close a review now, or say why what would follow cannot be, and leave it open.

    What follows on its line happens by the line's test clock, if it follows one.
    """
    there = act if review.line_id is None else act_on_line(connection, review.line_id, act=act, zone=zone)
    try:
        with connection.transaction():
            reviews.close_review(connection, review.review_id, outcome, by=act.actor, at=act.at)
            _add_act(connection, review, kind, outcome=outcome, reason=reason, act=act)
            closed = _read(connection, review.review_id)
            tell_review_closed(connection, closed, kind=kind, act=there)
            refusal = CLOSINGS[review.checkpoint].follow(connection, closed, there, kind=kind, reason=reason)
            if refusal is not None:
                raise _NotFollowed(refusal)
    except _NotFollowed as not_followed:
        return not_followed.refusal
    return closed


def _open_review(connection: Connection, review_id: int, *, act: Act, assigned_minutes: int) -> Review | Refusal:
    """An open review that is this person's to act on, locked after its borrower and line."""
    found = reviews.read_review(connection, review_id)
    if found is None:
        return Refusal(RefusalReason.REVIEW_UNKNOWN, field="review_id")
    if found.borrower_id is not None:
        borrowers.lock_borrower(connection, found.borrower_id)
    if found.line_id is not None:
        lines.lock_line(connection, found.line_id)
    review = reviews.read_review(connection, review_id, lock=True)
    assert review is not None, "reviews are kept"
    if review.outcome is not None:
        figures = {"outcome": review.outcome, "closed_by": review.closed_by}
        return Refusal(RefusalReason.REVIEW_CLOSED, field="review_id", figures=figures)
    if review.assigned_to is not None and review.assigned_at is not None:
        is_left = review.assigned_at <= act.at - timedelta(minutes=assigned_minutes)
        if not is_left and not is_same_person(review.assigned_to, act.actor):
            figures = {"assigned_to": review.assigned_to}
            return Refusal(RefusalReason.REVIEW_ASSIGNED, field="review_id", figures=figures)
    return review


def _free_review(connection: Connection, review_id: int, line_id: int | None) -> Review | None:
    """A review with its borrower and line, locked where nobody else has any of them."""
    if line_id is not None and not borrowers.ask_free_lines(connection, [line_id]).told():
        return None
    return reviews.lock_free_review(connection, review_id)


def _read(connection: Connection, review_id: int) -> Review:
    review = reviews.read_review(connection, review_id)
    assert review is not None, "reviews are kept"
    return review


def _add_act(
    connection: Connection, review: Review, kind: ActKind, *, act: Act, outcome: str | None = None, reason: str = ""
) -> None:
    taken = ReviewAct(
        review_id=review.review_id,
        act_id=next(act.event_ids),
        kind=kind,
        outcome=outcome,
        reason=reason,
        actor=act.actor,
        acted_at=act.at,
    )
    reviews.add_act(connection, taken)
