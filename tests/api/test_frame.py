"""Who is let in, what a refusal looks like, and how the server stops."""

import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import psycopg
import pytest
from tests.api.conftest import Api, make_key
from tests.api.test_lines_api import open_line

from tallystick.operations.api_keys import KeyRequest, MadeKey, make_api_key
from tallystick.operations.lines import Act
from tallystick.trust.refusals import TrustReason, TrustRefusal
from tallystick.trust.scopes import Mode, Scope
from tallystick.web.edge import Edge
from tallystick.web.rate_limits import RateLimits


def anonymous(api: Api, authorization: str | None) -> httpx.Response:
    return api.client.get("/v1/lines", headers={} if authorization is None else {"Authorization": authorization})


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic dXNlcjpwYXNz", "Bearer tallystick_test_x"])
def test_without_a_token_nobody_is_let_in(api: Api, authorization: str | None) -> None:
    answer = anonymous(api, authorization)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] in ("token_missing", "token_unreadable")


def test_a_token_with_another_secret_is_not_let_in(api: Api) -> None:
    wrong = api.token[:-4] + ("AAAA" if not api.token.endswith("AAAA") else "BBBB")
    assert anonymous(api, f"Bearer {wrong}").json()["code"] == "token_unknown"
    assert anonymous(api, f"bearer {api.token}").status_code == 200


def test_a_revoked_key_is_refused_at_once(api: Api) -> None:
    other = api.other(Scope.LINES_READ)
    assert other.get("/v1/lines").status_code == 200
    key_id = other.token.removeprefix("tallystick_test_")[: len("key_0000000000000")]
    revoked = api.delete(f"/v1/api-keys/{key_id}")
    assert revoked.json()["revoked_at"] is not None
    assert other.get("/v1/lines").json()["code"] == "token_revoked"


def test_a_key_revoked_elsewhere_is_refused_within_ten_seconds(api: Api, database_url: str) -> None:
    other = api.other(Scope.LINES_READ)
    assert other.get("/v1/lines").status_code == 200
    with psycopg.connect(database_url) as elsewhere:
        elsewhere.execute("UPDATE api_keys SET revoked_at = now(), revoked_by = 'operator' WHERE holder = 'another'")
    api.clock.at += timedelta(seconds=9)
    assert other.get("/v1/lines").status_code == 200
    api.clock.at += timedelta(seconds=1)
    assert other.get("/v1/lines").json()["code"] == "token_revoked"


def test_a_key_ends_on_its_day(api: Api, edge: Edge) -> None:
    expires_at = api.clock.at + timedelta(seconds=5)
    request = KeyRequest(holder="short", mode=Mode.TEST, scopes=(Scope.LINES_READ,), expires_at=expires_at)
    act = Act(actor="operator", at=api.clock.at, today=api.clock.at.date(), event_ids=edge.ids)
    with edge.pool.connection() as connection:
        made = make_api_key(connection, request, granted_by=frozenset(Scope), master_key=edge.master_key, act=act)
    assert isinstance(made, MadeKey)
    assert anonymous(api, f"Bearer {made.token}").status_code == 200
    api.clock.at = expires_at
    assert anonymous(api, f"Bearer {made.token}").json()["code"] == "token_expired"


def test_argon2_runs_once_per_token(api: Api) -> None:
    other = api.other(Scope.LINES_READ)
    began = time.perf_counter()
    other.get("/v1/lines")
    first = time.perf_counter() - began
    began = time.perf_counter()
    for _ in range(5):
        api.clock.at += timedelta(seconds=11)
        other.get("/v1/lines")
    assert (time.perf_counter() - began) / 5 < first


def test_a_key_may_do_what_its_scopes_say_and_no_more(api: Api) -> None:
    reader = api.other(Scope.BORROWERS_READ)
    assert reader.get("/v1/borrowers").status_code == 200
    refused = reader.post("/v1/borrowers", {"reference": "a", "jurisdiction": "CN", "currency": "CNY"})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert "borrowers:write" in refused.json()["detail"]


