"""What every live checkpoint does alike: requests in columns, the decision as a row, its review, rows of streams."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import Connection
from psycopg.errors import QueryCanceled

from tallystick import __version__
from tallystick.features.event_tables import EVENT_TABLES, REQUEST_SCHEMA
from tallystick.features.visible_set import VisibleSet
from tallystick.operations.deciding import Deciding
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal
from tallystick.storage.decisions import Batch, StoredDecision
from tallystick.storage.features import feature_lists
from tallystick.storage.reviews import Review
from tallystick.strategy.case_record import CaseRecord, Figures, decide_cases
from tallystick.strategy.checkpoint import Checkpoint
from tallystick.strategy.checkpoint_trace import change_to_name
from tallystick.strategy.smallest_change import SmallestChange
from tallystick.terms.offering import OfferFault

# Outcomes of checkpoints that something follows from.
APPROVED: Final = "approve"
OFFERED: Final = "offer"
REVIEWED: Final = "review"
DECLINED: Final = "decline"
# How long the features of one request may take, some hundred times what they usually do.
FEATURES_WITHIN_MS: Final = 1_000


class Reused(Struct, frozen=True):
    """The key came before with another request: `decision_id` is the decision on that one."""

    decision_id: int


class Request(Struct, frozen=True, kw_only=True):
    """Who asks for what, as the decision's row names it; `request_digest` tells one request of a key from another."""

    decision_id: int
    request_key: str
    request_digest: bytes
    borrower_id: int
    line_id: int | None = None
    amount_minor: int | None = None


class Decided(Struct, frozen=True):
    """A batch as the strategies decided it, and what its features were read from; None where they were not read."""

    record: CaseRecord
    seen: VisibleSet | None


def told_again(before: StoredDecision, request_digest: bytes) -> StoredDecision | Reused:
    """The answer to a request that was decided before, if it is the same one."""
    return before if before.request_digest == request_digest else Reused(before.decision_id)


def request_columns(asked: Sequence[Mapping[str, Any]], *, kind: str, act: Act, zone: tzinfo) -> Figures:
    """Requests as the features' catalog asks, in columns; what a request does not tell is missing."""
    offset = act.at.astimezone(zone).utcoffset()
    assert offset is not None, "a zone knows its offset"
    columns: Figures = {name: [each.get(name) for each in asked] for name in REQUEST_SCHEMA.names}
    columns["tick"] = [tick_of(act.at)] * len(asked)
    columns["kind"] = [kind] * len(asked)
    columns["utc_offset_minutes"] = [int(offset.total_seconds()) // 60] * len(asked)
    return columns


def tick_of(at: datetime) -> int:
    """An instant as streams tell it: microseconds since 1970.

    >>> from datetime import UTC
    >>> tick_of(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    1000005
    """
    return (at - datetime(1970, 1, 1, tzinfo=at.tzinfo)) // timedelta(microseconds=1)


def instant_of(tick: int) -> datetime:
    """The instant (UTC) of a tick.

    >>> instant_of(1_000_005).isoformat()
    '1970-01-01T00:00:01.000005+00:00'
    """
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=tick)


def in_columns(rows: Sequence[Mapping[str, Any]]) -> Figures:
    """Figures of one case after the other, as columns.

    >>> in_columns([{"amount_minor": 5}, {"amount_minor": 7}])
    {'amount_minor': [5, 7]}
    """
    return {name: [row[name] for row in rows] for name in rows[0]}


def decide(
    connection: Connection,
    deciding: Deciding,
    *,
    strategy_ids: Sequence[str],
    requests: Figures,
    figures: Figures,
) -> Decided:
    """Read the features of requests and decide their cases. Writes nothing."""
    features, seen = _features(connection, deciding, requests)
    return _decided(deciding, features, seen, strategy_ids=strategy_ids, requests=requests, figures=figures)


def decide_in_time(
    connection: Connection,
    deciding: Deciding,
    *,
    strategy_ids: Sequence[str],
    requests: Figures,
    figures: Figures,
    within_ms: int = FEATURES_WITHIN_MS,
) -> Decided:
    """The same, with every feature missing where they cannot be read in time: then the tables say what happens.

    The record says that they were missing, and nothing of what was visible, so that it is decided the same again.
    """
    features: Figures = {each.name: [None] * len(strategy_ids) for each in deciding.features}
    seen = None
    with suppress(QueryCanceled), connection.transaction(force_rollback=True):  # the bound ends with what is only read
        connection.execute(f"SET LOCAL statement_timeout = {within_ms:d}".encode())
        features, seen = _features(connection, deciding, requests)
    return _decided(deciding, features, seen, strategy_ids=strategy_ids, requests=requests, figures=figures)


