"""Rows of money files, what stands in suspense, and who decided what it is: every statement about them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from msgspec import Struct
from psycopg import Connection


class BookedRow(Struct, frozen=True):
    """What became of a row; `event_id` is the event on the line that it made or met."""

    channel: str
    reference: str
    row_id: int
    value_on: date
    amount_minor: int
    currency: str
    line_id: int | None
    clears: str | None
    returns: str | None
    outcome: str
    event_id: int | None
    file_line: int


class SuspenseItem(Struct, frozen=True):
    """Money on the suspense account: what came (positive) or went without a known reason."""

    item_id: int
    channel: str
    reference: str
    amount_minor: int
    currency: str
    value_on: date
    because: str
    opened_on: date


class SuspenseProposal(Struct, frozen=True):
    """What somebody says an item is, and what a second person said to that."""

    proposal_id: int
    item_id: int
    as_what: str
    line_id: int | None
    offset_id: int | None
    reason: str
    proposed_by: str
    proposed_at: datetime
    decision: str | None = None
    decided_by: str | None = None


class KnownRow(Struct, frozen=True):
    """A row that was booked before, as far as it must be the same when it comes again."""

    value_on: date
    amount_minor: int
    currency: str
    line_id: int | None
    clears: str | None
    returns: str | None


def lock_channel(connection: Connection, channel: str) -> None:
    """Imports of one channel take turns, chunk by chunk, until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('money_rows:' || %s, 0))", [channel])


def hold_references(connection: Connection, channel: str, references: Sequence[str]) -> None:
    """Until the transaction ends nobody else books money under these references, from a file or from a callback."""
    connection.execute(
        """
        SELECT pg_advisory_xact_lock(hashtextextended('money_row:' || %s || ':' || reference, 0))
        FROM (SELECT DISTINCT unnest(%s::text[]) AS reference ORDER BY 1) AS held
        """,
        [channel, list(references)],
    )


def known_rows(connection: Connection, channel: str, references: Sequence[str]) -> dict[str, KnownRow]:
    """The rows booked before, by reference."""
    rows = connection.execute(
        """
        SELECT reference, value_on, amount_minor, currency, line_id, clears, returns FROM money_rows
        WHERE channel = %s AND reference = ANY(%s::text[])
        """,
        [channel, list(references)],
    )
    return {row[0]: KnownRow(*row[1:]) for row in rows}


def add_rows(
    connection: Connection,
    rows: Sequence[BookedRow],
    *,
    file_sha256: bytes,
    booked_on: date,
    imported_at: datetime,
    imported_by: str,
) -> None:
    """Keep what became of rows; each reference of a channel once."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO money_rows (channel, reference, row_id, value_on, amount_minor, currency, line_id, clears,
                                    returns, outcome, event_id, file_line, file_sha256, booked_on, imported_at,
                                    imported_by)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (
                    row.channel, row.reference, row.row_id, row.value_on, row.amount_minor, row.currency, row.line_id,
                    row.clears, row.returns, row.outcome, row.event_id, row.file_line, file_sha256, booked_on,
                    imported_at, imported_by,
                )
                for row in rows
            ],
        )  # fmt: skip


def add_items(connection: Connection, items: Sequence[SuspenseItem]) -> None:
    """Open items of suspense."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO suspense_items (item_id, channel, reference, amount_minor, currency, value_on, because,
                                        opened_on)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (
                    item.item_id, item.channel, item.reference, item.amount_minor, item.currency, item.value_on,
                    item.because, item.opened_on,
                )
                for item in items
            ],
        )  # fmt: skip


_ITEM = "item_id, channel, reference, amount_minor, currency, value_on, because, opened_on"
_PROPOSAL = "proposal_id, item_id, as_what, line_id, offset_id, reason, proposed_by, proposed_at, decision, decided_by"


# An `item` of suspense that no approved proposal explains, nor one that offsets another by it.
OPEN: Final = """
    NOT EXISTS (SELECT FROM suspense_proposals AS one WHERE one.item_id = item.item_id AND one.decision = 'approved')
    AND NOT EXISTS (
        SELECT FROM suspense_proposals AS other WHERE other.offset_id = item.item_id AND other.decision = 'approved')
"""


def item(connection: Connection, item_id: int) -> SuspenseItem | None:
    """One item of suspense, open or not."""
    row = connection.execute(f"SELECT {_ITEM} FROM suspense_items WHERE item_id = %s", [item_id]).fetchone()
    return None if row is None else SuspenseItem(*row)


def open_items(connection: Connection, *, after_id: int = 0, most: int = 1_000) -> list[SuspenseItem]:
    """Items that no approved proposal explains, oldest first."""
    rows = connection.execute(
        f"""
        SELECT {_ITEM} FROM suspense_items AS item
        WHERE item_id > %s AND {OPEN}
        ORDER BY item_id LIMIT %s
        """,
        [after_id, most],
    )
    return [SuspenseItem(*row) for row in rows]