def test_nobody_grants_a_scope_that_is_not_theirs(api: Api) -> None:
    maker = api.other(Scope.KEYS_WRITE, Scope.LINES_READ)
    refused = maker.post("/v1/api-keys", {"holder": "x", "scopes": ["lines:read", "payments:write"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_not_yours")
    assert refused.json()["figures"] == {"scopes": ["payments:write"]}
    assert maker.post("/v1/api-keys", {"holder": "x", "scopes": ["lines:read"]}).status_code == 201


def test_a_database_of_tests_takes_no_live_key(edge: Edge, api: Api) -> None:
    request = KeyRequest(holder="x", mode=Mode.LIVE, scopes=(Scope.LINES_READ,))
    act = Act(actor="operator", at=api.clock.at, today=api.clock.at.date(), event_ids=edge.ids)
    with edge.pool.connection() as connection:
        refused = make_api_key(connection, request, granted_by=frozenset(Scope), master_key=edge.master_key, act=act)
    assert isinstance(refused, TrustRefusal)
    assert refused.reason is TrustReason.MODE_DIFFERS


def test_a_problem_names_the_field_and_the_request(api: Api) -> None:
    answer = api.post("/v1/borrowers", {"reference": "a", "jurisdiction": "CN", "currency": "yuan"})
    problem = answer.json()
    assert answer.status_code == 400
    assert (problem["code"], problem["param"]) == ("request_invalid", "currency")
    assert problem["request_id"] == answer.headers["request-id"]
    assert problem["type"].endswith("/request_invalid")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"amount_minor": "500", "channel": "bank"}, "amount_minor"),
        ({"amount_minor": 0, "channel": "bank"}, "amount_minor"),
        ({"amount_minor": True, "channel": "bank"}, "amount_minor"),
        ({"amount_minor": 1.5, "channel": "bank"}, "amount_minor"),
        ({"amount_minor": 10**30, "channel": "bank"}, "amount_minor"),
        ({"amount_minor": 1, "channel": "a\u0000b"}, "channel"),
        ({"amount_minor": 1, "channel": "bank", "reference": "a\u0000b"}, "reference"),
        ({"amount_minor": 1, "channel": "bank", "effective_on": "2026-02-30"}, "effective_on"),
    ],
)
def test_a_body_is_taken_as_written_or_not_at_all(api: Api, body: object, param: str) -> None:
    line_id = open_line(api)["line_id"]
    answer = api.post(f"/v1/lines/{line_id}/payments", body)
    assert (answer.status_code, answer.json()["param"]) == (400, param)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a":' * 5_000, b"\xff\xfe", b"null"])
def test_what_is_no_json_is_refused(api: Api, content: bytes) -> None:
    headers = {"Authorization": f"Bearer {api.token}", "Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = api.client.post("/v1/borrowers", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "request_invalid")


def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    headers = {"Authorization": f"Bearer {api.token}", "Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = api.client.post("/v1/borrowers", content=b" " * 70_000, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")


def test_a_defect_of_ours_is_told_without_a_word_of_what_it_was(api: Api, database_url: str, logs: io.StringIO) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE borrowers RENAME TO gone")
    answer = api.get("/v1/borrowers")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "gone" not in answer.text
    told = logs.getvalue()
    assert "UndefinedTable" in told
    assert answer.json()["request_id"] in told


def test_a_path_or_method_that_is_not_there_is_told(api: Api) -> None:
    assert api.get("/v1/nothing").json()["code"] == "not_found"
    refused = api.put("/v1/lines", {})
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")


def test_what_a_path_allows_is_told(api: Api) -> None:
    told = api.client.options("/v1/lines", headers={"Authorization": f"Bearer {api.token}"})
    assert (told.status_code, told.headers["allow"]) == (204, "GET, OPTIONS, POST")
    told = api.client.options(
        "/v1/borrowers/borrower_0000000000001/personal-data", headers={"Authorization": f"Bearer {api.token}"}
    )
    assert told.headers["allow"] == "DELETE, GET, OPTIONS, PUT"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"channel": "bank"}, "amount_minor"),
        ({"amount_minor": 1, "channel": "bank", "colour": "red"}, "colour"),
        ({"amount_minor": 1, "channel": "bank\n"}, "channel"),
        ({"amount_minor": 1, "channel": "bank", "reference": "wx-88\n"}, "reference"),
    ],
)
def test_what_is_missing_unknown_or_ends_in_a_line_break_is_named(api: Api, body: object, param: str) -> None:
    answer = api.post("/v1/lines/line_0000000000001/payments", body)
    assert (answer.status_code, answer.json()["code"], answer.json()["param"]) == (400, "request_invalid", param)


