"""What came of purchases that were decided: what was drawn on their holds, and whether they were fraud."""

from collections.abc import Sequence

from psycopg import Connection


def drawn_on_holds_minor(connection: Connection, hold_ids: Sequence[int], line_ids: Sequence[int]) -> dict[int, int]:
    """What was drawn on each hold so far, minor units, those with nothing left out; `line_ids` are the holds' lines."""
    rows = connection.execute(
        """
        SELECT asked.hold_id, sum((fact ->> 'amount_minor')::bigint)::bigint
        FROM unnest(%s::bigint[], %s::bigint[]) AS asked (hold_id, line_id)
        JOIN events ON events.line_id = asked.line_id AND (fact ->> 'hold_id')::bigint = asked.hold_id
        WHERE events.kind = 'drawdown' GROUP BY asked.hold_id
        """,
        [list(hold_ids), list(line_ids)],
    )
    return dict(rows.fetchall())


def fraud_labels(connection: Connection, purchase_ids: Sequence[int]) -> dict[int, tuple[int, bool]]:
    """Purchases that were confirmed as fraud or as good: since which tick that is known, and whether they are fraud.

    By the persons who said so, whose word outlives the streams, or by a stream whose rows have the purchases' own ids.
    """
    rows = connection.execute(
        """
        SELECT decision_id, (extract(epoch FROM recorded_at) * 1000000)::bigint, is_fraud FROM purchase_labels
        WHERE decision_id = ANY(%(ids)s::bigint[])
        UNION ALL
        SELECT event_id, tick, is_fraud FROM stream_fraud_label
        WHERE event_id = ANY(%(ids)s::bigint[]) AND is_fraud IS NOT NULL
        """,
        {"ids": list(purchase_ids)},
    )
    return {purchase_id: (tick, is_fraud) for purchase_id, tick, is_fraud in rows}
