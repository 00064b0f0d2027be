"""Authorized purchases claimed by their merchants, or given back."""

from datetime import date
from typing import Annotated

from litestar import Response, Router, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.capturing import Claim, capture, void
from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal
from tallystick.terms.offering import OfferFault
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix
from tallystick.units.money import MOST_MINOR
from tallystick.web.answering import write
from tallystick.web.authorization_views import purchase_decision
from tallystick.web.drawdowns import PlanBody, plan_request
from tallystick.web.edge import Asked, caller_of, edge_of
from tallystick.web.happening import Happened, happened
from tallystick.web.parameters import (
    AmountMinor,
    AuthorizationPath,
    IdempotencyKey,
    Metadata,
    OptionalText,
    needs,
    path_id,
    plausible,
)
from tallystick.web.problems import problems


class ClaimBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is claimed of an authorization; `keeps_hold` leaves the rest of it for a later claim."""

    amount_minor: AmountMinor
    keeps_hold: bool = False
    merchant_fee_minor: Annotated[int, Meta(ge=0, le=MOST_MINOR)] = 0
    purpose: OptionalText = ""
    plan: PlanBody | None = None
    effective_on: date | None = None
    metadata: Metadata = {}


class GiveBackBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of the hold is given back; everything that is left of it where no amount is given."""

    amount_minor: AmountMinor | None = None


@post(
    "/authorizations/{authorization_id:str}/capture",
    operation_id="capture_authorization",
    tags=["authorizations"],
    guards=[needs(Scope.DRAWS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def capture_authorization(
    request: Asked, authorization_id: AuthorizationPath, data: JSONBody[ClaimBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Draw what was authorized: once, or in parts while the hold is kept, within the strategy's tolerance."""
    number = path_id(IdPrefix.AUTHORIZATION, authorization_id)
    plausible(data.effective_on, param="effective_on")
    edge, caller, deciders = edge_of(request), caller_of(request), edge_of(request).deciders
    claim = Claim(
        amount_minor=data.amount_minor,
        keeps_hold=data.keeps_hold,
        merchant_fee_minor=data.merchant_fee_minor,
        purpose=data.purpose,
        plan=plan_request(data.plan),
    )

    def run(connection: Connection, _: Act) -> Happened | Refusal | OfferFault:
        decision = purchase_decision(connection, number)
        assert decision.line_id is not None
        act = edge.act_on_line(connection, caller, decision.line_id)
        drawn = capture(connection, decision, claim, deciders=deciders, act=act, on=data.effective_on)
        return happened(connection, drawn, act=act, metadata=data.metadata)

    return write(request, data, run, idempotency_key=idempotency_key)


@post(
    "/authorizations/{authorization_id:str}/void",
    operation_id="void_authorization",
    tags=["authorizations"],
    guards=[needs(Scope.DRAWS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def void_authorization(
    request: Asked, authorization_id: AuthorizationPath, data: JSONBody[GiveBackBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Give back what is held, or part of it."""
    number = path_id(IdPrefix.AUTHORIZATION, authorization_id)
    edge, caller = edge_of(request), caller_of(request)

    def run(connection: Connection, _: Act) -> Happened | Refusal | OfferFault:
        decision = purchase_decision(connection, number)
        assert decision.line_id is not None
        act = edge.act_on_line(connection, caller, decision.line_id)
        return happened(connection, void(connection, decision, amount_minor=data.amount_minor, act=act), act=act)

    return write(request, data, run, idempotency_key=idempotency_key)


router = Router("/", route_handlers=[capture_authorization, void_authorization])