def living_proposal(connection: Connection, item_id: int) -> SuspenseProposal | None:
    """The proposal about an item, or that uses it as offset, which was approved or waits."""
    row = connection.execute(
        f"""
        SELECT {_PROPOSAL} FROM suspense_proposals
        WHERE (item_id = %(item_id)s OR offset_id = %(item_id)s) AND decision IS DISTINCT FROM 'rejected'
        """,
        {"item_id": item_id},
    ).fetchone()
    return None if row is None else SuspenseProposal(*row)


class Decided(Struct, frozen=True):
    """An item of suspense, what one person said it is, and what a second one decided; `offset_id` the other item."""

    proposal_id: int
    item_id: int
    channel: str
    reference: str
    value_on: date
    amount_minor: int
    currency: str
    as_what: str
    line_id: int | None
    offset_id: int | None
    reason: str
    proposed_by: str
    proposed_at: datetime
    decision: str
    decided_by: str
    decided_at: datetime


def decided(connection: Connection, *, since: datetime) -> list[Decided]:
    """What two persons decided since an instant, the oldest decision first."""
    rows = connection.execute(
        """
        SELECT proposal_id, item_id, channel, reference, value_on, amount_minor, currency, as_what, line_id, offset_id,
               reason, proposed_by, proposed_at, decision, decided_by, decided_at
        FROM suspense_proposals JOIN suspense_items USING (item_id)
        WHERE decided_at >= %s ORDER BY decided_at, proposal_id
        """,
        [since],
    )
    return [Decided(*row) for row in rows]


def item_found_to_be_a_payment(connection: Connection, *, channel: str, reference: str) -> int | None:
    """The item of a row that stood in suspense until two persons found whose payment it is; what they found last."""
    row = connection.execute(
        """
        SELECT item_id FROM suspense_items JOIN suspense_proposals USING (item_id)
        WHERE channel = %s AND reference = %s AND as_what = 'payment' AND decision = 'approved'
        ORDER BY decided_at DESC, item_id DESC LIMIT 1
        """,
        [channel, reference],
    ).fetchone()
    return None if row is None else int(row[0])


def lock_items(connection: Connection, item_ids: Sequence[int]) -> None:
    """Whoever speaks of an item does so alone until the transaction ends."""
    connection.execute(
        "SELECT item_id FROM suspense_items WHERE item_id = ANY(%s::bigint[]) ORDER BY item_id FOR UPDATE",
        [list(item_ids)],
    )


def add_proposal(connection: Connection, proposal: SuspenseProposal) -> None:
    """Keep what somebody says an item is."""
    connection.execute(
        """
        INSERT INTO suspense_proposals (proposal_id, item_id, as_what, line_id, offset_id, reason, proposed_by,
                                        proposed_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            proposal.proposal_id, proposal.item_id, proposal.as_what, proposal.line_id, proposal.offset_id,
            proposal.reason, proposal.proposed_by, proposal.proposed_at,
        ],
    )  # fmt: skip


def lock_proposal(connection: Connection, proposal_id: int) -> SuspenseProposal | None:
    """A proposal, so that only one person decides it."""
    row = connection.execute(
        f"SELECT {_PROPOSAL} FROM suspense_proposals WHERE proposal_id = %s FOR UPDATE", [proposal_id]
    ).fetchone()
    return None if row is None else SuspenseProposal(*row)


def waiting_proposals(connection: Connection) -> list[SuspenseProposal]:
    """Proposals that nobody has decided, oldest first."""
    rows = connection.execute(f"SELECT {_PROPOSAL} FROM suspense_proposals WHERE decision IS NULL ORDER BY proposal_id")
    return [SuspenseProposal(*row) for row in rows]


def decide(connection: Connection, proposal_id: int, *, decision: str, decided_by: str, decided_at: datetime) -> None:
    """Keep a second person's decision; the database refuses the one who proposed, and a second decision."""
    connection.execute(
        "UPDATE suspense_proposals SET decision = %s, decided_by = %s, decided_at = %s WHERE proposal_id = %s",
        [decision, decided_by, decided_at, proposal_id],
    )


class DayOfChannel(Struct, frozen=True):
    """What the files of one channel said happened on one booking day, by outcome; minor units."""

    booked_on: date
    channel: str
    currency: str
    outcome: str
    rows: int
    in_minor: int
    out_minor: int


def days(connection: Connection, *, since: date) -> list[DayOfChannel]:
    """Rows by day, channel, currency and outcome."""
    rows = connection.execute(
        """
        SELECT booked_on, channel, currency, outcome, count(*),
               coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0)::bigint,
               coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0)::bigint
        FROM money_rows WHERE booked_on >= %s
        GROUP BY booked_on, channel, currency, outcome ORDER BY booked_on, channel, currency, outcome
        """,
        [since],
    )
    return [DayOfChannel(*row) for row in rows]
