"""Drawdowns: a purchase or cash, paid next month or in installments, and what drawing would do."""

from datetime import date
from typing import Annotated

from litestar import Response, Router, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.lending import DrawRequest, PlanRequest, draw
from tallystick.operations.lines import Act
from tallystick.servicing.facts import DrawKind
from tallystick.servicing.refusals import Refusal
from tallystick.terms.offering import OfferFault
from tallystick.terms.product import OfferKind
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix
from tallystick.web.answering import preview, write
from tallystick.web.edge import Asked
from tallystick.web.happening import Happened, happened, line_number
from tallystick.web.parameters import (
    AmountMinor,
    Code,
    IdempotencyKey,
    LinePath,
    MerchantId,
    OptionalText,
    body_id,
    needs,
    plausible,
)
from tallystick.web.problems import problems

Installments = Annotated[int, Meta(ge=1, le=360)]


class PlanBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The installment offer taken, and the `document_hash` of the quote that the borrower accepted."""

    offer: OfferKind
    price_code: Code
    installments: Installments
    accepted_hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


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
        return happened(connection, draw(connection, number, drawing, act=act, on=data.effective_on), act=act)

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


router = Router("/", route_handlers=[draw_one, preview_draw])
