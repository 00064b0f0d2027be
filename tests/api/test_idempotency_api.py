"""The same request has the same answer, once, however often and however fast it comes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import psycopg
from psycopg_pool import ConnectionPool
from tests.api.conftest import Api, listening
from tests.api.test_lines_api import draw, open_line

from tallystick.operations.api_keys import Callers
from tallystick.storage import idempotency
from tallystick.storage.arrays import dump_lists_at_once
from tallystick.trust.scopes import Scope
from tallystick.units.ids import IdSource
from tallystick.web.app import create_app
from tallystick.web.edge import Edge
from tallystick.web.rate_limits import RateLimits

PAYMENT = {"amount_minor": 500, "channel": "bank"}


def payments(api: Api, line_id: str) -> int:
    return len(api.get(f"/v1/lines/{line_id}/payments").json()["items"])


def test_a_repeated_request_gets_the_first_answer(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    first = api.post(f"/v1/lines/{line_id}/payments", PAYMENT, key="k")
    again = api.post(f"/v1/lines/{line_id}/payments", PAYMENT, key="k")
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert payments(api, line_id) == 1


def test_the_order_of_fields_and_spaces_make_no_other_request(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    api.post(f"/v1/lines/{line_id}/payments", PAYMENT, key="k")
    headers = {"Authorization": f"Bearer {api.token}", "Idempotency-Key": "k"}
    content = b'{ "channel": "bank",\n "amount_minor": 500, "reference": "" }'
    again = api.client.post(f"/v1/lines/{line_id}/payments", content=content, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"


def test_the_same_key_with_another_body_is_refused(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    api.post(f"/v1/lines/{line_id}/payments", PAYMENT, key="k")
    other = api.post(f"/v1/lines/{line_id}/payments", {**PAYMENT, "amount_minor": 501}, key="k")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    assert payments(api, line_id) == 1


def test_the_same_key_on_another_line_is_another_request(api: Api) -> None:
    one, other = open_line(api)["line_id"], open_line(api, reference="person-2")["line_id"]
    first = api.post(f"/v1/lines/{one}/payments", PAYMENT, key="k").json()
    second = api.post(f"/v1/lines/{other}/payments", PAYMENT, key="k").json()
    assert (first["line_id"], second["line_id"]) == (one, other)


def test_the_same_key_of_another_caller_is_another_request(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    api.post(f"/v1/lines/{line_id}/payments", PAYMENT, key="k")
    second = api.other(Scope.PAYMENTS_WRITE).post(f"/v1/lines/{line_id}/payments", PAYMENT, key="k")
    assert second.status_code == 201
    assert "idempotency-replayed" not in second.headers


def test_a_refusal_is_an_answer_too(api: Api) -> None:
    line_id = open_line(api, limit_minor=100_000)["line_id"]
    body = {"amount_minor": 100_001, "merchant_id": "merchant_0000000000005"}
    first = api.post(f"/v1/lines/{line_id}/drawdowns", body, key="k")
    again = api.post(f"/v1/lines/{line_id}/drawdowns", body, key="k")
    assert (first.status_code, first.json()["code"]) == (422, "available_credit_exceeded")
    assert again.content == first.content
    assert again.headers["content-type"] == "application/problem+json"
    assert again.headers["idempotency-replayed"] == "true"


def test_a_problem_that_a_write_meets_is_an_answer_too(api: Api) -> None:
    body = {"reference": "a", "jurisdiction": "US", "currency": "USD"}
    first = api.post("/v1/borrowers", body, key="k")
    again = api.post("/v1/borrowers", body, key="k")
    assert (first.status_code, first.json()["code"]) == (422, "jurisdiction_unknown")
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    other = api.post("/v1/borrowers", {**body, "jurisdiction": "CN"}, key="k")
    assert other.json()["code"] == "idempotency_key_reused"


def test_a_write_without_a_key_is_refused(api: Api) -> None:
    headers = {"Authorization": f"Bearer {api.token}"}
    body = {"reference": "a", "jurisdiction": "CN", "currency": "CNY"}
    answer = api.client.post("/v1/borrowers", json=body, headers=headers)
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.text


def test_of_many_at_once_exactly_one_runs(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 100_000)
    start = threading.Barrier(8)

    def pay(_: int) -> tuple[int, str]:
        start.wait()
        while True:
            answer = api.post(f"/v1/lines/{line_id}/payments", PAYMENT, key="k")
            if answer.status_code != 409:
                return answer.status_code, answer.json()["event_id"]
            assert answer.json()["code"] == "idempotency_in_progress"
            assert answer.headers["retry-after"] == "1"

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(pay, range(8)))
    assert len(answers) == 1
    assert payments(api, line_id) == 1


def test_twins_sent_to_two_servers_are_booked_once(api: Api, edge: Edge, database_url: str) -> None:
    line_id = open_line(api)["line_id"]
    pool: ConnectionPool[psycopg.Connection]
    with ConnectionPool(database_url, min_size=2, max_size=8, configure=dump_lists_at_once) as pool:
        ids = IdSource(node=1, now_ms=lambda: time.time_ns() // 1_000_000)
        beside = replace(edge, pool=pool, ids=ids, callers=Callers(), rate_limits=RateLimits())
        with listening(create_app(beside)) as url, httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            servers = (api, replace(api, client=client))

            def pay(number: int) -> tuple[int, str]:
                twin = number // 4
                while True:
                    body = {**PAYMENT, "amount_minor": twin + 1}
                    answer = servers[number % 2].post(f"/v1/lines/{line_id}/payments", body, key=f"twin-{twin}")
                    if answer.status_code != 409:
                        return twin, answer.json()["event_id"]

            with ThreadPoolExecutor(8) as threads:
                answers = set(threads.map(pay, range(40)))
    assert len(answers) == 10
    assert payments(api, line_id) == 10


def test_callbacks_with_one_reference_book_once_whatever_their_keys(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    body = {**PAYMENT, "reference": "gateway-77"}
    start = threading.Barrier(6)

    def pay(number: int) -> str:
        start.wait()
        answer = api.post(f"/v1/lines/{line_id}/payments", body, key=f"callback-{number}")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["event_id"])

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(pay, range(6)))) == 1
    assert payments(api, line_id) == 1


def test_while_a_request_runs_another_server_refuses_its_twin(api: Api, database_url: str) -> None:
    line_id = open_line(api)["line_id"]
    api.post(f"/v1/lines/{line_id}/payments", PAYMENT, key="before")
    with psycopg.connect(database_url) as elsewhere:
        row = elsewhere.execute("SELECT api_key_id FROM api_keys").fetchone()
        assert row is not None
        key = idempotency.RequestKey(row[0], f"POST /v1/lines/{line_id}/payments", "k")
        assert idempotency.claim(elsewhere, key) is None
        answer = api.post(f"/v1/lines/{line_id}/payments", PAYMENT, key="k")
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_progress")
    assert api.post(f"/v1/lines/{line_id}/payments", PAYMENT, key="k").status_code == 201


def test_a_secret_that_was_told_once_is_not_readable_in_the_recorded_answer(api: Api, database_url: str) -> None:
    made = api.made("/v1/webhook-endpoints", {"url": "http://127.0.0.1:9/"})
    with psycopg.connect(database_url) as connection:
        answers = connection.execute("SELECT answer_body FROM idempotency_records").fetchall()
    assert answers
    assert all(made["secret"].encode() not in bytes(answer) for (answer,) in answers)
