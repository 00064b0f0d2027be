"""The queue of what a person looks at: taken, given back, judged, with all that the decision was made of."""

from datetime import datetime
from typing import Annotated, Final

from litestar import Response, Router, get, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.decisions_told import tell_decision
from tallystick.operations.lines import Act
from tallystick.operations.reviewing import final_outcome, judge, release, take_next
from tallystick.operations.standing import Standing, line_today, standing
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import reviews
from tallystick.storage.decisions import decisions_before
from tallystick.storage.reviews import ActKind, Review, ReviewAct, ReviewState, Wanted
from tallystick.strategy.case_columns import CheckpointName
from tallystick.terms.offering import OfferFault
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import read, write
from tallystick.web.decision_views import (
    DecisionRow,
    ExplanationView,
    OfficerView,
    ReasonView,
    decision_row,
    explanation_view,
    officer_view,
    optional_id,
    reason_views,
)
from tallystick.web.decisions import OfCheckpoint, told_rows
from tallystick.web.edge import Asked, caller_of, edge_of
from tallystick.web.parameters import (
    AfterReview,
    IdempotencyKey,
    OfAssigned,
    OfBorrower,
    Page,
    PageLimit,
    ReviewPath,
    Text,
    body_id,
    needs,
    page,
    path_id,
    place_id,
)
from tallystick.web.problems import problems

_RECENT: Final = 10


class NextBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Of which checkpoint; of any where none is named."""

    checkpoint: CheckpointName | None = None


class ReleaseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why it is given back."""

    reason: Text


class JudgeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The answer, the checkpoint's best or worst (`approve` or `decline` of a purchase), and why."""

    outcome: Annotated[str, Meta(pattern=r"^[a-z_]{1,20}$")]
    reason: Text


class ReviewView(Struct, frozen=True):
    """A case that a person looks at. `outcome` is null while it waits; `proposed_outcome` is the first of two's."""

    id: str
    decision_id: str
    checkpoint: str
    borrower_id: str | None
    line_id: str | None
    hold_id: str | None
    device_id: str | None
    amount_minor: int | None
    priority: int
    due_at: datetime
    needs_two: bool
    timeout_outcome: str
    opened_at: datetime
    assigned_to: str | None
    assigned_at: datetime | None
    proposed_outcome: str | None
    proposed_by: str | None
    outcome: str | None
    closed_by: str | None
    closed_at: datetime | None


class ActView(Struct, frozen=True):
    """One step that was taken."""

    kind: ActKind
    outcome: str | None
    reason: str
    actor: str
    acted_at: datetime


class ReviewDetail(Struct, frozen=True):
    """A review with all evidence: the decision and every row that it met, the line today, what was decided of late.

    `explanation` is what the borrower is told now; `standing` is null where there is no line yet.
    """

    review: ReviewView
    acts: list[ActView]
    decision: DecisionRow
    reasons: list[ReasonView]
    explanation: ExplanationView
    evidence: OfficerView
    standing: Standing | None
    recent_decisions: list[DecisionRow]
    other_reviews: list[ReviewView]


class NextView(Struct, frozen=True):
    """The review that was assigned; null where none waits."""

    review: ReviewDetail | None


def review_view(review: Review) -> ReviewView:
    """A review as it is told."""
    return ReviewView(
        id=encode_id(IdPrefix.REVIEW, review.review_id),
        decision_id=encode_id(IdPrefix.DECISION, review.review_id),
        checkpoint=review.checkpoint,
        borrower_id=optional_id(IdPrefix.BORROWER, review.borrower_id),
        line_id=optional_id(IdPrefix.LINE, review.line_id),
        hold_id=optional_id(IdPrefix.HOLD, review.hold_id),
        device_id=optional_id(IdPrefix.DEVICE, review.device_id),
        amount_minor=review.amount_minor,
        priority=review.priority,
        due_at=review.due_at,
        needs_two=review.needs_two,
        timeout_outcome=review.timeout_outcome,
        opened_at=review.opened_at,
        assigned_to=review.assigned_to,
        assigned_at=review.assigned_at,
        proposed_outcome=review.proposed_outcome,
        proposed_by=review.proposed_by,
        outcome=review.outcome,
        closed_by=review.closed_by,
        closed_at=review.closed_at,
    )


def _act_view(act: ReviewAct) -> ActView:
    return ActView(kind=act.kind, outcome=act.outcome, reason=act.reason, actor=act.actor, acted_at=act.acted_at)


def _detail(connection: Connection, review: Review, *, request: Asked, act: Act) -> ReviewDetail:
    edge = edge_of(request)
    told = tell_decision(connection, edge.deciders, review.review_id)
    assert told is not None, "a review is opened by a decision"
    return ReviewDetail(
        review=review_view(review),
        acts=[_act_view(each) for each in reviews.acts_of(connection, review.review_id)],
        decision=decision_row(
            told.decision, final=final_outcome(told.decision, review), is_withdrawn=told.is_withdrawn
        ),
        reasons=reason_views(told.checkpoint, told.decision.reasons),
        explanation=explanation_view(told.explanation),
        evidence=officer_view(told),
        standing=_standing(connection, review, act=_act_on(connection, review, request=request, act=act)),
        recent_decisions=_recent(connection, review),
        other_reviews=_others(connection, review),
    )


def _act_on(connection: Connection, review: Review, *, request: Asked, act: Act) -> Act:
    if review.line_id is None:
        return act
    return edge_of(request).act_on_line(connection, caller_of(request), review.line_id)


