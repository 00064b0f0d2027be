"""How cases were answered: how many, how many of them by a person, and how long these waited."""

from datetime import datetime
from typing import Final

import pyarrow as pa
from psycopg import Connection

_SCHEMA: Final = pa.schema(
    [("decision_id", pa.int64()), ("checkpoint", pa.string()), ("is_reviewed", pa.bool_()), ("waited_s", pa.int64())]
)
_CASES: Final = """
    SELECT coalesce(array_agg(decision_id ORDER BY decision_id), '{}'),
           coalesce(array_agg(decisions.checkpoint ORDER BY decision_id), '{}'),
           coalesce(array_agg(review_id IS NOT NULL ORDER BY decision_id), '{}'),
           coalesce(array_agg(extract(epoch FROM closed_at - opened_at)::bigint ORDER BY decision_id), '{}')
    FROM decisions LEFT JOIN reviews ON review_id = decision_id
    WHERE decided_at >= %(since)s AND decided_at < %(until)s
      AND NOT EXISTS (SELECT FROM withdrawn_decisions WHERE withdrawn_decisions.decision_id = decisions.decision_id)
"""


def answered_cases(connection: Connection, *, since: datetime, until: datetime) -> pa.Table:
    """Every decision of a time, by id, with whether it waited for a person and for how many seconds.

    `waited_s` is null where nobody had to look, and where nobody has answered yet.
    """
    row = connection.execute(_CASES, {"since": since, "until": until}).fetchone()
    assert row is not None, "an aggregate has a row"
    return pa.table(list(row), schema=_SCHEMA)
