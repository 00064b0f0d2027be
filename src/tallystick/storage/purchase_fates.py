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


def fraud_labels(connection: Connection, purchase_ids: Sequence[int]) -> dict[int, list[tuple[int, bool]]]:
    """Purchases that were confirmed as fraud or as good: since which tick that is known, and whether they are fraud.

    Each label of a purchase in the order of its telling: a later one corrects those before it.
    By the persons who said so, whose word outlives the streams, or by a stream whose rows have the purchases' own ids.
    """
    rows = connection.execute(
        """
        SELECT decision_id, (extract(epoch FROM recorded_at) * 1000000)::bigint AS tick, is_fraud, event_id
        FROM purchase_labels WHERE decision_id = ANY(%(ids)s::bigint[])
        UNION ALL
        SELECT event_id, tick, is_fraud, event_id FROM stream_fraud_label
        WHERE event_id = ANY(%(ids)s::bigint[]) AND is_fraud IS NOT NULL
        ORDER BY tick, event_id
        """,
        {"ids": list(purchase_ids)},
    )
    labels: dict[int, list[tuple[int, bool]]] = {}
    for purchase_id, tick, is_fraud, _ in rows:
        labels.setdefault(purchase_id, []).append((tick, is_fraud))
    return labels
