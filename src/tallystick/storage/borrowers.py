"""Borrowers, and where each stands over all lines: the legal limit is per person."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import Connection
from psycopg.types.json import Jsonb

from tallystick.servicing.line import Line
from tallystick.storage.asking import Asked
from tallystick.storage.line_states import line_in
from tallystick.storage.lines import StoredLine, stored_line


class Borrower(Struct, frozen=True):
    """A person as the books know one: by the lender's own reference, never by name.

    `joint_cap_minor` is the lender's own cap over all lines, in minor units; the law's holds beside it.
    """

    borrower_id: int
    reference: str
    jurisdiction: str
    currency: str
    joint_cap_minor: int | None
    blocked_because: str | None
    metadata: Mapping[str, str]
    opened_at: datetime


_COLUMNS: Final = (
    "borrower_id",
    "reference",
    "jurisdiction",
    "currency",
    "joint_cap_minor",
    "blocked_because",
    "metadata",
    "opened_at",
)
_METADATA: Final = _COLUMNS.index("metadata")
# What is JSON comes as text: msgspec reads it ten times as fast as psycopg.
_SELECTED: Final = ", ".join(f"borrowers.{name}{'::text' if name == 'metadata' else ''}" for name in _COLUMNS)


def _borrower(row: Sequence[Any]) -> Borrower:
    values = list(row)
    values[_METADATA] = msgspec.json.decode(values[_METADATA])
    return Borrower(*values)


def add_borrower(connection: Connection, borrower: Borrower) -> bool:
    """Write a new borrower; False where the reference is taken."""
    added = connection.execute(
        f"INSERT INTO borrowers ({', '.join(_COLUMNS)}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [
            borrower.borrower_id,
            borrower.reference,
            borrower.jurisdiction,
            borrower.currency,
            borrower.joint_cap_minor,
            borrower.blocked_because,
            Jsonb(dict(borrower.metadata)),
            borrower.opened_at,
        ],
    )
    return added.rowcount == 1


def read_borrower(connection: Connection, borrower_id: int) -> Borrower | None:
    """A borrower, without a lock."""
    row = connection.execute(f"SELECT {_SELECTED} FROM borrowers WHERE borrower_id = %s", [borrower_id]).fetchone()
    return None if row is None else _borrower(row)


def borrower_of_reference(connection: Connection, reference: str) -> Borrower | None:
    """The borrower that the lender's own reference names."""
    row = connection.execute(f"SELECT {_SELECTED} FROM borrowers WHERE reference = %s", [reference]).fetchone()
    return None if row is None else _borrower(row)


def lock_borrower(connection: Connection, borrower_id: int) -> Borrower | None:
    """A borrower, so that no other line of the same person takes the same yuan: locked before any of the lines."""
    row = connection.execute(
        f"SELECT {_SELECTED} FROM borrowers WHERE borrower_id = %s FOR UPDATE", [borrower_id]
    ).fetchone()
    return None if row is None else _borrower(row)


def ask_free_lines(connection: Connection, line_ids: Sequence[int]) -> Asked[dict[int, tuple[Borrower, StoredLine]]]:
    """Lines with their borrowers, both locked until the transaction ends; those that another one has are passed over.

    A borrower stays locked where only the line was not free. Nobody is waited for, so no order can lock up.
    """
    cursor = connection.execute(_FREE_LINES, [list(line_ids)], prepare=True, binary=True)
    return Asked(cursor, lambda rows: dict(map(_free_line, rows)))


_FREE_LINES: Final = f"""
    SELECT line_id, state, revision, next_due_on, test_clock_id, {_SELECTED}
    FROM lines JOIN borrowers USING (borrower_id) WHERE line_id = ANY(%s::bigint[])
    FOR UPDATE OF borrowers, lines SKIP LOCKED
"""


def _free_line(row: tuple[Any, ...]) -> tuple[int, tuple[Borrower, StoredLine]]:
    line_id, state, revision, next_due_on, test_clock_id, *person = row
    return line_id, (_borrower(person), stored_line(state, revision, next_due_on, test_clock_id))


def borrowers_of_lines(connection: Connection, line_ids: Sequence[int]) -> dict[int, int]:
    """Whose each of these lines is, of those that there are; that never changes, so it is read without a lock."""
    rows = connection.execute(
        "SELECT line_id, borrower_id FROM lines WHERE line_id = ANY(%s::bigint[])", [list(line_ids)], prepare=True
    )
    return dict(rows.fetchall())


def borrower_of_line(connection: Connection, line_id: int) -> int | None:
    """Whose line it is; that never changes, so it is read without a lock."""
    row = connection.execute("SELECT borrower_id FROM lines WHERE line_id = %s", [line_id]).fetchone()
    return None if row is None else int(row[0])


def lines_of(connection: Connection, borrower_id: int) -> list[Line]:
    """The person's lines that are not closed, as they are recorded, by id."""
    rows = connection.execute(
        "SELECT state FROM lines WHERE borrower_id = %s AND condition <> 'closed' ORDER BY line_id", [borrower_id]
    )
    return [line_in(state) for (state,) in rows]


def ask_lines_beside(connection: Connection, line_ids: Sequence[int]) -> Asked[dict[int, list[Line]]]:
    """All other lines of the persons who have these, but those that are closed, as they are recorded, by person."""
    cursor = connection.execute(_LINES_BESIDE, [list(line_ids)] * 2, prepare=True, binary=True)
    return Asked(cursor, _by_person)


_LINES_BESIDE: Final = """
    SELECT borrower_id, state FROM lines
    WHERE borrower_id = ANY(ARRAY(SELECT borrower_id FROM lines WHERE line_id = ANY(%s::bigint[])))
      AND condition <> 'closed' AND NOT line_id = ANY(%s::bigint[])
    ORDER BY line_id
"""


def _by_person(rows: Iterable[tuple[int, bytes]]) -> dict[int, list[Line]]:
    found: dict[int, list[Line]] = {}
    for borrower_id, state in rows:
        found.setdefault(borrower_id, []).append(line_in(state))
    return found


def write_block(
    connection: Connection,
    borrower_id: int,
    *,
    block_id: int,
    blocked_because: str | None,
    reason: str,
    actor: str,
    decided_at: datetime,
) -> None:
    """Put a person on the blocked list, or take one off it (`blocked_because` None); the decision is kept."""
    connection.execute(
        "UPDATE borrowers SET blocked_because = %s WHERE borrower_id = %s", [blocked_because, borrower_id]
    )
    connection.execute(
        """
        INSERT INTO borrower_blocks (borrower_id, block_id, blocked, reason, actor, decided_at)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        [borrower_id, block_id, blocked_because is not None, reason, actor, decided_at],
    )
