"""What is frozen, by a decision or a person, and what was lifted: every statement."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct
from psycopg import Connection

from tallystick.storage.asking import Asked
from tallystick.storage.rows import execute_rows, over_rows


class Subject(StrEnum):
    """What may be frozen. A person on the blocked list stands with the borrower."""

    LINE = "line"
    DEVICE = "device"
    MERCHANT = "merchant"


class Freeze(Struct, frozen=True, kw_only=True):
    """One freeze; it stands until somebody lifts it."""

    freeze_id: int
    subject: Subject
    subject_id: int
    reason: str
    decision_id: int | None
    placed_by: str
    placed_at: datetime
    lifted_by: str | None = None
    lifted_at: datetime | None = None
    lifted_because: str | None = None


_COLUMNS: Final = (
    ("freeze_id", "bigint"),
    ("subject", "text"),
    ("subject_id", "bigint"),
    ("reason", "text"),
    ("decision_id", "bigint"),
    ("placed_by", "text"),
    ("placed_at", "timestamptz"),
)
_SELECTED: Final = ", ".join([*(name for name, _ in _COLUMNS), "lifted_by", "lifted_at", "lifted_because"])
_INSERT: Final = over_rows(
    """
    INSERT INTO freezes ({names}) SELECT {names} FROM {fresh}
    ON CONFLICT (subject, subject_id) WHERE lifted_at IS NULL DO NOTHING
    """,
    _COLUMNS,
)


def place_freezes(connection: Connection, freezes: Sequence[Freeze]) -> None:
    """Freeze; what is frozen already stays as it is."""
    execute_rows(
        connection,
        _INSERT,
        [
            (
                freeze.freeze_id,
                str(freeze.subject),
                freeze.subject_id,
                freeze.reason,
                freeze.decision_id,
                freeze.placed_by,
                freeze.placed_at,
            )
            for freeze in freezes
        ],
    )


def lift_freeze(connection: Connection, freeze_id: int, *, by: str, at: datetime, because: str) -> bool:
    """Lift a freeze; False where it does not stand."""
    lifted = connection.execute(
        """
        UPDATE freezes SET lifted_by = %s, lifted_at = %s, lifted_because = %s
        WHERE freeze_id = %s AND lifted_at IS NULL
        """,
        [by, at, because, freeze_id],
    )
    return lifted.rowcount == 1


_STANDING: Final = """
    SELECT subject, subject_id FROM freezes
    JOIN unnest(%s::text[], %s::bigint[]) AS asked (subject, subject_id) USING (subject, subject_id)
    WHERE lifted_at IS NULL
"""


def standing_freezes(connection: Connection, asked: Collection[tuple[Subject, int]]) -> set[tuple[Subject, int]]:
    """Those of the subjects that are frozen now."""
    return ask_standing_freezes(connection, asked).told()


def ask_standing_freezes(
    connection: Connection, asked: Collection[tuple[Subject, int]]
) -> Asked[set[tuple[Subject, int]]]:
    """The same, among other questions."""
    subjects = [str(subject) for subject, _ in asked]
    cursor = connection.execute(_STANDING, [subjects, [number for _, number in asked]], prepare=True)
    return Asked(cursor, lambda rows: {(Subject(subject), number) for subject, number in rows})


def read_freeze(connection: Connection, freeze_id: int) -> Freeze | None:
    """One freeze."""
    row = connection.execute(f"SELECT {_SELECTED} FROM freezes WHERE freeze_id = %s", [freeze_id]).fetchone()
    return None if row is None else _freeze(row)


def standing_freeze(connection: Connection, subject: Subject, subject_id: int) -> Freeze | None:
    """The freeze of a subject that stands."""
    row = connection.execute(
        f"SELECT {_SELECTED} FROM freezes WHERE subject = %s AND subject_id = %s AND lifted_at IS NULL",
        [str(subject), subject_id],
    ).fetchone()
    return None if row is None else _freeze(row)


# A device or a merchant may have had millions of purchases, and their holds ended long ago: the newest are looked at.
_LOOKED_AT: Final = 10_000
_HELD: Final = """
    SELECT decisions.line_id, decisions.hold_id FROM (
        SELECT event_id FROM stream_purchase WHERE {key} = %s ORDER BY tick DESC LIMIT %s
    ) AS purchase
    JOIN decisions ON decision_id = event_id AND hold_id IS NOT NULL
    JOIN lines ON lines.line_id = decisions.line_id AND lines.held_minor > 0
    ORDER BY decisions.line_id, decisions.hold_id
"""
_KEYS: Final = {Subject.DEVICE: "device_id", Subject.MERCHANT: "merchant_id"}


def holds_decided_on(connection: Connection, subject: Subject, subject_id: int) -> list[tuple[int, int]]:
    """Line and hold of what was decided of late about a device or a merchant, on lines that hold something still."""
    statement = _HELD.format(key=_KEYS[subject]).encode()
    return connection.execute(statement, [subject_id, _LOOKED_AT]).fetchall()


def freezes_before(
    connection: Connection,
    before_id: int | None,
    *,
    most: int,
    subject: Subject | None = None,
    subject_id: int | None = None,
    standing: bool | None = None,
) -> list[Freeze]:
    """Freezes, the newest first: of one subject, or those that stand, where asked."""
    rows = connection.execute(
        f"""
        SELECT {_SELECTED} FROM freezes
        WHERE (%s::bigint IS NULL OR freeze_id < %s) AND (%s::text IS NULL OR subject = %s)
          AND (%s::bigint IS NULL OR subject_id = %s) AND (%s::boolean IS NULL OR (lifted_at IS NULL) = %s)
        ORDER BY freeze_id DESC LIMIT %s
        """,
        [before_id, before_id, subject, subject, subject_id, subject_id, standing, standing, most],
    )
    return [_freeze(row) for row in rows]


def _freeze(row: tuple[Any, ...]) -> Freeze:
    names = [name.strip() for name in _SELECTED.split(",")]
    told = dict(zip(names, row, strict=True))
    return Freeze(**{**told, "subject": Subject(told["subject"])})
