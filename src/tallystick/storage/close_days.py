"""Business days that are closed, and what had accrued on all lines by then: one scan, added up where it stands."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Final

from msgspec import Struct
from psycopg import Connection

_LOCK: Final = 0x7A11_5714


@contextmanager
def closing_alone(connection: Connection) -> Iterator[None]:
    """Closes take turns, whichever day they close: who comes second waits, and finds what the first has done.

    The lock is the session's: it outlives the chunks, and goes with a process that is killed.
    """
    connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


class AccruedSum(Struct, frozen=True):
    """What one product's lines had accrued and not billed at the end of a day; minor units."""

    product_key: int
    currency: str
    accrued_minor: int


def begin_day(connection: Connection, closed_on: date, *, begun_at: datetime) -> None:
    """Begin the close of a day, or go on with one that was interrupted."""
    connection.execute(
        "INSERT INTO close_days (closed_on, begun_at) VALUES (%s, %s) ON CONFLICT DO NOTHING", [closed_on, begun_at]
    )


def is_closed(connection: Connection, closed_on: date) -> bool:
    """Whether that very day is closed."""
    row = connection.execute(
        "SELECT FROM close_days WHERE closed_on = %s AND finished_at IS NOT NULL", [closed_on]
    ).fetchone()
    return row is not None


def last_closed_day(connection: Connection) -> date | None:
    """The latest day that is closed."""
    row = connection.execute("SELECT max(closed_on) FROM close_days WHERE finished_at IS NOT NULL").fetchone()
    return None if row is None else row[0]


def count_moved(connection: Connection, closed_on: date, *, lines: int) -> None:
    """So many more lines were moved by the close of this day."""
    connection.execute("UPDATE close_days SET lines_moved = lines_moved + %s WHERE closed_on = %s", [lines, closed_on])


def finish_day(connection: Connection, closed_on: date, *, finished_at: datetime) -> None:
    """The day is closed."""
    connection.execute("UPDATE close_days SET finished_at = %s WHERE closed_on = %s", [finished_at, closed_on])


def count_due_lines(connection: Connection, *, until: date) -> int:
    """How many lines have something due by the end of a day."""
    row = connection.execute(
        "SELECT count(*) FROM lines WHERE next_due_on <= %s AND test_clock_id IS NULL", [until]
    ).fetchone()
    assert row is not None
    return int(row[0])


def write_accrual_figures(connection: Connection, closed_on: date) -> list[AccruedSum]:
    """Keep what each line had accrued at the end of the day, and give the sum per product.

    A line that has moved on to a later day counts as it stands: the next day's change takes the difference.
    """
    connection.execute(
        """
        INSERT INTO accrual_figures (closed_on, product_key, currency, first_line_id, line_ids, accrued_minor)
        SELECT %(closed_on)s, product_key, currency, min(line_id),
               array_agg(line_id ORDER BY line_id), array_agg(minor ORDER BY line_id)
        FROM (
            SELECT product_key, currency, line_id, minor,
                   (row_number() OVER (PARTITION BY product_key, currency ORDER BY line_id) - 1) / 10000 AS chunk
            FROM (
                SELECT product_key, currency, line_id, minor_from_micro(
                    accrued_micro + accruing_daily_micro * greatest(0, %(closed_on)s + 1 - as_of)
                ) AS minor
                FROM lines WHERE accrued_micro <> 0 OR accruing_daily_micro <> 0
            ) AS accruing
            WHERE minor <> 0
        ) AS chunked
        GROUP BY product_key, currency, chunk
        """,
        {"closed_on": closed_on},
    )
    rows = connection.execute(
        """
        SELECT product_key, currency, coalesce(sum(minor), 0)::bigint
        FROM (SELECT DISTINCT product_key, currency FROM lines) AS known
        LEFT JOIN (
            SELECT product_key, currency, unnest(accrued_minor) AS minor FROM accrual_figures WHERE closed_on = %s
        ) AS figures USING (product_key, currency)
        GROUP BY product_key, currency ORDER BY product_key, currency
        """,
        [closed_on],
    )
    return [AccruedSum(*row) for row in rows]


def write_accrual_day(connection: Connection, closed_on: date, accrued: AccruedSum, *, posted_minor: int) -> None:
    """Keep the sum and the change that was posted for it."""
    connection.execute(
        """
        INSERT INTO accrual_days (closed_on, product_key, currency, accrued_minor, posted_minor)
        VALUES (%s, %s, %s, %s, %s)
        """,
        [closed_on, accrued.product_key, accrued.currency, accrued.accrued_minor, posted_minor],
    )
