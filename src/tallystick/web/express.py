"""A route's plain requests, answered beside Litestar, whose machinery costs more than all else at a decision's edge.

Only what is plain goes this way: the exact path, a JSON body that decodes as it is, one key, a caller who may. All
else, every fault of the caller's included, goes Litestar's way with its body given back, so no rule stands twice. Both
ways give the same bytes.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, TypeVar

import msgspec
from litestar import Request
from litestar.types import Receive, Send
from litestar.types import Scope as Told
from msgspec import Struct

from tallystick.trust.scopes import Scope
from tallystick.web.edge import Asked
from tallystick.web.strict import ends_in_line_break

BodyT = TypeVar("BodyT")
_KEY: Final = re.compile(rb"[\x21-\x7e]{1,255}")
_PLAIN: Final = b"application/json"
_MOST_BYTES: Final = 16 * 1024


class Answered(Struct, frozen=True):
    """What is told: 201, the view as JSON, and whether it had been told before."""

    view: Any
    is_replay: bool


class Express(Generic[BodyT]):
    """The plain way of `POST path`. `answer` gets request, body and Idempotency-Key; it raises `Problem`."""

    def __init__(
        self, path: str, *, body: type[BodyT], needs: Scope, answer: Callable[[Asked, BodyT, str], Awaitable[Answered]]
    ) -> None:
        self.path = path
        self._decoder = msgspec.json.Decoder(body)
        self._needs = needs
        self._answer = answer

    async def __call__(self, scope: Told, receive: Receive, send: Send) -> Receive | None:
        """Answer; or give back what is to be received, where the request is not plain."""
        key = self._key(scope)
        if key is None:
            return receive
        event = await receive()
        body = None
        if event["type"] == "http.request" and not event["more_body"]:
            body = self._body(event["body"])
        if body is None:
            return _again(event, receive)
        scope["path_template"] = self.path
        told = await self._answer(Request(scope), body, key)
        content = msgspec.json.encode(told.view)
        headers = [(b"content-type", _PLAIN), (b"content-length", b"%d" % len(content))]
        if told.is_replay:
            headers.insert(0, (b"idempotency-replayed", b"true"))
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": False})
        return None

    def _key(self, scope: Told) -> str | None:
        """The key of a request that is plain as far as its head tells."""
        headers = dict(scope["headers"])
        keys = [told for name, told in scope["headers"] if name == b"idempotency-key"]
        if headers.get(b"content-type") != _PLAIN or scope["query_string"] or b"content-encoding" in headers:
            return None
        if not headers.get(b"content-length", b"").isdigit() or int(headers[b"content-length"]) > _MOST_BYTES:
            return None
        if len(keys) != 1 or not _KEY.fullmatch(keys[0]) or self._needs not in scope["state"]["caller"].scopes:
            return None
        return keys[0].decode()

    def _body(self, told: bytes) -> BodyT | None:
        if ends_in_line_break(told):
            return None
        try:
            return self._decoder.decode(told)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


def _again(event: Any, receive: Receive) -> Receive:
    """What was received first, and then the rest."""
    begun = [event]

    async def receive_again() -> Any:
        return begun.pop() if begun else await receive()

    return receive_again
