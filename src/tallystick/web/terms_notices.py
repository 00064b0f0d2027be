"""Changes of contract as a line is told of them: read, accepted before their day, or objected to."""

from datetime import date

from litestar import Response, Router, get, post
from litestar.params import JSONBody
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.contract_changes import accept_change, object_to_change
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal
from tallystick.storage import terms_changes
from tallystick.storage.lines import read_line
from tallystick.storage.terms_changes import NoticeOutcome, TermsNotice
from tallystick.terms.offering import OfferFault
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import connected, read, write
from tallystick.web.edge import Asked, edge_of
from tallystick.web.happening import Happened, happened, line_number, no_such_line, not_there
from tallystick.web.limit_offers import AcceptBody
from tallystick.web.parameters import IdempotencyKey, LinePath, Page, TermsChangePath, needs, path_id
from tallystick.web.problems import problems
from tallystick.web.quotes import QuoteView, disclosure_answer


class TermsNoticeView(Struct, frozen=True):
    """A change of contract. `outcome` is null while it waits for `binds_on`; until then the borrower may object."""

    change_id: str
    line_id: str
    from_contract_hash: str
    to_contract_hash: str
    noticed_on: date
    binds_on: date
    document_hash: str
    outcome: NoticeOutcome | None
    event_id: str | None


def _view(notice: TermsNotice) -> TermsNoticeView:
    return TermsNoticeView(
        change_id=encode_id(IdPrefix.TERMS_CHANGE, notice.change_id),
        line_id=encode_id(IdPrefix.LINE, notice.line_id),
        from_contract_hash=notice.from_hash,
        to_contract_hash=notice.to_hash,
        noticed_on=notice.noticed_on,
        binds_on=notice.binds_on,
        document_hash=notice.disclosure_hash,
        outcome=notice.outcome,
        event_id=None if notice.event_id is None else encode_id(IdPrefix.EVENT, notice.event_id),
    )


@get(
    "/lines/{line_id:str}/terms-notices",
    operation_id="list_terms_notices",
    tags=["terms"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_notices(request: Asked, line_id: LinePath) -> Response[Page[TermsNoticeView]]:
    """Every change of contract that the line was told of, the newest first."""
    number = line_number(line_id)

    def run(connection: Connection, _: Act) -> Page[TermsNoticeView] | Refusal:
        if read_line(connection, number) is None:
            return no_such_line()
        return Page([_view(notice) for notice in terms_changes.notices_of_line(connection, number)], None)

    return read(request, run, line_id=number)


@get(
    "/terms-changes/{change_id:str}/disclosure",
    operation_id="get_terms_disclosure",
    tags=["terms"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_disclosure(request: Asked, change_id: TermsChangePath) -> Response[QuoteView]:
    """What the borrower is told: as JSON, or as a page with `Accept: text/html`."""
    number = path_id(IdPrefix.TERMS_CHANGE, change_id)
    with connected(edge_of(request)) as connection:
        disclosure = terms_changes.disclosure_of(connection, number)
    if disclosure is None:
        raise not_there(IdPrefix.TERMS_CHANGE, kind="terms_change")
    return disclosure_answer(request, disclosure)


@post(
    "/lines/{line_id:str}/terms-notices/{change_id:str}/accept",
    operation_id="accept_terms",
    tags=["terms"],
    guards=[needs(Scope.LINES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def accept(
    request: Asked,
    line_id: LinePath,
    change_id: TermsChangePath,
    data: JSONBody[AcceptBody],
    idempotency_key: IdempotencyKey,
) -> Response[Happened]:
    """The borrower accepts: the new terms hold from today."""
    number, change = line_number(line_id), path_id(IdPrefix.TERMS_CHANGE, change_id)

    def run(connection: Connection, act: Act) -> Happened | Refusal | OfferFault:
        accepted = accept_change(connection, number, change, accepted_hash=data.accepted_hash, act=act)
        return happened(connection, accepted, act=act)

    return write(request, data, run, idempotency_key=idempotency_key, line_id=number)


@post(
    "/lines/{line_id:str}/terms-notices/{change_id:str}/object",
    operation_id="object_to_terms",
    tags=["terms"],
    guards=[needs(Scope.LINES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def object_to(
    request: Asked, line_id: LinePath, change_id: TermsChangePath, idempotency_key: IdempotencyKey
) -> Response[TermsNoticeView]:
    """The borrower objects: the line stays on its terms and is frozen, what is owed is repaid as agreed."""
    number, change = line_number(line_id), path_id(IdPrefix.TERMS_CHANGE, change_id)

    def run(connection: Connection, act: Act) -> TermsNoticeView | Refusal:
        objected = object_to_change(connection, number, change, act=act)
        return _view(objected) if isinstance(objected, TermsNotice) else objected

    return write(request, {}, run, idempotency_key=idempotency_key, line_id=number)


router = Router("/", route_handlers=[list_notices, get_disclosure, accept, object_to])