def test_a_key_of_metadata_is_refused_by_the_name_of_the_field(api: Api) -> None:
    body = {"reference": "a", "jurisdiction": "CN", "currency": "CNY"}
    for metadata in ({"a b": "c"}, {"": "c"}, {"k" * 41: "c"}, {"a\n": "c"}, {"a": "c\n"}):
        answer = api.post("/v1/borrowers", {**body, "metadata": metadata})
        assert answer.status_code == 400
        assert answer.json()["param"].startswith("metadata"), answer.text


@pytest.mark.parametrize("key", [None, "", "a b", "k" * 256])
def test_a_write_needs_its_idempotency_key(api: Api, key: str | None) -> None:
    headers = {"Authorization": f"Bearer {api.token}"} | ({} if key is None else {"Idempotency-Key": key})
    body = {"reference": "a", "jurisdiction": "CN", "currency": "CNY"}
    answer = api.client.post("/v1/borrowers", json=body, headers=headers)
    assert (answer.status_code, answer.json()["param"]) == (400, "Idempotency-Key")


def test_an_id_of_another_kind_is_refused_and_one_that_is_unknown_is_not_found(api: Api) -> None:
    assert api.get("/v1/lines/hold_0000000000001").status_code == 400
    unknown = api.get("/v1/lines/line_0000000000001")
    assert unknown.status_code == 404


@pytest.mark.parametrize("what", ["drawdowns/draw", "payments/payment", "plans/plan"])
def test_where_no_connection_is_free_the_caller_is_told_to_come_back(api: Api, what: str) -> None:
    path = f"/v1/{what}_0000000000001" + ("/refund-preview" if what.startswith("draw") else "")
    pool = api.edge.pool
    pool.timeout = 0.2
    taken = [pool.getconn() for _ in range(pool.max_size)]
    try:
        answer = api.post(path, {"amount_minor": 1}) if what.startswith("draw") else api.get(path)
    finally:
        for connection in taken:
            pool.putconn(connection)
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert answer.headers["retry-after"] == "1"


def test_who_asks_too_often_waits(api: Api) -> None:
    request = {"holder": "slow", "scopes": ["lines:read"], "requests_per_s": 1}
    token = api.made("/v1/api-keys", request)["token"]
    answers = [anonymous(api, f"Bearer {token}") for _ in range(4)]
    codes = [answer.status_code for answer in answers]
    assert codes[:2] == [200, 200]
    assert 429 in codes
    limited = next(answer for answer in answers if answer.status_code == 429)
    assert int(limited.headers["retry-after"]) >= 1
    assert limited.json()["code"] == "rate_limited"


def test_a_bucket_fills_with_time_and_no_higher() -> None:
    limits = RateLimits()
    assert [limits.wait_s(1, per_s=2, now_s=0) for _ in range(5)] == [0, 0, 0, 0, 1]
    assert limits.wait_s(2, per_s=2, now_s=0) == 0, "another caller has a bucket of its own"
    assert limits.wait_s(1, per_s=2, now_s=0.5) == 0
    assert [limits.wait_s(1, per_s=2, now_s=1_000) for _ in range(5)] == [0, 0, 0, 0, 1]
    assert limits.wait_s(3, per_s=0.1, now_s=0) == 0
    assert limits.wait_s(3, per_s=0.1, now_s=0) == 10


def test_figures_are_told_to_prometheus(api: Api) -> None:
    open_line(api)
    text = api.client.get("/metrics").text
    assert 'tallystick_http_requests_total{answer_code="201",method="POST",route="/v1/lines"} 1.0' in text
    assert "tallystick_http_latency_seconds_bucket" in text
    assert "tallystick_pool_free" in text


