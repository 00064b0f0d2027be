"""What borrowers were shown and accepted: the disclosure as it was, kept with its hash."""

from datetime import datetime

from psycopg import Connection


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


def read_disclosure(connection: Connection, acceptance_id: int) -> tuple[str, str] | None:
    """The hash and the JSON of the disclosure that was accepted."""
    row = connection.execute(
        "SELECT disclosure_hash, disclosure::text FROM acceptances WHERE acceptance_id = %s", [acceptance_id]
    ).fetchone()
    return None if row is None else (row[0], row[1])
