"""Nights in which prices are reviewed, what they read of lines, and what became of each: every statement."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.storage.rows import execute_rows, over_rows


class PriceNight(Struct, frozen=True, kw_only=True):
    """One review of the whole book's prices."""

    night_id: int
    reviewed_on: date
    release_number: int
    begun_by: str
    begun_at: datetime
    finished_at: datetime | None = None


class PriceAnswer(Struct, frozen=True, kw_only=True):
    """What became of a line whose price the tables wanted to change.

    `outcome` is lowered, noticed (higher from `binds_on` on) or kept; `change_id` is the change that the line was told
    of. `refused_because` is what the books or the law said.
    """

    decision_id: int
    night_id: int
    line_id: int
    present_price_code: str
    price_code: str
    outcome: str
    reason: str
    refused_because: str | None = None
    change_id: int | None = None
    binds_on: date | None = None
    answered_by: str
    answered_at: datetime
    answered_on: date


_NIGHT: Final = ", ".join(PriceNight.__struct_fields__)


def begin_price_night(connection: Connection, night: PriceNight) -> PriceNight:
    """Begin the review of a business day by a release, or give the one that was begun before."""
    connection.execute(
        """
        INSERT INTO price_nights (night_id, reviewed_on, release_number, begun_by, begun_at)
        VALUES (%s, %s, %s, %s, %s) ON CONFLICT (reviewed_on, release_number) DO NOTHING
        """,
        [night.night_id, night.reviewed_on, night.release_number, night.begun_by, night.begun_at],
    )
    row = connection.execute(
        f"SELECT {_NIGHT} FROM price_nights WHERE reviewed_on = %s AND release_number = %s".encode(),
        [night.reviewed_on, night.release_number],
    ).fetchone()
    assert row is not None, "it was written, or there before"
    return PriceNight(**dict(zip(PriceNight.__struct_fields__, row, strict=True)))


def finish_price_night(connection: Connection, night_id: int, *, at: datetime) -> None:
    """All of it is answered."""
    connection.execute("UPDATE price_nights SET finished_at = %s WHERE night_id = %s", [at, night_id])


def add_price_batch(connection: Connection, night_id: int, *, last_borrower_id: int, batch_id: int | None) -> None:
    """These persons' lines are answered."""
    connection.execute(
        "INSERT INTO price_night_batches (night_id, last_borrower_id, batch_id) VALUES (%s, %s, %s)",
        [night_id, last_borrower_id, batch_id],
    )


def priced_until(connection: Connection, night_id: int) -> int:
    """The last person whose lines are answered in a night, 0 before the first."""
    row = connection.execute(
        "SELECT coalesce(max(last_borrower_id), 0) FROM price_night_batches WHERE night_id = %s", [night_id]
    ).fetchone()
    assert row is not None
    return int(row[0])


def count_priced(connection: Connection, night_id: int) -> int:
    """How many lines a night looked at."""
    row = connection.execute(
        """
        SELECT coalesce(sum(cases), 0) FROM price_night_batches JOIN decision_batches USING (batch_id)
        WHERE night_id = %s
        """,
        [night_id],
    ).fetchone()
    assert row is not None
    return int(row[0])


class PriceFacts(Struct, frozen=True):
    """What a review of prices reads of a line besides: its contract, and the price by which it was offered, if it was.

    `changed_on` is the day on which its price last changed; None where it never did.
    """

    line_id: int
    contract_hash: str
    offered_price_code: str | None
    changed_on: date | None
    has_open_notice: bool


def price_facts(connection: Connection, line_ids: Sequence[int]) -> dict[int, PriceFacts]:
    """Contracts, offered prices, and changes of lines."""
    rows = connection.execute(
        """
        SELECT lines.line_id, lines.contract_hash, offer.price_code, changed.changed_on, EXISTS (
            SELECT FROM terms_notices AS waiting WHERE waiting.line_id = lines.line_id AND waiting.outcome IS NULL
        )
        FROM lines
        LEFT JOIN LATERAL (
            SELECT price_code FROM credit_offers WHERE credit_offers.line_id = lines.line_id LIMIT 1
        ) AS offer ON true
        LEFT JOIN LATERAL (
            SELECT max(events.effective_on) AS changed_on FROM price_answers AS answer
            JOIN terms_notices AS told ON told.line_id = answer.line_id AND told.change_id = answer.change_id
            JOIN events ON events.line_id = told.line_id AND events.event_id = told.event_id
            WHERE answer.line_id = lines.line_id AND told.outcome = 'bound'
        ) AS changed ON true
        WHERE lines.line_id = ANY(%s::bigint[])
        """,
        [list(line_ids)],
        prepare=True,
    )
    return {row[0]: PriceFacts(*row) for row in rows}


_ANSWER: Final = ", ".join(PriceAnswer.__struct_fields__)
_INSERT: Final = over_rows(
    "INSERT INTO price_answers ({names}) SELECT {names} FROM {fresh}",
    (
        ("decision_id", "bigint"),
        ("night_id", "bigint"),
        ("line_id", "bigint"),
        ("present_price_code", "text"),
        ("price_code", "text"),
        ("outcome", "text"),
        ("reason", "text"),
        ("refused_because", "text"),
        ("change_id", "bigint"),
        ("binds_on", "date"),
        ("answered_by", "text"),
        ("answered_at", "timestamptz"),
        ("answered_on", "date"),
    ),
)


def add_price_answers(connection: Connection, answers: Sequence[PriceAnswer]) -> None:
    """Keep what became of lines."""
    execute_rows(connection, _INSERT, [msgspec.structs.astuple(each) for each in answers])


def read_price_answer(connection: Connection, decision_id: int) -> PriceAnswer | None:
    """What became of one decision; None where the tables wanted no change."""
    row = connection.execute(
        f"SELECT {_ANSWER} FROM price_answers WHERE decision_id = %s".encode(), [decision_id]
    ).fetchone()
    return None if row is None else _answer(row)


def price_answers_of_line(
    connection: Connection, line_id: int, *, before_id: int | None, most: int
) -> list[PriceAnswer]:
    """The answers of a line, the newest first."""
    rows = connection.execute(
        f"""
        SELECT {_ANSWER} FROM price_answers WHERE line_id = %s AND decision_id < coalesce(%s, 9223372036854775807)
        ORDER BY decision_id DESC LIMIT %s
        """.encode(),
        [line_id, before_id, most],
    )
    return [_answer(row) for row in rows]


class PriceSum(Struct, frozen=True):
    """Lines with one outcome and reason in a night."""

    outcome: str
    reason: str
    lines: int


def price_sums(connection: Connection, night_id: int) -> list[PriceSum]:
    """What a night did, by outcome and reason."""
    rows = connection.execute(
        """
        SELECT outcome, reason, count(*) FROM price_answers WHERE night_id = %s
        GROUP BY outcome, reason ORDER BY 1, 3 DESC, 2
        """,
        [night_id],
    )
    return [PriceSum(*row) for row in rows]


def _answer(row: tuple[Any, ...]) -> PriceAnswer:
    return PriceAnswer(**dict(zip(PriceAnswer.__struct_fields__, row, strict=True)))
