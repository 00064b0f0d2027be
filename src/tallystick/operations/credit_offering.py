"""Lines offered on applications: made, accepted within their time, turned down.

An offer is one document. What the borrower accepts is that document, and the line that it opens is what stands in it.
"""

from datetime import timedelta
from typing import Final

import msgspec
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.line_offers import offer_line
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal
from tallystick.storage import credit_offers
from tallystick.storage.credit_offers import CreditOffer
from tallystick.strategy.case_columns import NO_PRICE
from tallystick.terms.disclosure import Disclosure, document_hash
from tallystick.terms.offering import OfferFault

OFFER_VALID_DAYS: Final = 30


class LineTerms(Struct, frozen=True, kw_only=True):
    """What is offered: a line of a product, its limit, the grade by which that was found, and the price it will have.

    Where the product has several prices that a borrower pays, the line's contract sells this one alone.
    """

    product_id: str
    limit_minor: int
    grade: str
    price_code: str


class Offered(Struct, frozen=True):
    """An offer that nothing speaks against, and its document; not kept yet."""

    offer: CreditOffer
    disclosure: Disclosure


def offered_line(
    connection: Connection,
    application_id: int,
    *,
    borrower_id: int,
    terms: LineTerms,
    offered_by: str,
    act: Act,
) -> Offered | Refusal | OfferFault:
    """An offer of a line, until the end of the day that is `OFFER_VALID_DAYS` from today.

    Raises `NotSold` where no version of the product is sold today.
    """
    disclosure = offer_line(
        connection,
        borrower_id=borrower_id,
        product_id=terms.product_id,
        limit_minor=terms.limit_minor,
        price_code=None if terms.price_code == NO_PRICE else terms.price_code,
        act=act,
    )
    if not isinstance(disclosure, Disclosure):
        return disclosure
    offer = CreditOffer(
        offer_id=next(act.event_ids),
        application_id=application_id,
        limit_minor=terms.limit_minor,
        grade=terms.grade,
        price_code=terms.price_code,
        product_id=disclosure.product_id,
        product_version=disclosure.product_version,
        contract_hash=disclosure.terms_hash,
        offered_on=act.today,
        valid_until=act.today + timedelta(days=OFFER_VALID_DAYS),
        offered_by=offered_by,
        offered_at=act.at,
        disclosure_hash=document_hash(disclosure),
    )
    return Offered(offer, disclosure)


def keep_offer(connection: Connection, offered: Offered) -> CreditOffer:
    """Keep an offer with its document as it is shown, once its application is kept."""
    credit_offers.add_credit_offer(
        connection, offered.offer, disclosure=msgspec.json.encode(offered.disclosure).decode()
    )
    return offered.offer
