"""Money that a merchant or a borrower gives back: refunds, chargebacks, withdrawals."""

from datetime import date
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations.draws_told import RefundTold, refunds_told
from tallystick.operations.lines import Act
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal
from tallystick.storage.lines import read_events, read_line
from tallystick.storage.metadata import object_metadata
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import read
from tallystick.web.edge import Asked
from tallystick.web.happening import (
    Happened,
    line_number,
    line_of_object,
    no_such_line,
    preview_fact,
    record_fact,
)
from tallystick.web.parameters import (
    AfterRefund,
    AmountMinor,
    Code,
    DrawPath,
    IdempotencyKey,
    LinePath,
    Metadata,
    Page,
    PageLimit,
    RefundPath,
    Text,
    needs,
    page,
    path_id,
    refund_number,
)
from tallystick.web.problems import problems


class RefundBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a merchant gives back of a draw, and what of its discount it gets back."""

    amount_minor: AmountMinor
    merchant_fee_minor: Annotated[int, Meta(ge=0, le=10**13)] = 0
    effective_on: date | None = None
    metadata: Metadata = {}


class ChargebackBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A dispute decided for the borrower."""

    amount_minor: AmountMinor
    reason: Text
    merchant_fee_minor: Annotated[int, Meta(ge=0, le=10**13)] = 0
    effective_on: date | None = None
    metadata: Metadata = {}


class WithdrawalBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The principal given back, and the channel by which it came."""

    amount_minor: AmountMinor
    channel: Code


class RefundView(Struct, frozen=True):
    """A refund as it was recorded, or a chargeback. `is_undone`: it was recorded in error."""

    id: str
    draw_id: str
    event_id: str
    amount_minor: int
    effective_on: date
    is_chargeback: bool
    is_undone: bool
    metadata: dict[str, str]


@get(
    "/lines/{line_id:str}/refunds",
    operation_id="list_refunds",
    tags=["refunds"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_refunds(
    request: Asked, line_id: LinePath, limit: PageLimit = 20, after: AfterRefund = None
) -> Response[Page[RefundView]]:
    """The line's refunds and chargebacks, the newest first."""
    number, before_id = line_number(line_id), None if after is None else refund_number(after, param="after")

    def run(connection: Connection, _: Act) -> Page[RefundView] | Refusal:
        if read_line(connection, number) is None:
            return no_such_line()
        told = refunds_told(read_events(connection, number))
        older = [refund for refund in told if before_id is None or refund.refund_id < before_id][: limit + 1]
        kept = object_metadata(connection, [refund.refund_id for refund in older])
        return page(
            older,
            limit=limit,
            view=lambda refund: _view(refund, metadata=kept[refund.refund_id]),
            place=_refund_id,
        )

    return read(request, run, line_id=number)


@get(
    "/refunds/{refund_id:str}",
    operation_id="get_refund",
    tags=["refunds"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_refund(request: Asked, refund_id: RefundPath) -> Response[RefundView]:
    """One refund, or one chargeback."""
    number = refund_number(refund_id, param="refund_id")
    kind = "chargeback" if refund_id.startswith(IdPrefix.CHARGEBACK) else "refund"
    line_id = line_of_object(request, number, prefix=IdPrefix.REFUND, kind=kind)

    def run(connection: Connection, _: Act) -> RefundView:
        told = refunds_told(read_events(connection, line_id))
        kept = object_metadata(connection, [number])[number]
        return next(_view(refund, metadata=kept) for refund in told if refund.refund_id == number)

    return read(request, run, line_id=line_id)


def _refund_id(refund: RefundTold) -> str:
    return encode_id(IdPrefix.CHARGEBACK if refund.is_chargeback else IdPrefix.REFUND, refund.refund_id)


def _view(refund: RefundTold, *, metadata: dict[str, str]) -> RefundView:
    return RefundView(
        id=_refund_id(refund),
        draw_id=encode_id(IdPrefix.DRAWDOWN, refund.draw_id),
        event_id=encode_id(IdPrefix.EVENT, refund.event_id),
        amount_minor=refund.amount_minor,
        effective_on=refund.effective_on,
        is_chargeback=refund.is_chargeback,
        is_undone=refund.is_undone,
        metadata=metadata,
    )


@post(
    "/drawdowns/{draw_id:str}/refunds",
    operation_id="refund",
    tags=["refunds"],
    guards=[needs(Scope.PAYMENTS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def refund(
    request: Asked, draw_id: DrawPath, data: JSONBody[RefundBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """A merchant gives money back for a draw; interest and fees follow pro rata, by the contract."""
    number, line_id = _draw(request, draw_id)
    return record_fact(
        request,
        line_id,
        data,
        lambda act: _refunded(data, draw_id=number, act=act),
        idempotency_key=idempotency_key,
        on=data.effective_on,
        metadata=data.metadata,
    )


@post(
    "/drawdowns/{draw_id:str}/refund-preview",
    operation_id="preview_refund",
    tags=["refunds"],
    guards=[needs(Scope.LINES_READ)],
    status_code=200,
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def preview_refund(request: Asked, draw_id: DrawPath, data: JSONBody[RefundBody]) -> Response[Happened]:
    """How the line would stand after the refund; writes nothing."""
    number, line_id = _draw(request, draw_id)
    return preview_fact(request, line_id, lambda act: _refunded(data, draw_id=number, act=act), on=data.effective_on)


def _refunded(data: RefundBody, *, draw_id: int, act: Act) -> facts.Refunded:
    return facts.Refunded(
        refund_id=next(act.event_ids),
        draw_id=draw_id,
        amount_minor=data.amount_minor,
        merchant_fee_minor=data.merchant_fee_minor,
    )


@post(
    "/drawdowns/{draw_id:str}/chargebacks",
    operation_id="charge_back",
    tags=["refunds"],
    guards=[needs(Scope.PAYMENTS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def charge_back(
    request: Asked, draw_id: DrawPath, data: JSONBody[ChargebackBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """A disputed purchase is decided for the borrower."""
    number, line_id = _draw(request, draw_id)
    return record_fact(
        request,
        line_id,
        data,
        lambda act: facts.Chargeback(
            chargeback_id=next(act.event_ids),
            draw_id=number,
            amount_minor=data.amount_minor,
            reason=data.reason,
            merchant_fee_minor=data.merchant_fee_minor,
        ),
        idempotency_key=idempotency_key,
        on=data.effective_on,
        metadata=data.metadata,
    )


@post(
    "/drawdowns/{draw_id:str}/withdrawal",
    operation_id="withdraw_draw",
    tags=["refunds"],
    guards=[needs(Scope.PAYMENTS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def withdraw(
    request: Asked, draw_id: DrawPath, data: JSONBody[WithdrawalBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Within the cooling-off days the borrower gives a draw back: its principal, and no price."""
    number, line_id = _draw(request, draw_id)
    return record_fact(
        request,
        line_id,
        data,
        lambda act: facts.DrawWithdrawn(
            payment_id=next(act.event_ids), draw_id=number, amount_minor=data.amount_minor, channel=data.channel
        ),
        idempotency_key=idempotency_key,
    )


def _draw(request: Asked, draw_id: str) -> tuple[int, int]:
    """A draw's number and its line; neither ever changes. Raises `Problem` where there is no such draw."""
    number = path_id(IdPrefix.DRAWDOWN, draw_id)
    return number, line_of_object(request, number, prefix=IdPrefix.DRAWDOWN, kind="draw")


router = Router("/", route_handlers=[list_refunds, get_refund, refund, preview_refund, charge_back, withdraw])
