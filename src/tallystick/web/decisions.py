"""Decisions that were made: listed, explained to borrower and officer, and what purchases turned out to be."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import JSONBody, QueryParameter
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.decision_record import REVIEWED
from tallystick.operations.decisions_told import DecisionTold, price_outcome, tell_decision
from tallystick.operations.lines import Act
from tallystick.operations.purchase_labels import correct_label, label_purchase
from tallystick.operations.reviewing import final_outcome
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import reviews
from tallystick.storage.decisions import StoredDecision, decisions_before, withdrawn_among
from tallystick.storage.purchase_labels import PurchaseLabel, labels_of
from tallystick.strategy.case_columns import CheckpointName
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
from tallystick.web.edge import Asked, edge_of
from tallystick.web.parameters import (
    AfterDecision,
    DecisionPath,
    IdempotencyKey,
    OfBorrower,
    OfLine,
    Page,
    PageLimit,
    Text,
    body_id,
    must_have,
    needs,
    page,
    path_id,
    place_id,
)
from tallystick.web.problems import problems


class Outcome(StrEnum):
    """What a checkpoint may answer, those of limits and prices among them."""

    APPROVE = "approve"
    OFFER = "offer"
    STEP_UP = "step_up"
    REVIEW = "review"
    DECLINE = "decline"
    INCREASE = "increase"
    KEEP = "keep"
    DECREASE = "decrease"
    LOWER = "lower"
    RAISE = "raise"


class Reader(StrEnum):
    """For whom a decision is told."""

    BORROWER = "borrower"
    OFFICER = "officer"


OfCheckpoint = Annotated[CheckpointName | None, QueryParameter(description="Of this checkpoint only")]


class LabelBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What a purchase turned out to be, and how that is known; `corrects`: it was labelled otherwise, and wrongly."""

    is_fraud: bool
    reason: Text
    corrects: bool = False


class LabelView(Struct, frozen=True):
    """What a purchase turned out to be; decisions know it from `recorded_at`. `corrects`: an earlier one was wrong."""

    decision_id: str
    is_fraud: bool
    reason: str
    actor: str
    recorded_at: datetime
    corrects: bool


class DecisionView(Struct, frozen=True):
    """A decision with its reasons and what the borrower is told of it; `officer` is told to an officer only.

    `label` is the one that counts, `corrected_labels` are those before it, the latest first.
    """

    decision: DecisionRow
    review_id: str | None
    reasons: list[ReasonView]
    explanation: ExplanationView
    label: LabelView | None
    corrected_labels: list[LabelView]
    officer: OfficerView | None


@get(
    "/decisions",
    operation_id="list_decisions",
    tags=["decisions"],
    guards=[needs(Scope.DECISIONS_READ)],
    responses=problems(),
    sync_to_thread=True,
)
def list_all(
    request: Asked,
    line_id: OfLine = None,
    borrower_id: OfBorrower = None,
    checkpoint: OfCheckpoint = None,
    outcome: Annotated[Outcome | None, QueryParameter(description="Decided like this only, before any review")] = None,
    limit: PageLimit = 20,
    after: AfterDecision = None,
) -> Response[Page[DecisionRow]]:
    """Decisions, the newest first."""
    before_id = place_id(IdPrefix.DECISION, after)
    line = None if line_id is None else body_id(IdPrefix.LINE, line_id, param="line_id")
    borrower = None if borrower_id is None else body_id(IdPrefix.BORROWER, borrower_id, param="borrower_id")

    def run(connection: Connection, _: Act) -> Page[DecisionRow]:
        made = decisions_before(
            connection,
            before_id,
            most=limit + 1,
            line_id=line,
            borrower_id=borrower,
            checkpoint=checkpoint,
            outcome=outcome,
        )
        return page(told_rows(connection, made), limit=limit, view=lambda row: row, place=lambda row: row.id)

    return read(request, run)


def told_rows(connection: Connection, made: list[StoredDecision]) -> list[DecisionRow]:
    """Decisions in a list, with what came of each, and which of them were taken back."""
    withdrawn = withdrawn_among(connection, [each.decision_id for each in made])
    return [
        decision_row(each, final=_final(connection, each), is_withdrawn=each.decision_id in withdrawn) for each in made
    ]


def _final(connection: Connection, decision: StoredDecision) -> str:
    """What came of its review, or of its price."""
    if decision.checkpoint == CheckpointName.REPRICE:
        return price_outcome(connection, decision)
    review = reviews.read_review(connection, decision.decision_id) if decision.outcome == REVIEWED else None
    return final_outcome(decision, review)


@get(
    "/decisions/{decision_id:str}",
    operation_id="get_decision",
    tags=["decisions"],
    guards=[needs(Scope.DECISIONS_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_one(
    request: Asked,
    decision_id: DecisionPath,
    reader: Annotated[Reader, QueryParameter(name="for", description="`officer` needs the scope traces:read")] = (
        Reader.BORROWER
    ),
) -> Response[DecisionView]:
    """A decision in the borrower's words, in Chinese and English; for an officer with every row that the case met."""
    if reader is Reader.OFFICER:
        must_have(request, Scope.TRACES_READ)
    number, edge = path_id(IdPrefix.DECISION, decision_id), edge_of(request)

    def run(connection: Connection, _: Act) -> DecisionView | Refusal:
        told = tell_decision(connection, edge.deciders, number)
        if told is None:
            return Refusal(RefusalReason.DECISION_UNKNOWN, field="decision_id")
        return _view(told, labels_of(connection, number), reader=reader)

    return read(request, run)


def _view(told: DecisionTold, labels: Sequence[PurchaseLabel], *, reader: Reader) -> DecisionView:
    label, *corrected = map(_label_view, labels) if labels else (None,)
    return DecisionView(
        decision=decision_row(told.decision, final=told.final_outcome, is_withdrawn=told.is_withdrawn),
        review_id=optional_id(IdPrefix.REVIEW, told.review.review_id if told.review else None),
        reasons=reason_views(told.checkpoint, told.decision.reasons),
        explanation=explanation_view(told.explanation),
        label=label,
        corrected_labels=corrected,
        officer=officer_view(told) if reader is Reader.OFFICER else None,
    )


@post(
    "/decisions/{decision_id:str}/label",
    operation_id="label_decision",
    tags=["decisions"],
    guards=[needs(Scope.LABELS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def label(
    request: Asked, decision_id: DecisionPath, data: JSONBody[LabelBody], idempotency_key: IdempotencyKey
) -> Response[LabelView]:
    """Confirm that a purchase was fraud, or good, or correct what was confirmed. Decisions count it from now on."""
    number = path_id(IdPrefix.DECISION, decision_id)

    def run(connection: Connection, act: Act) -> LabelView | Refusal:
        label_or_correct = correct_label if data.corrects else label_purchase
        labelled = label_or_correct(connection, number, is_fraud=data.is_fraud, reason=data.reason, act=act)
        return labelled if isinstance(labelled, Refusal) else _label_view(labelled)

    return write(request, data, run, idempotency_key=idempotency_key)


def _label_view(label: PurchaseLabel) -> LabelView:
    return LabelView(
        decision_id=encode_id(IdPrefix.DECISION, label.decision_id),
        is_fraud=label.is_fraud,
        reason=label.reason,
        actor=label.actor,
        recorded_at=label.recorded_at,
        corrects=label.corrects_event_id is not None,
    )


router = Router("/", route_handlers=[list_all, get_one, label])
