"""A server on a real socket over a real database, and callers of it."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from typing import Any

import httpx
import psycopg
import pytest
import structlog
import uvicorn
from psycopg_pool import ConnectionPool
from tests.books import Books

from tallystick.operations.api_keys import KeyRequest, MadeKey, make_api_key
from tallystick.operations.deciding import Deciders
from tallystick.operations.lines import Act
from tallystick.storage.arrays import dump_lists_at_once
from tallystick.trust.destinations import Reach
from tallystick.trust.master_key import MasterKey
from tallystick.trust.scopes import Mode, Scope
from tallystick.units.ids import IdSource
from tallystick.web.app import create_app
from tallystick.web.edge import Edge
from tallystick.web.frame import Frame
from tallystick.web.logs import set_up_logs

ZONE = timezone(timedelta(hours=8))
ALL_SCOPES = tuple(Scope)


class SetClock:
    """The instant that a test says it is."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@dataclass
class Api:
    """Requests of one caller; each write carries a key of its own unless one is given."""

    client: httpx.Client
    token: str
    edge: Edge
    frame: Frame
    clock: SetClock
    keys: Iterator[int] = field(default_factory=lambda: count(1))

    def get(self, path: str, **params: str | int) -> httpx.Response:
        """Read."""
        return self.client.get(path, params=params, headers=self._headers())

    def post(self, path: str, body: object, *, key: str | None = None) -> httpx.Response:
        """Write once."""
        return self.client.post(path, json=body, headers=self._headers(key or f"key-{next(self.keys)}"))

    def put(self, path: str, body: object) -> httpx.Response:
        """Replace."""
        return self.client.put(path, json=body, headers=self._headers(f"key-{next(self.keys)}"))

    def delete(self, path: str) -> httpx.Response:
        """Remove."""
        return self.client.delete(path, headers=self._headers(f"key-{next(self.keys)}"))

    def made(self, path: str, body: object) -> dict[str, Any]:
        """What a write that must succeed answers."""
        answer = self.post(path, body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def other(self, *scopes: Scope, holder: str = "another", mode: Mode = Mode.TEST) -> "Api":
        """Another caller, with these scopes."""
        made = make_key(self.edge, *scopes, holder=holder, mode=mode)
        return Api(self.client, made.token, self.edge, self.frame, self.clock, self.keys)

    def _headers(self, key: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} | ({"Idempotency-Key": key} if key else {})


def make_key(edge: Edge, *scopes: Scope, holder: str, mode: Mode = Mode.TEST) -> MadeKey:
    """A key in the database, all scopes where none is named."""
    request = KeyRequest(holder=holder, mode=mode, scopes=scopes or ALL_SCOPES, requests_per_s=10_000)
    act = Act(actor="operator", at=edge.clock(), today=edge.clock().date(), event_ids=edge.ids)
    with edge.pool.connection() as connection:
        made = make_api_key(connection, request, granted_by=frozenset(Scope), master_key=edge.master_key, act=act)
    assert isinstance(made, MadeKey)
    return made


@pytest.fixture
def deciders() -> Deciders:
    """Strategies compiled for one test; a module whose tests promote the same one may keep them."""
    return Deciders()


@pytest.fixture
def edge(database_url: str, deciders: Deciders) -> Iterator[Edge]:
    """A test's own database, with a product published."""
    with edge_over(database_url, deciders=deciders) as edge:
        yield edge


@contextmanager
def edge_over(database_url: str, *, deciders: Deciders) -> Iterator[Edge]:
    """What a server is made with, over a database in which a product is published."""
    with psycopg.connect(database_url) as connection:
        Books(connection)
    pool: ConnectionPool[psycopg.Connection]
    with ConnectionPool(database_url, min_size=2, max_size=8, timeout=5, configure=dump_lists_at_once) as pool:
        yield Edge(
            pool=pool,
            clock=SetClock(),
            zone=ZONE,
            ids=IdSource(node=0, now_ms=lambda: time.time_ns() // 1_000_000),
            master_key=MasterKey(bytes(range(32))),
            reach=Reach.PRIVATE,
            deciders=deciders,
        )


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """What the server logs, as it does when it serves."""
    stream = io.StringIO()
    set_up_logs(stream)
    yield stream
    structlog.reset_defaults()


@pytest.fixture
def served(edge: Edge, logs: io.StringIO) -> Iterator[tuple[str, Frame]]:
    """The app on a socket of its own."""
    frame = create_app(edge)
    frame.checkout.start()
    with listening(frame) as url:
        yield url, frame
    frame.checkout.stop()


@pytest.fixture
def api(edge: Edge, served: tuple[str, Frame]) -> Iterator[Api]:
    """A caller that may do everything."""
    url, frame = served
    with caller_of(edge, frame, url) as api:
        yield api


@contextmanager
def caller_of(edge: Edge, frame: Frame, url: str) -> Iterator[Api]:
    """Somebody who may do everything at a server."""
    clock = edge.clock
    assert isinstance(clock, SetClock)
    # Nobody's certificates are read: the server is asked without any.
    with httpx.Client(base_url=url, timeout=30, trust_env=False, verify=False) as client:
        yield Api(client, make_key(edge, holder="checkout").token, edge, frame, clock)


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """An ASGI app on a socket of its own, and its URL."""
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    _wait_until(lambda: server.started)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def _wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < until, "it never came about"
        time.sleep(0.01)
