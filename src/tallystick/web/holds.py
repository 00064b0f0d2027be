"""Holds: credit that a merchant reserves, captures and gives back."""

from datetime import date
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.lending import DrawRequest, draw
from tallystick.operations.lines import Act
from tallystick.operations.standing import line_today
from tallystick.servicing import facts
from tallystick.servicing.line import Hold
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import lines
from tallystick.storage.metadata import object_metadata
from tallystick.terms.offering import OfferFault
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import read, write
from tallystick.web.drawdowns import PlanBody, plan_request
from tallystick.web.edge import Asked, caller_of, edge_of
from tallystick.web.happening import (
    Happened,
    happened,
    line_number,
    line_of_object,
    no_such_line,
    owner_line,
    record_fact,
)
from tallystick.web.parameters import (
    AfterHold,
    AmountMinor,
    HoldPath,
    IdempotencyKey,
    LinePath,
    MerchantId,
    Metadata,
    OptionalText,
    Page,
    PageLimit,
    body_id,
    needs,
    page,
    path_id,
    place_id,
    plausible,
)
from tallystick.web.problems import problems


class HoldBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Credit that a merchant reserves until the day `expires_on` begins."""

    amount_minor: AmountMinor
    merchant_id: MerchantId
    expires_on: date
    category: OptionalText = ""
    metadata: Metadata = {}


class VoidBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of the hold is given back; everything that is left of it where no amount is given."""

    amount_minor: AmountMinor | None = None


class CaptureBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A merchant's claim that draws a hold; `keeps_hold` leaves the rest of it for a later claim."""

    amount_minor: AmountMinor
    keeps_hold: bool = False
    merchant_fee_minor: Annotated[int, Meta(ge=0, le=10**13)] = 0
    category: OptionalText = ""
    purpose: OptionalText = ""
    plan: PlanBody | None = None
    effective_on: date | None = None
    metadata: Metadata = {}


class HoldView(Struct, frozen=True):
    """A hold as it stands."""

    id: str
    line_id: str
    merchant_id: str
    left_minor: int
    placed_on: date
    expires_on: date
    metadata: dict[str, str]


