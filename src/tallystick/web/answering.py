"""One request, one transaction: read and answer, or write once per Idempotency-Key and give the same answer again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar, cast

import msgspec
import psycopg
from litestar import Response
from psycopg import Connection
from psycopg_pool import PoolTimeout

from tallystick.operations.lines import Act
from tallystick.servicing.refusals import Refusal
from tallystick.storage import idempotency
from tallystick.storage.idempotency import Answer, InProgress, RequestKey
from tallystick.storage.line_writing import LineChangedMeanwhile
from tallystick.terms.offering import OfferFault
from tallystick.trust.personal_data import body_fingerprint, seal_secret, unseal_secret
from tallystick.trust.refusals import TrustRefusal
from tallystick.web.edge import Asked, Edge, body_bytes, caller_of, edge_of
from tallystick.web.problems import (
    JSON,
    PROBLEM_TYPE,
    Declined,
    Overloaded,
    Problem,
    answer,
    declined,
    problem_document,
    request_id_of,
)

View = TypeVar("View")
# Two writes that met in the database: one of them is run again, and sees what the other did.
_MET: Final = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.UniqueViolation,
    LineChangedMeanwhile,
)
_TRIES: Final = 3


def read(
    request: Asked, run: Callable[[Connection, Act], View | Declined], *, line_id: int | None = None
) -> Response[View]:
    """Answer from one snapshot; what is written meanwhile, such as who looked, is committed with it."""
    edge = edge_of(request)
    with connected(edge) as connection:
        told = run(connection, _act(edge, request, connection, line_id=line_id))
    if isinstance(told, Declined):
        return cast("Response[View]", answer(declined(told, request=request)))
    return _told(msgspec.json.encode(told), status=200)


def write(
    request: Asked,
    body: object,
    run: Callable[[Connection, Act], View | Declined],
    *,
    idempotency_key: str,
    status: int = 201,
    line_id: int | None = None,
) -> Response[View]:
    """Run once per Idempotency-Key: the answer is recorded in the write's own transaction and given again.

    The key is the caller's for this path, ids included. A refusal is an answer too. Raises `Problem` where the key came
    before with another body, or is being answered right now.
    """
    edge, caller = edge_of(request), caller_of(request)
    key = RequestKey(caller.api_key_id, f"{request.method} {request.scope['path']}", idempotency_key)
    fingerprint = body_fingerprint(body_bytes(body), master_key=edge.master_key)
    for tries_left in reversed(range(_TRIES)):
        try:
            with connected(edge) as connection:
                known = _recorded(connection, key, fingerprint=fingerprint)
                if known is not None:
                    return _told_again(known, key, edge=edge)
                told = _told_or_refused(run, connection, _act(edge, request, connection, line_id=line_id))
                code, content = _encoded(told, status=status, request=request)
                if isinstance(told, Declined | Problem):
                    connection.rollback()  # a refusal leaves nothing behind but its answer
                    known = _recorded(connection, key, fingerprint=fingerprint)
                    if known is not None:
                        return _told_again(known, key, edge=edge)
                sealed = seal_secret(content, bound_to=_place(key), master_key=edge.master_key)
                answered = Answer(fingerprint, code, sealed)
                idempotency.commit_with_answer(connection, key, answered, recorded_at=edge.clock())
            return _told(content, status=code)
        except _MET:
            if not tries_left:
                raise
    raise AssertionError("the last try returns or raises")


@contextmanager
def connected(edge: Edge) -> Iterator[Connection]:
    """A connection whose transaction is committed when the block ends. Raises `Problem` where none is free in time."""
    try:
        connection = edge.pool.getconn()
    except PoolTimeout as fault:
        raise Overloaded from fault
    try:
        with connection:  # psycopg commits, or rolls back where the block raised; the pool keeps it open
            yield connection
    finally:
        edge.pool.putconn(connection)


def _act(edge: Edge, request: Asked, connection: Connection, *, line_id: int | None) -> Act:
    caller = caller_of(request)
    return edge.act_of(caller) if line_id is None else edge.act_on_line(connection, caller, line_id)


def _recorded(connection: Connection, key: RequestKey, *, fingerprint: bytes) -> Answer | None:
    """The answer recorded for this request; None where this transaction is the one to answer it."""
    known = idempotency.claim(connection, key)
    if isinstance(known, InProgress):
        raise Problem(
            "idempotency_in_progress",
            status=409,
            detail="The same request is being answered right now: ask again in a second with the same key",
            param="Idempotency-Key",
            retry_after_s=1,
        )
    if known is not None and known.body_fingerprint != fingerprint:
        raise Problem(
            "idempotency_key_reused",
            status=409,
            detail="This key came before with another body: use a new key for another request",
            param="Idempotency-Key",
        )
    return known


def _told_or_refused(
    run: Callable[[Connection, Act], View | Declined], connection: Connection, act: Act
) -> View | Declined | Problem:
    """What the write says, a problem that it met included: that is an answer like any other refusal."""
    try:
        return run(connection, act)
    except Problem as problem:
        return problem


def _encoded(told: object, *, status: int, request: Asked) -> tuple[int, bytes]:
    match told:
        case Problem():
            refused = problem_document(told, request_id=request_id_of(request))
        case Refusal() | OfferFault() | TrustRefusal():
            refused = declined(told, request=request)
        case _:
            return status, msgspec.json.encode(told)
    return refused.status, msgspec.json.encode(refused)


def _told(content: bytes, *, status: int) -> Response[View]:
    media_type = JSON if status < 400 else PROBLEM_TYPE
    return cast("Response[View]", Response(content=content, status_code=status, media_type=media_type))


def _told_again(known: Answer, key: RequestKey, *, edge: Edge) -> Response[View]:
    content = unseal_secret(known.answer_body, bound_to=_place(key), master_key=edge.master_key)
    again: Response[View] = _told(content, status=known.answer_code)
    again.headers["Idempotency-Replayed"] = "true"
    return again


def _place(key: RequestKey) -> str:
    """What a recorded answer is sealed to: an answer may hold a secret that is told once."""
    return f"answer/{key.api_key_id}/{key.route}/{key.idempotency_key}"


def preview(
    request: Asked, run: Callable[[Connection, Act], View | Declined], *, line_id: int | None = None
) -> Response[View]:
    """What a write would answer, by running it and taking it back: nothing is written, nothing is recorded."""
    edge = edge_of(request)
    with connected(edge) as connection:
        told = run(connection, _act(edge, request, connection, line_id=line_id))
        connection.rollback()
    code, content = _encoded(told, status=200, request=request)
    return _told(content, status=code)
