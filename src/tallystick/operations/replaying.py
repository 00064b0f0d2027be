"""Past decisions decided again from their records: the same bytes, or what differs."""

from collections.abc import Generator, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace
from psycopg import Connection

from tallystick.operations import price_reviews
from tallystick.operations.deciding import Deciders
from tallystick.operations.decision_record import Request, decision_of
from tallystick.operations.review_cases import NIGHTLY, is_left_as_it_is
from tallystick.storage import decisions as stored
from tallystick.storage.decisions import Batch, StoredDecision
from tallystick.storage.features import feature_lists
from tallystick.strategy.case_columns import CheckpointName
from tallystick.strategy.case_record import CaseRecord, decide_again, decode_record, encode_record
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.checkpoint_trace import (
    CaseTrace,
    Explanation,
    explain_case,
    explanation_of_taken_back,
    trace_case,
)


class Differs(StrEnum):
    """What is not as it was recorded."""

    BYTES = "bytes"  # the same inputs give another record: tables, models or code are not what they were
    DECISION = "decision"  # the row of the decision does not say what its record says
    FEATURES = "features"  # what was visible then gives other features now


class Difference(Struct, frozen=True):
    """One fault of one decision, or of a whole batch where `decision_id` is None; `told` is which figure."""

    batch_id: int
    decision_id: int | None
    kind: Differs
    told: str


class Replayed(Struct, frozen=True):
    """What was decided again, and everything that differs; `without_trace` are decisions whose time was over."""

    batches: int
    decisions: int
    without_trace: int
    differences: tuple[Difference, ...]


class DecisionUnknown(ValueError):
    """There is no such decision, or nothing is left of what it was made of; the message says which."""


class ReplayedDecision(Struct, frozen=True):
    """One decision, what came of it again, how it came to it, and what its borrower is told."""

    decision: StoredDecision
    checkpoint: Checkpoint
    trace: CaseTrace
    explanation: Explanation
    differences: tuple[Difference, ...]


def replay_decision(
    connection: Connection, decision_id: int, *, deciders: Deciders, features: bool = False
) -> ReplayedDecision:
    """Decide one case again from its record, and trace it. Raises `DecisionUnknown`."""
    decision = stored.read_decision(connection, decision_id)
    if decision is None:
        raise DecisionUnknown("decision: there is none of that id; check it")
    batch, trace = stored.read_batch(connection, decision.batch_id), stored.read_trace(connection, decision.batch_id)
    if batch is None or trace is None:
        raise DecisionUnknown(
            "decision: what it was made of is deleted, its time was over; the decision itself and its reasons stay"
        )
    record = decode_record(trace)
    checkpoint = _checkpoints(connection, record, deciders)[decision.strategy_id]
    columns, request_id = record.columns_of(decision.place), record.request_ids[decision.place]
    found = _differences(connection, batch, trace, deciders=deciders, features=features)
    is_withdrawn = bool(stored.withdrawn_among(connection, [decision_id]))
    told = explain_case(checkpoint, columns, index=0, request_id=request_id)
    return ReplayedDecision(
        decision=decision,
        checkpoint=checkpoint,
        trace=trace_case(checkpoint, columns, index=0, request_id=request_id),
        explanation=explanation_of_taken_back() if is_withdrawn else told,
        differences=tuple(each for each in found if each.decision_id in (None, decision_id)),
    )


def replay_since(
    connection: Connection, since: datetime, *, deciders: Deciders, features: bool = False
) -> Generator[float, None, Replayed]:
    """Decide everything again from an instant on; gives the share that is done, and in the end what differs."""
    every = stored.count_batches(connection, since)
    batches = decided = without = 0
    found: list[Difference] = []
    for batch, trace in stored.batches_since(connection, since):
        batches += 1
        if trace is None:
            without += batch.cases
        else:
            decided += batch.cases
            found += _differences(connection, batch, trace, deciders=deciders, features=features)
        yield min(batches / max(every, 1), 1.0)
    return Replayed(batches, decided, without, tuple(found))


def _checkpoints(connection: Connection, record: CaseRecord, deciders: Deciders) -> Mapping[str, Checkpoint]:
    name = CheckpointName(record.checkpoint)
    return {each: deciders.compiled(connection, each)[name] for each in record.strategies}


def _differences(
    connection: Connection, batch: Batch, trace: bytes, *, deciders: Deciders, features: bool
) -> list[Difference]:
    record = decode_record(trace)
    again = decide_again(record, _checkpoints(connection, record, deciders))
    found = []
    if encode_record(again) != trace:
        found.append(Difference(batch.batch_id, None, Differs.BYTES, _first_that_differs(record, again)))
    made = {decision.decision_id: decision for decision in stored.read_decisions(connection, record.request_ids)}
    for place, decision_id in enumerate(record.request_ids):
        decision = made.get(decision_id)
        if decision is None:
            told = None if _has_no_row(again, place) else "missing"
        else:
            told = _row_that_differs(decision, again, batch=batch, place=place)
        if told is not None:
            found.append(Difference(batch.batch_id, decision_id, Differs.DECISION, told))
    if features and batch.seen is not None:
        found += _features_that_differ(connection, batch, record, deciders=deciders)
    return found


def _first_that_differs(record: CaseRecord, again: CaseRecord) -> str:
    """The first part of a record that is not the same, or that only its packing differs."""
    differing = (name for name in record.__struct_fields__ if getattr(record, name) != getattr(again, name))
    return next(differing, "packing")


def _has_no_row(again: CaseRecord, place: int) -> bool:
    """A line that a night leaves as it is stands in its batch's trace alone."""
    if again.checkpoint == CheckpointName.REPRICE:
        return price_reviews.has_no_row(again, place)
    if again.checkpoint != CheckpointName.REVIEW_LIMIT:
        return False
    return again.figures["trigger"][place] == NIGHTLY and is_left_as_it_is(again, place)


def _row_that_differs(decision: StoredDecision, again: CaseRecord, *, batch: Batch, place: int) -> str | None:
    """The first column that is not as its record says, which lacks the request, the hold and a refusal's figures."""
    request = Request(**{name: getattr(decision, name) for name in Request.__struct_fields__})
    wanted = decision_of(again, place, request, batch=batch, hold_id=decision.hold_id)
    wanted = replace(wanted, refused_figures=decision.refused_figures)
    differing = (name for name in wanted.__struct_fields__ if getattr(decision, name) != getattr(wanted, name))
    return next(differing, None)


def _features_that_differ(
    connection: Connection, batch: Batch, record: CaseRecord, *, deciders: Deciders
) -> list[Difference]:
    """Features read once more from the streams as the batch saw them."""
    wanted = deciders.catalog.named(record.features)
    told, _ = feature_lists(connection, record.requests, features=wanted, seen=batch.seen)
    return [
        Difference(batch.batch_id, None, Differs.FEATURES, name)
        for name, values in record.features.items()
        if told[name] != values
    ]
