"""Lines and their events as they are recorded: every statement that locks or reads them for an act.

What others are shown is read in `line_reading`; what an act changed is written by `line_writing`.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, LiteralString, Protocol

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.servicing.facts import (
    AnyFact,
    Event,
)
from tallystick.servicing.fold import Checkpoint
from tallystick.servicing.line import Line
from tallystick.storage.line_states import line_in

_FACT: Final = msgspec.json.Decoder(AnyFact)


class StoredLine(Struct, frozen=True):
    """A line as it was read, with the revision that the next write must find.

    `next_due_on` is the day whose close brings the next change that time makes, None where nothing waits.
    """

    line: Line
    revision: int
    next_due_on: date | None
    test_clock_id: int | None


def lock_line(connection: Connection, line_id: int) -> StoredLine | None:
    """Read a line and keep others from writing it until the transaction ends."""
    row = connection.execute(
        "SELECT state, revision, next_due_on, test_clock_id FROM lines WHERE line_id = %s FOR UPDATE", [line_id]
    ).fetchone()
    return None if row is None else stored_line(*row)


def stored_line(state: bytes, revision: int, next_due_on: date | None, test_clock_id: int | None) -> StoredLine:
    """A line from the columns of its row."""
    return StoredLine(line_in(state), revision, next_due_on, test_clock_id)


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
    SELECT line_id, state, revision, next_due_on, test_clock_id FROM lines
    WHERE line_id = ANY(%s::bigint[]) AND next_due_on <= %s AND test_clock_id IS NULL
    ORDER BY line_id FOR UPDATE
"""


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
    return {line_id: stored_line(*told) for line_id, *told in rows}


def read_line(connection: Connection, line_id: int) -> StoredLine | None:
    """A line as it is recorded, without a lock."""
    row = connection.execute(
        "SELECT state, revision, next_due_on, test_clock_id FROM lines WHERE line_id = %s", [line_id]
    ).fetchone()
    return None if row is None else stored_line(*row)


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
    return None if row is None else Checkpoint(order=(row[0], row[1], row[2]), line=line_in(row[3]))


def days_told(connection: Connection, line_id: int, *, since: date) -> list[date]:
    """The days since a day for which the line's history has a row."""
    rows = connection.execute(
        "SELECT DISTINCT effective_on FROM line_history WHERE line_id = %s AND effective_on >= %s", [line_id, since]
    ).fetchall()
    return [effective_on for (effective_on,) in rows]


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
