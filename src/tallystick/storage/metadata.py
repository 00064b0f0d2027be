"""Metadata: what callers keep beside things for themselves. No event, balance or history has it."""

from collections.abc import Mapping, Sequence

from psycopg import Connection
from psycopg.types.json import Jsonb


def write_borrower_metadata(connection: Connection, borrower_id: int, metadata: Mapping[str, str]) -> bool:
    """Replace a borrower's; False where there is no such borrower."""
    written = connection.execute(
        "UPDATE borrowers SET metadata = %s WHERE borrower_id = %s", [Jsonb(dict(metadata)), borrower_id]
    )
    return written.rowcount == 1


def write_line_metadata(connection: Connection, line_id: int, metadata: Mapping[str, str]) -> bool:
    """Replace a line's; False where there is no such line."""
    written = connection.execute("UPDATE lines SET metadata = %s WHERE line_id = %s", [Jsonb(dict(metadata)), line_id])
    return written.rowcount == 1


def write_object_metadata(connection: Connection, object_id: int, metadata: Mapping[str, str], *, kind: str) -> bool:
    """Replace that of a hold, draw, payment, refund or chargeback; False where there is no such thing."""
    written = connection.execute(
        "UPDATE line_objects SET metadata = %s WHERE object_id = %s AND kind = %s",
        [Jsonb(dict(metadata)), object_id, kind],
    )
    return written.rowcount == 1


def line_metadata(connection: Connection, line_id: int) -> dict[str, str]:
    """A line's; empty where none was given."""
    row = connection.execute("SELECT metadata FROM lines WHERE line_id = %s", [line_id]).fetchone()
    return {} if row is None else dict(row[0])


def object_metadata(connection: Connection, object_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """That of each thing; empty where none was given."""
    rows = connection.execute(
        "SELECT object_id, metadata FROM line_objects WHERE object_id = ANY(%s::bigint[]) AND metadata IS NOT NULL",
        [list(object_ids)],
    )
    found: dict[int, dict[str, str]] = dict(rows.fetchall())
    return {object_id: found.get(object_id, {}) for object_id in object_ids}
