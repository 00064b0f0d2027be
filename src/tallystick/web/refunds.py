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
    AmountMinor,
    Code,
    DrawPath,
    IdempotencyKey,
    LinePath,
    Page,
    Text,
    needs,
    path_id,
)
from tallystick.web.problems import problems


class RefundBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a merchant gives back of a draw, and what of its discount it gets back."""

    amount_minor: AmountMinor
    merchant_fee_minor: Annotated[int, Meta(ge=0, le=10**13)] = 0
    effective_on: date | None = None


class ChargebackBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A dispute decided for the borrower."""

    amount_minor: AmountMinor
    reason: Text
    merchant_fee_minor: Annotated[int, Meta(ge=0, le=10**13)] = 0
    effective_on: date | None = None


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


@get(
    "/lines/{line_id:str}/refunds",
    operation_id="list_refunds",
    tags=["refunds"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_refunds(request: Asked, line_id: LinePath) -> Response[Page[RefundView]]:
    """The line's refunds and chargebacks, the newest first."""
    number = line_number(line_id)

    def run(connection: Connection, _: Act) -> Page[RefundView] | Refusal:
        if read_line(connection, number) is None:
            return no_such_line()
        return Page([_view(refund) for refund in refunds_told(read_events(connection, number))], None)

    return read(request, run, line_id=number)


def _view(refund: RefundTold) -> RefundView:
    prefix = IdPrefix.CHARGEBACK if refund.is_chargeback else IdPrefix.REFUND
    return RefundView(
        id=encode_id(prefix, refund.refund_id),
        draw_id=encode_id(IdPrefix.DRAWDOWN, refund.draw_id),
        event_id=encode_id(IdPrefix.EVENT, refund.event_id),
        amount_minor=refund.amount_minor,
        effective_on=refund.effective_on,
        is_chargeback=refund.is_chargeback,
        is_undone=refund.is_undone,
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


router = Router("/", route_handlers=[list_refunds, refund, preview_refund, charge_back, withdraw])
