"""API keys and test clocks, over the API itself."""

from datetime import UTC, datetime
from typing import Annotated

from litestar import Response, Router, delete, get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct
from psycopg import Connection

from tallystick.operations import clocks as moving
from tallystick.operations.api_keys import (
    REQUESTS_PER_S,
    KeyRequest,
    api_keys,
    make_api_key,
    revoke_api_key,
    unknown_api_key,
)
from tallystick.operations.lines import Act
from tallystick.storage import clocks
from tallystick.storage.clocks import Clock
from tallystick.storage.trust import ApiKeyRow, read_api_key
from tallystick.trust.refusals import TrustRefusal
from tallystick.trust.scopes import Mode, Scope
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.answering import read, write
from tallystick.web.edge import Asked, caller_of, edge_of
from tallystick.web.parameters import (
    AfterApiKey,
    AfterClock,
    ApiKeyPath,
    ClockPath,
    IdempotencyKey,
    Page,
    PageLimit,
    Text,
    needs,
    page,
    path_id,
    place_id,
)
from tallystick.web.problems import Problem, problems

Instant = Annotated[datetime, Meta(tz=True, description="UTC, RFC 3339", examples=["2026-11-24T01:00:00Z"])]


class KeyBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key to make. `holder` is who acts with it; its mode is that of your own key."""

    holder: Text
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=40)]
    requests_per_s: Annotated[int, Meta(ge=1, le=100_000)] = REQUESTS_PER_S
    expires_at: Instant | None = None


class KeyView(Struct, frozen=True):
    """An API key; its token is shown only when it is made."""

    id: str
    holder: str
    mode: str
    scopes: list[str]
    requests_per_s: int
    made_by: str
    made_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class NewKeyView(Struct, frozen=True):
    """A key with its token, shown this once."""

    api_key: KeyView
    token: str


class ClockBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A clock that stands still at an instant."""

    name: Text
    stands_at: Instant


class MoveBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The instant to move a clock to."""

    stands_at: Instant


class ClockView(Struct, frozen=True):
    """What time it is for the lines that follow this clock."""

    id: str
    name: str
    stands_at: datetime
    made_by: str
    made_at: datetime


def _key_view(key: ApiKeyRow) -> KeyView:
    return KeyView(
        id=encode_id(IdPrefix.API_KEY, key.api_key_id),
        holder=key.holder,
        mode=key.mode,
        scopes=key.scopes,
        requests_per_s=key.requests_per_s,
        made_by=key.made_by,
        made_at=key.made_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
    )


@post(
    "/api-keys",
    operation_id="make_api_key",
    tags=["keys"],
    guards=[needs(Scope.KEYS_WRITE)],
    responses=problems(409, 422),
    sync_to_thread=True,
)
def make_key(request: Asked, data: JSONBody[KeyBody], idempotency_key: IdempotencyKey) -> Response[NewKeyView]:
    """Make a key with scopes that your own has. Its token is in this answer and nowhere else."""
    edge, caller = edge_of(request), caller_of(request)
    asked = KeyRequest(
        holder=data.holder,
        mode=caller.mode,
        scopes=data.scopes,
        requests_per_s=data.requests_per_s,
        expires_at=_instant(data.expires_at, param="expires_at"),
    )

    def run(connection: Connection, act: Act) -> NewKeyView | TrustRefusal:
        made = make_api_key(connection, asked, granted_by=caller.scopes, master_key=edge.master_key, act=act)
        return made if isinstance(made, TrustRefusal) else NewKeyView(_key_view(made.key), made.token)

    return write(request, data, run, idempotency_key=idempotency_key)


def _instant(at: datetime | None, *, param: str) -> datetime | None:
    if at is None:
        return None
    if not 2000 <= at.year <= 2200:
        raise Problem("date_implausible", status=422, detail=f"{param}: give a year from 2000 to 2200", param=param)
    return at.astimezone(UTC)


@get(
    "/api-keys",
    operation_id="list_api_keys",
    tags=["keys"],
    guards=[needs(Scope.KEYS_READ)],
    responses=problems(),
    sync_to_thread=True,
)
def list_keys(request: Asked, limit: PageLimit = 20, after: AfterApiKey = None) -> Response[Page[KeyView]]:
    """Keys, the newest first, those that have ended included."""
    before_id = place_id(IdPrefix.API_KEY, after)

    def run(connection: Connection, _: Act) -> Page[KeyView]:
        rows = list(api_keys(connection, before_id=before_id, most=limit + 1))
        return page(rows, limit=limit, view=_key_view, place=lambda row: encode_id(IdPrefix.API_KEY, row.api_key_id))

    return read(request, run)


@get(
    "/api-keys/{api_key_id:str}",
    operation_id="get_api_key",
    tags=["keys"],
    guards=[needs(Scope.KEYS_READ)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_key(request: Asked, api_key_id: ApiKeyPath) -> Response[KeyView]:
    """One key, also one that has ended."""
    number = path_id(IdPrefix.API_KEY, api_key_id)

    def run(connection: Connection, _: Act) -> KeyView | TrustRefusal:
        key = read_api_key(connection, number)
        return unknown_api_key() if key is None else _key_view(key)

    return read(request, run)


@delete(
    "/api-keys/{api_key_id:str}",
    operation_id="revoke_api_key",
    tags=["keys"],
    guards=[needs(Scope.KEYS_WRITE)],
    status_code=200,
    responses=problems(404, 409),
    sync_to_thread=True,
)
def revoke_key(request: Asked, api_key_id: ApiKeyPath, idempotency_key: IdempotencyKey) -> Response[KeyView]:
    """End a key for good: at once here, and within ten seconds on every other server."""
    number, edge = path_id(IdPrefix.API_KEY, api_key_id), edge_of(request)

    def run(connection: Connection, act: Act) -> KeyView | TrustRefusal:
        key = revoke_api_key(connection, number, act=act)
        return key if isinstance(key, TrustRefusal) else _key_view(key)

    answered = write(request, None, run, idempotency_key=idempotency_key, status=200)
    edge.callers.forget()
    return answered


def _clock_view(clock: Clock) -> ClockView:
    return ClockView(
        id=encode_id(IdPrefix.TEST_CLOCK, clock.test_clock_id),
        name=clock.name,
        stands_at=clock.stands_at,
        made_by=clock.made_by,
        made_at=clock.made_at,
    )


def _needs_test_key(request: Asked) -> None:
    if caller_of(request).mode is not Mode.TEST:
        raise Problem("mode_differs", status=403, detail="Test clocks need a test key", param="Authorization")


@post(
    "/test-clocks",
    operation_id="make_test_clock",
    tags=["test clocks"],
    guards=[needs(Scope.CLOCKS_WRITE)],
    responses=problems(409, 422),
    sync_to_thread=True,
)
def make_clock(request: Asked, data: JSONBody[ClockBody], idempotency_key: IdempotencyKey) -> Response[ClockView]:
    """Make a clock for lines to follow. Only test keys may."""
    _needs_test_key(request)
    stands_at = _instant(data.stands_at, param="stands_at")
    assert stands_at is not None

    def run(connection: Connection, act: Act) -> ClockView:
        return _clock_view(moving.make_clock(connection, name=data.name, stands_at=stands_at, act=act))

    return write(request, data, run, idempotency_key=idempotency_key)


@get(
    "/test-clocks",
    operation_id="list_test_clocks",
    tags=["test clocks"],
    guards=[needs(Scope.CLOCKS_WRITE)],
    responses=problems(),
    sync_to_thread=True,
)
def list_clocks(request: Asked, limit: PageLimit = 20, after: AfterClock = None) -> Response[Page[ClockView]]:
    """Clocks, the newest first."""
    before_id = place_id(IdPrefix.TEST_CLOCK, after)

    def run(connection: Connection, _: Act) -> Page[ClockView]:
        rows = clocks.clocks(connection, before_id=before_id, most=limit + 1)
        return page(
            rows, limit=limit, view=_clock_view, place=lambda row: encode_id(IdPrefix.TEST_CLOCK, row.test_clock_id)
        )

    return read(request, run)


@get(
    "/test-clocks/{clock_id:str}",
    operation_id="get_test_clock",
    tags=["test clocks"],
    guards=[needs(Scope.CLOCKS_WRITE)],
    responses=problems(404),
    sync_to_thread=True,
)
def get_clock(request: Asked, clock_id: ClockPath) -> Response[ClockView]:
    """One clock."""
    number = path_id(IdPrefix.TEST_CLOCK, clock_id)

    def run(connection: Connection, _: Act) -> ClockView | TrustRefusal:
        clock = clocks.read_clock(connection, number)
        return moving.unknown_clock() if clock is None else _clock_view(clock)

    return read(request, run)


@post(
    "/test-clocks/{clock_id:str}/move",
    operation_id="move_test_clock",
    tags=["test clocks"],
    guards=[needs(Scope.CLOCKS_WRITE)],
    responses=problems(404, 409, 422),
    sync_to_thread=True,
)
def move_clock(
    request: Asked, clock_id: ClockPath, data: JSONBody[MoveBody], idempotency_key: IdempotencyKey
) -> Response[ClockView]:
    """Let time pass: the clock's lines live through every day between, statements, late fees and all."""
    _needs_test_key(request)
    number, zone = path_id(IdPrefix.TEST_CLOCK, clock_id), edge_of(request).zone
    stands_at = _instant(data.stands_at, param="stands_at")
    assert stands_at is not None

    moved: list[Clock] = []

    def run(connection: Connection, act: Act) -> ClockView | TrustRefusal:
        told = moving.move_clock(connection, number, to=stands_at, zone=zone, act=act)
        if isinstance(told, TrustRefusal):
            return told
        moved.append(told)
        return _clock_view(told)

    answered = write(request, data, run, idempotency_key=idempotency_key)
    clock = edge_of(request).clock
    if isinstance(clock, moving.FollowedClock):
        for told in moved:  # once it is written
            clock.saw(told)
    return answered


router = Router(
    "/", route_handlers=[make_key, list_keys, get_key, revoke_key, make_clock, list_clocks, get_clock, move_clock]
)
