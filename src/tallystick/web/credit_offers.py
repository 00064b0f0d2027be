"""Lines offered on applications, and the documents that are shown with them."""

from datetime import date
from typing import Annotated

from litestar import Response, Router, get
from litestar.params import PathParameter
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import credit_offers
from tallystick.storage.credit_offers import CreditOffer
from tallystick.storage.limit_offers import OfferAnswer
from tallystick.trust.scopes import Scope
from tallystick.units.ids import ID_PATTERN, IdPrefix, encode_id
from tallystick.web.answering import connected, read
from tallystick.web.edge import Asked, edge_of
from tallystick.web.happening import not_there
from tallystick.web.parameters import (
    AfterCreditOffer,
    OfBorrower,
    Page,
    PageLimit,
    body_id,
    needs,
    page,
    path_id,
    place_id,
)
from tallystick.web.problems import problems
from tallystick.web.quotes import QuoteView, disclosure_answer

_CreditOfferPath = Annotated[
    str, PathParameter(pattern=f"^{IdPrefix.CREDIT_OFFER}_{ID_PATTERN}$", description="The offer's id")
]


class CreditOfferView(Struct, frozen=True):
    """An offered line. `answer` is null while it may be accepted; after `valid_until` it no longer may.

    `document_hash` is what the borrower accepts; `line_id` is the line that came of it.
    """

    id: str
    application_id: str
    limit_minor: int
    grade: str
    price_code: str
    product_id: str
    product_version: int
    contract_hash: str
    offered_on: date
    valid_until: date
    document_hash: str
    answer: OfferAnswer | None
    line_id: str | None


def credit_offer_view(offer: CreditOffer) -> CreditOfferView:
    """An offer as it is told."""
    return CreditOfferView(
        id=encode_id(IdPrefix.CREDIT_OFFER, offer.offer_id),
        application_id=encode_id(IdPrefix.APPLICATION, offer.application_id),
        limit_minor=offer.limit_minor,
        grade=offer.grade,
        price_code=offer.price_code,
        product_id=offer.product_id,
        product_version=offer.product_version,
        contract_hash=offer.contract_hash,
        offered_on=offer.offered_on,
        valid_until=offer.valid_until,
        document_hash=offer.disclosure_hash,
        answer=offer.answer,
        line_id=None if offer.line_id is None else encode_id(IdPrefix.LINE, offer.line_id),
    )


@get(
    "/offers",
    operation_id="list_credit_offers",
    tags=["applications"],
    guards=[needs(Scope.APPLICATIONS_READ)],
    responses=problems(),
    sync_to_thread=True,
)
def list_all(
    request: Asked, borrower_id: OfBorrower = None, limit: PageLimit = 20, after: AfterCreditOffer = None
) -> Response[Page[CreditOfferView]]:
    """Offered lines, the newest first, of one borrower where asked."""
    before_id = place_id(IdPrefix.CREDIT_OFFER, after)
    owner = None if borrower_id is None else body_id(IdPrefix.BORROWER, borrower_id, param="borrower_id")

    def run(connection: Connection, _: Act) -> Page[CreditOfferView]:
        rows = credit_offers.credit_offers_before(connection, before_id, most=limit + 1, borrower_id=owner)
        return page(
            rows,
            limit=limit,
            view=credit_offer_view,
            place=lambda row: encode_id(IdPrefix.CREDIT_OFFER, row.offer_id),
        )

    return read(request, run)


@get(
    "/offers/{credit_offer_id:str}",
    operation_id="get_credit_offer",
    tags=["applications"],
    guards=[needs(Scope.APPLICATIONS_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_one(request: Asked, credit_offer_id: _CreditOfferPath) -> Response[CreditOfferView]:
    """One offer. It is accepted by `POST /v1/applications/{id}/accept`."""
    number = path_id(IdPrefix.CREDIT_OFFER, credit_offer_id)

    def run(connection: Connection, _: Act) -> CreditOfferView | Refusal:
        found = credit_offers.read_credit_offer(connection, number)
        return (
            Refusal(RefusalReason.OFFER_UNKNOWN, field="credit_offer_id") if found is None else credit_offer_view(found)
        )

    return read(request, run)


@get(
    "/offers/{credit_offer_id:str}/disclosure",
    operation_id="get_credit_offer_disclosure",
    tags=["applications"],
    guards=[needs(Scope.APPLICATIONS_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_disclosure(request: Asked, credit_offer_id: _CreditOfferPath) -> Response[QuoteView]:
    """What the borrower is shown: as JSON, or as a page with `Accept: text/html`."""
    number = path_id(IdPrefix.CREDIT_OFFER, credit_offer_id)
    with connected(edge_of(request)) as connection:
        if credit_offers.read_credit_offer(connection, number) is None:
            raise not_there(IdPrefix.CREDIT_OFFER, kind="offer")
        return disclosure_answer(request, credit_offers.shown_with(connection, number))


router = Router("/", route_handlers=[list_all, get_one, get_disclosure])
