"""Higher limits: offered with their disclosure, accepted, declined, withdrawn."""

from datetime import date
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.line_offers import accept_limit, offer_limit, turn_down_limit
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal
from tallystick.storage import limit_offers
from tallystick.storage.acceptances import acceptance_of_event
from tallystick.storage.limit_offers import LimitOffer, OfferAnswer
from tallystick.storage.lines import read_line
from tallystick.terms.offering import OfferFault
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import connected, read, write
from tallystick.web.edge import Asked, edge_of
from tallystick.web.happening import Happened, happened, line_number, no_such_line, not_there
from tallystick.web.parameters import (
    AcceptedHash,
    AfterLimitOffer,
    AmountMinor,
    IdempotencyKey,
    LimitOfferPath,
    LinePath,
    Page,
    PageLimit,
    Text,
    needs,
    page,
    path_id,
    place_id,
)
from tallystick.web.problems import problems
from tallystick.web.quotes import QuoteView, disclosure_answer


class LimitOfferBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A higher limit, and for how many days from today it may be accepted."""

    limit_minor: AmountMinor
    reason: Text
    valid_days: Annotated[int, Meta(ge=0, le=90)] = 30


class AcceptBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The hash of the offer's disclosure, as the borrower saw it."""

    accepted_hash: AcceptedHash


class LimitOfferView(Struct, frozen=True):
    """An offer. `answer` is null while it may be accepted; after `valid_until` it no longer may.

    `document_hash` is what the borrower accepts, `acceptance_id` tells the document as it was accepted.
    """

    id: str
    line_id: str
    limit_minor: int
    previous_limit_minor: int
    reason: str
    offered_on: date
    valid_until: date
    document_hash: str
    answer: OfferAnswer | None
    event_id: str | None
    acceptance_id: str | None


def _view(connection: Connection, offer: LimitOffer) -> LimitOfferView:
    acceptance_id = None
    if offer.event_id is not None:
        acceptance_id = acceptance_of_event(connection, line_id=offer.line_id, event_id=offer.event_id)
    return LimitOfferView(
        id=encode_id(IdPrefix.LIMIT_OFFER, offer.offer_id),
        line_id=encode_id(IdPrefix.LINE, offer.line_id),
        limit_minor=offer.limit_minor,
        previous_limit_minor=offer.previous_limit_minor,
        reason=offer.reason,
        offered_on=offer.offered_on,
        valid_until=offer.valid_until,
        document_hash=offer.disclosure_hash,
        answer=offer.answer,
        event_id=None if offer.event_id is None else encode_id(IdPrefix.EVENT, offer.event_id),
        acceptance_id=None if acceptance_id is None else encode_id(IdPrefix.ACCEPTANCE, acceptance_id),
    )


