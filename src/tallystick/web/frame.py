"""Around every request: an id, who asks, how often, how long it took, and whether we are about to stop."""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from time import perf_counter
from typing import Any, Final

import msgspec
import psycopg
import structlog
from anyio import to_thread
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.routes import HTTPRoute
from litestar.types import HTTPResponseStartEvent, HTTPScope, Message, Receive, Scope, Send
from psycopg_pool import PoolTimeout

from tallystick.operations.api_keys import Caller, NotACaller
from tallystick.units.ids import IdPrefix, encode_id
from tallystick.web.checkout import Checkout
from tallystick.web.edge import Edge
from tallystick.web.express import Express
from tallystick.web.logs import frames_of
from tallystick.web.metrics import Metrics
from tallystick.web.problems import AWAY, DEFECT, PROBLEM_TYPE, Overloaded, Problem, problem_document
from tallystick.web.strict import openapi_document

_GUARDED: Final = "/v1/"
_BEARER: Final = "bearer "
# Tokens from one address that must be looked up: enough for anybody honest, too few to wear us down.
_UNKNOWN_PER_S: Final = 50.0
_NOT_A_CALLER: Final = {
    NotACaller.TOKEN_UNREADABLE: "Send Authorization: Bearer tallystick_..., as it was shown when the key was made",
    NotACaller.TOKEN_UNKNOWN: "This token is not known here: check that it is complete and meant for this installation",
    NotACaller.TOKEN_REVOKED: "This key was revoked: make a new one with `tallystick keys create`",
    NotACaller.TOKEN_EXPIRED: "This key has expired: make a new one with `tallystick keys create`",
}


