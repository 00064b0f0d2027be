"""Decisions, the batches that they were made in, and their traces: every statement about them."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.features.visible_set import VisibleSet
from tallystick.storage.asking import Asked
from tallystick.storage.rows import execute_rows, over_rows


class Batch(Struct, frozen=True, kw_only=True):
    """Cases that were decided together; `seen` is what their features were read from, None where none were."""

    batch_id: int
    checkpoint: str
    release_number: int
    decided_at: datetime
    business_day: date
    cases: int
    seen: VisibleSet | None
    decided_by_version: str


class StoredDecision(Struct, frozen=True, kw_only=True):
    """One decision as it stands; what it was made of is in its batch's trace, at `place`."""

    decision_id: int
    batch_id: int
    place: int
    checkpoint: str
    strategy_id: str
    request_key: str
    request_digest: bytes
    borrower_id: int | None
    line_id: int | None
    amount_minor: int | None
    outcome: str
    reasons: tuple[str, ...]
    outputs: dict[str, Any]
    probability_ppm: int
    is_explored: bool
    refused_because: str | None
    refused_figures: dict[str, Any] | None
    hold_id: int | None
    decided_at: datetime


_COLUMNS: Final = (
    ("decision_id", "bigint"),
    ("place", "smallint"),
    ("strategy_id", "text"),
    ("request_key", "text"),
    ("request_digest", "bytea"),
    ("borrower_id", "bigint"),
    ("line_id", "bigint"),
    ("amount_minor", "bigint"),
    ("outcome", "text"),
    ("reasons", "jsonb"),
    ("outputs", "jsonb"),
    ("probability_ppm", "integer"),
    ("is_explored", "boolean"),
    ("refused_because", "text"),
    ("refused_figures", "jsonb"),
    ("hold_id", "bigint"),
)
_OF_BATCH: Final = ("batch_id", "checkpoint", "decided_at")
_NAMES: Final = (*_OF_BATCH, *(name for name, _ in _COLUMNS))
_JSON: Final = frozenset({"reasons", "outputs", "refused_figures"})
_SELECTED: Final = ", ".join(f"{name}::text" if name in _JSON else name for name in _NAMES)
_INSERT: Final = over_rows(
    f"INSERT INTO decisions ({', '.join(_OF_BATCH)}, {{names}}) SELECT %s, %s, %s, {{names}} FROM {{fresh}}", _COLUMNS
)
_BATCH_COLUMNS: Final = """
    batch_id, checkpoint, release_number, decided_at, business_day, cases, seen_generation, seen_snapshot,
    decided_by_version
"""


def write_batch(connection: Connection, batch: Batch, decisions: Sequence[StoredDecision], *, trace: bytes) -> None:
    """Write what was decided, with what it was made of.

    Raises `UniqueViolation` where a request was decided before; in a pipeline when the pipeline is read.
    """
    seen = batch.seen
    connection.execute(
        f"INSERT INTO decision_batches ({_BATCH_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            batch.batch_id,
            batch.checkpoint,
            batch.release_number,
            batch.decided_at,
            batch.business_day,
            batch.cases,
            None if seen is None else seen.generation,
            None if seen is None else seen.snapshot,
            batch.decided_by_version,
        ],
    )
    connection.execute("INSERT INTO decision_traces (batch_id, trace) VALUES (%b, %b)", [batch.batch_id, trace])
    stamp = [batch.batch_id, batch.checkpoint, batch.decided_at]
    execute_rows(connection, _INSERT, [_row(decision) for decision in decisions], stamp=stamp)


def _row(decision: StoredDecision) -> tuple[Any, ...]:
    return (
        decision.decision_id,
        decision.place,
        decision.strategy_id,
        decision.request_key,
        decision.request_digest,
        decision.borrower_id,
        decision.line_id,
        decision.amount_minor,
        decision.outcome,
        msgspec.json.encode(decision.reasons).decode(),
        msgspec.json.encode(decision.outputs).decode(),
        decision.probability_ppm,
        decision.is_explored,
        decision.refused_because,
        None if decision.refused_figures is None else msgspec.json.encode(decision.refused_figures).decode(),
        decision.hold_id,
    )


