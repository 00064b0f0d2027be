"""Credit used: holds, drawdowns, quotes that write nothing, plans and their settlement."""

from datetime import date
from typing import Annotated, Any

from litestar import Response, Router, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.lending import DrawRequest, PlanRequest, draw, quote_plan
from tallystick.operations.lines import Act
from tallystick.operations.standing import line_today, plan_of, settlement_quote
from tallystick.servicing import facts
from tallystick.servicing.facts import DrawKind
from tallystick.servicing.line import Hold
from tallystick.servicing.plan import Plan
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import lines
from tallystick.terms.disclosure import Disclosure, document_hash
from tallystick.terms.offering import OfferFault
from tallystick.terms.product import OfferKind
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import preview, read, write
from tallystick.web.edge import Asked, caller_of, edge_of
from tallystick.web.happening import Happened, happened, line_number, no_such_line, owner_line, record_fact
from tallystick.web.parameters import (
    AmountMinor,
    Code,
    HoldPath,
    IdempotencyKey,
    LinePath,
    MerchantId,
    OptionalText,
    Page,
    PlanPath,
    body_id,
    needs,
    path_id,
    plausible,
    whole_json,
)
from tallystick.web.problems import problems

Installments = Annotated[int, Meta(ge=1, le=360)]


class HoldBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Credit that a merchant reserves until the day `expires_on` begins."""

    amount_minor: AmountMinor
    merchant_id: MerchantId
    expires_on: date
    category: OptionalText = ""


class VoidBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of the hold is given back; everything that is left of it where no amount is given."""

    amount_minor: AmountMinor | None = None


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


class CaptureBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A merchant's claim that draws a hold; `keeps_hold` leaves the rest of it for a later claim."""

    amount_minor: AmountMinor
    keeps_hold: bool = False
    merchant_fee_minor: Annotated[int, Meta(ge=0, le=10**13)] = 0
    category: OptionalText = ""
    purpose: OptionalText = ""
    plan: PlanBody | None = None
    effective_on: date | None = None


class QuoteBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A plan to be priced: writes nothing."""

    offer: OfferKind
    price_code: Code
    installments: Installments
    principal_minor: AmountMinor


class QuoteView(Struct, frozen=True):
    """What a plan would cost and everything a borrower must be told; its hash is what the borrower accepts."""

    document_hash: str
    disclosure: Disclosure


class SettlementQuoteView(Struct, frozen=True):
    """What paying a plan off on `valid_on` costs; exactly `total_minor` leaves nothing."""

    plan_id: str
    valid_on: date
    principal_minor: int
    interest_minor: int
    fee_minor: int
    settlement_fee_minor: int
    total_minor: int


class SettlementBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The amount of today's quote, and the channel by which it came."""

    amount_minor: AmountMinor
    channel: Code


class HoldView(Struct, frozen=True):
    """A hold as it stands."""

    id: str
    line_id: str
    merchant_id: str
    left_minor: int
    placed_on: date
    expires_on: date


class InstallmentView(Struct, frozen=True):
    """One installment: what it asks for, what was paid of it, what is left."""

    number: int
    due_on: date
    principal_minor: int
    interest_minor: int
    fee_minor: int
    paid_minor: int
    left_minor: int
    settled_on: date | None


class PlanView(Struct, frozen=True):
    """An installment plan as it stands today, with the terms frozen into it."""

    id: str
    line_id: str
    drawn_on: date
    principal_minor: int
    principal_left_minor: int
    installments: list[InstallmentView]
    terms: dict[str, Any]


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
    )


