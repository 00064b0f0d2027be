"""Higher limits that borrowers ask for, answered at once; what happened to a line that is a reason to look at it."""

from datetime import datetime
from typing import Literal

from litestar import Response, Router, get, post
from litestar.params import JSONBody
from msgspec import Struct
from psycopg import Connection, OperationalError

from tallystick.operations.deciding import Deciders, NoRelease
from tallystick.operations.limit_requests import Happened, explain_answer, request_limit, wish_for_review
from tallystick.operations.limit_reviews import LimitReviewFault
from tallystick.operations.lines import Act
from tallystick.operations.review_cases import BORROWER_REQUEST
from tallystick.servicing.refusals import Refusal
from tallystick.storage import limit_reviews as stored
from tallystick.storage.decisions import read_decision
from tallystick.storage.limit_reviews import Answer, Wish
from tallystick.storage.lines import read_line
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.reviewed_lines import TARGET_REASON_TEXTS, TargetReason
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import read, write
from tallystick.web.decision_views import ReasonView
from tallystick.web.edge import Asked, edge_of
from tallystick.web.happening import line_number, no_such_line, not_there
from tallystick.web.parameters import (
    AfterDecision,
    AmountMinor,
    IdempotencyKey,
    LimitRequestPath,
    LineId,
    LinePath,
    Page,
    PageLimit,
    PurchaseMinor,
    body_id,
    needs,
    page,
    path_id,
    place_id,
)
from tallystick.web.problems import Overloaded, Problem, no_strategy, problems
from tallystick.web.undecided import bound_statements, undecided


class LimitRequestBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A line, and the limit that its borrower asks for: as much in all, not as much more."""

    line_id: LineId
    requested_minor: AmountMinor


class HappenedBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What happened. `income_proof` tells `income_month_minor`, `early_warning` the level `warning` from now on."""

    trigger: Literal["payment", "income_proof", "delinquency_elsewhere", "early_warning"]
    income_month_minor: PurchaseMinor | None = None
    warning: Literal["none", "amber", "red"] | None = None


class LimitAnswerView(Struct, frozen=True):
    """What became of a line's limit when it was looked at, because its borrower asked or something happened.

    `outcome`: offered (the limit stays until `offer_id` is accepted), lowered (in force already), kept, or
    review: a person looks at it. `target_minor` is the limit that is offered or in force. `reasons` are the strategy's,
    `held_by` says why the limit is not higher. `zh` and `en` are what the borrower is told, line by line, with the
    smallest change that would have helped where there is one.
    """

    id: str
    line_id: str
    trigger: str
    requested_minor: int | None
    limit_minor: int
    outcome: str
    target_minor: int
    reasons: list[ReasonView]
    held_by: ReasonView
    offer_id: str | None
    event_id: str | None
    zh: list[str]
    en: list[str]
    answered_at: datetime


class ReviewWishView(Struct, frozen=True):
    """The line is looked at soon: within half a minute where a server runs, else before the next night's review."""

    id: str
    line_id: str
    trigger: str
    wished_at: datetime


def _view(connection: Connection, answer: Answer, *, deciders: Deciders, in_words: bool) -> LimitAnswerView:
    decision = read_decision(connection, answer.decision_id)
    assert decision is not None, "an answer follows from a decision"
    texts = deciders.compiled(connection, decision.strategy_id)[CheckpointName.REVIEW_LIMIT].reasons
    held_by = _reason(answer.held_by)
    told = explain_answer(connection, answer, deciders=deciders) if in_words else None
    return LimitAnswerView(
        id=encode_id(IdPrefix.DECISION, answer.decision_id),
        line_id=encode_id(IdPrefix.LINE, answer.line_id),
        trigger=answer.trigger,
        requested_minor=answer.requested_minor,
        limit_minor=answer.limit_minor,
        outcome=answer.outcome,
        target_minor=answer.target_minor,
        reasons=[ReasonView(code, *texts[code]) for code in decision.reasons],
        held_by=held_by,
        offer_id=None if answer.offer_id is None else encode_id(IdPrefix.LIMIT_OFFER, answer.offer_id),
        event_id=None if answer.event_id is None else encode_id(IdPrefix.EVENT, answer.event_id),
        zh=[held_by.zh] if told is None else list(told.zh),
        en=[held_by.en] if told is None else list(told.en),
        answered_at=answer.answered_at,
    )


def _reason(code: str) -> ReasonView:
    return ReasonView(code, *TARGET_REASON_TEXTS[TargetReason(code)])