def _decision(row: tuple[Any, ...]) -> StoredDecision:
    values = dict(zip(_NAMES, row, strict=True))
    values["reasons"] = msgspec.json.decode(values["reasons"], type=tuple[str, ...])
    values["outputs"] = msgspec.json.decode(values["outputs"])
    if values["refused_figures"] is not None:
        values["refused_figures"] = msgspec.json.decode(values["refused_figures"])
    return StoredDecision(**values)


_KNOWN: Final = f"SELECT {_SELECTED} FROM decisions WHERE request_key = ANY(%s::text[])"


def known_requests(connection: Connection, request_keys: Sequence[str]) -> dict[str, StoredDecision]:
    """Decisions on requests that came before, by their keys."""
    return ask_known_requests(connection, request_keys).told()


def ask_known_requests(connection: Connection, request_keys: Sequence[str]) -> Asked[dict[str, StoredDecision]]:
    """The same, among other questions."""
    cursor = connection.execute(_KNOWN, [list(request_keys)], prepare=True)
    return Asked(cursor, lambda rows: {decision.request_key: decision for decision in map(_decision, rows)})


def withdraw_decision(connection: Connection, decision_id: int, *, at: datetime) -> bool:
    """Let a decision count no more; False where it was withdrawn before, or told to its request that came again."""
    connection.execute("SELECT FROM decisions WHERE decision_id = %s FOR NO KEY UPDATE", [decision_id])
    written = connection.execute(
        """
        INSERT INTO withdrawn_decisions (decision_id, withdrawn_at)
        SELECT %s, %s WHERE NOT EXISTS (SELECT FROM decisions_told_again WHERE decision_id = %s)
        ON CONFLICT DO NOTHING
        """,
        [decision_id, at, decision_id],
    )
    return written.rowcount == 1


def tell_again(connection: Connection, decision_ids: Sequence[int], *, at: datetime) -> dict[int, bool]:
    """Decisions as they are told to requests that came again: whether each was withdrawn; if not, it never will be.

    Those that another transaction is withdrawing, or telling, are left out.
    """
    rows = connection.execute(
        "SELECT decision_id FROM decisions WHERE decision_id = ANY(%s::bigint[]) FOR NO KEY UPDATE SKIP LOCKED",
        [list(decision_ids)],
    ).fetchall()
    free = [decision_id for (decision_id,) in rows]
    withdrawn = withdrawn_among(connection, free)
    connection.execute(
        """
        INSERT INTO decisions_told_again (decision_id, told_at)
        SELECT decision_id, %s FROM unnest(%s::bigint[]) AS told (decision_id) ON CONFLICT DO NOTHING
        """,
        [at, [decision_id for decision_id in free if decision_id not in withdrawn]],
    )
    return {decision_id: decision_id in withdrawn for decision_id in free}


def withdrawn_among(connection: Connection, decision_ids: Sequence[int]) -> set[int]:
    """Those of the decisions that count no more."""
    rows = connection.execute(
        "SELECT decision_id FROM withdrawn_decisions WHERE decision_id = ANY(%s::bigint[])", [list(decision_ids)]
    )
    return {decision_id for (decision_id,) in rows}


def read_decision(connection: Connection, decision_id: int) -> StoredDecision | None:
    """One decision."""
    row = connection.execute(f"SELECT {_SELECTED} FROM decisions WHERE decision_id = %s", [decision_id]).fetchone()
    return None if row is None else _decision(row)


# A person's purchases are found by the lines, for an index less; what was asked before there was a line, by the person.
_OF_BORROWER: Final = """
    (line_id = ANY(ARRAY(SELECT line_id FROM lines WHERE borrower_id = %s)) OR line_id IS NULL AND borrower_id = %s)
"""