@get(
    "/lines/{line_id:str}/holds",
    operation_id="list_holds",
    tags=["holds"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_holds(request: Asked, line_id: LinePath) -> Response[Page[HoldView]]:
    """The line's open holds."""
    number = line_number(line_id)

    def run(connection: Connection, act: Act) -> Page[HoldView] | Refusal:
        line = line_today(connection, number, act=act)
        if line is None:
            return no_such_line()
        return Page([_hold_view(hold, line_id=line_id) for hold in line.holds], None)

    return read(request, run, line_id=number)


def _hold_view(hold: Hold, *, line_id: str) -> HoldView:
    return HoldView(
        id=encode_id(IdPrefix.HOLD, hold.hold_id),
        line_id=line_id,
        merchant_id=encode_id(IdPrefix.MERCHANT, hold.merchant_id),
        left_minor=hold.left_minor,
        placed_on=hold.placed_on,
        expires_on=hold.expires_on,
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
            plan=_plan_request(data.plan),
            hold_id=number,
            keeps_hold=data.keeps_hold,
        )
        return happened(connection, draw(connection, line_id, drawing, act=act, on=data.effective_on), act=act)

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
    line_id = _line_of(request, number, prefix=IdPrefix.HOLD, kind="hold")
    fact = facts.HoldVoided(hold_id=number, amount_minor=data.amount_minor)
    return record_fact(request, line_id, data, lambda _: fact, idempotency_key=idempotency_key)


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
        plan=_plan_request(data.plan),
    )  # fmt: skip


def _plan_request(plan: PlanBody | None) -> PlanRequest | None:
    if plan is None:
        return None
    return PlanRequest(
        offer=plan.offer,
        price_code=plan.price_code,
        installments=plan.installments,
        accepted_hash=plan.accepted_hash,
    )


@post(
    "/lines/{line_id:str}/quotes",
    operation_id="quote_plan",
    tags=["plans"],
    guards=[needs(Scope.LINES_READ)],
    status_code=200,
    responses=problems(404, 422),
    sync_to_thread=True,
)
def quote(request: Asked, line_id: LinePath, data: JSONBody[QuoteBody]) -> Response[QuoteView]:
    """What a plan would cost if it were drawn today: schedule, every cost, annual rates. Writes nothing."""
    number = line_number(line_id)
    asked = PlanRequest(offer=data.offer, price_code=data.price_code, installments=data.installments)

    def run(connection: Connection, act: Act) -> QuoteView | Refusal | OfferFault:
        quoted = quote_plan(connection, number, asked, principal_minor=data.principal_minor, act=act)
        if isinstance(quoted, Refusal | OfferFault):
            return quoted
        return QuoteView(document_hash(quoted), quoted)

    return preview(request, run, line_id=number)


@get(
    "/lines/{line_id:str}/plans",
    operation_id="list_plans",
    tags=["plans"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_plans(request: Asked, line_id: LinePath) -> Response[Page[PlanView]]:
    """The line's plans, with every installment."""
    number = line_number(line_id)

    def run(connection: Connection, act: Act) -> Page[PlanView] | Refusal:
        line = line_today(connection, number, act=act)
        if line is None:
            return no_such_line()
        return Page([_plan_view(plan, line_id=number) for plan in line.plans], None)

    return read(request, run, line_id=number)


@get(
    "/plans/{plan_id:str}",
    operation_id="get_plan",
    tags=["plans"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_plan(request: Asked, plan_id: PlanPath) -> Response[PlanView]:
    """One plan, with every installment."""
    number = path_id(IdPrefix.PLAN, plan_id)
    line_id = _line_of(request, number, prefix=IdPrefix.PLAN, kind="plan")

    def run(connection: Connection, act: Act) -> PlanView | Refusal:
        line = line_today(connection, line_id, act=act)
        plan = None if line is None else plan_of(line, number)
        return _no_such_plan() if plan is None else _plan_view(plan, line_id=line_id)

    return read(request, run, line_id=line_id)


@get(
    "/plans/{plan_id:str}/settlement-quote",
    operation_id="quote_settlement",
    tags=["plans"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404, 422),
    sync_to_thread=True,
)
def quote_settlement(request: Asked, plan_id: PlanPath) -> Response[SettlementQuoteView]:
    """What paying the plan off today costs; writes nothing."""
    number = path_id(IdPrefix.PLAN, plan_id)
    line_id = _line_of(request, number, prefix=IdPrefix.PLAN, kind="plan")

    def run(connection: Connection, act: Act) -> SettlementQuoteView | Refusal:
        line = line_today(connection, line_id, act=act)
        plan = None if line is None else plan_of(line, number)
        if line is None or plan is None:
            return _no_such_plan()
        quoted = settlement_quote(line, plan, act=act)
        return SettlementQuoteView(
            plan_id=plan_id,
            valid_on=act.today,
            principal_minor=quoted.principal_minor,
            interest_minor=quoted.interest_minor,
            fee_minor=quoted.fee_minor,
            settlement_fee_minor=quoted.settlement_fee_minor,
            total_minor=quoted.total_minor,
        )

    return read(request, run, line_id=line_id)


@post(
    "/plans/{plan_id:str}/settlement",
    operation_id="settle_plan",
    tags=["plans"],
    guards=[needs(Scope.PAYMENTS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def settle(
    request: Asked, plan_id: PlanPath, data: JSONBody[SettlementBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Pay a plan off by exactly today's quote."""
    number = path_id(IdPrefix.PLAN, plan_id)
    line_id = _line_of(request, number, prefix=IdPrefix.PLAN, kind="plan")
    return record_fact(
        request,
        line_id,
        data,
        lambda act: facts.SettledEarly(
            payment_id=next(act.event_ids), plan_id=number, amount_minor=data.amount_minor, channel=data.channel
        ),
        idempotency_key=idempotency_key,
    )


def _line_of(request: Asked, object_id: int, *, prefix: IdPrefix, kind: str) -> int:
    """Whose line it is; that never changes, so it is read before the transaction that uses it."""
    with edge_of(request).pool.connection() as connection:
        return owner_line(connection, object_id, prefix=prefix, kind=kind)


def _no_such_plan() -> Refusal:
    return Refusal(RefusalReason.PLAN_UNKNOWN, field="plan_id")


def _plan_view(plan: Plan, *, line_id: int) -> PlanView:
    return PlanView(
        id=encode_id(IdPrefix.PLAN, plan.plan_id),
        line_id=encode_id(IdPrefix.LINE, line_id),
        drawn_on=plan.drawn_on,
        principal_minor=plan.principal_minor,
        principal_left_minor=plan.principal_left_minor,
        installments=[
            InstallmentView(
                number=part.number,
                due_on=part.due_on,
                principal_minor=part.principal_minor,
                interest_minor=part.interest_minor - part.waived_interest_minor,
                fee_minor=part.fee_minor - part.waived_fee_minor,
                paid_minor=part.paid_minor,
                left_minor=part.left_minor,
                settled_on=part.settled_on,
            )
            for part in plan.installments
        ],
        terms=whole_json(plan.terms),
    )


router = Router(
    "/",
    route_handlers=[
        place_hold,
        list_holds,
        capture,
        void,
        draw_one,
        preview_draw,
        quote,
        list_plans,
        get_plan,
        quote_settlement,
        settle,
    ],
)
