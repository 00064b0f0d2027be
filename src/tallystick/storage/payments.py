"""Payments by the references that their channels know them by: a callback that comes twice finds the first."""

from collections.abc import Sequence

from msgspec import Struct
from psycopg import Connection


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


def payment_of_reference(connection: Connection, *, channel: str, reference: str) -> KnownPayment | None:
    """The payment that a channel's own reference is known for."""
    return payments_of_references(connection, channel=channel, references=[reference]).get(reference)
