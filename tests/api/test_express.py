"""Plain purchases go a way of their own: whichever way one goes, it gets the same answer."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.api.conftest import Api, listening
from tests.api.test_authorizations_api import asked, lending, opened

from tallystick.trust.scopes import Scope
from tallystick.web.express import Express
from tallystick.web.frame import Frame
from tallystick.web.metrics import Metrics

__all__ = ["lending"]  # a fixture

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def other_way(lending: Api) -> Iterator[httpx.Client]:
    """A client of a server of the same books in which all goes through the framework."""
    frame = Frame(
        lending.frame.app, edge=lending.edge, metrics=Metrics(), checkout=lending.frame.checkout, express=[]
    )  # fmt: skip
    with listening(frame) as url, httpx.Client(base_url=url, timeout=30, trust_env=False, verify=False) as client:
        yield client


@pytest.fixture
def went(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each request whether it was plain."""
    told: list[bool] = []
    plain = Express.__call__

    async def noted(self: Express[Any], *args: Any) -> Any:
        left = await plain(self, *args)
        told.append(left is None)
        return left

    monkeypatch.setattr(Express, "__call__", noted)
    return told


def same(one: httpx.Response, other: httpx.Response) -> None:
    """But for the request's own id and the date."""

    def told(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
        headers = {name: value for name, value in answer.headers.items() if name not in ("date", "request-id")}
        body = answer.json()
        if "request_id" in body:
            body["request_id"] = ""
            headers.pop("content-length")
        return answer.status_code, headers, body

    assert told(one) == told(other)


def test_a_plain_purchase_is_told_as_the_framework_tells_it(
    lending: Api, other_way: httpx.Client, went: list[bool]
) -> None:
    line_id = opened(lending)
    body = asked(line_id, category="clothes", device="a phone")
    first = lending.post("/v1/authorizations", body, key="one")
    assert (first.status_code, first.json()["outcome"], went) == (201, "approve", [True])
    headers = {"Authorization": f"Bearer {lending.token}", "Idempotency-Key": "one"}
    again = lending.post("/v1/authorizations", body, key="one")
    assert again.headers["idempotency-replayed"] == "true"
    same(again, other_way.post("/v1/authorizations", json=body, headers=headers))
    assert first.content == again.content
    reused = asked(line_id, amount_minor=77)
    same(lending.post("/v1/authorizations", reused, key="one"),
         other_way.post("/v1/authorizations", json=reused, headers=headers))  # fmt: skip
    nobody = asked("line_0000000000001")
    headers["Idempotency-Key"] = "two"
    headers["Accept-Language"] = "zh"
    same(lending.client.post("/v1/authorizations", json=nobody, headers=headers),
         other_way.post("/v1/authorizations", json=nobody, headers=headers))  # fmt: skip
    assert went == [True, True]  # what is refused was never answered by the plain way, but raised in it


@pytest.mark.parametrize(
    ("headers", "path", "content"),
    [
        (JSON, "/v1/authorizations?key=1", b"BODY"),
        ({"Content-Type": "application/json; charset=utf-8"}, "/v1/authorizations", b"BODY"),
        ({"Content-Type": "text/plain"}, "/v1/authorizations", b"BODY"),
        (JSON | {"Idempotency-Key": "a b"}, "/v1/authorizations", b"BODY"),
        (JSON | {"Idempotency-Key": "k" * 256}, "/v1/authorizations", b"BODY"),
        (JSON, "/v1/authorizations", b""),
        (JSON, "/v1/authorizations", b"{"),
        (JSON, "/v1/authorizations", b"\xff"),
        (JSON, "/v1/authorizations", b"[" * 5_000),
        (JSON, "/v1/authorizations", b'{"line_id": 7}'),
        (JSON, "/v1/authorizations", b'BODY"unheard_of": 1}'),
        (JSON, "/v1/authorizations", b'BODY"category": "clothes\\n"}'),
        (JSON, "/v1/authorizations", b'BODY"deadline_ms": 2000.0}'),
        (JSON, "/v1/authorizations", b'BODY"deadline_ms": "2000"}'),
        (JSON, "/v1/authorizations", b'BODY"category": "' + b"x" * 20_000 + b'"}'),
        (JSON, "/v1/authorizations", b'BODY"category": "' + b"x" * 70_000 + b'"}'),
    ],
)
def test_what_is_not_plain_goes_the_frameworks_way_whole(
    lending: Api, other_way: httpx.Client, went: list[bool], headers: dict[str, str], path: str, content: bytes
) -> None:
    line_id = opened(lending)
    plain = b'{"line_id": "%s", "amount_minor": 1000, "merchant_id": "merchant_0000000000005"' % line_id.encode()
    content = plain + b"}" if content == b"BODY" else content.replace(b"BODY", plain + b", ")
    headers = {"Authorization": f"Bearer {lending.token}", "Idempotency-Key": "one"} | headers
    one = lending.client.post(path, content=content, headers=headers)
    other = other_way.post(path, content=content, headers=headers)
    if one.status_code == 201:
        assert one.json() == other.json()
    else:
        same(one, other)
    assert went == [False]


def test_a_body_in_pieces_and_a_key_without_the_scope_go_the_frameworks_way(lending: Api, went: list[bool]) -> None:
    line_id = opened(lending)
    body = httpx.Request("POST", "http://x", json=asked(line_id)).content
    headers = {"Authorization": f"Bearer {lending.token}", "Idempotency-Key": "one"} | JSON
    pieces = lending.client.post("/v1/authorizations", content=iter([body[:10], body[10:]]), headers=headers)
    assert (pieces.status_code, went) == (201, [False])
    reader = lending.other(Scope.AUTHORIZATIONS_READ)
    assert reader.post("/v1/authorizations", asked(line_id)).json()["code"] == "scope_missing"
    assert went == [False, False]
