"""Purchases that came again after a second factor, and the decisions that had asked for it: every statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from psycopg import Connection

from tallystick.storage.rows import execute_rows, over_rows


class AskedFactor(Struct, frozen=True):
    """A decision that asked for a second factor, and whether a retry that counts has answered it."""

    decision_id: int
    line_id: int
    amount_minor: int
    merchant_id: int
    strategy_id: str
    decided_at: datetime
    is_answered: bool


def asked_factors(connection: Connection, decision_ids: Sequence[int]) -> dict[int, AskedFactor]:
    """Those of the decisions that asked for a second factor and were told so, by their ids; lock their lines first."""
    rows = connection.execute(
        """
        SELECT decision_id, decisions.line_id, decisions.amount_minor, merchant_id, strategy_id, decided_at, EXISTS (
            SELECT FROM step_up_retries AS retry
            WHERE retry.step_up_of = decisions.decision_id
              AND NOT EXISTS (SELECT FROM withdrawn_decisions AS late WHERE late.decision_id = retry.decision_id)
        )
        FROM decisions JOIN stream_purchase ON event_id = decision_id
        WHERE decision_id = ANY(%s::bigint[]) AND checkpoint = 'authorize' AND outcome = 'step_up'
          AND NOT EXISTS (SELECT FROM withdrawn_decisions AS late WHERE late.decision_id = decisions.decision_id)
        """,
        [list(decision_ids)],
    )
    return {row[0]: AskedFactor(*row) for row in rows}


_INSERT: Final = over_rows(
    "INSERT INTO step_up_retries ({names}) SELECT {names} FROM {fresh}",
    (("decision_id", "bigint"), ("step_up_of", "bigint")),
)


def add_retries(connection: Connection, step_up_of: Mapping[int, int]) -> None:
    """Keep which decision had asked, by the id of the one that answered."""
    execute_rows(connection, _INSERT, list(step_up_of.items()))


def retries_among(connection: Connection, decision_ids: Sequence[int]) -> dict[int, int]:
    """Which decision had asked, of those of the decisions that came after a second factor."""
    rows = connection.execute(
        "SELECT decision_id, step_up_of FROM step_up_retries WHERE decision_id = ANY(%s::bigint[])",
        [list(decision_ids)],
    )
    return dict(rows.fetchall())
