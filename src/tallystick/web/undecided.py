"""Where nothing can be decided and recorded in time: 503, with the outcome and words that the strategy calls safe."""

from typing import Final

from psycopg import Connection

from tallystick.operations.deciding import Deciding
from tallystick.web.problems import Problem

_STATEMENT_MS: Final = 5_000


def bound_statements(connection: Connection) -> None:
    """Stop a statement of this transaction that takes or waits too long, so that whoever asked is told in time."""
    connection.execute(f"SET LOCAL statement_timeout = {_STATEMENT_MS}".encode())


def undecided(deciding: Deciding | None, *, nothing: str, retry_after_s: int = 1) -> Problem:
    """What is safe by the strategy that decided there last, without asking the database; `nothing` of it happened."""
    detail = f"We cannot decide right now; please try again (nothing is {nothing})"
    if deciding is not None:
        checkpoint = deciding.checkpoints[deciding.release.champion_id]
        outcome, reason = checkpoint.unavailable
        detail = f"{checkpoint.reasons[reason][1]} (outcome: {outcome}; nothing is {nothing})"
    return Problem("undecided", status=503, detail=detail, retry_after_s=retry_after_s)