def _features(connection: Connection, deciding: Deciding, requests: Figures) -> tuple[Figures, VisibleSet]:
    features, seen = feature_lists(connection, requests, features=deciding.features)
    del features["request_id"]
    return features, seen


def _decided(
    deciding: Deciding,
    features: Figures,
    seen: VisibleSet | None,
    *,
    strategy_ids: Sequence[str],
    requests: Figures,
    figures: Figures,
) -> Decided:
    record = decide_cases(
        deciding.checkpoints,
        strategy_ids=strategy_ids,
        requests=requests,
        figures=figures,
        features=features,
    )
    return Decided(record, seen)


def refused_after(decided: Decided, refusals: Sequence[Refusal | OfferFault | None]) -> CaseRecord:
    """The record with what the books refused of it, an entry per case: an input of the record, not a second opinion."""
    for place, refusal in enumerate(refusals):
        if refusal is not None:
            decided.record.refused_because[place] = str(refusal.reason)
    return decided.record


def batch_of(decided: Decided, deciding: Deciding, *, act: Act) -> Batch:
    """The batch of a record, decided now."""
    return Batch(
        batch_id=next(act.event_ids),
        checkpoint=decided.record.checkpoint,
        release_number=deciding.release.number,
        decided_at=act.at,
        business_day=act.today,
        cases=decided.record.cases,
        seen=decided.seen,
        decided_by_version=__version__,
    )


def decision_of(
    record: CaseRecord,
    place: int,
    request: Request,
    *,
    batch: Batch,
    hold_id: int | None = None,
    refused: Refusal | OfferFault | None = None,
) -> StoredDecision:
    """One case as its row tells it: what the books refused is of the worst outcome, with their reason and figures."""
    refused_because, strategy_id = record.refused_because[place], record.strategies[record.strategy[place]]
    return StoredDecision(
        decision_id=request.decision_id,
        batch_id=batch.batch_id,
        place=place,
        checkpoint=batch.checkpoint,
        strategy_id=strategy_id,
        request_key=request.request_key,
        request_digest=request.request_digest,
        borrower_id=request.borrower_id,
        line_id=request.line_id,
        amount_minor=request.amount_minor,
        outcome=record.outcome[place] if refused_because is None else DECLINED,
        reasons=record.reasons[place] if refused_because is None else (refused_because,),
        outputs={name: values[place] for name, values in record.outputs.items() if values[place] is not None},
        probability_ppm=record.probability_ppm[place],
        is_explored=record.is_explored[place],
        refused_because=refused_because,
        refused_figures=None if refused is None else msgspec.to_builtins(refused.figures),
        hold_id=hold_id,
        decided_at=batch.decided_at,
    )


def due_at(record: CaseRecord, place: int, *, act: Act) -> datetime:
    """Until when a person has to have looked at a case."""
    return act.at + timedelta(minutes=record.outputs["deadline_minutes"][place])


def review_of(
    record: CaseRecord, decision: StoredDecision, *, checkpoint: Checkpoint, device_id: int | None, act: Act
) -> Review:
    """A case that a person looks at, as it enters the queue."""
    timeout_outcome = checkpoint.timeout_outcome
    assert timeout_outcome is not None, "a checkpoint that reviews says what happens in the end"
    return Review(
        review_id=decision.decision_id,
        checkpoint=decision.checkpoint,
        borrower_id=decision.borrower_id,
        line_id=decision.line_id,
        amount_minor=decision.amount_minor,
        device_id=device_id,
        hold_id=decision.hold_id,
        priority=record.outputs["priority"][decision.place],
        due_at=due_at(record, decision.place, act=act),
        needs_two=record.outputs["four_eyes"][decision.place],
        timeout_outcome=timeout_outcome,
        opened_at=act.at,
    )


def change_of(record: CaseRecord, decision: StoredDecision, *, checkpoint: Checkpoint) -> SmallestChange | None:
    """The smallest change that would have helped; none of what the books refused: no figure of the case undoes that."""
    place = decision.place
    if decision.refused_because is not None:
        return None
    return change_to_name(checkpoint, record.columns_of(place), index=0, decided_by=record.decided_by[place])


def stream_rows(stream: str, columns: Figures) -> Figures:
    """Rows of a stream from columns that have more."""
    return {column.name: columns[column.name] for column in EVENT_TABLES[stream].columns}
