"""Credit lines: opened, looked at, their limit changed, frozen, cared for, closed."""

from datetime import date

from litestar import Response, Router, get, post
from litestar.params import JSONBody
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.clocks import act_by_clock, unknown_clock
from tallystick.operations.freezing import freeze_line
from tallystick.operations.line_offers import open_line
from tallystick.operations.lines import Act
from tallystick.operations.standing import line_today
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal
from tallystick.storage import clocks, line_reading
from tallystick.storage.metadata import write_line_metadata
from tallystick.terms.contract import NotSold
from tallystick.terms.offering import OfferFault
from tallystick.terms.product import CareKind
from tallystick.trust.refusals import TrustRefusal
from tallystick.trust.scopes import Mode, Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import read, write
from tallystick.web.edge import Asked, caller_of, edge_of
from tallystick.web.happening import (
    Happened,
    LineView,
    happened,
    line_number,
    line_view,
    no_such_line,
    record_fact,
)
from tallystick.web.parameters import (
    AcceptedHash,
    AfterLine,
    AmountMinor,
    BorrowerId,
    ClockId,
    Code,
    IdempotencyKey,
    LimitMinor,
    LinePath,
    Metadata,
    OfBorrower,
    OptionalText,
    Page,
    PageLimit,
    Text,
    body_id,
    needs,
    page,
    place_id,
    plausible,
)
from tallystick.web.problems import Problem, problems
from tallystick.web.quotes import not_sold


class LineBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line to open: the borrower accepted the disclosure of today's quote (`POST /v1/line-quotes`)."""

    borrower_id: BorrowerId
    product_id: Code
    limit_minor: LimitMinor
    accepted_hash: AcceptedHash
    test_clock_id: ClockId | None = None
    metadata: Metadata = {}


class LimitBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A lower credit limit, in force at once. A higher one is offered (`POST /v1/lines/{id}/limit-offers`)."""

    limit_minor: LimitMinor
    reason: Text


class WhyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why."""

    reason: Text


class FeeBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A fee charged by hand, due with the next statement."""

    amount_minor: AmountMinor
    reason: Text
    effective_on: date | None = None


class PauseBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Until when days past due do not count."""

    until: date
    reason: Text


class CareBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which care begins or ends; the contract says what stops with it. A note stays inside."""

    kind: CareKind
    note: OptionalText = ""


class CareBeginsBody(CareBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which care begins, and since when, for it is often learned late."""

    effective_on: date | None = None


