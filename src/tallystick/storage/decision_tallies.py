"""Decisions counted by strategy over a span of time: the statements of those who watch what is decided."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from psycopg import Connection

from tallystick.strategy.damage import Tally

# What a case that passes is granted, by its checkpoint.
_GRANTED: Final = {
    "authorize": "CASE WHEN outcome = 'approve' THEN amount_minor END",
    "apply": "CASE WHEN outcome = 'offer' THEN (outputs->>'limit_minor')::bigint END",
}
# A borrower's decisions together first: they tell how much decisions hang together. Who is not known yet stands alone.
# Lines that follow a test's clock are nobody's, and their time is another. What was withdrawn was told to nobody.
_TALLIES: Final = """
    WITH borrowers AS (
        SELECT strategy_id,
               count(*)::float8 AS decided,
               count(*) FILTER (WHERE outcome IN ('approve', 'offer'))::float8 AS approved,
               count(*) FILTER (WHERE outcome = 'decline')::float8 AS declined,
               coalesce(sum({granted}), 0)::float8 AS granted
        FROM decisions
        WHERE decided_at >= %(since)s AND decided_at < %(until)s AND checkpoint = %(checkpoint)s
          AND strategy_id = ANY(%(strategies)s::text[])
          AND NOT EXISTS (
              SELECT FROM lines WHERE lines.line_id = decisions.line_id AND lines.test_clock_id IS NOT NULL
          )
          AND NOT EXISTS (SELECT FROM withdrawn_decisions WHERE withdrawn_decisions.decision_id = decisions.decision_id)
        GROUP BY strategy_id, coalesce(borrower_id, -decision_id)
    )
    SELECT strategy_id, sum(decided), sum(approved), sum(declined), sum(decided - approved - declined), sum(granted),
           sum(decided * decided), sum(granted * granted), sum(granted * decided)
    FROM borrowers GROUP BY strategy_id
"""


def tallies(
    connection: Connection, strategy_ids: Sequence[str], *, checkpoint: str, since: datetime, until: datetime
) -> dict[str, Tally]:
    """What strategies decided from an instant until another; those that decided nothing are left out."""
    rows = connection.execute(
        _TALLIES.format(granted=_GRANTED[checkpoint]).encode(),
        {"since": since, "until": until, "checkpoint": checkpoint, "strategies": list(strategy_ids)},
    )
    return {
        strategy_id: Tally(
            decisions=decided,
            approved=approved,
            declined=declined,
            reviewed=reviewed,
            granted_minor=granted,
            decisions_squared=decided_squared,
            granted_squared=granted_squared,
            granted_by_decisions=granted_by_decisions,
        )
        for (
            strategy_id, decided, approved, declined, reviewed, granted,
            decided_squared, granted_squared, granted_by_decisions,
        ) in rows
    }  # fmt: skip


def since_latest(connection: Connection, *, checkpoint: str, since: datetime, until: datetime, most: int) -> datetime:
    """The instant from which on there are about `most` decisions until `until`, `since` where there are fewer."""
    row = connection.execute(
        """
        SELECT max(decided_at) FROM (
            SELECT decided_at, sum(cases) OVER (ORDER BY decided_at DESC, batch_id DESC) AS together
            FROM (
                SELECT decided_at, batch_id, cases FROM decision_batches
                WHERE decided_at >= %s AND decided_at < %s AND checkpoint = %s
                ORDER BY decided_at DESC, batch_id DESC LIMIT %s
            ) AS latest
        ) AS summed WHERE together >= %s
        """,
        [since, until, checkpoint, most, most],
    ).fetchone()
    assert row is not None
    return since if row[0] is None else max(row[0], since)
