"""Lines, their events and what follows from them: every statement that reads or writes a line's life.

One call writes one line or thousands: rows travel as arrays, one round trip for each table, inside the caller's
transaction. What is written here is what servicing computed; nothing is decided.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final, LiteralString, Protocol

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.ledger.transfer import Transfer
from tallystick.servicing.accrued import accrued
from tallystick.servicing.facts import (
    AnyFact,
    Chargeback,
    Drawdown,
    DrawWithdrawn,
    Event,
    HoldPlaced,
    PaymentReceived,
    Refunded,
    SettledEarly,
    StatementClosed,
    kind_of,
    needs_second_person,
)
from tallystick.servicing.fold import Checkpoint
from tallystick.servicing.history import Snapshot
from tallystick.servicing.line import Condition, Line
from tallystick.servicing.owed import drawn_minor, held_minor, oldest_unpaid_due_on, owed_minor
from tallystick.storage import ledger
from tallystick.storage.rows import execute_rows, over_rows
from tallystick.terms.product import Component

STATE: Final = msgspec.msgpack.Decoder(Line)
_FACT: Final = msgspec.json.Decoder(AnyFact)


class StoredLine(Struct, frozen=True):
    """A line as it was read under lock, with the revision that the next write must find."""

    line: Line
    revision: int
    test_clock_id: int | None


class LineWrite(Struct, frozen=True):
    """Everything one step changed on one line; `forget_from` drops checkpoints that a refold made untrue."""

    line: Line
    revision_before: int
    next_due_on: date | None
    events: tuple[Event, ...]
    history: tuple[Snapshot, ...]
    checkpoints: tuple[Checkpoint, ...] = ()
    forget_from: date | None = None
    approved_by: str | None = None


class Recording(Struct, frozen=True):
    """Who records, when, and on which business day it is booked."""

    actor: str
    recorded_at: datetime
    booked_on: date


class LineChangedMeanwhile(RuntimeError):
    """A line was written without holding its lock: the caller's bug, and nothing was written."""


def lock_line(connection: Connection, line_id: int) -> StoredLine | None:
    """Read a line and keep others from writing it until the transaction ends."""
    row = connection.execute(
        "SELECT revision, test_clock_id, state FROM lines WHERE line_id = %s FOR UPDATE", [line_id]
    ).fetchone()
    return None if row is None else StoredLine(STATE.decode(row[2]), row[0], row[1])


def due_lines(connection: Connection, *, until: date, after_line_id: int, most: int) -> list[int]:
    """Up to `most` lines on which time alone changes something by `until`, by id; lines of test clocks are not."""
    rows = connection.execute(
        """
        SELECT line_id FROM lines
        WHERE next_due_on <= %s AND line_id > %s AND test_clock_id IS NULL
        ORDER BY line_id LIMIT %s
        """,
        [until, after_line_id, most],
    )
    return [line_id for (line_id,) in rows]


_DUE_LINES: Final = """
    SELECT line_id, revision, test_clock_id, state FROM lines
    WHERE line_id = ANY(%s::bigint[]) AND next_due_on <= %s AND test_clock_id IS NULL
    ORDER BY line_id FOR UPDATE
"""


def lock_free_lines(connection: Connection, line_ids: Sequence[int]) -> dict[int, StoredLine]:
    """Those of the lines that no other transaction has, locked until this one ends."""
    rows = connection.execute(
        """
        SELECT line_id, revision, test_clock_id, state FROM lines WHERE line_id = ANY(%s::bigint[])
        ORDER BY line_id FOR UPDATE SKIP LOCKED
        """,
        [list(line_ids)],
        prepare=True,
    )
    return {line_id: StoredLine(STATE.decode(state), revision, clock) for line_id, revision, clock, state in rows}


class LockDue(Protocol):
    """Lock those of the lines that are due still."""

    def __call__(self, connection: Connection, line_ids: list[int], *, until: date) -> dict[int, StoredLine]: ...


def lock_free_due_lines(connection: Connection, line_ids: list[int], *, until: date) -> dict[int, StoredLine]:
    """Those of the lines on which time alone still changes something by `until`, passing over those in use."""
    return _due_lines(connection, f"{_DUE_LINES} SKIP LOCKED", [line_ids, until])


def lock_due_lines(connection: Connection, line_ids: list[int], *, until: date) -> dict[int, StoredLine]:
    """As `lock_free_due_lines`, waiting for lines in use until their transactions end."""
    return _due_lines(connection, _DUE_LINES, [line_ids, until])


def _due_lines(connection: Connection, statement: LiteralString, parameters: list[Any]) -> dict[int, StoredLine]:
    rows = connection.execute(statement, parameters)
    return {line_id: StoredLine(STATE.decode(state), revision, clock) for line_id, revision, clock, state in rows}