def _standing(connection: Connection, review: Review, *, act: Act) -> Standing | None:
    line = None if review.line_id is None else line_today(connection, review.line_id, act=act)
    return None if line is None else standing(connection, line, day=act.today)


def _recent(connection: Connection, review: Review) -> list[DecisionRow]:
    """What was decided last on the line, or about the person where there is no line."""
    whose = {"borrower_id": review.borrower_id} if review.line_id is None else {"line_id": review.line_id}
    found = decisions_before(connection, None, most=_RECENT + 1, **whose)
    others = [each for each in found if each.decision_id != review.review_id]
    return told_rows(connection, others[:_RECENT])


def _others(connection: Connection, review: Review) -> list[ReviewView]:
    """What else waits about the person."""
    if review.borrower_id is None:
        return []
    wanted = Wanted(borrower_id=review.borrower_id)
    found = reviews.list_reviews(connection, wanted, after=None, most=_RECENT + 1)
    return [review_view(each) for each in found if each.review_id != review.review_id][:_RECENT]


@get(
    "/reviews",
    operation_id="list_reviews",
    tags=["reviews"],
    guards=[needs(Scope.REVIEWS_READ)],
    responses=problems(),
    sync_to_thread=True,
)
def list_all(
    request: Asked,
    asked_state: Annotated[
        ReviewState, QueryParameter(name="state", description="Those that wait, or those that are closed")
    ] = (ReviewState.OPEN),
    checkpoint: OfCheckpoint = None,
    assigned_to: OfAssigned = None,
    overdue: Annotated[bool | None, QueryParameter(description="true: only those whose deadline is over")] = None,
    borrower_id: OfBorrower = None,
    limit: PageLimit = 20,
    after: AfterReview = None,
) -> Response[Page[ReviewView]]:
    """The queue, by priority and then deadline; closed ones, the newest first."""
    place = place_id(IdPrefix.REVIEW, after)
    borrower = None if borrower_id is None else body_id(IdPrefix.BORROWER, borrower_id, param="borrower_id")

    def run(connection: Connection, act: Act) -> Page[ReviewView]:
        wanted = Wanted(
            state=asked_state,
            checkpoint=checkpoint,
            assigned_to=assigned_to,
            borrower_id=borrower,
            overdue_at=act.at if overdue else None,
        )
        rows = reviews.list_reviews(connection, wanted, after=place, most=limit + 1)
        return page(rows, limit=limit, view=review_view, place=lambda row: encode_id(IdPrefix.REVIEW, row.review_id))

    return read(request, run)


@get(
    "/reviews/{review_id:str}",
    operation_id="get_review",
    tags=["reviews"],
    guards=[needs(Scope.REVIEWS_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_one(request: Asked, review_id: ReviewPath) -> Response[ReviewDetail]:
    """One review with all evidence."""
    number = path_id(IdPrefix.REVIEW, review_id)

    def run(connection: Connection, act: Act) -> ReviewDetail | Refusal:
        review = reviews.read_review(connection, number)
        if review is None:
            return Refusal(RefusalReason.REVIEW_UNKNOWN, field="review_id")
        return _detail(connection, review, request=request, act=act)

    return read(request, run)


@post(
    "/reviews/next",
    operation_id="take_review",
    tags=["reviews"],
    guards=[needs(Scope.REVIEWS_WRITE)],
    responses=problems(409),
    sync_to_thread=True,
)
def take(request: Asked, data: JSONBody[NextBody], idempotency_key: IdempotencyKey) -> Response[NextView]:
    """Have the first review that waits assigned to you; nobody else gets it until you judge, release or leave it."""
    edge = edge_of(request)

    def run(connection: Connection, act: Act) -> NextView:
        review = take_next(connection, act=act, checkpoint=data.checkpoint, assigned_minutes=edge.review_minutes)
        return NextView(None if review is None else _detail(connection, review, request=request, act=act))

    return write(request, data, run, idempotency_key=idempotency_key)


@post(
    "/reviews/{review_id:str}/release",
    operation_id="release_review",
    tags=["reviews"],
    guards=[needs(Scope.REVIEWS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def give_back(
    request: Asked, review_id: ReviewPath, data: JSONBody[ReleaseBody], idempotency_key: IdempotencyKey
) -> Response[ReviewView]:
    """Give a review back to the queue."""
    number, edge = path_id(IdPrefix.REVIEW, review_id), edge_of(request)

    def run(connection: Connection, act: Act) -> ReviewView | Refusal:
        given = release(connection, number, reason=data.reason, act=act, assigned_minutes=edge.review_minutes)
        return given if isinstance(given, Refusal) else review_view(given)

    return write(request, data, run, idempotency_key=idempotency_key)


@post(
    "/reviews/{review_id:str}/judge",
    operation_id="judge_review",
    tags=["reviews"],
    guards=[needs(Scope.REVIEWS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def answer(
    request: Asked, review_id: ReviewPath, data: JSONBody[JudgeBody], idempotency_key: IdempotencyKey
) -> Response[ReviewView]:
    """Answer for good, with a reason. Where two are needed, the first approval waits for another holder's."""
    number, edge = path_id(IdPrefix.REVIEW, review_id), edge_of(request)

    def run(connection: Connection, act: Act) -> ReviewView | Refusal | OfferFault:
        judged = judge(
            connection,
            number,
            data.outcome,
            reason=data.reason,
            act=act,
            zone=edge.zone,
            assigned_minutes=edge.review_minutes,
        )
        return review_view(judged) if isinstance(judged, Review) else judged

    return write(request, data, run, idempotency_key=idempotency_key)


router = Router("/", route_handlers=[list_all, get_one, take, give_back, answer])
