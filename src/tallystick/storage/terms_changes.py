"""Changes of contract that were announced, the lines they were told to, and what became of them there."""

from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.terms.disclosure import Disclosure

_NOTICE: Final = """
    notices.change_id, notices.line_id, changes.from_hash, changes.to_hash, changes.noticed_on, notices.binds_on,
    changes.disclosure_hash, notices.outcome, notices.event_id
"""
_FROM: Final = "FROM terms_notices AS notices JOIN terms_changes AS changes USING (change_id)"


class NoticeOutcome(StrEnum):
    """What became of a change on a line; without one it waits for its day."""

    BOUND = "bound"
    OBJECTED = "objected"
    LAPSED = "lapsed"


class TermsChange(Struct, frozen=True, kw_only=True):
    """New terms for all lines on the old ones, from `binds_on`."""

    change_id: int
    product_key: int
    from_hash: str
    to_hash: str
    noticed_on: date
    binds_on: date
    announced_by: str
    announced_at: datetime
    disclosure_hash: str


class TermsNotice(Struct, frozen=True, kw_only=True):
    """A change as one line was told of it."""

    change_id: int
    line_id: int
    from_hash: str
    to_hash: str
    noticed_on: date
    binds_on: date
    disclosure_hash: str
    outcome: NoticeOutcome | None
    event_id: int | None


# Open lines of a product that are on other terms, wait for no change, and objected to no change to these terms. Lines
# on a test clock live on days of their own and are left out.
_TO_TELL: Final = """
    lines.product_key = %(product_key)s AND lines.condition = 'open' AND lines.contract_hash <> %(to_hash)s
    AND lines.test_clock_id IS NULL AND NOT EXISTS (
        SELECT FROM terms_notices AS other JOIN terms_changes AS told USING (change_id)
        WHERE other.line_id = lines.line_id
          AND (other.outcome IS NULL OR (other.outcome = 'objected' AND told.to_hash = %(to_hash)s))
    )
"""


def hashes_to_tell(connection: Connection, *, product_key: int, to_hash: str) -> list[str]:
    """The contracts of lines that have to be told of new terms."""
    rows = connection.execute(
        f"SELECT DISTINCT contract_hash FROM lines WHERE {_TO_TELL} ORDER BY contract_hash",
        {"product_key": product_key, "to_hash": to_hash},
    )
    return [row[0] for row in rows]


