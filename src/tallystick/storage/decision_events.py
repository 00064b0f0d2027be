"""What became of decisions, kept to be told: every statement."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.storage.rows import execute_rows, over_rows


class DecisionEvent(Struct, frozen=True, kw_only=True):
    """Something to be told; it is about its line where it has one. `fact` names ids and figures, never a person."""

    event_id: int
    about_id: int
    line_id: int | None
    kind: str
    fact: dict[str, Any]
    happened_on: date
    recorded_at: datetime
    actor: str


_COLUMNS: Final = (
    ("event_id", "bigint"),
    ("about_id", "bigint"),
    ("line_id", "bigint"),
    ("kind", "text"),
    ("fact", "jsonb"),
    ("happened_on", "date"),
    ("recorded_at", "timestamptz"),
    ("actor", "text"),
)
_INSERT: Final = over_rows("INSERT INTO decision_events ({names}) SELECT {names} FROM {fresh}", _COLUMNS)
# Of two that freeze one thing at once the later one's freeze was not written, and there is nothing to tell.
_INSERT_OF_FREEZES: Final = over_rows(
    """
    INSERT INTO decision_events ({names}) SELECT {names} FROM {fresh}
    WHERE EXISTS (SELECT FROM freezes WHERE freezes.freeze_id = fresh.event_id)
    """,
    _COLUMNS,
)


def write_decision_events(connection: Connection, events: Sequence[DecisionEvent]) -> None:
    """Keep events, in the transaction of what they tell."""
    execute_rows(connection, _INSERT, [_row(each) for each in events])


def write_placed_freezes(connection: Connection, events: Sequence[DecisionEvent]) -> None:
    """Keep events with the ids of the freezes that they tell, of those freezes that were placed."""
    execute_rows(connection, _INSERT_OF_FREEZES, [_row(each) for each in events])


def _row(event: DecisionEvent) -> tuple[Any, ...]:
    told = {**msgspec.structs.asdict(event), "fact": msgspec.json.encode(event.fact).decode()}
    return tuple(told[name] for name, _ in _COLUMNS)