@post(
    "/lines/{line_id:str}/holds",
    operation_id="place_hold",
    tags=["holds"],
    guards=[needs(Scope.DRAWS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def place_hold(
    request: Asked, line_id: LinePath, data: JSONBody[HoldBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Reserve credit for a merchant."""
    merchant_id = body_id(IdPrefix.MERCHANT, data.merchant_id, param="merchant_id")
    plausible(data.expires_on, param="expires_on")
    return record_fact(
        request,
        line_number(line_id),
        data,
        lambda act: facts.HoldPlaced(
            hold_id=next(act.event_ids),
            amount_minor=data.amount_minor,
            expires_on=data.expires_on,
            merchant_id=merchant_id,
            category=data.category,
        ),
        idempotency_key=idempotency_key,
        metadata=data.metadata,
    )


@get(
    "/lines/{line_id:str}/holds",
    operation_id="list_holds",
    tags=["holds"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_holds(
    request: Asked, line_id: LinePath, limit: PageLimit = 20, after: AfterHold = None
) -> Response[Page[HoldView]]:
    """The line's open holds, the newest first."""
    number, before_id = line_number(line_id), place_id(IdPrefix.HOLD, after)

    def run(connection: Connection, act: Act) -> Page[HoldView] | Refusal:
        line = line_today(connection, number, act=act)
        if line is None:
            return no_such_line()
        newest = sorted(line.holds, key=lambda hold: hold.hold_id, reverse=True)
        older = [hold for hold in newest if before_id is None or hold.hold_id < before_id][: limit + 1]
        kept = object_metadata(connection, [hold.hold_id for hold in older])
        return page(
            older,
            limit=limit,
            view=lambda hold: _hold_view(hold, line_id=line_id, metadata=kept[hold.hold_id]),
            place=lambda hold: encode_id(IdPrefix.HOLD, hold.hold_id),
        )

    return read(request, run, line_id=number)


@get(
    "/holds/{hold_id:str}",
    operation_id="get_hold",
    tags=["holds"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_hold(request: Asked, hold_id: HoldPath) -> Response[HoldView]:
    """One hold; nothing is left of one that was captured, given back or expired."""
    number = path_id(IdPrefix.HOLD, hold_id)
    line_id = line_of_object(request, number, prefix=IdPrefix.HOLD, kind="hold")

    def run(connection: Connection, act: Act) -> HoldView:
        line = line_today(connection, line_id, act=act)
        held = next((hold for hold in line.holds if hold.hold_id == number), None) if line else None
        if held is None:
            held = _hold_placed(connection, number, line_id=line_id)
        kept = object_metadata(connection, [number])
        return _hold_view(held, line_id=encode_id(IdPrefix.LINE, line_id), metadata=kept[number])

    return read(request, run, line_id=line_id)


def _hold_placed(connection: Connection, number: int, *, line_id: int) -> Hold:
    """A hold that is over, from the event that placed it."""
    return next(
        Hold(
            hold_id=number,
            merchant_id=event.fact.merchant_id,
            left_minor=0,
            placed_on=event.effective_on,
            expires_on=event.fact.expires_on,
            category=event.fact.category,
        )
        for event in lines.read_events(connection, line_id)
        if isinstance(event.fact, facts.HoldPlaced) and event.fact.hold_id == number
    )


def _hold_view(hold: Hold, *, line_id: str, metadata: dict[str, str]) -> HoldView:
    return HoldView(
        id=encode_id(IdPrefix.HOLD, hold.hold_id),
        line_id=line_id,
        merchant_id=encode_id(IdPrefix.MERCHANT, hold.merchant_id),
        left_minor=hold.left_minor,
        placed_on=hold.placed_on,
        expires_on=hold.expires_on,
        metadata=metadata,
    )


@post(
    "/holds/{hold_id:str}/capture",
    operation_id="capture_hold",
    tags=["holds"],
    guards=[needs(Scope.DRAWS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def capture(
    request: Asked, hold_id: HoldPath, data: JSONBody[CaptureBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Draw what was held, more or less of it, at the merchant of the hold."""
    number = path_id(IdPrefix.HOLD, hold_id)
    plausible(data.effective_on, param="effective_on")
    edge, caller = edge_of(request), caller_of(request)

    def run(connection: Connection, _: Act) -> Happened | Refusal | OfferFault:
        line_id = owner_line(connection, number, prefix=IdPrefix.HOLD, kind="hold")
        act = edge.act_on_line(connection, caller, line_id)
        stored = lines.read_line(connection, line_id)
        held = next((hold for hold in stored.line.holds if hold.hold_id == number), None) if stored else None
        if held is None:
            return Refusal(RefusalReason.HOLD_UNKNOWN, field="hold_id")
        drawing = DrawRequest(
            amount_minor=data.amount_minor,
            merchant_id=held.merchant_id,
            merchant_fee_minor=data.merchant_fee_minor,
            category=data.category or held.category,
            purpose=data.purpose,
            plan=plan_request(data.plan),
            hold_id=number,
            keeps_hold=data.keeps_hold,
        )
        drawn = draw(connection, line_id, drawing, act=act, on=data.effective_on)
        return happened(connection, drawn, act=act, metadata=data.metadata)

    return write(request, data, run, idempotency_key=idempotency_key)


@post(
    "/holds/{hold_id:str}/void",
    operation_id="void_hold",
    tags=["holds"],
    guards=[needs(Scope.DRAWS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def void(
    request: Asked, hold_id: HoldPath, data: JSONBody[VoidBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Give a hold back, or part of it."""
    number = path_id(IdPrefix.HOLD, hold_id)
    line_id = line_of_object(request, number, prefix=IdPrefix.HOLD, kind="hold")
    fact = facts.HoldVoided(hold_id=number, amount_minor=data.amount_minor)
    return record_fact(request, line_id, data, lambda _: fact, idempotency_key=idempotency_key)


router = Router("/", route_handlers=[place_hold, list_holds, get_hold, capture, void])
