"""Higher limits that were offered, the disclosures shown with them, and how they were answered."""

from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.terms.disclosure import Disclosure

_COLUMNS: Final = """
    offer_id, line_id, limit_minor, previous_limit_minor, reason, offered_on, valid_until, offered_by, offered_at,
    disclosure_hash, answer, event_id
"""


class OfferAnswer(StrEnum):
    """What became of an offer; without an answer it is open until its last day is over, and soon `expired` after it."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


class LimitOffer(Struct, frozen=True, kw_only=True):
    """A higher limit offered on a line, valid through the day `valid_until`; minor units of the line's currency."""

    offer_id: int
    line_id: int
    limit_minor: int
    previous_limit_minor: int
    reason: str
    offered_on: date
    valid_until: date
    offered_by: str
    offered_at: datetime
    disclosure_hash: str
    answer: OfferAnswer | None = None
    event_id: int | None = None


def add_offer(connection: Connection, offer: LimitOffer, *, disclosure: str) -> LimitOffer | None:
    """Keep an offer with its disclosure (JSON, as shown); gives the older one of the line that this one closed.

    That is superseded, or expired where its last day was over.
    """
    older = connection.execute(
        f"""
        UPDATE limit_offers SET answer = CASE WHEN valid_until < %s THEN 'expired' ELSE 'superseded' END,
                                answered_by = %s, answered_at = %s
        WHERE line_id = %s AND answer IS NULL RETURNING {_COLUMNS}
        """,
        [offer.offered_on, offer.offered_by, offer.offered_at, offer.line_id],
    ).fetchone()
    connection.execute(
        """
        INSERT INTO limit_offers (offer_id, line_id, limit_minor, previous_limit_minor, reason, offered_on,
                                  valid_until, offered_by, offered_at, disclosure_hash, disclosure)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            offer.offer_id, offer.line_id, offer.limit_minor, offer.previous_limit_minor, offer.reason,
            offer.offered_on, offer.valid_until, offer.offered_by, offer.offered_at, offer.disclosure_hash, disclosure,
        ],
    )  # fmt: skip
    return None if older is None else _offer(older)


def lock_offer(connection: Connection, offer_id: int) -> LimitOffer | None:
    """An offer, so that it is answered once."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM limit_offers WHERE offer_id = %s FOR UPDATE", [offer_id]
    ).fetchone()
    return None if row is None else _offer(row)


def line_of_offer(connection: Connection, offer_id: int) -> int | None:
    """The line an offer is for; None where there is no such offer."""
    row = connection.execute("SELECT line_id FROM limit_offers WHERE offer_id = %s", [offer_id]).fetchone()
    return None if row is None else int(row[0])


def read_offer(connection: Connection, offer_id: int) -> LimitOffer | None:
    """An offer as it stands."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM limit_offers WHERE offer_id = %s", [offer_id]).fetchone()
    return None if row is None else _offer(row)


def open_offer(connection: Connection, line_id: int) -> LimitOffer | None:
    """The offer of a line that nobody answered, expired or not; there is one at most."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM limit_offers WHERE line_id = %s AND answer IS NULL", [line_id]
    ).fetchone()
    return None if row is None else _offer(row)


def offers_of_line(connection: Connection, line_id: int, *, before_id: int | None, most: int) -> list[LimitOffer]:
    """The offers of a line, the newest first."""
    rows = connection.execute(
        f"""
        SELECT {_COLUMNS} FROM limit_offers WHERE line_id = %s AND offer_id < coalesce(%s, 9223372036854775807)
        ORDER BY offer_id DESC LIMIT %s
        """,
        [line_id, before_id, most],
    )
    return [_offer(row) for row in rows]


def offers_over(connection: Connection, *, on: date, most: int) -> list[tuple[int, int]]:
    """Ids of offers that nobody answered and whose last day may be over, each with its line, the longest over first.

    `on` is the lender's day; of a line on a test clock its own day says, and that is for the caller to ask: no
    business day is ahead of its clock in UTC by more than 14 hours.
    """
    rows = connection.execute(
        """
        SELECT offer_id, line_id FROM limit_offers
        JOIN lines USING (line_id) LEFT JOIN test_clocks USING (test_clock_id)
        WHERE answer IS NULL
          AND valid_until < coalesce((stands_at AT TIME ZONE 'UTC' + interval '14 hours')::date, %s)
        ORDER BY valid_until, offer_id LIMIT %s
        """,
        [on, most],
    )
    return rows.fetchall()


def disclosure_of(connection: Connection, offer_id: int) -> Disclosure:
    """The disclosure that was shown with an offer."""
    row = connection.execute("SELECT disclosure FROM limit_offers WHERE offer_id = %s", [offer_id]).fetchone()
    assert row is not None, "every offer has a disclosure"
    return msgspec.json.decode(row[0], type=Disclosure)


def answer_offer(
    connection: Connection,
    offer_id: int,
    answer: OfferAnswer,
    *,
    answered_by: str,
    answered_at: datetime,
    event_id: int | None,
) -> None:
    """Keep the answer; `event_id` is that of the limit change where it was accepted."""
    connection.execute(
        "UPDATE limit_offers SET answer = %s, answered_by = %s, answered_at = %s, event_id = %s WHERE offer_id = %s",
        [answer.value, answered_by, answered_at, event_id, offer_id],
    )


def _offer(row: tuple[object, ...]) -> LimitOffer:
    names = (name.strip() for name in _COLUMNS.split(","))
    return msgspec.convert(dict(zip(names, row, strict=True)), LimitOffer)
