"""Installment plans: quoted without writing, chosen later, looked at, paid off early."""

from datetime import date
from typing import Annotated, Any

from litestar import Response, Router, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.lending import PlanRequest, convert_bill, put_into_plan, quote_plan
from tallystick.operations.lines import Act
from tallystick.operations.plans_told import PlanTold, plan_told, plans_told, settlement_quote
from tallystick.servicing import facts
from tallystick.servicing.plan import Plan
from tallystick.servicing.refusals import Refusal
from tallystick.terms.disclosure import Disclosure
from tallystick.terms.offering import OfferFault
from tallystick.terms.product import OfferKind
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import read, write
from tallystick.web.drawdowns import Installments
from tallystick.web.edge import Asked
from tallystick.web.happening import (
    Happened,
    happened,
    line_number,
    line_of_object,
    no_such_line,
    not_there,
    record_fact,
)
from tallystick.web.parameters import (
    AcceptedHash,
    AfterPlan,
    AmountMinor,
    Code,
    DrawPath,
    IdempotencyKey,
    LinePath,
    Page,
    PageLimit,
    PlanPath,
    needs,
    page,
    path_id,
    place_id,
    whole_json,
)
from tallystick.web.problems import problems
from tallystick.web.quotes import QuoteView, answer_quote


class QuoteBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A plan to be priced: writes nothing."""

    offer: OfferKind
    price_code: Code
    installments: Installments
    principal_minor: AmountMinor


class ChoiceBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How something already bought is paid in installments, and the quote that the borrower accepted."""

    price_code: Code
    installments: Installments
    accepted_hash: AcceptedHash


class BillBody(ChoiceBody, frozen=True, kw_only=True):
    """Which statement, the last one, and how much of its purchases."""

    statement_number: Annotated[int, Meta(ge=1, le=100_000)]
    amount_minor: AmountMinor


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
    """An installment plan as it stands today, with the terms frozen into it; one that ended, as it stood then.

    What is left of a plan that was charged off is part of the line's claim (`charged_off_minor`).
    """

    id: str
    line_id: str
    drawn_on: date
    principal_minor: int
    principal_left_minor: int
    installments: list[InstallmentView]
    terms: dict[str, Any]


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
    """What a plan would cost if it were drawn today: schedule, every cost, annual rates. Writes nothing.

    With `Accept: text/html` it is the page that the borrower reads, in Chinese or English.
    """
    number = line_number(line_id)
    asked = PlanRequest(offer=data.offer, price_code=data.price_code, installments=data.installments)

    def run(connection: Connection, act: Act) -> Disclosure | Refusal | OfferFault:
        return quote_plan(connection, number, asked, principal_minor=data.principal_minor, act=act)

    return answer_quote(request, run, line_id=number)


@post(
    "/drawdowns/{draw_id:str}/plan",
    operation_id="put_into_plan",
    tags=["plans"],
    guards=[needs(Scope.DRAWS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def put_draw_into_plan(
    request: Asked, draw_id: DrawPath, data: JSONBody[ChoiceBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Pay a purchase that is not billed yet in installments; quote it first with what is left of it."""
    number = path_id(IdPrefix.DRAWDOWN, draw_id)
    line_id = line_of_object(request, number, prefix=IdPrefix.DRAWDOWN, kind="draw")
    choice = _choice(data, offer=OfferKind.ORDER_INSTALLMENTS)

    def run(connection: Connection, act: Act) -> Happened | Refusal | OfferFault:
        return happened(connection, put_into_plan(connection, line_id, number, choice, act=act), act=act)

    return write(request, data, run, idempotency_key=idempotency_key, line_id=line_id)


@post(
    "/lines/{line_id:str}/bill-conversions",
    operation_id="convert_bill",
    tags=["plans"],
    guards=[needs(Scope.DRAWS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def convert(
    request: Asked, line_id: LinePath, data: JSONBody[BillBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Pay the last statement, or part of it, in installments, until its due date."""
    number, choice = line_number(line_id), _choice(data, offer=OfferKind.BILL_INSTALLMENTS)

    def run(connection: Connection, act: Act) -> Happened | Refusal | OfferFault:
        converted = convert_bill(
            connection, number, data.statement_number, choice, amount_minor=data.amount_minor, act=act
        )
        return happened(connection, converted, act=act)

    return write(request, data, run, idempotency_key=idempotency_key, line_id=number)


def _choice(data: ChoiceBody, *, offer: OfferKind) -> PlanRequest:
    return PlanRequest(
        offer=offer,
        price_code=data.price_code,
        installments=data.installments,
        accepted_hash=data.accepted_hash,
    )


@get(
    "/lines/{line_id:str}/plans",
    operation_id="list_plans",
    tags=["plans"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_plans(
    request: Asked, line_id: LinePath, limit: PageLimit = 20, after: AfterPlan = None
) -> Response[Page[PlanView]]:
    """The line's plans, the newest first, each with every installment, those that were paid off or charged off too."""
    number, before_id = line_number(line_id), place_id(IdPrefix.PLAN, after)

    def run(connection: Connection, act: Act) -> Page[PlanView] | Refusal:
        newest = plans_told(connection, number, before_id=before_id, most=limit + 1, act=act)
        if newest is None:
            return no_such_line()
        return page(
            newest,
            limit=limit,
            view=lambda told: _plan_view(told.plan, line_id=number),
            place=lambda told: encode_id(IdPrefix.PLAN, told.plan.plan_id),
        )

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
    """One plan, with every installment, however long ago it ended."""
    number = path_id(IdPrefix.PLAN, plan_id)
    line_id = line_of_object(request, number, prefix=IdPrefix.PLAN, kind="plan")

    def run(connection: Connection, act: Act) -> PlanView:
        return _plan_view(_told(connection, line_id, number, act=act).plan, line_id=line_id)

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
    line_id = line_of_object(request, number, prefix=IdPrefix.PLAN, kind="plan")

    def run(connection: Connection, act: Act) -> SettlementQuoteView | Refusal:
        quoted = settlement_quote(_told(connection, line_id, number, act=act), act=act)
        if isinstance(quoted, Refusal):
            return quoted
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
    line_id = line_of_object(request, number, prefix=IdPrefix.PLAN, kind="plan")
    return record_fact(
        request,
        line_id,
        data,
        lambda act: facts.SettledEarly(
            payment_id=next(act.event_ids), plan_id=number, amount_minor=data.amount_minor, channel=data.channel
        ),
        idempotency_key=idempotency_key,
    )


def _told(connection: Connection, line_id: int, plan_id: int, *, act: Act) -> PlanTold:
    told = plan_told(connection, line_id, plan_id, act=act)
    if told is None:
        raise not_there(IdPrefix.PLAN, kind="plan")
    return told


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
    "/", route_handlers=[quote, put_draw_into_plan, convert, list_plans, get_plan, quote_settlement, settle]
)
