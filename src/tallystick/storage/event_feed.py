"""What happened, in the order in which it became visible: a reader that remembers its place misses nothing."""

from datetime import date, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import Connection

# Ids and times of rows say when they were begun, not when they could be seen. Only what no running transaction can
# still precede is read; `recorded_generation` keeps the order true after a restore (migration 0000).
SETTLED: Final = """
    (recorded_generation < (SELECT max(generation) FROM database_generations)
     OR recorded_xid < (SELECT settled_before()))
"""
_COLUMNS: Final = """
    recorded_generation, recorded_xid, event_id, about_id, line_id, kind, effective_on, booked_on, recorded_at,
    fact::text
"""


class Position(Struct, frozen=True, array_like=True):
    """A place in the order of commits."""

    generation: int
    xid: int
    event_id: int


BEGINNING: Final = Position(0, 0, 0)


class FedEvent(Struct, frozen=True):
    """One event with its place: of a line, or about an application, a freeze or a release."""

    position: Position
    about_id: int
    line_id: int | None
    kind: str
    effective_on: date
    booked_on: date
    recorded_at: datetime
    fact: msgspec.Raw

    @property
    def event_id(self) -> int:
        """The event's own id."""
        return self.position.event_id


def events_after(
    connection: Connection, position: Position, *, most: int, line_id: int | None = None, kind: str | None = None
) -> list[FedEvent]:
    """Up to `most` events after a place, of one line or of one kind where asked."""
    rows = connection.execute(
        f"""
        SELECT {_COLUMNS} FROM told_events
        WHERE (recorded_generation, recorded_xid, event_id) > (%s, %s, %s) AND {SETTLED}
          AND (%s::bigint IS NULL OR line_id = %s) AND (%s::text IS NULL OR kind = %s)
        ORDER BY recorded_generation, recorded_xid, event_id LIMIT %s
        """,
        [position.generation, position.xid, position.event_id, line_id, line_id, kind, kind, most],
    )
    return [fed_event(*row) for row in rows]


def present_position(connection: Connection) -> Position:
    """A place that every event committed from now on comes after."""
    row = connection.execute(
        """
        SELECT max(generation), (SELECT settled_before()) - 1 FROM database_generations
        """
    ).fetchone()
    assert row is not None
    return Position(row[0], row[1], (1 << 63) - 1)


def fed_event(generation: int, xid: int, event_id: int, *rest: Any) -> FedEvent:
    """An event from a row of these columns."""
    about_id, line_id, kind, effective_on, booked_on, recorded_at, fact = rest
    place = Position(generation, xid, event_id)
    return FedEvent(place, about_id, line_id, kind, effective_on, booked_on, recorded_at, msgspec.Raw(fact.encode()))
