"""Drawdowns: a purchase or cash, paid next month or in installments, and what drawing would do."""

from datetime import date
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.draws_told import DrawTold, draws_told
from tallystick.operations.lending import DrawRequest, PlanRequest, draw
from tallystick.operations.lines import Act
from tallystick.servicing.facts import DrawKind
from tallystick.servicing.refusals import Refusal
from tallystick.storage.lines import read_events, read_line
from tallystick.storage.metadata import object_metadata
from tallystick.terms.offering import OfferFault
from tallystick.terms.product import OfferKind
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import preview, read, write
from tallystick.web.edge import Asked
from tallystick.web.happening import Happened, happened, line_number, line_of_object, no_such_line
from tallystick.web.parameters import (
    AcceptedHash,
    AfterDraw,
    AmountMinor,
    Code,
    DrawPath,
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

Installments = Annotated[int, Meta(ge=1, le=360)]


class PlanBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The installment offer taken, and the `document_hash` of the quote that the borrower accepted."""

    offer: OfferKind
    price_code: Code
    installments: Installments
    accepted_hash: AcceptedHash


class DrawBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is bought, or drawn in cash. Without a plan it is paid next month."""

    amount_minor: AmountMinor
    kind: DrawKind = DrawKind.PURCHASE
    merchant_id: MerchantId | None = None
    merchant_fee_minor: Annotated[int, Meta(ge=0, le=10**13)] = 0
    category: OptionalText = ""
    purpose: OptionalText = ""
    plan: PlanBody | None = None
    effective_on: date | None = None
    metadata: Metadata = {}


class DrawView(Struct, frozen=True):
    """A draw as it was recorded; `refunded_minor` came back since. `is_undone`: it was recorded in error."""

    id: str
    line_id: str
    event_id: str
    kind: DrawKind
    amount_minor: int
    refunded_minor: int
    drawn_on: date
    merchant_id: str | None
    category: str
    purpose: str
    plan_id: str | None
    is_undone: bool
    metadata: dict[str, str]


def _view(told: DrawTold, *, line_id: int, metadata: dict[str, str]) -> DrawView:
    fact = told.fact
    return DrawView(
        id=encode_id(IdPrefix.DRAWDOWN, fact.draw_id),
        line_id=encode_id(IdPrefix.LINE, line_id),
        event_id=encode_id(IdPrefix.EVENT, told.event.event_id),
        kind=fact.kind,
        amount_minor=fact.amount_minor,
        refunded_minor=told.refunded_minor,
        drawn_on=told.event.effective_on,
        merchant_id=encode_id(IdPrefix.MERCHANT, fact.merchant_id) if fact.merchant_id else None,
        category=fact.category,
        purpose=fact.purpose,
        plan_id=None if fact.plan is None else encode_id(IdPrefix.PLAN, fact.plan.plan_id),
        is_undone=told.is_undone,
        metadata=metadata,
    )


@get(
    "/lines/{line_id:str}/drawdowns",
    operation_id="list_drawdowns",
    tags=["drawdowns"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_draws(
    request: Asked, line_id: LinePath, limit: PageLimit = 20, after: AfterDraw = None
) -> Response[Page[DrawView]]:
    """The line's draws, the newest first."""
    number, before_id = line_number(line_id), place_id(IdPrefix.DRAWDOWN, after)

    def run(connection: Connection, _: Act) -> Page[DrawView] | Refusal:
        if read_line(connection, number) is None:
            return no_such_line()
        told = draws_told(read_events(connection, number))
        older = [draw for draw in told if before_id is None or draw.fact.draw_id < before_id][: limit + 1]
        kept = object_metadata(connection, [draw.fact.draw_id for draw in older])
        return page(
            older,
            limit=limit,
            view=lambda draw: _view(draw, line_id=number, metadata=kept[draw.fact.draw_id]),
            place=lambda draw: encode_id(IdPrefix.DRAWDOWN, draw.fact.draw_id),
        )

    return read(request, run, line_id=number)


@get(
    "/drawdowns/{draw_id:str}",
    operation_id="get_drawdown",
    tags=["drawdowns"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_draw(request: Asked, draw_id: DrawPath) -> Response[DrawView]:
    """One draw."""
    number = path_id(IdPrefix.DRAWDOWN, draw_id)
    line_id = line_of_object(request, number, prefix=IdPrefix.DRAWDOWN, kind="draw")

    def run(connection: Connection, _: Act) -> DrawView:
        told = draws_told(read_events(connection, line_id))
        kept = object_metadata(connection, [number])[number]
        return next(_view(draw, line_id=line_id, metadata=kept) for draw in told if draw.fact.draw_id == number)

    return read(request, run, line_id=line_id)


@post(
    "/lines/{line_id:str}/drawdowns",
    operation_id="draw",
    tags=["drawdowns"],
    guards=[needs(Scope.DRAWS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def draw_one(
    request: Asked, line_id: LinePath, data: JSONBody[DrawBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Draw on a line: a purchase or cash, paid next month or in installments."""
    number, drawing = line_number(line_id), _draw_request(data)

    def run(connection: Connection, act: Act) -> Happened | Refusal | OfferFault:
        drawn = draw(connection, number, drawing, act=act, on=data.effective_on)
        return happened(connection, drawn, act=act, metadata=data.metadata)

    return write(request, data, run, idempotency_key=idempotency_key, line_id=number)


@post(
    "/lines/{line_id:str}/drawdown-preview",
    operation_id="preview_draw",
    tags=["drawdowns"],
    guards=[needs(Scope.LINES_READ)],
    status_code=200,
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def preview_draw(request: Asked, line_id: LinePath, data: JSONBody[DrawBody]) -> Response[Happened]:
    """What drawing now would do to the line; writes nothing."""
    number, drawing = line_number(line_id), _draw_request(data)

    def run(connection: Connection, act: Act) -> Happened | Refusal | OfferFault:
        return happened(connection, draw(connection, number, drawing, act=act, on=data.effective_on), act=act)

    return preview(request, run, line_id=number)


def _draw_request(data: DrawBody) -> DrawRequest:
    plausible(data.effective_on, param="effective_on")
    return DrawRequest(
        amount_minor=data.amount_minor,
        kind=data.kind,
        merchant_id=0 if data.merchant_id is None else body_id(
            IdPrefix.MERCHANT, data.merchant_id, param="merchant_id"
        ),
        merchant_fee_minor=data.merchant_fee_minor,
        category=data.category,
        purpose=data.purpose,
        plan=plan_request(data.plan),
    )  # fmt: skip


def plan_request(plan: PlanBody | None) -> PlanRequest | None:
    """The operation's own words for an offer taken."""
    if plan is None:
        return None
    return PlanRequest(
        offer=plan.offer,
        price_code=plan.price_code,
        installments=plan.installments,
        accepted_hash=plan.accepted_hash,
    )


router = Router("/", route_handlers=[draw_one, preview_draw, list_draws, get_draw])