@post(
    "/lines",
    operation_id="open_line",
    tags=["lines"],
    guards=[needs(Scope.LINES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def open_one(request: Asked, data: JSONBody[LineBody], idempotency_key: IdempotencyKey) -> Response[Happened]:
    """Open a line. With a test clock, the line lives by that clock; only test keys may."""
    borrower_id = body_id(IdPrefix.BORROWER, data.borrower_id, param="borrower_id")
    edge, mode = edge_of(request), caller_of(request).mode
    clock_id = None if data.test_clock_id is None else body_id(
        IdPrefix.TEST_CLOCK, data.test_clock_id, param="test_clock_id"
    )  # fmt: skip
    if clock_id is not None and mode is not Mode.TEST:
        raise Problem("mode_differs", status=403, detail="Test clocks need a test key", param="test_clock_id")

    def run(connection: Connection, act: Act) -> Happened | Refusal | OfferFault | TrustRefusal:
        if clock_id is not None:
            clock = clocks.lock_clock(connection, clock_id)
            if clock is None:
                return unknown_clock()
            act = act_by_clock(act, stands_at=clock.stands_at, zone=edge.zone)
        try:
            opened = open_line(
                connection,
                borrower_id=borrower_id,
                product_id=data.product_id,
                limit_minor=data.limit_minor,
                accepted_hash=data.accepted_hash,
                act=act,
            )
        except NotSold as fault:
            raise not_sold(fault) from fault
        told = happened(connection, opened, act=act)
        if clock_id is not None and isinstance(told, Happened):
            clocks.follow_clock(connection, line_number(told.line_id), test_clock_id=clock_id)
        if data.metadata and isinstance(told, Happened):
            write_line_metadata(connection, line_number(told.line_id), data.metadata)
        return told

    return write(request, data, run, idempotency_key=idempotency_key)


@get(
    "/lines",
    operation_id="list_lines",
    tags=["lines"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(),
    sync_to_thread=True,
)
def list_all(
    request: Asked,
    borrower_id: OfBorrower = None,
    limit: PageLimit = 20,
    after: AfterLine = None,
) -> Response[Page[LineView]]:
    """Lines, the newest first, of one borrower where asked, each as it stands today."""
    before_id = place_id(IdPrefix.LINE, after)
    owner = None if borrower_id is None else body_id(IdPrefix.BORROWER, borrower_id, param="borrower_id")
    edge, caller = edge_of(request), caller_of(request)

    def run(connection: Connection, _: Act) -> Page[LineView]:
        ids = line_reading.newest_lines(connection, borrower_id=owner, before_id=before_id, most=limit + 1)

        def view(line_id: int) -> LineView:
            act = edge.act_on_line(connection, caller, line_id)
            line = line_today(connection, line_id, act=act)
            assert line is not None
            return line_view(connection, line, act=act)

        return page(ids, limit=limit, view=view, place=lambda line_id: encode_id(IdPrefix.LINE, line_id))

    return read(request, run)


@get(
    "/lines/{line_id:str}",
    operation_id="get_line",
    tags=["lines"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_one(request: Asked, line_id: LinePath) -> Response[LineView]:
    """A line as it stands today: what may be drawn, what is owed and when."""
    number = line_number(line_id)

    def run(connection: Connection, act: Act) -> LineView | Refusal:
        line = line_today(connection, number, act=act)
        return no_such_line() if line is None else line_view(connection, line, act=act)

    return read(request, run, line_id=number)


@post(
    "/lines/{line_id:str}/limit-changes",
    operation_id="change_limit",
    tags=["lines"],
    guards=[needs(Scope.LINES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def change_limit(
    request: Asked, line_id: LinePath, data: JSONBody[LimitBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Lower the credit limit; what is drawn above it stays owed, and nothing more is drawn."""
    fact = facts.LimitChanged(limit_minor=data.limit_minor, reason=data.reason)
    return record_fact(request, line_number(line_id), data, lambda _: fact, idempotency_key=idempotency_key)


@post(
    "/lines/{line_id:str}/freeze",
    operation_id="freeze_line",
    tags=["lines"],
    guards=[needs(Scope.LINES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def freeze(
    request: Asked, line_id: LinePath, data: JSONBody[WhyBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """No new hold or draw until the line is unfrozen; what waits for a person on it is declined."""
    number, edge = line_number(line_id), edge_of(request)

    def run(connection: Connection, act: Act) -> Happened | Refusal | OfferFault:
        frozen = freeze_line(connection, number, reason=data.reason, act=act, zone=edge.zone)
        return happened(connection, frozen, act=act)

    return write(request, data, run, idempotency_key=idempotency_key, line_id=number)


@post(
    "/lines/{line_id:str}/unfreeze",
    operation_id="unfreeze_line",
    tags=["lines"],
    guards=[needs(Scope.LINES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def unfreeze(
    request: Asked, line_id: LinePath, data: JSONBody[WhyBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Holds and draws are possible again."""
    fact = facts.LineUnfrozen(reason=data.reason)
    return record_fact(request, line_number(line_id), data, lambda _: fact, idempotency_key=idempotency_key)


@post(
    "/lines/{line_id:str}/close",
    operation_id="close_line",
    tags=["lines"],
    guards=[needs(Scope.LINES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def close(
    request: Asked, line_id: LinePath, data: JSONBody[WhyBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Close a line on which nothing is owed."""
    fact = facts.LineClosed(reason=data.reason)
    return record_fact(request, line_number(line_id), data, lambda _: fact, idempotency_key=idempotency_key)


@post(
    "/lines/{line_id:str}/fees",
    operation_id="charge_fee",
    tags=["lines"],
    guards=[needs(Scope.CORRECTIONS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def charge_fee(
    request: Asked, line_id: LinePath, data: JSONBody[FeeBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Charge a fee by hand."""
    return record_fact(
        request,
        line_number(line_id),
        data,
        lambda act: facts.FeeCharged(charge_id=next(act.event_ids), amount_minor=data.amount_minor, reason=data.reason),
        idempotency_key=idempotency_key,
        on=data.effective_on,
    )


@post(
    "/lines/{line_id:str}/delinquency-pauses",
    operation_id="pause_delinquency",
    tags=["lines"],
    guards=[needs(Scope.CORRECTIONS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def pause(
    request: Asked, line_id: LinePath, data: JSONBody[PauseBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Days past due do not count, and no late fee falls due, until a day begins."""
    plausible(data.until, param="until")
    fact = facts.DelinquencyPaused(until=data.until, reason=data.reason)
    return record_fact(request, line_number(line_id), data, lambda _: fact, idempotency_key=idempotency_key)


@post(
    "/lines/{line_id:str}/begin-care",
    operation_id="begin_care",
    tags=["lines"],
    guards=[needs(Scope.CORRECTIONS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def begin_care(
    request: Asked, line_id: LinePath, data: JSONBody[CareBeginsBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """A care on this line alone; of the person on every line: `POST /v1/borrowers/{id}/begin-care`."""
    fact = facts.CareBegun(kind=data.kind, note=data.note)
    number = line_number(line_id)
    return record_fact(request, number, data, lambda _: fact, idempotency_key=idempotency_key, on=data.effective_on)


@post(
    "/lines/{line_id:str}/end-care",
    operation_id="end_care",
    tags=["lines"],
    guards=[needs(Scope.CORRECTIONS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def end_care(
    request: Asked, line_id: LinePath, data: JSONBody[CareBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """The care no longer holds."""
    fact = facts.CareEnded(kind=data.kind, note=data.note)
    return record_fact(request, line_number(line_id), data, lambda _: fact, idempotency_key=idempotency_key)


router = Router(
    "/",
    route_handlers=[
        open_one,
        list_all,
        get_one,
        change_limit,
        freeze,
        unfreeze,
        close,
        charge_fee,
        pause,
        begin_care,
        end_care,
    ],
)