def decisions_before(
    connection: Connection,
    before_id: int | None,
    *,
    most: int,
    line_id: int | None = None,
    borrower_id: int | None = None,
    checkpoint: str | None = None,
    outcome: str | None = None,
) -> list[StoredDecision]:
    """Decisions, the newest first: of a line, a person, a checkpoint or an outcome, where asked."""
    asked = {"line_id": line_id, "checkpoint": checkpoint, "outcome": outcome}
    given = {name: value for name, value in asked.items() if value is not None}
    conditions = ["(%s::bigint IS NULL OR decision_id < %s)", *(f"{name} = %s" for name in given)]
    parameters = [before_id, before_id, *given.values()]
    if borrower_id is not None:
        conditions.append(_OF_BORROWER)
        parameters += [borrower_id, borrower_id]
    statement = f"SELECT {_SELECTED} FROM decisions WHERE {' AND '.join(conditions)} ORDER BY decision_id DESC LIMIT %s"
    rows = connection.execute(statement.encode(), [*parameters, most])
    return [_decision(row) for row in rows]


def read_decisions(connection: Connection, decision_ids: Sequence[int]) -> list[StoredDecision]:
    """Those of the decisions that there are, by their ids."""
    rows = connection.execute(
        f"SELECT {_SELECTED} FROM decisions WHERE decision_id = ANY(%s::bigint[]) ORDER BY decision_id",
        [list(decision_ids)],
    )
    return [_decision(row) for row in rows]


def read_batch(connection: Connection, batch_id: int) -> Batch | None:
    """One batch."""
    row = connection.execute(
        f"SELECT {_BATCH_COLUMNS} FROM decision_batches WHERE batch_id = %s", [batch_id]
    ).fetchone()
    return None if row is None else _batch(row)


def _batch(row: tuple[Any, ...]) -> Batch:
    batch_id, checkpoint, release_number, decided_at, business_day, cases, generation, snapshot, version = row
    return Batch(
        batch_id=batch_id,
        checkpoint=checkpoint,
        release_number=release_number,
        decided_at=decided_at,
        business_day=business_day,
        cases=cases,
        seen=None if generation is None else VisibleSet(generation, snapshot),
        decided_by_version=version,
    )


def read_trace(connection: Connection, batch_id: int) -> bytes | None:
    """What a batch was made of; None where its time is over."""
    row = connection.execute("SELECT trace FROM decision_traces WHERE batch_id = %s", [batch_id]).fetchone()
    return None if row is None else bytes(row[0])


def batches_since(
    connection: Connection, since: datetime, *, checkpoint: str | None = None, until: datetime | None = None
) -> Iterator[tuple[Batch, bytes | None]]:
    """Batches from an instant on, the oldest first, each with its trace; read as they are asked for."""
    place: tuple[datetime, int] = (since, 0)
    while True:
        rows = connection.execute(
            f"""
            SELECT trace, {", ".join(f"decision_batches.{name.strip()}" for name in _BATCH_COLUMNS.split(","))}
            FROM decision_batches LEFT JOIN decision_traces USING (batch_id)
            WHERE (decided_at, batch_id) > (%s, %s) AND (%s::timestamptz IS NULL OR decided_at < %s)
              AND (%s::text IS NULL OR checkpoint = %s)
            ORDER BY decided_at, batch_id LIMIT 200
            """,
            [*place, until, until, checkpoint, checkpoint],
        ).fetchall()
        if not rows:
            return
        for trace, *told in rows:
            batch = _batch(tuple(told))
            place = (batch.decided_at, batch.batch_id)
            yield batch, None if trace is None else bytes(trace)


def count_batches(
    connection: Connection, since: datetime, *, checkpoint: str | None = None, until: datetime | None = None
) -> int:
    """How many batches there are from an instant on."""
    row = connection.execute(
        """
        SELECT count(*) FROM decision_batches
        WHERE decided_at >= %s AND (%s::timestamptz IS NULL OR decided_at < %s)
          AND (%s::text IS NULL OR checkpoint = %s)
        """,
        [since, until, until, checkpoint, checkpoint],
    ).fetchone()
    assert row is not None
    return int(row[0])


def forget_traces(connection: Connection, *, before: datetime, most: int) -> int:
    """Drop up to `most` traces of batches decided before that instant; gives how many."""
    dropped = connection.execute(
        """
        DELETE FROM decision_traces WHERE batch_id = ANY(ARRAY(
            SELECT batch_id FROM decision_traces JOIN decision_batches USING (batch_id)
            WHERE decided_at < %s ORDER BY decided_at LIMIT %s
        ))
        """,
        [before, most],
    )
    return dropped.rowcount