def read_line(connection: Connection, line_id: int) -> StoredLine | None:
    """A line as it is recorded, without a lock."""
    row = connection.execute(
        "SELECT revision, test_clock_id, state FROM lines WHERE line_id = %s", [line_id]
    ).fetchone()
    return None if row is None else StoredLine(STATE.decode(row[2]), row[0], row[1])


def read_events(connection: Connection, line_id: int, *, after: tuple[date, int, int] | None = None) -> list[Event]:
    """The line's events in life order, those after a checkpoint's place only when one is given."""
    rows = connection.execute(
        """
        SELECT event_id, effective_on, fact::text FROM events
        WHERE line_id = %s AND (%s::date IS NULL OR (effective_on, rank, event_id) > (%s, %s, %s))
        ORDER BY effective_on, rank, event_id
        """,
        [line_id, after[0] if after else None, *(after or (date.min, 0, 0))],
    )
    return [Event(event_id, effective_on, _FACT.decode(fact)) for event_id, effective_on, fact in rows]


def read_event(connection: Connection, line_id: int, event_id: int) -> Event | None:
    """One event of a line."""
    row = connection.execute(
        "SELECT event_id, effective_on, fact::text FROM events WHERE line_id = %s AND event_id = %s",
        [line_id, event_id],
    ).fetchone()
    return None if row is None else Event(row[0], row[1], _FACT.decode(row[2]))


def drawn_of_hold_minor(connection: Connection, line_id: int, *, hold_id: int) -> int:
    """What was drawn on a hold so far, minor units."""
    row = connection.execute(
        """
        SELECT coalesce(sum((fact ->> 'amount_minor')::bigint), 0)::bigint FROM events
        WHERE line_id = %s AND kind = 'drawdown' AND (fact ->> 'hold_id')::bigint = %s
        """,
        [line_id, hold_id],
    ).fetchone()
    assert row is not None
    return int(row[0])


def checkpoint_before(connection: Connection, line_id: int, order: tuple[date, int, int]) -> Checkpoint | None:
    """The last folded state that lies wholly before that place in the line's life."""
    row = connection.execute(
        """
        SELECT effective_on, rank, event_id, state FROM checkpoints
        WHERE line_id = %s AND (effective_on, rank, event_id) < (%s, %s, %s)
        ORDER BY effective_on DESC, rank DESC, event_id DESC LIMIT 1
        """,
        [line_id, *order],
    ).fetchone()
    return None if row is None else Checkpoint(order=(row[0], row[1], row[2]), line=STATE.decode(row[3]))


def days_told(connection: Connection, line_id: int, *, since: date) -> list[date]:
    """The days since a day for which the line's history has a row."""
    rows = connection.execute(
        "SELECT DISTINCT effective_on FROM line_history WHERE line_id = %s AND effective_on >= %s", [line_id, since]
    ).fetchall()
    return [effective_on for (effective_on,) in rows]


def write_lines(
    connection: Connection, writes: Sequence[LineWrite], transfers: Sequence[Transfer], *, recording: Recording
) -> None:
    """Write what steps changed, in one round trip: lines, their events and what follows from them, and the transfers.

    Raises `LineChangedMeanwhile` where a line's revision is not the one that was read, and as `ledger.post` does.
    """
    with connection.pipeline():
        execute_rows(connection, _INSERT_LINES, [_figures(write) for write in writes if write.revision_before == 0])
        known = [_figures(write) for write in writes if write.revision_before > 0]
        updated = execute_rows(connection, _UPDATE_LINES, known)
        _write_events(connection, writes, recording)
        _write_history(connection, writes, recording)
        _write_statements(connection, writes)
        _write_checkpoints(connection, writes)
        _write_objects(connection, writes)
        ledger.post(connection, transfers, booked_on=recording.booked_on)
    if updated is not None and updated.rowcount != len(known):
        changed = len(known) - updated.rowcount
        raise LineChangedMeanwhile(f"{changed} lines changed while they were written; lock them first")


def _figures(write: LineWrite) -> tuple[Any, ...]:
    line = write.line
    owed = owed_minor(line, day=line.as_of)
    accrual = accrued(line)
    return (
        line.line_id,
        line.borrower_id,
        line.product_id,
        line.contract_hash,
        line.currency,
        line.opened_on,
        str(line.condition),
        line.frozen_because,
        line.as_of,
        line.limit_minor,
        drawn_minor(line),
        held_minor(line),
        owed[Component.INTEREST],
        owed[Component.FEE],
        owed[Component.PENALTY],
        line.credit_minor,
        line.charged_off_minor - line.recovered_minor,
        accrual.accrued_micro,
        accrual.daily_micro,
        oldest_unpaid_due_on(line, day=line.as_of),
        write.next_due_on,
        write.revision_before + 1,
        msgspec.msgpack.encode(line),
    )


