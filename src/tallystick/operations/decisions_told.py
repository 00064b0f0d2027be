"""A recorded decision for its readers: how it came about for the officer, and in words for the borrower."""

from typing import Any, Final

from msgspec import Struct
from psycopg import Connection

from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_record import REVIEWED, change_of
from tallystick.operations.refusal_words import refusal_words
from tallystick.operations.reviewing import final_outcome
from tallystick.storage import decisions, reviews
from tallystick.storage.decisions import StoredDecision
from tallystick.storage.price_reviews import PriceAnswer, read_price_answer
from tallystick.storage.reviews import ActKind, Review
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import CaseRecord, decode_record
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.checkpoint_trace import (
    CaseTrace,
    Explanation,
    explanation,
    explanation_of_person,
    explanation_of_taken_back,
    trace_case,
)
from tallystick.strategy.price_answer import explain_price
from tallystick.strategy.price_targets import PriceReason


class Evidence(Struct, frozen=True):
    """What a decision was made of: every figure, feature and score of the case, and every row that it met."""

    figures: dict[str, Any]
    features: dict[str, Any]
    scores: dict[str, Any]
    trace: CaseTrace


class DecisionTold(Struct, frozen=True):
    """A decision with what came of it; `evidence` is None once its trace was deleted in its time."""

    decision: StoredDecision
    review: Review | None
    final_outcome: str
    is_withdrawn: bool
    checkpoint: Checkpoint
    evidence: Evidence | None
    explanation: Explanation


def tell_decision(connection: Connection, deciders: Deciders, decision_id: int) -> DecisionTold | None:
    """A decision for its readers; None where there is none."""
    decision = decisions.read_decision(connection, decision_id)
    if decision is None:
        return None
    review = reviews.read_review(connection, decision_id) if decision.outcome == REVIEWED else None
    name = CheckpointName(decision.checkpoint)
    checkpoint = deciders.compiled(connection, decision.strategy_id)[name]
    content = decisions.read_trace(connection, decision.batch_id)
    record = None if content is None else decode_record(content)
    outcome = final_outcome(decision, review)
    is_withdrawn = bool(decisions.withdrawn_among(connection, [decision_id]))
    told = explanation_of_taken_back() if is_withdrawn else None
    if name is CheckpointName.REPRICE:
        outcome, told = price_outcome(connection, decision), _price_told(connection, checkpoint, record, decision)
    by_person = review is not None and review.outcome is not None and _was_judged(connection, review.review_id)
    return DecisionTold(
        decision=decision,
        review=review,
        final_outcome=outcome,
        is_withdrawn=is_withdrawn,
        checkpoint=checkpoint,
        evidence=None if record is None else _evidence(checkpoint, record, decision.place),
        explanation=told or _explanation(checkpoint, record, decision, outcome=outcome, by_person=by_person),
    )


# What came of a price, in the words of its checkpoint; for any other reason it stays.
_PRICED: Final = {
    PriceReason.LOWERED_AT_ONCE: "lower",
    PriceReason.LOWERED_AFTER_NOTICE: "lower",
    PriceReason.RAISED_AFTER_NOTICE: "raise",
}


def price_outcome(connection: Connection, decision: StoredDecision) -> str:
    """What came of a price that the tables wanted to change."""
    return _PRICED.get(PriceReason(_price_answer(connection, decision).reason), "keep")


def _price_answer(connection: Connection, decision: StoredDecision) -> PriceAnswer:
    answer = read_price_answer(connection, decision.decision_id)
    assert answer is not None, "what the tables want is answered in the same transaction"
    return answer


def _price_told(
    connection: Connection, checkpoint: Checkpoint, record: CaseRecord | None, decision: StoredDecision
) -> Explanation | None:
    """The borrower's words of a price, while there is a record."""
    if record is None:
        return None
    answer = _price_answer(connection, decision)
    columns, reason = record.columns_of(decision.place), PriceReason(answer.reason)
    return explain_price(checkpoint, columns, reason=reason, binds_on=answer.binds_on)


def _was_judged(connection: Connection, review_id: int) -> bool:
    """Whether a person answered, and not time or a freeze."""
    return any(each.kind is ActKind.JUDGED for each in reviews.acts_of(connection, review_id))


def _evidence(checkpoint: Checkpoint, record: CaseRecord, place: int) -> Evidence:
    columns = record.columns_of(place)
    return Evidence(
        figures={name: values[place] for name, values in record.figures.items()},
        features={name: values[place] for name, values in record.features.items()},
        scores={name: values[place] for name, values in record.scores.items()},
        trace=trace_case(checkpoint, columns, index=0, request_id=record.request_ids[place]),
    )


def _explanation(
    checkpoint: Checkpoint,
    record: CaseRecord | None,
    decision: StoredDecision,
    *,
    outcome: str,
    by_person: bool,
) -> Explanation:
    """What the borrower is told now.

    A change is named only where the tables decided: what a person said is not undone by another figure.
    """
    passes = outcome == checkpoint.outcomes[0]
    words = refusal_words(decision.checkpoint)
    if by_person and not passes:
        return explanation_of_person(checkpoint, outcome=outcome, reasons=decision.reasons, also=words)
    change = None
    if record is not None and outcome == decision.outcome:
        change = change_of(record, decision, checkpoint=checkpoint)
    return explanation(
        checkpoint,
        outcome=outcome,
        reasons=() if passes else decision.reasons,
        change=change,
        also=words,
    )
