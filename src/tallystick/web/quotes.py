"""What a borrower is shown before accepting: the disclosure and its hash as JSON, or the page itself."""

from collections.abc import Callable
from typing import Final, cast

import msgspec
from litestar import Response, Router, post
from litestar.enums import MediaType
from litestar.params import JSONBody
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.clocks import act_by_clock, unknown_clock
from tallystick.operations.line_offers import quote_line
from tallystick.operations.lines import Act
from tallystick.reports.disclosure import render_disclosure
from tallystick.servicing.refusals import Refusal
from tallystick.storage import clocks
from tallystick.terms.contract import NotSold
from tallystick.terms.disclosure import Disclosure, document_hash
from tallystick.terms.offering import OfferFault
from tallystick.trust.refusals import TrustRefusal
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix
from tallystick.web.answering import preview
from tallystick.web.edge import Asked, edge_of
from tallystick.web.languages import language_of
from tallystick.web.parameters import ClockId, Code, LimitMinor, body_id, needs
from tallystick.web.problems import Problem, problems

Quoted = Disclosure | Refusal | OfferFault | TrustRefusal
# The header that names the document on its page, where a body cannot.
_HASH_HEADER: Final = "Document-Hash"


class QuoteView(Struct, frozen=True):
    """What something would cost and everything a borrower must be told; its hash is what the borrower accepts."""

    document_hash: str
    disclosure: Disclosure


class LineQuoteBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line to be priced: writes nothing."""

    product_id: Code
    limit_minor: LimitMinor
    test_clock_id: ClockId | None = None


def answer_quote(
    request: Asked, run: Callable[[Connection, Act], Quoted], *, line_id: int | None = None
) -> Response[QuoteView]:
    """The quote as JSON; with `Accept: text/html` as a page, in the language of `Accept-Language`. Writes nothing."""

    def told(connection: Connection, act: Act) -> QuoteView | Refusal | OfferFault | TrustRefusal:
        quoted = run(connection, act)
        return QuoteView(document_hash(quoted), quoted) if isinstance(quoted, Disclosure) else quoted

    answered = preview(request, told, line_id=line_id)
    if answered.status_code != 200 or not wants_page(request):
        return answered
    return as_page(msgspec.json.decode(cast("bytes", answered.content), type=QuoteView).disclosure, request=request)


def disclosure_answer(request: Asked, disclosure: Disclosure) -> Response[QuoteView]:
    """A disclosure that was made before, as JSON or as a page."""
    if wants_page(request):
        return as_page(disclosure, request=request)
    content = msgspec.json.encode(QuoteView(document_hash(disclosure), disclosure))
    return cast("Response[QuoteView]", Response(content=content, media_type=MediaType.JSON))


def as_page(disclosure: Disclosure, *, request: Asked) -> Response[QuoteView]:
    """The page that a borrower reads and prints; its hash stands in `Document-Hash`."""
    language = language_of(request, otherwise="zh")
    page = Response(
        content=render_disclosure(disclosure, language=language),
        media_type=MediaType.HTML,
        headers={
            _HASH_HEADER: document_hash(disclosure),
            "Content-Language": language,
            "Vary": "Accept, Accept-Language",
        },
    )
    return cast("Response[QuoteView]", page)


def wants_page(request: Asked) -> bool:
    """Whether a page is asked for, not JSON."""
    return "text/html" in request.headers.get("accept", "")


@post(
    "/line-quotes",
    operation_id="quote_line",
    tags=["lines"],
    guards=[needs(Scope.LINES_READ)],
    status_code=200,
    responses=problems(404, 422),
    sync_to_thread=True,
)
def quote(request: Asked, data: JSONBody[LineQuoteBody]) -> Response[QuoteView]:
    """What a line opened today would cost at most, and everything a borrower must be told. Writes nothing."""
    edge = edge_of(request)

    def run(connection: Connection, act: Act) -> Quoted:
        if data.test_clock_id is not None:
            clock_id = body_id(IdPrefix.TEST_CLOCK, data.test_clock_id, param="test_clock_id")
            clock = clocks.lock_clock(connection, clock_id)
            if clock is None:
                return unknown_clock()
            act = act_by_clock(act, stands_at=clock.stands_at, zone=edge.zone)
        try:
            return quote_line(connection, product_id=data.product_id, limit_minor=data.limit_minor, act=act)
        except NotSold as fault:
            raise not_sold(fault) from fault

    return answer_quote(request, run)


def not_sold(fault: NotSold) -> Problem:
    """No version of the product is sold on that day."""
    return Problem("product_not_sold", status=422, detail=str(fault), param="product_id")


router = Router("/", route_handlers=[quote])
