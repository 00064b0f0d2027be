"""What borrowers were shown and accepted: the disclosure as it was, kept with its hash."""

from datetime import datetime

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.terms.disclosure import Disclosure


class Acceptance(Struct, frozen=True):
    """What a borrower accepted, when, for what: `line`, `limit`, `terms`, or the kind of offer a plan was made by."""

    acceptance_id: int
    borrower_id: int
    line_id: int | None
    purpose: str
    accepted_at: datetime
    disclosure_hash: str
    disclosure: Disclosure


def add_acceptance(
    connection: Connection,
    *,
    acceptance_id: int,
    borrower_id: int,
    line_id: int | None,
    purpose: str,
    disclosure_hash: str,
    disclosure: str,
    accepted_at: datetime,
) -> None:
    """Keep an acceptance; `disclosure` is the document as JSON, as it was shown."""
    connection.execute(
        """
        INSERT INTO acceptances (acceptance_id, borrower_id, line_id, purpose, disclosure_hash, disclosure, accepted_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        [acceptance_id, borrower_id, line_id, purpose, disclosure_hash, disclosure, accepted_at],
    )


def read_acceptance(connection: Connection, acceptance_id: int) -> Acceptance | None:
    """An acceptance with the disclosure that was shown."""
    row = connection.execute(
        """
        SELECT acceptance_id, borrower_id, line_id, purpose, accepted_at, disclosure_hash, disclosure
        FROM acceptances WHERE acceptance_id = %s
        """,
        [acceptance_id],
    ).fetchone()
    if row is None:
        return None
    number, borrower_id, line_id, purpose, accepted_at, disclosure_hash, shown = row
    disclosure = msgspec.json.decode(shown, type=Disclosure)
    return Acceptance(number, borrower_id, line_id, purpose, accepted_at, disclosure_hash, disclosure)


def acceptance_of_opening(connection: Connection, *, borrower_id: int, line_id: int) -> int | None:
    """The acceptance on which a line was opened; None where none was kept."""
    row = connection.execute(
        "SELECT acceptance_id FROM acceptances WHERE borrower_id = %s AND line_id = %s AND purpose = 'line'",
        [borrower_id, line_id],
    ).fetchone()
    return None if row is None else int(row[0])


def acceptance_of_event(connection: Connection, *, line_id: int, event_id: int) -> int | None:
    """The acceptance on which an event was recorded; None where it needed none."""
    row = connection.execute(
        "SELECT (fact ->> 'acceptance_id')::bigint FROM events WHERE line_id = %s AND event_id = %s",
        [line_id, event_id],
    ).fetchone()
    return None if row is None or row[0] is None else int(row[0])