@post(
    "/limit_requests",
    operation_id="request_limit",
    tags=["limits"],
    guards=[needs(Scope.LINES_WRITE)],
    responses=problems(404, 409, 422, 503),
    sync_to_thread=True,
)
def ask(request: Asked, data: JSONBody[LimitRequestBody], idempotency_key: IdempotencyKey) -> Response[LimitAnswerView]:
    """A borrower asks for a higher limit, and is answered at once, with reasons."""
    number = body_id(IdPrefix.LINE, data.line_id, param="line_id")
    deciders, zone = edge_of(request).deciders, edge_of(request).zone

    def run(connection: Connection, act: Act) -> LimitAnswerView | Refusal:
        bound_statements(connection)
        answer = request_limit(connection, number, data.requested_minor, deciders=deciders, act=act, zone=zone)
        return _view(connection, answer, deciders=deciders, in_words=True) if isinstance(answer, Answer) else answer

    try:
        return write(request, data, run, idempotency_key=idempotency_key, line_id=number)
    except (NoRelease, LimitReviewFault) as nothing:
        raise no_strategy(nothing) from nothing
    except (OperationalError, Overloaded) as away:
        raise undecided(deciders.last(CheckpointName.REVIEW_LIMIT), nothing="recorded") from away


@get(
    "/limit_requests/{decision_id:str}",
    operation_id="get_limit_request",
    tags=["limits"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_request(request: Asked, decision_id: LimitRequestPath) -> Response[LimitAnswerView]:
    """One answer, whatever the line was looked at for, in the borrower's words."""
    number = path_id(IdPrefix.DECISION, decision_id)
    deciders = edge_of(request).deciders

    def run(connection: Connection, _: Act) -> LimitAnswerView:
        answer = stored.read_answer(connection, number)
        if answer is None:
            raise not_there(IdPrefix.DECISION, kind="limit_request")
        return _view(connection, answer, deciders=deciders, in_words=True)

    return read(request, run)


@get(
    "/lines/{line_id:str}/limit_requests",
    operation_id="list_limit_requests",
    tags=["limits"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_requests(
    request: Asked, line_id: LinePath, limit: PageLimit = 20, after: AfterDecision = None
) -> Response[Page[LimitAnswerView]]:
    """What the line's borrower asked for, the newest first."""
    return _listed(request, line_id, limit=limit, after=after, trigger=BORROWER_REQUEST)


@get(
    "/lines/{line_id:str}/limit-reviews",
    operation_id="list_limit_reviews",
    tags=["limits"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_reviews(
    request: Asked, line_id: LinePath, limit: PageLimit = 20, after: AfterDecision = None
) -> Response[Page[LimitAnswerView]]:
    """Whenever the line's limit was looked at, by night only where something could follow; the newest first."""
    return _listed(request, line_id, limit=limit, after=after, trigger=None)


def _listed(
    request: Asked, line_id: str, *, limit: int, after: str | None, trigger: str | None
) -> Response[Page[LimitAnswerView]]:
    number, before_id = line_number(line_id), place_id(IdPrefix.DECISION, after)
    deciders = edge_of(request).deciders

    def run(connection: Connection, _: Act) -> Page[LimitAnswerView] | Refusal:
        if read_line(connection, number) is None:
            return no_such_line()
        rows = stored.answers_of_line(connection, number, before_id=before_id, most=limit + 1, trigger=trigger)
        return page(
            rows,
            limit=limit,
            view=lambda row: _view(connection, row, deciders=deciders, in_words=False),
            place=lambda row: encode_id(IdPrefix.DECISION, row.decision_id),
        )

    return read(request, run, line_id=number)


@post(
    "/lines/{line_id:str}/limit-reviews",
    operation_id="wish_for_limit_review",
    tags=["limits"],
    guards=[needs(Scope.LINES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def wish(
    request: Asked, line_id: LinePath, data: JSONBody[HappenedBody], idempotency_key: IdempotencyKey
) -> Response[ReviewWishView]:
    """Something happened that is a reason to look at the line's limit: it is kept, and the line is looked at soon."""
    number = line_number(line_id)
    _must_tell(data)
    happened = Happened(trigger=data.trigger, income_month_minor=data.income_month_minor, warning=data.warning)

    def run(connection: Connection, act: Act) -> ReviewWishView | Refusal:
        wished = wish_for_review(connection, number, happened, act=act)
        return _wish_view(wished) if isinstance(wished, Wish) else wished

    return write(request, data, run, idempotency_key=idempotency_key, line_id=number)


def _must_tell(data: HappenedBody) -> None:
    """Raises `Problem` where a trigger lacks what it is about, or brings what another one is about."""
    about: dict[str, tuple[str, object]] = {
        "income_proof": ("income_month_minor", data.income_month_minor),
        "early_warning": ("warning", data.warning),
    }
    for trigger, (field, value) in about.items():
        if (data.trigger == trigger) != (value is not None):
            raise Problem(
                "trigger_incomplete", status=422, param=field, detail=f"{field} goes with {trigger}, and only with it"
            )


def _wish_view(wished: Wish) -> ReviewWishView:
    return ReviewWishView(
        id=encode_id(IdPrefix.LIMIT_REVIEW_WISH, wished.wish_id),
        line_id=encode_id(IdPrefix.LINE, wished.line_id),
        trigger=wished.trigger,
        wished_at=wished.wished_at,
    )


router = Router("/", route_handlers=[ask, get_request, list_requests, list_reviews, wish])
