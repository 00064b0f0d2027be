"""Decisions counted by strategy over a span of time: the statements of those who watch what is decided."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from psycopg import Connection

from tallystick.strategy.damage import Tally
from tallystick.strategy.damage_limits import Watched

# Who decided what, and what a case that passes is granted. What was withdrawn was told to nobody. Who is not known yet
# stands alone.
_DECIDED: Final = """
    SELECT strategy_id, line_id, coalesce(borrower_id, -decision_id) AS person,
           outcome IN ('approve', 'offer') AS approved, outcome = 'decline' AS declined, false AS lowered,
           {granted} AS granted
    FROM decisions
    WHERE decided_at >= %(since)s AND decided_at < %(until)s AND checkpoint = %(watched)s
      AND NOT EXISTS (SELECT FROM withdrawn_decisions WHERE withdrawn_decisions.decision_id = decisions.decision_id)
"""
# The shares of limits looked at by day are what the tables say: after a promotion nobody rises before the next night,
# and that is not the strategy's doing. What is granted is what was offered.
_REVIEWED_BY_DAY: Final = """
    SELECT strategy_id, decisions.line_id, decisions.borrower_id AS person,
           decisions.outcome = 'increase' AS approved, decisions.outcome = 'keep' AS declined,
           decisions.outcome = 'decrease' AS lowered,
           CASE WHEN answer.outcome = 'offered' THEN answer.target_minor - answer.limit_minor END AS granted
    FROM limit_answers AS answer JOIN decisions USING (decision_id)
    WHERE answered_at >= %(since)s AND answered_at < %(until)s AND trigger <> 'nightly'
"""
_CASES: Final = {
    Watched.AUTHORIZE: _DECIDED.format(granted="CASE WHEN outcome = 'approve' THEN amount_minor END"),
    Watched.APPLY: _DECIDED.format(granted="CASE WHEN outcome = 'offer' THEN (outputs->>'limit_minor')::bigint END"),
    Watched.REVIEW_LIMIT: _REVIEWED_BY_DAY,
}
# A borrower's decisions together first: they tell how much decisions hang together. Lines that follow a test's clock
# are nobody's, and their time is another.
_TALLIES: Final = """
    WITH borrowers AS (
        SELECT strategy_id,
               count(*)::float8 AS decided,
               count(*) FILTER (WHERE approved)::float8 AS approved,
               count(*) FILTER (WHERE declined)::float8 AS declined,
               count(*) FILTER (WHERE lowered)::float8 AS lowered,
               coalesce(sum(granted), 0)::float8 AS granted
        FROM ({cases}) AS cases
        WHERE strategy_id = ANY(%(strategies)s::text[])
          AND NOT EXISTS (
              SELECT FROM lines WHERE lines.line_id = cases.line_id AND lines.test_clock_id IS NOT NULL
          )
        GROUP BY strategy_id, person
    )
    SELECT strategy_id, sum(decided), sum(approved), sum(declined), sum(lowered),
           sum(decided - approved - declined - lowered), sum(granted),
           sum(decided * decided), sum(granted * granted), sum(granted * decided)
    FROM borrowers GROUP BY strategy_id
"""


def tallies(
    connection: Connection, strategy_ids: Sequence[str], watched: Watched, *, since: datetime, until: datetime
) -> dict[str, Tally]:
    """What strategies decided from an instant until another; those that decided nothing are left out."""
    rows = connection.execute(
        _TALLIES.format(cases=_CASES[watched]).encode(),
        {"since": since, "until": until, "watched": str(watched), "strategies": list(strategy_ids)},
    )
    return {
        strategy_id: Tally(
            decisions=decided,
            approved=approved,
            declined=declined,
            lowered=lowered,
            reviewed=reviewed,
            granted_minor=granted,
            decisions_squared=decided_squared,
            granted_squared=granted_squared,
            granted_by_decisions=granted_by_decisions,
        )
        for (
            strategy_id, decided, approved, declined, lowered, reviewed, granted,
            decided_squared, granted_squared, granted_by_decisions,
        ) in rows
    }  # fmt: skip


_SINCE_BATCHES: Final = """
    SELECT max(decided_at) FROM (
        SELECT decided_at, sum(cases) OVER (ORDER BY decided_at DESC, batch_id DESC) AS together
        FROM (
            SELECT decided_at, batch_id, cases FROM decision_batches
            WHERE decided_at >= %(since)s AND decided_at < %(until)s AND checkpoint = %(watched)s
            ORDER BY decided_at DESC, batch_id DESC LIMIT %(most)s
        ) AS latest
    ) AS summed WHERE together >= %(most)s
"""
# By day each line is a batch of its own; the batches of a night are not among them.
_SINCE_ANSWERS: Final = """
    SELECT min(answered_at) FROM (
        SELECT answered_at FROM limit_answers
        WHERE answered_at >= %(since)s AND answered_at < %(until)s AND trigger <> 'nightly'
        ORDER BY answered_at DESC LIMIT %(most)s
    ) AS latest HAVING count(*) >= %(most)s
"""


def since_latest(connection: Connection, watched: Watched, *, since: datetime, until: datetime, most: int) -> datetime:
    """The instant from which on there are about `most` decisions until `until`, `since` where there are fewer."""
    statement = _SINCE_ANSWERS if watched is Watched.REVIEW_LIMIT else _SINCE_BATCHES
    row = connection.execute(
        statement, {"since": since, "until": until, "watched": str(watched), "most": most}
    ).fetchone()
    return since if row is None or row[0] is None else max(row[0], since)
