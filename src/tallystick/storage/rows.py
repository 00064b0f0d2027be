"""Statements over rows of named columns: one row travels as values, many as arrays, in one round trip either way.

Values of one row are planned once and for all. Of arrays PostgreSQL does not know how long they are, so it planned the
update of a paid line anew for every payment: 0.2 ms of 1.6.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Final

from msgspec import Struct
from psycopg import Connection, Cursor

Columns = Sequence[tuple[str, str]]

# psycopg gives a number the narrowest type that holds it, and each mixture of types would be a statement of its own to
# prepare. Text has no type until the statement says which.
_TEXTS: Final[dict[type, Callable[[Any], str]]] = {
    int: str,
    date: date.isoformat,
    datetime: datetime.isoformat,
    bool: lambda told: "t" if told else "f",
}


class RowStatement(Struct, frozen=True):
    """A statement as it is for one row, and for any number."""

    for_one: bytes
    for_many: bytes


def over_rows(statement: str, columns: Columns) -> RowStatement:
    """A statement that names its columns as `{names}` and selects their rows from `{fresh}`.

    >>> over_rows("INSERT INTO lines ({names}) SELECT {names} FROM {fresh}", [("line_id", "bigint")]).for_one
    b'INSERT INTO lines (line_id) SELECT line_id FROM (VALUES (%s::bigint)) AS fresh (line_id)'
    """
    names = ", ".join(name for name, _ in columns)
    values = ", ".join(f"%s::{kind}" for _, kind in columns)
    arrays = ", ".join(f"%s::{kind}[]" for _, kind in columns)
    return RowStatement(
        for_one=statement.format(names=names, fresh=f"(VALUES ({values})) AS fresh ({names})").encode(),
        for_many=statement.format(names=names, fresh=f"unnest({arrays}) AS fresh ({names})").encode(),
    )


def execute_rows(
    connection: Connection, statement: RowStatement, rows: Sequence[tuple[Any, ...]], *, stamp: Sequence[Any] = ()
) -> Cursor[Any] | None:
    """Run a statement over rows, if there are any; `stamp` stands in it before them."""
    if not rows:
        return None
    if len(rows) == 1:
        return connection.execute(statement.for_one, [*stamp, *(_as_text(told) for told in rows[0])])
    return connection.execute(statement.for_many, [*stamp, *(list(column) for column in zip(*rows, strict=True))])


def _as_text(told: Any) -> Any:
    text = _TEXTS.get(type(told))
    return told if text is None else text(told)
