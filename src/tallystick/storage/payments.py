"""Payments by the references that their channels know them by: a callback that comes twice finds the first."""

from collections.abc import Sequence

from msgspec import Struct
from psycopg import Connection

from tallystick.storage import money_rows


class KnownPayment(Struct, frozen=True):
    """A payment that was recorded; minor units."""

    payment_id: int
    line_id: int
    event_id: int
    amount_minor: int


def payments_of_references(
    connection: Connection, *, channel: str, references: Sequence[str]
) -> dict[str, KnownPayment]:
    """The payments that a channel's own references are known for, by reference."""
    rows = connection.execute(
        """
        SELECT reference, payment_id, line_id, event_id, amount_minor FROM payments
        WHERE channel = %s AND reference = ANY(%s::text[])
        """,
        [channel, list(references)],
    )
    return {reference: KnownPayment(*rest) for reference, *rest in rows}


class KnownReference(Struct, frozen=True):
    """What was booked under a channel's reference: a payment, and what became of the row of a statement."""

    payment: KnownPayment | None
    row_outcome: str | None


def hold_reference(connection: Connection, *, channel: str, reference: str) -> KnownReference:
    """As `money_rows.hold_references`, and what was booked under the reference before, in one round trip.

    The look-up is a statement of its own, so that it sees what was committed while the lock was waited for.
    """
    with connection.pipeline():
        money_rows.hold_references(connection, channel, [reference])
        found = connection.execute(
            """
            SELECT outcome, payment_id, payments.line_id, payments.event_id, payments.amount_minor
            FROM (VALUES (%s::text, %s::text)) AS asked (channel, reference)
            LEFT JOIN payments USING (channel, reference) LEFT JOIN money_rows USING (channel, reference)
            """,
            [channel, reference],
        )
    row = found.fetchone()
    assert row is not None
    outcome, *payment = row
    return KnownReference(payment=None if payment[0] is None else KnownPayment(*payment), row_outcome=outcome)


def payment_of_reference(connection: Connection, *, channel: str, reference: str) -> KnownPayment | None:
    """The payment that a channel's own reference is known for."""
    return payments_of_references(connection, channel=channel, references=[reference]).get(reference)
