"""What every write on a line answers: the event that was recorded, and how the line stands after it."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import msgspec
from litestar import Response
from msgspec import Struct
from psycopg import Connection

from tallystick.operations.lines import Act, Recorded, record
from tallystick.operations.public_events import public_fact
from tallystick.operations.standing import Standing, standing
from tallystick.servicing.facts import AnyFact, Event, kind_of
from tallystick.servicing.line import Line
from tallystick.servicing.refusals import Refusal, RefusalReason
from tallystick.storage import lines
from tallystick.storage.acceptances import acceptance_of_opening
from tallystick.storage.line_writing import objects_of
from tallystick.storage.metadata import line_metadata, write_object_metadata
from tallystick.terms.offering import OfferFault
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import connected, preview, write
from tallystick.web.edge import Asked, edge_of
from tallystick.web.parameters import path_id, plausible
from tallystick.web.problems import Problem


class Happened(Struct, frozen=True):
    """What was recorded on a line. `fact` holds the ids of what it made: a payment's, a hold's, a plan's."""

    event_id: str
    kind: str
    line_id: str
    effective_on: date
    fact: dict[str, Any]
    line: Standing


class LineView(Struct, frozen=True):
    """A credit line and how it stands today; `acceptance_id` is what the borrower accepted when it was opened."""

    id: str
    borrower_id: str
    product_key: int
    contract_hash: str
    currency: str
    opened_on: date
    metadata: dict[str, str]
    acceptance_id: str | None
    standing: Standing


def line_view(connection: Connection, line: Line, *, act: Act) -> LineView:
    """A line that is caught up, as it is told."""
    acceptance_id = acceptance_of_opening(connection, borrower_id=line.borrower_id, line_id=line.line_id)
    return LineView(
        id=encode_id(IdPrefix.LINE, line.line_id),
        borrower_id=encode_id(IdPrefix.BORROWER, line.borrower_id),
        product_key=line.product_id,
        contract_hash=line.contract_hash,
        currency=line.currency,
        opened_on=line.opened_on,
        metadata=line_metadata(connection, line.line_id),
        acceptance_id=None if acceptance_id is None else encode_id(IdPrefix.ACCEPTANCE, acceptance_id),
        standing=standing(connection, line, day=act.today),
    )


def happened(
    connection: Connection,
    outcome: Recorded | Refusal | OfferFault,
    *,
    act: Act,
    metadata: Mapping[str, str] | None = None,
) -> Happened | Refusal | OfferFault:
    """The answer to an act on a line; the caller's `metadata` is kept beside what the act made."""
    if not isinstance(outcome, Recorded):
        return outcome
    if metadata:
        made_id, _, kind, _ = next(objects_of(outcome.event, line_id=outcome.line.line_id))
        write_object_metadata(connection, made_id, metadata, kind=kind)
    return told(connection, outcome.event, line=outcome.line, act=act)


def told(connection: Connection, event: Event, *, line: Line, act: Act) -> Happened:
    """An event of a line that is caught up, as it is told."""
    return Happened(
        event_id=encode_id(IdPrefix.EVENT, event.event_id),
        kind=kind_of(event.fact),
        line_id=encode_id(IdPrefix.LINE, line.line_id),
        effective_on=event.effective_on,
        fact=public_fact(msgspec.to_builtins(event.fact)),
        line=standing(connection, line, day=act.today),
    )


def record_fact(
    request: Asked,
    line_id: int,
    body: object,
    fact_of: Callable[[Act], AnyFact],
    *,
    idempotency_key: str,
    on: date | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Response[Happened]:
    """Record a fact on a line, once per Idempotency-Key, from the business day `on` (None: today)."""
    plausible(on, param="effective_on")
    recording = _recording(line_id, fact_of, on=on, metadata=metadata)
    return write(request, body, recording, idempotency_key=idempotency_key, line_id=line_id)


def preview_fact(
    request: Asked, line_id: int, fact_of: Callable[[Act], AnyFact], *, on: date | None = None
) -> Response[Happened]:
    """What recording the fact would answer; nothing is written."""
    plausible(on, param="effective_on")
    return preview(request, _recording(line_id, fact_of, on=on), line_id=line_id)


def _recording(
    line_id: int, fact_of: Callable[[Act], AnyFact], *, on: date | None, metadata: Mapping[str, str] | None = None
) -> Callable[[Connection, Act], Happened | Refusal | OfferFault]:
    def run(connection: Connection, act: Act) -> Happened | Refusal | OfferFault:
        recorded = record(connection, line_id, fact_of(act), act=act, on=on)
        return happened(connection, recorded, act=act, metadata=metadata)

    return run


def line_number(text: str) -> int:
    """The id of a line in a path. Raises `Problem` where it is none."""
    return path_id(IdPrefix.LINE, text)


def owner_line(connection: Connection, object_id: int, *, prefix: IdPrefix, kind: str) -> int:
    """The line that a hold, draw, plan or payment belongs to. Raises `Problem` where there is no such thing."""
    line_id = lines.line_of(connection, object_id, kind=kind)
    if line_id is None:
        raise not_there(prefix, kind=kind)
    return line_id


def not_there(prefix: IdPrefix, *, kind: str) -> Problem:
    """What a path names is not there."""
    return Problem(
        f"{kind}_unknown", status=404, detail=f"There is no {kind} of this id: check it", param=f"{prefix}_id"
    )


def no_such_line() -> Refusal:
    """There is no line of that id."""
    return Refusal(RefusalReason.LINE_NOT_OPEN, field="line_id")


def line_of_object(request: Asked, object_id: int, *, prefix: IdPrefix, kind: str) -> int:
    """The line of a thing in a path; that never changes, so it is read before the transaction that uses it.

    Raises `Problem` where there is no such thing.
    """
    with connected(edge_of(request)) as connection:
        return owner_line(connection, object_id, prefix=prefix, kind=kind)