class Frame:
    """The ASGI app around Litestar. While `is_draining`, `/readyz` says so and everything else is still answered."""

    def __init__(
        self, app: Litestar, *, edge: Edge, metrics: Metrics, checkout: Checkout, express: Sequence[Express[Any]]
    ) -> None:
        self.app = app
        self.edge = edge
        self.metrics = metrics
        self.checkout = checkout
        self.is_draining = False
        self._parts = {"edge": edge, "metrics": metrics, "checkout": checkout}
        self._methods = {route.path_format: route.methods for route in app.routes if isinstance(route, HTTPRoute)}
        self._express = {each.path: each for each in express}
        self._log = structlog.get_logger().bind()

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document, as served at /openapi.json."""
        return openapi_document(self.app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever happens inside, the caller gets a document and we get a line in the log."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        request_id = encode_id(IdPrefix.REQUEST, next(self.edge.ids))
        scope["state"] = {"request_id": request_id, "is_draining": self.is_draining, **self._parts}
        told = _Told(send, request_id=request_id, scope=scope, methods=self._methods)
        began_s = perf_counter()
        fault: BaseException | None = None
        with self.metrics.in_flight.track_inprogress():
            try:
                await self._admit(scope)
                await self._answer(scope, receive, told)
            except Problem as problem:
                await _tell(told, problem, request_id=request_id)
            except psycopg.OperationalError as error:
                fault = error
                await _tell(told, _AWAY, request_id=request_id)
            except Exception as error:
                fault = error
                await _tell(told, _DEFECT, request_id=request_id)
        fault = fault or scope["state"].get("fault")
        self._note(scope, told, latency_s=perf_counter() - began_s, fault=fault)

    async def _answer(self, scope: HTTPScope, receive: Receive, told: "_Told") -> None:
        express = self._express.get(scope["path"]) if scope["method"] == "POST" else None
        left = receive if express is None else await express(scope, receive, told)
        if left is not None:
            await self.app(scope, left, told)

    async def _admit(self, scope: Any) -> None:
        """Find out who asks. Raises `Problem` for nobody, and for somebody who asks too often."""
        if not scope["path"].startswith(_GUARDED):
            return
        caller = await self._caller(scope)
        wait_s = self.edge.rate_limits.wait_s(caller.api_key_id, per_s=caller.requests_per_s, now_s=perf_counter())
        if wait_s:
            raise Problem(
                "rate_limited",
                status=429,
                detail=f"This key may ask {caller.requests_per_s} times a second: ask again in {wait_s} s",
                retry_after_s=wait_s,
            )
        scope["state"]["caller"] = caller

    async def _caller(self, scope: Any) -> Caller:
        header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if not header.lower().startswith(_BEARER):
            raise Problem("token_missing", status=401, detail=_NOT_A_CALLER[NotACaller.TOKEN_UNREADABLE])
        token = header[len(_BEARER) :].strip()
        known = self.edge.callers.known(token, at=self.edge.clock())
        if known is not None:
            return known
        address = (scope.get("client") or ("", 0))[0]
        if self.edge.rate_limits.wait_s(f"unknown/{address}", per_s=_UNKNOWN_PER_S, now_s=perf_counter()):
            raise Problem("rate_limited", status=429, detail="Too many unknown tokens: wait a second", retry_after_s=1)
        found = await to_thread.run_sync(self._identify, token)
        if isinstance(found, Caller):
            return found
        raise Problem(found.value, status=401, detail=_NOT_A_CALLER[found])

    def _identify(self, token: str) -> Caller | NotACaller:
        try:
            with self.edge.pool.connection() as connection:
                return self.edge.callers.identify(connection, token, at=self.edge.clock())
        except PoolTimeout as fault:
            raise Overloaded from fault

    def _note(self, scope: Any, told: "_Told", *, latency_s: float, fault: BaseException | None) -> None:
        route = scope.get("path_template") or "unrouted"
        self.metrics.requests.labels(scope["method"], route, str(told.status)).inc()
        self.metrics.latency_s.labels(scope["method"], route).observe(latency_s)
        if told.is_replay:
            self.metrics.replayed.inc()
        caller = scope["state"].get("caller")
        entry = {
            "request_id": told.request_id,
            "method": scope["method"],
            "route": route,
            "answer_code": told.status,
            "latency_ms": round(latency_s * 1000, 2),
            "api_key_id": encode_id(IdPrefix.API_KEY, caller.api_key_id) if isinstance(caller, Caller) else None,
        }
        if fault is not None:
            self._log.error("defect", fault=type(fault).__name__, traceback=frames_of(fault), **entry)
        else:
            self._log.info("request", **entry)


_AWAY: Final = Problem("database_away", status=503, detail=AWAY, retry_after_s=1)
_DEFECT: Final = Problem("internal_error", status=500, detail=DEFECT)


class _Told:
    """What was sent: the answer's code, and our headers on it."""

    def __init__(self, send: Send, *, request_id: str, scope: Scope, methods: Mapping[str, Collection[str]]) -> None:
        self._send = send
        self._scope = scope
        self._methods = methods
        self.request_id = request_id
        self.status = 0
        self.is_replay = False

    async def __call__(self, message: Message) -> None:
        """Pass a message on; the first one carries the request's id."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message["headers"])
            if self._scope.get("method") == "OPTIONS" and self.status == 204:
                headers = [*(header for header in headers if header[0].lower() != b"allow"), self._allow()]
            self.is_replay = any(name.lower() == b"idempotency-replayed" for name, _ in headers)
            begun: HTTPResponseStartEvent = {
                "type": "http.response.start",
                "status": message["status"],
                "headers": [*headers, (b"request-id", self.request_id.encode())],
            }
            await self._send(begun)
            return
        await self._send(message)

    def _allow(self) -> tuple[bytes, bytes]:
        """Every method of the path. Litestar's own answer knows those of the handler registered first."""
        methods = self._methods.get(str(self._scope.get("path_template")), ())
        return b"allow", ", ".join(sorted(methods)).encode()


async def _tell(told: _Told, problem: Problem, *, request_id: str) -> None:
    """Send a problem, unless an answer has begun."""
    if told.status:
        return
    content = msgspec.json.encode(problem_document(problem, request_id=request_id))
    headers = [(b"content-type", PROBLEM_TYPE.encode()), (b"content-length", str(len(content)).encode())]
    if problem.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="tallystick"'))
    if problem.retry_after_s is not None:
        headers.append((b"retry-after", str(problem.retry_after_s).encode()))
    with contextlib.suppress(OSError):
        await told({"type": "http.response.start", "status": problem.status, "headers": headers})
        await told({"type": "http.response.body", "body": content, "more_body": False})
