"""Officers who decide otherwise than the strategy: what grants waits for a second holder's key."""

from typing import Annotated

from litestar import Response, Router, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.application_judgments import approve_offer, propose_offer, reject_offer, take_offer_back
from tallystick.operations.lines import Act
from tallystick.trust.scopes import Scope
from tallystick.web.application_views import ApplicationView, changed_application
from tallystick.web.edge import Asked, edge_of
from tallystick.web.parameters import (
    AmountMinor,
    ApplicationPath,
    Code,
    IdempotencyKey,
    OptionalText,
    Text,
    needs,
)
from tallystick.web.problems import problems


class _Override(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="outcome"):
    """An application decided otherwise; `outcome` says how."""


class GrantBody(_Override, frozen=True, tag="offer"):
    """What was declined is offered a line; nothing happens until a second person approves."""

    limit_minor: AmountMinor
    reason: Text


class TakeBackBody(_Override, frozen=True, tag="decline"):
    """What was offered is declined. `reasons` are codes of the strategy, told to the borrower; `reason` is not told."""

    reasons: Annotated[list[Code], Meta(min_length=1, max_length=4)]
    reason: Text


class SecondBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a second person decided so."""

    note: OptionalText = ""


@post(
    "/applications/{application_id:str}/override",
    operation_id="override_application",
    tags=["applications"],
    guards=[needs(Scope.OVERRIDES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def override(
    request: Asked,
    application_id: ApplicationPath,
    data: JSONBody[GrantBody | TakeBackBody],
    idempotency_key: IdempotencyKey,
) -> Response[ApplicationView]:
    """An officer decides otherwise than the strategy: kept with its reason, and counted against the strategy."""
    deciders = edge_of(request).deciders

    def act_on(connection: Connection, number: int, *, act: Act) -> object:
        match data:
            case GrantBody():
                return propose_offer(connection, number, limit_minor=data.limit_minor, reason=data.reason, act=act)
            case TakeBackBody():
                reasons = tuple(data.reasons)
                return take_offer_back(
                    connection, number, reasons=reasons, reason=data.reason, deciders=deciders, act=act
                )

    return changed_application(request, application_id, data, act_on, idempotency_key=idempotency_key)


@post(
    "/applications/{application_id:str}/override/approve",
    operation_id="approve_override",
    tags=["applications"],
    guards=[needs(Scope.OVERRIDES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def approve(
    request: Asked, application_id: ApplicationPath, data: JSONBody[SecondBody], idempotency_key: IdempotencyKey
) -> Response[ApplicationView]:
    """A second person agrees: the line is offered today."""

    def act_on(connection: Connection, number: int, *, act: Act) -> object:
        return approve_offer(connection, number, note=data.note, act=act)

    return changed_application(request, application_id, data, act_on, idempotency_key=idempotency_key)


@post(
    "/applications/{application_id:str}/override/reject",
    operation_id="reject_override",
    tags=["applications"],
    guards=[needs(Scope.OVERRIDES_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def reject(
    request: Asked, application_id: ApplicationPath, data: JSONBody[SecondBody], idempotency_key: IdempotencyKey
) -> Response[ApplicationView]:
    """A second person does not agree: the application stays declined."""

    def act_on(connection: Connection, number: int, *, act: Act) -> object:
        return reject_offer(connection, number, note=data.note, act=act)

    return changed_application(request, application_id, data, act_on, idempotency_key=idempotency_key)


router = Router("/", route_handlers=[override, approve, reject])