@post(
    "/lines/{line_id:str}/limit-offers",
    operation_id="offer_limit",
    tags=["limits"],
    guards=[needs(Scope.LINES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def offer(
    request: Asked, line_id: LinePath, data: JSONBody[LimitOfferBody], idempotency_key: IdempotencyKey
) -> Response[LimitOfferView]:
    """Offer a higher limit; it takes the place of an older offer that nobody answered."""
    number = line_number(line_id)

    def run(connection: Connection, act: Act) -> LimitOfferView | Refusal | OfferFault:
        offered = offer_limit(
            connection, number, limit_minor=data.limit_minor, valid_days=data.valid_days, reason=data.reason, act=act
        )
        return _view(connection, offered) if isinstance(offered, LimitOffer) else offered

    return write(request, data, run, idempotency_key=idempotency_key, line_id=number)


@get(
    "/lines/{line_id:str}/limit-offers",
    operation_id="list_limit_offers",
    tags=["limits"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_offers(
    request: Asked, line_id: LinePath, limit: PageLimit = 20, after: AfterLimitOffer = None
) -> Response[Page[LimitOfferView]]:
    """The line's offers, the newest first."""
    number, before_id = line_number(line_id), place_id(IdPrefix.LIMIT_OFFER, after)

    def run(connection: Connection, _: Act) -> Page[LimitOfferView] | Refusal:
        if read_line(connection, number) is None:
            return no_such_line()
        rows = limit_offers.offers_of_line(connection, number, before_id=before_id, most=limit + 1)
        return page(
            rows,
            limit=limit,
            view=lambda row: _view(connection, row),
            place=lambda row: encode_id(IdPrefix.LIMIT_OFFER, row.offer_id),
        )

    return read(request, run, line_id=number)


@get(
    "/limit-offers/{offer_id:str}",
    operation_id="get_limit_offer",
    tags=["limits"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_offer(request: Asked, offer_id: LimitOfferPath) -> Response[LimitOfferView]:
    """One offer."""
    number = path_id(IdPrefix.LIMIT_OFFER, offer_id)

    def run(connection: Connection, _: Act) -> LimitOfferView:
        found = limit_offers.read_offer(connection, number)
        if found is None:
            raise _unknown()
        return _view(connection, found)

    return read(request, run)


@get(
    "/limit-offers/{offer_id:str}/disclosure",
    operation_id="get_limit_offer_disclosure",
    tags=["limits"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_disclosure(request: Asked, offer_id: LimitOfferPath) -> Response[QuoteView]:
    """What the borrower is shown: as JSON, or as a page with `Accept: text/html`."""
    number = path_id(IdPrefix.LIMIT_OFFER, offer_id)
    with connected(edge_of(request)) as connection:
        if limit_offers.line_of_offer(connection, number) is None:
            raise _unknown()
        return disclosure_answer(request, limit_offers.disclosure_of(connection, number))


@post(
    "/limit-offers/{offer_id:str}/accept",
    operation_id="accept_limit_offer",
    tags=["limits"],
    guards=[needs(Scope.LINES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def accept(
    request: Asked, offer_id: LimitOfferPath, data: JSONBody[AcceptBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """The borrower accepts: the limit is in force from today."""
    number = path_id(IdPrefix.LIMIT_OFFER, offer_id)

    def run(connection: Connection, act: Act) -> Happened | Refusal | OfferFault:
        accepted = accept_limit(connection, number, accepted_hash=data.accepted_hash, act=act)
        return happened(connection, accepted, act=act)

    line_id = _line_of(request, number)
    return write(request, data, run, idempotency_key=idempotency_key, line_id=line_id)


@post(
    "/limit-offers/{offer_id:str}/decline",
    operation_id="decline_limit_offer",
    tags=["limits"],
    guards=[needs(Scope.LINES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def decline(request: Asked, offer_id: LimitOfferPath, idempotency_key: IdempotencyKey) -> Response[LimitOfferView]:
    """The borrower declines: the limit stays."""
    return _turned_down(request, offer_id, OfferAnswer.DECLINED, idempotency_key=idempotency_key)


@post(
    "/limit-offers/{offer_id:str}/withdraw",
    operation_id="withdraw_limit_offer",
    tags=["limits"],
    guards=[needs(Scope.LINES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def withdraw(request: Asked, offer_id: LimitOfferPath, idempotency_key: IdempotencyKey) -> Response[LimitOfferView]:
    """The lender takes the offer back."""
    return _turned_down(request, offer_id, OfferAnswer.WITHDRAWN, idempotency_key=idempotency_key)


def _turned_down(
    request: Asked, offer_id: str, answer: OfferAnswer, *, idempotency_key: str
) -> Response[LimitOfferView]:
    number = path_id(IdPrefix.LIMIT_OFFER, offer_id)

    def run(connection: Connection, act: Act) -> LimitOfferView | Refusal:
        answered = turn_down_limit(connection, number, answer, act=act)
        return _view(connection, answered) if isinstance(answered, LimitOffer) else answered

    line_id = _line_of(request, number)
    return write(request, {}, run, idempotency_key=idempotency_key, line_id=line_id)


def _line_of(request: Asked, number: int) -> int:
    with connected(edge_of(request)) as connection:
        line_id = limit_offers.line_of_offer(connection, number)
    if line_id is None:
        raise _unknown()
    return line_id


def _unknown() -> Exception:
    return not_there(IdPrefix.LIMIT_OFFER, kind="limit_offer")


router = Router("/", route_handlers=[offer, list_offers, get_offer, get_disclosure, accept, decline, withdraw])
