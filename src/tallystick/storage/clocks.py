"""Test clocks, which stand still until they are moved: every statement about them."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from psycopg import Connection


class Clock(Struct, frozen=True):
    """What time it is for the lines that follow this clock."""

    test_clock_id: int
    name: str
    stands_at: datetime
    made_by: str
    made_at: datetime


def add_clock(connection: Connection, clock: Clock) -> None:
    """Write a new clock."""
    connection.execute(
        "INSERT INTO test_clocks (test_clock_id, name, stands_at, made_by, made_at) VALUES (%s, %s, %s, %s, %s)",
        [clock.test_clock_id, clock.name, clock.stands_at, clock.made_by, clock.made_at],
    )


def lock_clock(connection: Connection, test_clock_id: int) -> Clock | None:
    """A clock, kept from being moved by others until the transaction ends."""
    row = connection.execute(
        "SELECT test_clock_id, name, stands_at, made_by, made_at FROM test_clocks WHERE test_clock_id = %s FOR UPDATE",
        [test_clock_id],
    ).fetchone()
    return None if row is None else Clock(*row)


def read_clock(connection: Connection, test_clock_id: int) -> Clock | None:
    """A clock, without a lock."""
    row = connection.execute(
        "SELECT test_clock_id, name, stands_at, made_by, made_at FROM test_clocks WHERE test_clock_id = %s",
        [test_clock_id],
    ).fetchone()
    return None if row is None else Clock(*row)


def clock_named(connection: Connection, name: str, *, made_by: str) -> Clock | None:
    """The first clock of a name that somebody made."""
    row = connection.execute(
        """
        SELECT test_clock_id, name, stands_at, made_by, made_at FROM test_clocks
        WHERE name = %s AND made_by = %s ORDER BY test_clock_id LIMIT 1
        """,
        [name, made_by],
    ).fetchone()
    return None if row is None else Clock(*row)


def clocks(connection: Connection, *, before_id: int | None, most: int) -> list[Clock]:
    """Clocks, the newest first, those older than `before_id`."""
    rows = connection.execute(
        """
        SELECT test_clock_id, name, stands_at, made_by, made_at FROM test_clocks
        WHERE %s::bigint IS NULL OR test_clock_id < %s ORDER BY test_clock_id DESC LIMIT %s
        """,
        [before_id, before_id, most],
    )
    return [Clock(*row) for row in rows]


def set_clock(connection: Connection, test_clock_id: int, *, stands_at: datetime) -> None:
    """Move a clock."""
    connection.execute("UPDATE test_clocks SET stands_at = %s WHERE test_clock_id = %s", [stands_at, test_clock_id])


def clock_of_line(connection: Connection, line_id: int) -> Clock | None:
    """The clock that a line follows; None for one that follows the wall."""
    row = connection.execute(
        """
        SELECT clock.test_clock_id, clock.name, clock.stands_at, clock.made_by, clock.made_at
        FROM lines JOIN test_clocks AS clock USING (test_clock_id) WHERE lines.line_id = %s
        """,
        [line_id],
    ).fetchone()
    return None if row is None else Clock(*row)


def lines_of_clock(connection: Connection, test_clock_id: int) -> list[int]:
    """The lines that follow a clock."""
    rows = connection.execute("SELECT line_id FROM lines WHERE test_clock_id = %s ORDER BY line_id", [test_clock_id])
    return [line_id for (line_id,) in rows]


def follow_clock(connection: Connection, line_id: int, *, test_clock_id: int) -> None:
    """Have a new line follow a clock from its opening on."""
    connection.execute("UPDATE lines SET test_clock_id = %s WHERE line_id = %s", [test_clock_id, line_id])


def clocks_of_lines(connection: Connection, line_ids: Sequence[int]) -> dict[int, int]:
    """The clock of each of these lines that follows one."""
    rows = connection.execute(
        "SELECT line_id, test_clock_id FROM lines WHERE line_id = ANY(%s::bigint[]) AND test_clock_id IS NOT NULL",
        [list(line_ids)],
    )
    return dict(rows.fetchall())