_LINE_COLUMNS: Final = (
    ("line_id", "bigint"),
    ("borrower_id", "bigint"),
    ("product_key", "bigint"),
    ("contract_hash", "text"),
    ("currency", "text"),
    ("opened_on", "date"),
    ("condition", "text"),
    ("frozen_because", "text"),
    ("as_of", "date"),
    ("limit_minor", "bigint"),
    ("drawn_minor", "bigint"),
    ("held_minor", "bigint"),
    ("owed_interest_minor", "bigint"),
    ("owed_fee_minor", "bigint"),
    ("owed_penalty_minor", "bigint"),
    ("credit_minor", "bigint"),
    ("charged_off_minor", "bigint"),
    ("accrued_micro", "bigint"),
    ("accruing_daily_micro", "bigint"),
    ("oldest_unpaid_due_on", "date"),
    ("next_due_on", "date"),
    ("revision", "integer"),
    ("state", "bytea"),
)
_FIXED: Final = frozenset({"line_id", "borrower_id", "product_key", "currency", "opened_on"})


_INSERT_LINES: Final = over_rows("INSERT INTO lines ({names}) SELECT {names} FROM {fresh}", _LINE_COLUMNS)
_UPDATE_LINES: Final = over_rows(
    f"""
    UPDATE lines SET {", ".join(f"{name} = fresh.{name}" for name, _ in _LINE_COLUMNS if name not in _FIXED)}
    FROM {{fresh}}
    WHERE lines.line_id = fresh.line_id AND lines.revision = fresh.revision - 1
    """,
    _LINE_COLUMNS,
)


_EVENT_COLUMNS: Final = (
    ("line_id", "bigint"),
    ("event_id", "bigint"),
    ("effective_on", "date"),
    ("rank", "smallint"),
    ("kind", "text"),
    ("fact", "jsonb"),
    ("approved_by", "text"),
)
_INSERT_EVENTS: Final = over_rows(
    "INSERT INTO events (booked_on, recorded_at, actor, {names}) SELECT %s, %s, %s, {names} FROM {fresh}",
    _EVENT_COLUMNS,
)


def _write_events(connection: Connection, writes: Sequence[LineWrite], recording: Recording) -> None:
    rows = [
        (
            write.line.line_id,
            event.event_id,
            event.effective_on,
            event.order[1],
            kind_of(event.fact),
            msgspec.json.encode(event.fact).decode(),
            write.approved_by if needs_second_person(event.fact) else None,
        )
        for write in writes
        for event in write.events
    ]
    stamp = [recording.booked_on, recording.recorded_at, recording.actor]
    execute_rows(connection, _INSERT_EVENTS, rows, stamp=stamp)


_HISTORY_COLUMNS: Final = (
    ("line_id", "bigint"),
    ("revision", "integer"),
    ("step", "smallint"),
    ("effective_on", "date"),
    ("cause", "text"),
    ("event_id", "bigint"),
    ("condition", "text"),
    ("limit_minor", "bigint"),
    ("drawn_minor", "bigint"),
    ("held_minor", "bigint"),
    ("credit_minor", "bigint"),
    ("oldest_unpaid_due_on", "date"),
    ("statement_closing_minor", "bigint"),
    ("statement_minimum_minor", "bigint"),
)
_INSERT_HISTORY: Final = over_rows(
    "INSERT INTO line_history (recorded_at, {names}) SELECT %s, {names} FROM {fresh}", _HISTORY_COLUMNS
)


def _write_history(connection: Connection, writes: Sequence[LineWrite], recording: Recording) -> None:
    rows = [
        (
            write.line.line_id,
            write.revision_before + 1,
            step,
            row.effective_on,
            row.cause,
            row.event_id,
            *(str(figure) if isinstance(figure, Condition) else figure for figure in row.figures),
        )
        for write in writes
        for step, row in enumerate(write.history)
    ]
    execute_rows(connection, _INSERT_HISTORY, rows, stamp=[recording.recorded_at])


_STATEMENT_COLUMNS: Final = (
    ("line_id", "bigint"),
    ("number", "integer"),
    ("event_id", "bigint"),
    ("period_from", "date"),
    ("closed_on", "date"),
    ("due_on", "date"),
    ("closing_minor", "bigint"),
    ("minimum_due_minor", "bigint"),
    ("figures", "jsonb"),
)
_INSERT_STATEMENTS: Final = over_rows(
    "INSERT INTO statements ({names}) SELECT {names} FROM {fresh}", _STATEMENT_COLUMNS
)


def _write_statements(connection: Connection, writes: Sequence[LineWrite]) -> None:
    rows = [
        (
            write.line.line_id,
            event.fact.number,
            event.event_id,
            event.fact.period_from,
            event.effective_on,
            event.fact.due_on,
            event.fact.figures.closing_minor,
            event.fact.figures.minimum_due_minor,
            msgspec.json.encode(event.fact.figures).decode(),
        )
        for write in writes
        for event in write.events
        if isinstance(event.fact, StatementClosed)
    ]
    execute_rows(connection, _INSERT_STATEMENTS, rows)


