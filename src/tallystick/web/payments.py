"""Payments: received once, listed, taken back; credit paid out; statements as they were told."""

from datetime import date

import msgspec
from litestar import Response, Router, get, post
from litestar.params import JSONBody
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lending import PaidBefore, receive_payment
from tallystick.operations.lines import Act
from tallystick.operations.standing import line_today
from tallystick.servicing import facts
from tallystick.servicing.refusals import Refusal
from tallystick.storage import line_reading, lines
from tallystick.storage.line_reading import PaymentRow, StatementRow
from tallystick.storage.metadata import object_metadata
from tallystick.terms.offering import OfferFault
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import connected, read, write
from tallystick.web.edge import Asked, edge_of
from tallystick.web.happening import (
    Happened,
    happened,
    line_number,
    no_such_line,
    not_there,
    record_fact,
    told,
)
from tallystick.web.parameters import (
    AfterPayment,
    AfterStatement,
    AmountMinor,
    Code,
    IdempotencyKey,
    LinePath,
    Metadata,
    OptionalText,
    Page,
    PageLimit,
    PaymentPath,
    StatementPath,
    Text,
    needs,
    page,
    path_id,
    place_id,
    plausible,
)
from tallystick.web.problems import Problem, problems


class PaymentBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A payment. `reference` is the channel's own: a callback that comes twice books once, whatever its key."""

    amount_minor: AmountMinor
    channel: Code
    reference: OptionalText = ""
    effective_on: date | None = None
    metadata: Metadata = {}


class ReturnBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a payment came to nothing."""

    reason: Text


class PayoutBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of the credit balance goes back to the borrower, and by which channel."""

    amount_minor: AmountMinor
    channel: Code


class PaymentView(Struct, frozen=True):
    """A payment as it was received."""

    id: str
    line_id: str
    event_id: str
    channel: str
    reference: str | None
    amount_minor: int
    effective_on: date
    metadata: dict[str, str]


class StatementView(Struct, frozen=True):
    """A statement as it was told, figures and all; never edited."""

    line_id: str
    number: int
    period_from: date
    closed_on: date
    due_on: date
    closing_minor: int
    minimum_due_minor: int
    figures: facts.StatementFigures