def add_change(connection: Connection, change: TermsChange, *, disclosure: str) -> TermsChange:
    """Keep a change with its disclosure (JSON, as told); the one that was announced before where it is the same."""
    connection.execute(
        """
        INSERT INTO terms_changes (change_id, product_key, from_hash, to_hash, noticed_on, binds_on, announced_by,
                                   announced_at, disclosure_hash, disclosure)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        [
            change.change_id, change.product_key, change.from_hash, change.to_hash, change.noticed_on, change.binds_on,
            change.announced_by, change.announced_at, change.disclosure_hash, disclosure,
        ],
    )  # fmt: skip
    row = connection.execute(
        """
        SELECT change_id, product_key, from_hash, to_hash, noticed_on, binds_on, announced_by, announced_at,
               disclosure_hash
        FROM terms_changes WHERE from_hash = %s AND to_hash = %s AND noticed_on = %s
        """,
        [change.from_hash, change.to_hash, change.noticed_on],
    ).fetchone()
    assert row is not None
    return TermsChange(**dict(zip(TermsChange.__struct_fields__, row, strict=True)))


def add_notices(connection: Connection, change: TermsChange, *, after_line_id: int, most: int) -> int | None:
    """Tell the next lines that are on the old terms; the last one's id, None where none is left."""
    row = connection.execute(
        f"""
        WITH told AS (
            INSERT INTO terms_notices (change_id, line_id, binds_on)
            SELECT %(change_id)s, line_id, %(binds_on)s FROM lines
            WHERE {_TO_TELL} AND contract_hash = %(from_hash)s AND line_id > %(after)s
            ORDER BY line_id LIMIT %(most)s
            ON CONFLICT DO NOTHING RETURNING line_id
        )
        SELECT max(line_id) FROM told
        """,
        {
            "change_id": change.change_id, "binds_on": change.binds_on, "product_key": change.product_key,
            "from_hash": change.from_hash, "to_hash": change.to_hash, "after": after_line_id, "most": most,
        },
    ).fetchone()  # fmt: skip
    return None if row is None or row[0] is None else int(row[0])


def add_notice(connection: Connection, change: TermsChange, line_id: int) -> TermsNotice:
    """Tell one line of a change, and give its notice, kept from others until the transaction ends."""
    connection.execute(
        "INSERT INTO terms_notices (change_id, line_id, binds_on) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        [change.change_id, line_id, change.binds_on],
    )
    notice = lock_notice(connection, line_id, change.change_id)
    assert notice is not None, "it was told"
    return notice


def has_objected(connection: Connection, line_id: int, *, to_hash: str) -> bool:
    """Whether a line's borrower objected to these very terms before."""
    told = "notices.line_id = %s AND changes.to_hash = %s AND notices.outcome = 'objected'"
    row = connection.execute(f"SELECT EXISTS (SELECT {_FROM} WHERE {told})", [line_id, to_hash]).fetchone()
    return row is not None and bool(row[0])


def notices_told(connection: Connection, change_id: int) -> int:
    """How many lines were told of a change."""
    row = connection.execute("SELECT count(*) FROM terms_notices WHERE change_id = %s", [change_id]).fetchone()
    assert row is not None
    return int(row[0])


def due_notices(connection: Connection, *, until: date, most: int) -> list[TermsNotice]:
    """Notices whose day has come and that nobody decided, locked; those in other hands are left to them."""
    rows = connection.execute(
        f"""
        SELECT {_NOTICE} {_FROM}
        WHERE notices.outcome IS NULL AND notices.binds_on <= %s
        ORDER BY notices.binds_on, notices.line_id LIMIT %s FOR UPDATE OF notices SKIP LOCKED
        """,
        [until, most],
    )
    return [_notice(row) for row in rows]


def notices_of_line(connection: Connection, line_id: int) -> list[TermsNotice]:
    """Every change that a line was told of, the newest first."""
    rows = connection.execute(
        f"SELECT {_NOTICE} {_FROM} WHERE notices.line_id = %s ORDER BY notices.change_id DESC", [line_id]
    )
    return [_notice(row) for row in rows]


def lock_notice(connection: Connection, line_id: int, change_id: int) -> TermsNotice | None:
    """A notice, so that it is decided once."""
    row = connection.execute(
        f"SELECT {_NOTICE} {_FROM} WHERE notices.line_id = %s AND notices.change_id = %s FOR UPDATE OF notices",
        [line_id, change_id],
    ).fetchone()
    return None if row is None else _notice(row)


def disclosure_of(connection: Connection, change_id: int) -> Disclosure | None:
    """What the lines were told."""
    row = connection.execute("SELECT disclosure FROM terms_changes WHERE change_id = %s", [change_id]).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=Disclosure)


def decide_notice(
    connection: Connection,
    notice: TermsNotice,
    outcome: NoticeOutcome,
    *,
    decided_by: str,
    decided_at: datetime,
    event_id: int | None,
) -> None:
    """Keep what became of a change on a line."""
    connection.execute(
        """
        UPDATE terms_notices SET outcome = %s, decided_by = %s, decided_at = %s, event_id = %s
        WHERE line_id = %s AND change_id = %s
        """,
        [outcome.value, decided_by, decided_at, event_id, notice.line_id, notice.change_id],
    )


def _notice(row: tuple[object, ...]) -> TermsNotice:
    return msgspec.convert(dict(zip(TermsNotice.__struct_fields__, row, strict=True)), TermsNotice)
