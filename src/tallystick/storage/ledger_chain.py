"""The chain's rows: transfers as canonical bytes in the order of visibility, and the seals over them."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, LiteralString

from msgspec import Struct
from psycopg import Connection

from tallystick.ledger.chain import Anchor, Position, Seal

# One number for all of Tallystick: whoever holds this advisory lock seals, the others find it being done.
_LOCK: Final = 0x7A11_5711
# The columns of canonical bytes, in the order that ledger/chain.py gives them.
_CANONICAL: Final = """
    SELECT recorded_generation, recorded_xid, transfer_id, debit_number, debit_owner, credit_number, credit_owner,
           amount_minor, currency, effective_on, booked_on, kind, line_id, event_id
    FROM transfers
"""
_COPY_HEAD_BYTES: Final = 19
_COPY_TAIL: Final = b"\xff\xff"
_ALL_XIDS: Final = (1 << 63) - 1
# Below the oldest transaction of the whole server that still runs: whatever database it is in.
_RESTING: Final = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


class Window(Struct, frozen=True):
    """Visible transfers of one generation after `after`, up to and with `last_xid`: all of them are committed."""

    generation: int
    after: Position
    last_xid: int


def hold_sealing(connection: Connection) -> bool:
    """Be the only one who seals until the transaction ends; False where somebody else is at it."""
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK]).fetchone()
    return row is not None and bool(row[0])


def last_seal(connection: Connection) -> Seal | None:
    """The head of the chain."""
    seals = _read_seals(connection, "ORDER BY seal_number DESC LIMIT 1", [])
    return seals[0] if seals else None


def seals_after(connection: Connection, after: Seal | None, *, most: int) -> list[Seal]:
    """Up to `most` seals after that one, in order; from the first for None."""
    number = after.number if after else 0
    return _read_seals(connection, "WHERE seal_number > %s ORDER BY seal_number LIMIT %s", [number, most])


def _read_seals(connection: Connection, which: str, parameters: Sequence[Any]) -> list[Seal]:
    rows = connection.execute(
        f"""
        SELECT seal_number, last_generation, last_xid, last_transfer_id, transfer_count, chart_sha256, marks, digest
        FROM seals {which}
        """,
        parameters,
    )
    return [Seal(row[0], Position(*row[1:4]), *row[4:]) for row in rows]


def written_head(connection: Connection) -> Anchor | None:
    """The last seal that was ever written, as it is remembered beside the chain."""
    row = connection.execute("SELECT seal_number, digest FROM chain_head").fetchone()
    return None if row is None else Anchor(row[0], row[1].hex())


def write_seals(connection: Connection, seals: Sequence[Seal]) -> None:
    """Append seals to the chain, and remember the last one beside it."""
    rows = [(s.number, *s.last, s.transfer_count, s.chart_sha256, s.marks, s.digest) for s in seals]
    connection.execute(
        """
        WITH written AS (
            INSERT INTO seals (seal_number, last_generation, last_xid, last_transfer_id, transfer_count, chart_sha256,
                               marks, digest)
            SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::bigint[], %s::bigint[], %s::integer[], %s::bytea[],
                                 %s::bytea[], %s::bytea[])
            RETURNING seal_number, digest
        )
        INSERT INTO chain_head (seal_number, digest)
        SELECT seal_number, digest FROM written ORDER BY seal_number DESC LIMIT 1
        ON CONFLICT (is_the_one) DO UPDATE SET seal_number = excluded.seal_number, digest = excluded.digest
        """,
        [list(column) for column in zip(*rows, strict=True)],
    )


def next_window(
    connection: Connection, *, after: Position, about: int, below: LiteralString = _RESTING
) -> Window | None:
    """The next transfers to be sealed, `about` so many; None where every one that all can see is sealed.

    Transaction ids below the oldest one still running have come to rest: nothing can appear among them any more.
    Ids of transfers tell roughly how far a window reaches, and only that: the order is that of the transactions, and a
    transaction is never cut in two.
    """
    generations = connection.execute(
        f"""
        SELECT generation, generation = max(generation) OVER (), {below}
        FROM database_generations WHERE generation >= %s ORDER BY generation
        """,
        [after.generation],
    ).fetchall()
    for generation, is_present, resting_below in generations:
        start = after if generation == after.generation else Position(generation, 0, 0)
        limit_xid = resting_below - 1 if is_present else _ALL_XIDS
        for last_xid in (min(_xid_ahead(connection, start=start, after=after, about=about), limit_xid), limit_xid):
            window = Window(generation, start, last_xid)
            if last_xid >= start.xid and _is_inhabited(connection, window):
                return window
    return None


def _xid_ahead(connection: Connection, *, start: Position, after: Position, about: int) -> int:
    row = connection.execute(
        """
        SELECT recorded_xid FROM transfers WHERE transfer_id > %s AND recorded_generation = %s
        ORDER BY transfer_id OFFSET %s LIMIT 1
        """,
        [after.transfer_id, start.generation, about - 1],
    ).fetchone()
    return _ALL_XIDS if row is None else int(row[0])


def _is_inhabited(connection: Connection, window: Window) -> bool:
    row = connection.execute(
        """
        SELECT EXISTS (
            SELECT FROM transfers WHERE recorded_generation = %s AND recorded_xid BETWEEN %s AND %s
            AND (recorded_xid, transfer_id) > (%s, %s)
        )
        """,
        [window.generation, window.after.xid, window.last_xid, *window.after[1:]],
    ).fetchone()
    return row is not None and bool(row[0])


def rows_of(connection: Connection, window: Window) -> Iterator[bytes]:
    """The canonical bytes of the window's transfers, in order, streamed."""
    return _stream(
        connection,
        """
        WHERE recorded_generation = %s AND recorded_xid BETWEEN %s AND %s AND (recorded_xid, transfer_id) > (%s, %s)
        ORDER BY recorded_xid, transfer_id
        """,
        [window.generation, window.after.xid, window.last_xid, *window.after[1:]],
    )


def rows_between(connection: Connection, *, after: Position, last: Position) -> Iterator[bytes]:
    """The canonical bytes of every transfer after one position, up to and with another, in order, streamed.

    Within a generation the ids of transactions bound what has to be read.
    """
    bounds = (after.xid, last.xid) if after.generation == last.generation else (0, _ALL_XIDS)
    return _stream(
        connection,
        """
        WHERE recorded_generation BETWEEN %s AND %s AND recorded_xid BETWEEN %s AND %s
          AND (recorded_generation, recorded_xid, transfer_id) > (%s, %s, %s)
          AND (recorded_generation, recorded_xid, transfer_id) <= (%s, %s, %s)
        ORDER BY recorded_generation, recorded_xid, transfer_id
        """,
        [after.generation, last.generation, *bounds, *after, *last],
    )


def _stream(connection: Connection, which: str, parameters: Sequence[int]) -> Iterator[bytes]:
    """Rows in binary COPY, one message each, without the format's own head and tail."""
    statement = f"COPY ({_CANONICAL} {which}) TO STDOUT (FORMAT binary)"
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        head = _COPY_HEAD_BYTES
        for message in copy:
            row = bytes(message)[head:]
            head = 0
            if row != _COPY_TAIL:
                yield row
