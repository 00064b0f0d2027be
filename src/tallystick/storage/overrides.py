"""Where a person decided otherwise than the strategy, and how often for each strategy: every statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import Connection
from psycopg.types.json import Jsonb


class Override(Struct, frozen=True, kw_only=True):
    """An application decided otherwise: what grants waits until a second person decides on it."""

    override_id: int
    application_id: int
    strategy_id: str
    from_outcome: str
    to_outcome: str
    limit_minor: int | None
    told_reasons: tuple[str, ...] | None
    reason: str
    proposed_by: str
    proposed_at: datetime
    decision: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    decided_note: str | None = None


class OverrideCounts(Struct, frozen=True):
    """What a strategy decided, and how much of it a person decided otherwise: offers granted, offers taken back."""

    applications: int
    granted: int
    taken_back: int

    @property
    def overridden(self) -> int:
        """How many in all."""
        return self.granted + self.taken_back


_NAMES: Final = Override.__struct_fields__
_SELECTED: Final = ", ".join(_NAMES)


def add_override(connection: Connection, override: Override) -> None:
    """Keep an override, decided or waiting for its second person."""
    values = [getattr(override, name) for name in _NAMES]
    told = override.told_reasons
    values[_NAMES.index("told_reasons")] = None if told is None else Jsonb(told)
    connection.execute(
        f"INSERT INTO overrides ({_SELECTED}) VALUES ({', '.join(['%s'] * len(_NAMES))})".encode(), values
    )


def waiting_override(connection: Connection, application_id: int) -> Override | None:
    """The override of an application that waits for its second person; lock the application first."""
    row = connection.execute(
        f"SELECT {_SELECTED} FROM overrides WHERE application_id = %s AND decision IS NULL", [application_id]
    ).fetchone()
    return None if row is None else _override(row)


def overrides_of(connection: Connection, application_ids: Sequence[int]) -> dict[int, list[Override]]:
    """All overrides of these applications, the oldest first, by application."""
    rows = connection.execute(
        f"SELECT {_SELECTED} FROM overrides WHERE application_id = ANY(%s::bigint[]) ORDER BY override_id",
        [list(application_ids)],
    )
    found: dict[int, list[Override]] = {}
    for override in map(_override, rows):
        found.setdefault(override.application_id, []).append(override)
    return found


def decide_override(
    connection: Connection, override_id: int, *, decision: str, by: str, at: datetime, note: str
) -> None:
    """Keep the second person's decision. The database refuses the one who proposed what grants."""
    connection.execute(
        """
        UPDATE overrides SET decision = %s, decided_by = %s, decided_at = %s, decided_note = %s WHERE override_id = %s
        """,
        [decision, by, at, note, override_id],
    )


def override_counts(connection: Connection) -> dict[str, OverrideCounts]:
    """For each strategy that decided applications: how many, and how many of them a person decided otherwise.

    An application that was overridden twice, there and back, counts once each way.
    """
    rows = connection.execute(
        """
        SELECT strategy_id, decided, coalesce(granted, 0), coalesce(taken_back, 0)
        FROM (SELECT strategy_id, count(*) AS decided FROM applications GROUP BY strategy_id) AS each
        LEFT JOIN (
            SELECT strategy_id, count(DISTINCT application_id) FILTER (WHERE to_outcome = 'offer') AS granted,
                   count(DISTINCT application_id) FILTER (WHERE to_outcome = 'decline') AS taken_back
            FROM overrides WHERE decision = 'approved' GROUP BY strategy_id
        ) AS otherwise USING (strategy_id)
        """
    )
    return {strategy_id: OverrideCounts(*counts) for strategy_id, *counts in rows}


def _override(row: tuple[Any, ...]) -> Override:
    return msgspec.convert(dict(zip(_NAMES, row, strict=True)), Override)
