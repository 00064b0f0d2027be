"""Metadata replaced as a whole: what callers keep beside a thing for themselves, and nothing of ours reads."""

from collections.abc import Callable
from typing import Any, Final

from litestar import Response, Router, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage.metadata import write_borrower_metadata, write_line_metadata, write_object_metadata
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix
from tallystick.web.answering import write
from tallystick.web.edge import Asked
from tallystick.web.happening import line_number, no_such_line, not_there
from tallystick.web.parameters import (
    BorrowerPath,
    DrawPath,
    HoldPath,
    IdempotencyKey,
    LinePath,
    Metadata,
    PaymentPath,
    RefundPath,
    needs,
    path_id,
    refund_number,
)
from tallystick.web.problems import problems

# What the path parameter of each kind of thing is called after.
_PREFIXES: Final = {
    "hold": IdPrefix.HOLD,
    "draw": IdPrefix.DRAWDOWN,
    "payment": IdPrefix.PAYMENT,
    "refund": IdPrefix.REFUND,
    "chargeback": IdPrefix.REFUND,
}


class MetadataBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept from now on, in place of all that was."""

    metadata: Metadata


class MetadataView(Struct, frozen=True):
    """What is kept beside a thing."""

    id: str
    metadata: dict[str, str]


def _route(path: str, *, name: str, scope: Scope) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    return put(
        f"{path}/metadata",
        operation_id=f"write_{name}_metadata",
        tags=["metadata"],
        guards=[needs(scope)],
        responses=problems(404, 409),
        sync_to_thread=True,
    )


@_route("/borrowers/{borrower_id:str}", name="borrower", scope=Scope.BORROWERS_WRITE)
def of_borrower(
    request: Asked, borrower_id: BorrowerPath, data: JSONBody[MetadataBody], idempotency_key: IdempotencyKey
) -> Response[MetadataView]:
    """Replace a borrower's metadata."""
    number = path_id(IdPrefix.BORROWER, borrower_id)

    def run(connection: Connection, _: Act) -> MetadataView | Refusal:
        if not write_borrower_metadata(connection, number, data.metadata):
            return Refusal(RefusalReason.BORROWER_UNKNOWN, field="borrower_id")
        return MetadataView(borrower_id, data.metadata)

    return write(request, data, run, idempotency_key=idempotency_key, status=200)


@_route("/lines/{line_id:str}", name="line", scope=Scope.LINES_WRITE)
def of_line(
    request: Asked, line_id: LinePath, data: JSONBody[MetadataBody], idempotency_key: IdempotencyKey
) -> Response[MetadataView]:
    """Replace a line's metadata."""
    number = line_number(line_id)

    def run(connection: Connection, _: Act) -> MetadataView | Refusal:
        if not write_line_metadata(connection, number, data.metadata):
            return no_such_line()
        return MetadataView(line_id, data.metadata)

    return write(request, data, run, idempotency_key=idempotency_key, status=200)


@_route("/holds/{hold_id:str}", name="hold", scope=Scope.DRAWS_WRITE)
def of_hold(
    request: Asked, hold_id: HoldPath, data: JSONBody[MetadataBody], idempotency_key: IdempotencyKey
) -> Response[MetadataView]:
    """Replace a hold's metadata."""
    return _of_object(request, hold_id, data, number=path_id(IdPrefix.HOLD, hold_id), kind="hold", key=idempotency_key)


@_route("/drawdowns/{draw_id:str}", name="drawdown", scope=Scope.DRAWS_WRITE)
def of_draw(
    request: Asked, draw_id: DrawPath, data: JSONBody[MetadataBody], idempotency_key: IdempotencyKey
) -> Response[MetadataView]:
    """Replace a draw's metadata."""
    number = path_id(IdPrefix.DRAWDOWN, draw_id)
    return _of_object(request, draw_id, data, number=number, kind="draw", key=idempotency_key)


@_route("/payments/{payment_id:str}", name="payment", scope=Scope.PAYMENTS_WRITE)
def of_payment(
    request: Asked, payment_id: PaymentPath, data: JSONBody[MetadataBody], idempotency_key: IdempotencyKey
) -> Response[MetadataView]:
    """Replace a payment's metadata."""
    number = path_id(IdPrefix.PAYMENT, payment_id)
    return _of_object(request, payment_id, data, number=number, kind="payment", key=idempotency_key)


@_route("/refunds/{refund_id:str}", name="refund", scope=Scope.PAYMENTS_WRITE)
def of_refund(
    request: Asked, refund_id: RefundPath, data: JSONBody[MetadataBody], idempotency_key: IdempotencyKey
) -> Response[MetadataView]:
    """Replace the metadata of a refund or a chargeback."""
    number = refund_number(refund_id, param="refund_id")
    kind = "chargeback" if refund_id.startswith(IdPrefix.CHARGEBACK) else "refund"
    return _of_object(request, refund_id, data, number=number, kind=kind, key=idempotency_key)


def _of_object(
    request: Asked, public_id: str, body: MetadataBody, *, number: int, kind: str, key: str
) -> Response[MetadataView]:
    def run(connection: Connection, _: Act) -> MetadataView:
        if not write_object_metadata(connection, number, body.metadata, kind=kind):
            raise not_there(_PREFIXES[kind], kind=kind)
        return MetadataView(public_id, body.metadata)

    return write(request, body, run, idempotency_key=key, status=200)


router = Router("/", route_handlers=[of_borrower, of_line, of_hold, of_draw, of_payment, of_refund])