_CHECKPOINT_COLUMNS: Final = (
    ("line_id", "bigint"),
    ("effective_on", "date"),
    ("rank", "smallint"),
    ("event_id", "bigint"),
    ("state", "bytea"),
)
_INSERT_CHECKPOINTS: Final = over_rows(
    "INSERT INTO checkpoints ({names}) SELECT {names} FROM {fresh}", _CHECKPOINT_COLUMNS
)


def _write_checkpoints(connection: Connection, writes: Sequence[LineWrite]) -> None:
    for write in writes:
        if write.forget_from is not None:
            connection.execute(
                "DELETE FROM checkpoints WHERE line_id = %s AND effective_on >= %s",
                [write.line.line_id, write.forget_from],
            )
    rows = [
        (write.line.line_id, *checkpoint.order, msgspec.msgpack.encode(checkpoint.line))
        for write in writes
        for checkpoint in write.checkpoints
    ]
    execute_rows(connection, _INSERT_CHECKPOINTS, rows)


_INSERT_OBJECTS: Final = over_rows(
    "INSERT INTO line_objects ({names}) SELECT {names} FROM {fresh}",
    (("object_id", "bigint"), ("line_id", "bigint"), ("kind", "text"), ("event_id", "bigint")),
)
_INSERT_PAYMENTS: Final = over_rows(
    "INSERT INTO payments ({names}) SELECT {names} FROM {fresh}",
    (
        ("payment_id", "bigint"),
        ("line_id", "bigint"),
        ("event_id", "bigint"),
        ("channel", "text"),
        ("reference", "text"),
        ("amount_minor", "bigint"),
        ("effective_on", "date"),
    ),
)


def _write_objects(connection: Connection, writes: Sequence[LineWrite]) -> None:
    objects: list[tuple[int, int, str, int]] = []
    payments: list[tuple[Any, ...]] = []
    for write in writes:
        for event in write.events:
            objects.extend(objects_of(event, line_id=write.line.line_id))
            if isinstance(event.fact, PaymentReceived | SettledEarly | DrawWithdrawn):
                payments.append(_payment_row(event, line_id=write.line.line_id))
    execute_rows(connection, _INSERT_OBJECTS, objects)
    execute_rows(connection, _INSERT_PAYMENTS, payments)


def objects_of(event: Event, *, line_id: int) -> Iterator[tuple[int, int, str, int]]:
    """The ids that this event brought into the world, its own before its plan's, each with line, kind and event.

    A capture, a void or a return only names older ones.
    """
    fact = event.fact
    match fact:
        case HoldPlaced():
            yield fact.hold_id, line_id, "hold", event.event_id
        case Drawdown():
            yield fact.draw_id, line_id, "draw", event.event_id
        case PaymentReceived() | SettledEarly() | DrawWithdrawn():
            yield fact.payment_id, line_id, "payment", event.event_id
        case Refunded():
            yield fact.refund_id, line_id, "refund", event.event_id
        case Chargeback():
            yield fact.chargeback_id, line_id, "chargeback", event.event_id
        case _:
            pass
    plan = getattr(fact, "plan", None)
    if plan is not None:
        yield plan.plan_id, line_id, "plan", event.event_id


def _payment_row(event: Event, *, line_id: int) -> tuple[Any, ...]:
    fact = event.fact
    assert isinstance(fact, PaymentReceived | SettledEarly | DrawWithdrawn)
    reference = getattr(fact, "reference", "") or None
    return fact.payment_id, line_id, event.event_id, fact.channel, reference, fact.amount_minor, event.effective_on


def currencies(connection: Connection, line_ids: Sequence[int]) -> dict[int, str]:
    """The currency of each line that there is."""
    rows = connection.execute("SELECT line_id, currency FROM lines WHERE line_id = ANY(%s::bigint[])", [list(line_ids)])
    return dict(rows.fetchall())


def contracts_of_lines(connection: Connection, line_ids: Sequence[int]) -> dict[int, str]:
    """The contract of each line that there is, by the hash of its content."""
    rows = connection.execute(
        "SELECT line_id, contract_hash FROM lines WHERE line_id = ANY(%s::bigint[])", [list(line_ids)], prepare=True
    )
    return dict(rows.fetchall())


def line_of(connection: Connection, object_id: int, *, kind: str) -> int | None:
    """The line that a hold, draw, plan, payment, refund or chargeback belongs to."""
    row = connection.execute(
        "SELECT line_id FROM line_objects WHERE object_id = %s AND kind = %s", [object_id, kind]
    ).fetchone()
    return None if row is None else int(row[0])
