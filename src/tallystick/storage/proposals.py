"""Proposals that wait for a second person, and what became of them."""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.servicing.facts import AnyFact, kind_of

_FACT: Final = msgspec.json.Decoder(AnyFact)
_COLUMNS: Final = "proposal_id, line_id, fact::text, proposed_by, proposed_at, decision, decided_by, event_id"


class Proposal(Struct, frozen=True):
    """What one person asks for on a line; `event_id` is that of the event it became."""

    proposal_id: int
    line_id: int
    fact: AnyFact
    proposed_by: str
    proposed_at: datetime
    decision: str | None = None
    decided_by: str | None = None
    event_id: int | None = None


def add_proposal(connection: Connection, proposal: Proposal) -> None:
    """Keep a proposal that nobody has decided yet."""
    connection.execute(
        """
        INSERT INTO proposals (proposal_id, line_id, kind, fact, proposed_by, proposed_at)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        [
            proposal.proposal_id,
            proposal.line_id,
            kind_of(proposal.fact),
            msgspec.json.encode(proposal.fact).decode(),
            proposal.proposed_by,
            proposal.proposed_at,
        ],
    )


def lock_proposal(connection: Connection, proposal_id: int) -> Proposal | None:
    """A proposal, so that only one person decides it."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM proposals WHERE proposal_id = %s FOR UPDATE", [proposal_id]
    ).fetchone()
    return None if row is None else Proposal(row[0], row[1], _FACT.decode(row[2]), *row[3:])


def read_proposal(connection: Connection, proposal_id: int) -> Proposal | None:
    """A proposal, waiting or decided, without a lock."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM proposals WHERE proposal_id = %s", [proposal_id]).fetchone()
    return None if row is None else Proposal(row[0], row[1], _FACT.decode(row[2]), *row[3:])


def open_proposals(connection: Connection, *, after_id: int = 0, most: int = 100) -> list[Proposal]:
    """Proposals that wait, oldest first."""
    rows = connection.execute(
        f"""
        SELECT {_COLUMNS} FROM proposals WHERE decision IS NULL AND proposal_id > %s ORDER BY proposal_id LIMIT %s
        """,
        [after_id, most],
    )
    return [Proposal(row[0], row[1], _FACT.decode(row[2]), *row[3:]) for row in rows]


def decide(
    connection: Connection,
    proposal_id: int,
    *,
    decision: str,
    decided_by: str,
    decided_at: datetime,
    note: str,
    event_id: int | None,
) -> None:
    """Keep the second person's decision. The database refuses the one who proposed."""
    connection.execute(
        """
        UPDATE proposals SET decision = %s, decided_by = %s, decided_at = %s, decided_note = %s, event_id = %s
        WHERE proposal_id = %s AND decision IS NULL
        """,
        [decision, decided_by, decided_at, note, event_id, proposal_id],
    )