@post(
    "/lines/{line_id:str}/payments",
    operation_id="receive_payment",
    tags=["payments"],
    guards=[needs(Scope.PAYMENTS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def receive(
    request: Asked, line_id: LinePath, data: JSONBody[PaymentBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Take a payment. It never waits for a nightly job, and counts from `effective_on` even where that is past."""
    number = line_number(line_id)
    plausible(data.effective_on, param="effective_on")

    def run(connection: Connection, act: Act) -> Happened | Refusal | OfferFault:
        outcome = receive_payment(
            connection,
            number,
            amount_minor=data.amount_minor,
            channel=data.channel,
            reference=data.reference,
            act=act,
            on=data.effective_on,
        )
        if isinstance(outcome, PaidBefore):
            return _paid_before(connection, number, outcome, act=act)
        return happened(connection, outcome, act=act, metadata=data.metadata)

    return write(request, data, run, idempotency_key=idempotency_key, line_id=number)


def _paid_before(connection: Connection, line_id: int, paid: PaidBefore, *, act: Act) -> Happened:
    """The first callback's payment, as it is told now."""
    event = lines.read_event(connection, line_id, paid.event_id)
    line = line_today(connection, line_id, act=act)
    assert event is not None
    assert line is not None
    return told(connection, event, line=line, act=act)


@get(
    "/lines/{line_id:str}/payments",
    operation_id="list_payments",
    tags=["payments"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_payments(
    request: Asked, line_id: LinePath, limit: PageLimit = 20, after: AfterPayment = None
) -> Response[Page[PaymentView]]:
    """The line's payments, the newest first."""
    number, before_id = line_number(line_id), place_id(IdPrefix.PAYMENT, after)

    def run(connection: Connection, _: Act) -> Page[PaymentView] | Refusal:
        if lines.read_line(connection, number) is None:
            return no_such_line()
        rows = line_reading.payments(connection, number, before_id=before_id, most=limit + 1)
        kept = object_metadata(connection, [row.payment_id for row in rows])
        return page(
            rows,
            limit=limit,
            view=lambda row: _payment_view(row, metadata=kept[row.payment_id]),
            place=lambda row: encode_id(IdPrefix.PAYMENT, row.payment_id),
        )

    return read(request, run)


def _payment_view(row: PaymentRow, *, metadata: dict[str, str]) -> PaymentView:
    return PaymentView(
        id=encode_id(IdPrefix.PAYMENT, row.payment_id),
        line_id=encode_id(IdPrefix.LINE, row.line_id),
        event_id=encode_id(IdPrefix.EVENT, row.event_id),
        channel=row.channel,
        reference=row.reference,
        amount_minor=row.amount_minor,
        effective_on=row.effective_on,
        metadata=metadata,
    )


@get(
    "/payments/{payment_id:str}",
    operation_id="get_payment",
    tags=["payments"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_payment(request: Asked, payment_id: PaymentPath) -> Response[PaymentView]:
    """One payment."""
    row = _payment(request, payment_id)
    return read(
        request,
        lambda connection, _: _payment_view(
            row, metadata=object_metadata(connection, [row.payment_id])[row.payment_id]
        ),
    )


def _payment(request: Asked, payment_id: str) -> PaymentRow:
    """A payment by its id in a path; it never changes. Raises `Problem` where there is none."""
    number = path_id(IdPrefix.PAYMENT, payment_id)
    with connected(edge_of(request)) as connection:
        row = line_reading.payment(connection, number)
    if row is None:
        raise not_there(IdPrefix.PAYMENT, kind="payment")
    return row


@post(
    "/payments/{payment_id:str}/return",
    operation_id="return_payment",
    tags=["payments"],
    guards=[needs(Scope.PAYMENTS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def return_payment(
    request: Asked, payment_id: PaymentPath, data: JSONBody[ReturnBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """A payment came to nothing: the line is as if it had never been paid."""
    row = _payment(request, payment_id)
    fact = facts.PaymentReturned(payment_id=row.payment_id, event_id=row.event_id, reason=data.reason)
    return record_fact(request, row.line_id, data, lambda _: fact, idempotency_key=idempotency_key)


@post(
    "/lines/{line_id:str}/credit-payouts",
    operation_id="pay_credit_out",
    tags=["payments"],
    guards=[needs(Scope.PAYMENTS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def pay_credit_out(
    request: Asked, line_id: LinePath, data: JSONBody[PayoutBody], idempotency_key: IdempotencyKey
) -> Response[Happened]:
    """Pay the borrower's credit balance, or part of it, back."""
    fact = facts.CreditPaidOut(amount_minor=data.amount_minor, channel=data.channel)
    return record_fact(request, line_number(line_id), data, lambda _: fact, idempotency_key=idempotency_key)


@get(
    "/lines/{line_id:str}/statements",
    operation_id="list_statements",
    tags=["statements"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def list_statements(
    request: Asked, line_id: LinePath, limit: PageLimit = 20, after: AfterStatement = None
) -> Response[Page[StatementView]]:
    """The line's statements, the latest first."""
    number, before_number = line_number(line_id), None if after is None else int(after)

    def run(connection: Connection, _: Act) -> Page[StatementView] | Refusal:
        if lines.read_line(connection, number) is None:
            return no_such_line()
        rows = line_reading.statements(connection, number, before_number=before_number, most=limit + 1)
        return page(rows, limit=limit, view=_statement_view, place=lambda row: str(row.number))

    return read(request, run)


@get(
    "/lines/{line_id:str}/statements/{statement_number:int}",
    operation_id="get_statement",
    tags=["statements"],
    guards=[needs(Scope.LINES_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_statement(request: Asked, line_id: LinePath, statement_number: StatementPath) -> Response[StatementView]:
    """One statement."""
    number = line_number(line_id)

    def run(connection: Connection, _: Act) -> StatementView:
        rows = line_reading.statements(connection, number, before_number=statement_number + 1, most=1)
        if not rows or rows[0].number != statement_number:
            raise Problem(
                "statement_unknown",
                status=404,
                detail="There is no statement of this number: list them",
                param="statement_number",
            )
        return _statement_view(rows[0])

    return read(request, run)


def _statement_view(row: StatementRow) -> StatementView:
    return StatementView(
        line_id=encode_id(IdPrefix.LINE, row.line_id),
        number=row.number,
        period_from=row.period_from,
        closed_on=row.closed_on,
        due_on=row.due_on,
        closing_minor=row.closing_minor,
        minimum_due_minor=row.minimum_due_minor,
        figures=msgspec.json.decode(row.figures, type=facts.StatementFigures),
    )


router = Router(
    "/",
    route_handlers=[
        receive,
        list_payments,
        get_payment,
        return_payment,
        pay_credit_out,
        list_statements,
        get_statement,
    ],
)
