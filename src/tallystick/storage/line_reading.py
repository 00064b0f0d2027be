"""Lines and what belongs to them, read for others to see: lists by page, statements, payments, ids."""

from collections.abc import Sequence
from datetime import date

import msgspec
from msgspec import Struct
from psycopg import Connection


def newest_lines(connection: Connection, *, borrower_id: int | None, before_id: int | None, most: int) -> list[int]:
    """Ids of lines, the newest first, of one borrower where asked, those older than `before_id`."""
    rows = connection.execute(
        """
        SELECT line_id FROM lines
        WHERE (%s::bigint IS NULL OR borrower_id = %s) AND (%s::bigint IS NULL OR line_id < %s)
        ORDER BY line_id DESC LIMIT %s
        """,
        [borrower_id, borrower_id, before_id, before_id, most],
    )
    return [line_id for (line_id,) in rows]


def limits_of_lines(connection: Connection, line_ids: Sequence[int]) -> dict[int, int]:
    """The credit limits of lines, minor units."""
    rows = connection.execute(
        "SELECT line_id, limit_minor FROM lines WHERE line_id = ANY(%s::bigint[])", [list(line_ids)]
    )
    return dict(rows.fetchall())


class StatementRow(Struct, frozen=True):
    """A statement as it was told."""

    line_id: int
    number: int
    period_from: date
    closed_on: date
    due_on: date
    closing_minor: int
    minimum_due_minor: int
    figures: msgspec.Raw


def statements(connection: Connection, line_id: int, *, before_number: int | None, most: int) -> list[StatementRow]:
    """A line's statements, the latest first, those before `before_number`."""
    rows = connection.execute(
        """
        SELECT line_id, number, period_from, closed_on, due_on, closing_minor, minimum_due_minor, figures::text
        FROM statements WHERE line_id = %s AND (%s::integer IS NULL OR number < %s)
        ORDER BY number DESC LIMIT %s
        """,
        [line_id, before_number, before_number, most],
    )
    return [
        StatementRow(line_id, number, period_from, closed_on, due_on, closing, minimum, msgspec.Raw(figures.encode()))
        for line_id, number, period_from, closed_on, due_on, closing, minimum, figures in rows
    ]


class PaymentRow(Struct, frozen=True):
    """A payment as it was received."""

    payment_id: int
    line_id: int
    event_id: int
    channel: str
    reference: str | None
    amount_minor: int
    effective_on: date


def payments(connection: Connection, line_id: int, *, before_id: int | None, most: int) -> list[PaymentRow]:
    """A line's payments, the newest first, those older than `before_id`."""
    rows = connection.execute(
        """
        SELECT payment_id, line_id, event_id, channel, reference, amount_minor, effective_on FROM payments
        WHERE line_id = %s AND (%s::bigint IS NULL OR payment_id < %s) ORDER BY payment_id DESC LIMIT %s
        """,
        [line_id, before_id, before_id, most],
    )
    return [PaymentRow(*row) for row in rows]


def payment(connection: Connection, payment_id: int) -> PaymentRow | None:
    """One payment."""
    row = connection.execute(
        """
        SELECT payment_id, line_id, event_id, channel, reference, amount_minor, effective_on FROM payments
        WHERE payment_id = %s
        """,
        [payment_id],
    ).fetchone()
    return None if row is None else PaymentRow(*row)


def newest_borrowers(connection: Connection, *, before_id: int | None, most: int) -> list[int]:
    """Ids of borrowers, the newest first, those older than `before_id`."""
    rows = connection.execute(
        """
        SELECT borrower_id FROM borrowers WHERE %s::bigint IS NULL OR borrower_id < %s
        ORDER BY borrower_id DESC LIMIT %s
        """,
        [before_id, before_id, most],
    )
    return [borrower_id for (borrower_id,) in rows]
