"""Lines that were offered on applications: their terms, the documents that were shown, and the answers."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.storage.limit_offers import OfferAnswer
from tallystick.terms.disclosure import Disclosure


class CreditOffer(Struct, frozen=True, kw_only=True):
    """A line offered on an application through the day `valid_until`; minor units. Accepted, it is `line_id`."""

    offer_id: int
    application_id: int
    limit_minor: int
    grade: str
    price_code: str
    product_id: str
    product_version: int
    contract_hash: str
    offered_on: date
    valid_until: date
    offered_by: str
    offered_at: datetime
    disclosure_hash: str
    answer: OfferAnswer | None = None
    line_id: int | None = None


_NAMES: Final = CreditOffer.__struct_fields__
_SELECTED: Final = ", ".join(_NAMES)
_OFFERED: Final = _NAMES[:-2]


def add_credit_offer(connection: Connection, offer: CreditOffer, *, disclosure: str) -> None:
    """Keep an offer with its disclosure (JSON, as shown). An application has one that is not answered."""
    connection.execute(
        f"""
        INSERT INTO credit_offers ({", ".join(_OFFERED)}, disclosure)
        VALUES ({", ".join(["%s"] * (len(_OFFERED) + 1))})
        """.encode(),
        [*(getattr(offer, name) for name in _OFFERED), disclosure],
    )


def read_credit_offer(connection: Connection, offer_id: int) -> CreditOffer | None:
    """An offer as it stands."""
    row = connection.execute(f"SELECT {_SELECTED} FROM credit_offers WHERE offer_id = %s", [offer_id]).fetchone()
    return None if row is None else _offer(row)


def last_offer_of(connection: Connection, application_id: int) -> CreditOffer | None:
    """The latest offer on an application; lock the application before it is answered."""
    return last_offers_of(connection, [application_id]).get(application_id)


def last_offers_of(connection: Connection, application_ids: Sequence[int]) -> dict[int, CreditOffer]:
    """The latest offers on these applications, of those that have one."""
    rows = connection.execute(
        f"""
        SELECT DISTINCT ON (application_id) {_SELECTED} FROM credit_offers
        WHERE application_id = ANY(%s::bigint[]) ORDER BY application_id, offer_id DESC
        """,
        [list(application_ids)],
    )
    return {offer.application_id: offer for offer in map(_offer, rows)}


def credit_offers_over(connection: Connection, *, on: date, most: int) -> list[CreditOffer]:
    """Offers that nobody answered and whose last day is over, the longest over first."""
    rows = connection.execute(
        f"""
        SELECT {_SELECTED} FROM credit_offers WHERE answer IS NULL AND valid_until < %s
        ORDER BY valid_until, offer_id LIMIT %s
        """.encode(),
        [on, most],
    )
    return [_offer(row) for row in rows]


def credit_offers_before(
    connection: Connection, before_id: int | None, *, most: int, borrower_id: int | None = None
) -> list[CreditOffer]:
    """Offers, the newest first, of one person where asked."""
    selected = ", ".join(f"credit_offers.{name}" for name in _NAMES)
    rows = connection.execute(
        f"""
        SELECT {selected} FROM credit_offers JOIN applications USING (application_id)
        WHERE (%s::bigint IS NULL OR offer_id < %s) AND (%s::bigint IS NULL OR borrower_id = %s)
        ORDER BY offer_id DESC LIMIT %s
        """,
        [before_id, before_id, borrower_id, borrower_id, most],
    )
    return [_offer(row) for row in rows]


def shown_with(connection: Connection, offer_id: int) -> Disclosure:
    """The disclosure that was shown with an offer."""
    row = connection.execute("SELECT disclosure FROM credit_offers WHERE offer_id = %s", [offer_id]).fetchone()
    assert row is not None, "every offer has a disclosure"
    return msgspec.json.decode(row[0], type=Disclosure)


def answer_credit_offer(
    connection: Connection, offer_id: int, answer: OfferAnswer, *, by: str, at: datetime, line_id: int | None = None
) -> None:
    """Keep the answer; `line_id` is the line that was opened where it was accepted."""
    connection.execute(
        "UPDATE credit_offers SET answer = %s, answered_by = %s, answered_at = %s, line_id = %s WHERE offer_id = %s",
        [answer.value, by, at, line_id, offer_id],
    )


def _offer(row: tuple[Any, ...]) -> CreditOffer:
    return msgspec.convert(dict(zip(_NAMES, row, strict=True)), CreditOffer)
