"""Lines written: what steps changed on them, with events, history, statements, checkpoints, ids and transfers.

One call writes one line or thousands: rows travel as arrays, one round trip in all, inside the caller's transaction.
What is written here is what servicing computed; nothing is decided.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.ledger.transfer import Transfer
from tallystick.servicing.accrued import accrued
from tallystick.servicing.facts import (
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
from tallystick.servicing.line import Line
from tallystick.servicing.owed import billed_minor
from tallystick.storage import ledger
from tallystick.storage.line_states import packed
from tallystick.storage.rows import execute_rows, over_rows
from tallystick.terms.product import Component


class LineWrite(Struct, frozen=True):
    """Everything one step changed on one line, and its figures as it stands then.

    `forget_from` drops checkpoints that a refold made untrue.
    """

    line: Line
    stands: Snapshot
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


def write_lines(
    connection: Connection, writes: Sequence[LineWrite], transfers: Sequence[Transfer], *, recording: Recording
) -> None:
    """Write what steps changed, in one round trip: lines, their events and what follows from them, and the transfers.

    Raises `LineChangedMeanwhile` where a line's revision is not the one that was read, and as `ledger.post` does.
    """
    with connection.pipeline():
        check = send_lines(connection, writes, transfers, recording=recording)
    check()


def send_lines(
    connection: Connection, writes: Sequence[LineWrite], transfers: Sequence[Transfer], *, recording: Recording
) -> Callable[[], None]:
    """The same among other statements of the caller's pipeline; what it returns, called after that, raises."""
    opened = [(*_figures(write), *_fixed(write.line)) for write in writes if write.revision_before == 0]
    execute_rows(connection, _INSERT_LINES, opened)
    known = [_figures(write) for write in writes if write.revision_before > 0]
    updated = execute_rows(connection, _UPDATE_LINES, known)
    _write_events(connection, writes, recording)
    _write_history(connection, writes, recording)
    _write_statements(connection, writes)
    _write_checkpoints(connection, writes)
    _write_objects(connection, writes)
    ledger.post(connection, transfers, booked_on=recording.booked_on)

    def check() -> None:
        if updated is not None and updated.rowcount != len(known):
            changed = len(known) - updated.rowcount
            raise LineChangedMeanwhile(f"{changed} lines changed while they were written; lock them first")

    return check


def _figures(write: LineWrite) -> tuple[Any, ...]:
    line, stands = write.line, write.stands
    billed = billed_minor(line, day=line.as_of)
    accrual = accrued(line)
    return (
        line.line_id,
        line.contract_hash,
        str(line.condition),
        line.frozen_because,
        line.as_of,
        line.limit_minor,
        stands.drawn_minor,
        stands.held_minor,
        billed[Component.INTEREST],
        billed[Component.FEE],
        billed[Component.PENALTY],
        line.credit_minor,
        line.charged_off_minor - line.recovered_minor,
        accrual.accrued_micro,
        accrual.daily_micro,
        stands.oldest_unpaid_due_on,
        write.next_due_on,
        write.revision_before + 1,
        packed(line),
    )


def _fixed(line: Line) -> tuple[Any, ...]:
    """What is written when a line opens, and never changes."""
    return line.borrower_id, line.product_id, line.currency, line.opened_on


_LINE_COLUMNS: Final = (
    ("line_id", "bigint"),
    ("contract_hash", "text"),
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
_FIXED_COLUMNS: Final = (
    ("borrower_id", "bigint"),
    ("product_key", "bigint"),
    ("currency", "text"),
    ("opened_on", "date"),
)
_INSERT_LINES: Final = over_rows(
    "INSERT INTO lines ({names}) SELECT {names} FROM {fresh}", (*_LINE_COLUMNS, *_FIXED_COLUMNS)
)
_UPDATE_LINES: Final = over_rows(
    f"""
    UPDATE lines SET {", ".join(f"{name} = fresh.{name}" for name, _ in _LINE_COLUMNS if name != "line_id")}
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
            str(row.condition),
            *row.figures[1:],
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
        (write.line.line_id, *checkpoint.order, packed(checkpoint.line))
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