def test_logs_hold_no_personal_data(api: Api, logs: io.StringIO) -> None:
    person = {"full_name": "王小明", "phone": "+8613800138000"}
    body = {"reference": "p1", "jurisdiction": "CN", "currency": "CNY", "personal_data": person}
    borrower = api.made("/v1/borrowers", body)
    api.get(f"/v1/borrowers/{borrower['id']}/personal-data")
    api.post("/v1/borrowers", {**body, "personal_data": {"full_name": "李四\n"}})
    told = logs.getvalue()
    assert told.count('"event":"request"') == 3
    assert "王小明" not in told
    assert "李四" not in told
    assert "13800138000" not in told
    assert borrower["id"] not in told, "routes are logged as templates"


def test_what_libraries_log_is_a_line_like_ours_without_their_words(logs: io.StringIO) -> None:
    library = logging.getLogger("uvicorn.error")
    library.warning("Invalid request by %s", "王小明")
    try:
        raise ValueError("王小明")
    except ValueError:
        library.exception("It failed")
    first, second = map(json.loads, logs.getvalue().splitlines())
    assert (first["event"], first["level"], first["fault"]) == ("uvicorn.error", "warning", None)
    assert (second["level"], second["fault"]) == ("error", "ValueError")
    assert "test_frame.py" in first["traceback"][0]
    assert "王" not in logs.getvalue()


def test_a_server_that_is_told_to_stop_says_so_and_finishes_what_it_began(tmp_path: Path, database_url: str) -> None:
    environment = {
        **os.environ,
        "TALLYSTICK_DATABASE_URL": database_url,
        "TALLYSTICK_DATA_DIR": str(tmp_path),
        "TALLYSTICK_LANGUAGE": "en",
    }
    command = [sys.executable, "-m", "tallystick"]
    made = subprocess.run(
        [*command, "keys", "create", "checkout"], env=environment, capture_output=True, text=True, check=True
    )
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    port = 20_000 + os.getpid() % 20_000
    log = (tmp_path / "server.log").open("w")
    server = subprocess.Popen(
        [*command, "serve", "--port", str(port), "--drain-seconds", "1"], env=environment, stderr=log
    )
    try:
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
            _wait_for(client)
            with ThreadPoolExecutor(4) as pool:
                writes = [pool.submit(_add_borrowers, client, headers, f"w{worker}") for worker in range(4)]
                time.sleep(0.3)
                server.send_signal(signal.SIGTERM)
                time.sleep(0.3)
                ready = client.get("/readyz")
                answered = [reference for write in writes for reference in write.result()]
        assert (ready.status_code, ready.json()["because"]) == (503, "stopping")
        assert server.wait(timeout=20) == 0
        with psycopg.connect(database_url) as connection:
            kept = {row[0] for row in connection.execute("SELECT reference FROM borrowers")}
        assert len(answered) > 10
        assert set(answered) <= kept
    finally:
        server.kill()
        server.wait()
        log.close()


def _wait_for(client: httpx.Client) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the server never came up")


def _add_borrowers(client: httpx.Client, headers: dict[str, str], name: str) -> list[str]:
    """Write until the server is gone; gives what was acknowledged."""
    acknowledged: list[str] = []
    for number in range(10_000):
        reference = f"{name}-{number}"
        body = {"reference": reference, "jurisdiction": "CN", "currency": "CNY"}
        try:
            answer = client.post("/v1/borrowers", json=body, headers={**headers, "Idempotency-Key": reference})
        except httpx.TransportError:
            break
        if answer.status_code == 201:
            acknowledged.append(msgspec.json.decode(answer.content)["reference"])
    return acknowledged


def test_keys_are_made_for_each_holder(edge: Edge) -> None:
    made = make_key(edge, Scope.LINES_READ, holder="auditor")
    assert made.key.holder == "auditor"
    assert made.token not in repr(made)
    assert made.key.made_at == datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
