"""Events reach a receiver signed, in order per line, again when they failed, and only where they may go."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from tests.api.conftest import Api, listening
from tests.api.test_lines_api import draw, open_line

from tallystick.operations.deliveries import BACKOFF, delivery_client, send, take_deliveries
from tallystick.storage import delivery
from tallystick.trust.destinations import Reach
from tallystick.trust.scopes import Scope
from tallystick.trust.signatures import parse_secret, signature_fault
from tallystick.units.ids import IdPrefix, decode_id, encode_id
from tallystick.web.sending import Sending


class Receiver:
    """A webhook's receiver that answers as it is told and keeps what came."""

    def __init__(self) -> None:
        self.answer_code = 200
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Keep one delivery, as an ASGI app."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.received.append(({name.decode(): text.decode() for name, text in scope["headers"]}, body))
        headers = [(b"location", b"http://127.0.0.1:1/elsewhere"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": self.answer_code, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()
    with listening(kept) as url:
        kept.url = f"{url}/hooks?for=us"
        yield kept


@pytest.fixture
def sending(api: Api) -> Iterator[Sending]:
    made = Sending(api.edge, metrics=api.frame.metrics)
    yield made
    made.finish()


def run_rounds(sending: Sending) -> None:
    while sending.round():
        sending.finish()


def made_endpoint(api: Api, receiver: Receiver, **more: object) -> tuple[str, bytes]:
    made = api.made("/v1/webhook-endpoints", {"url": receiver.url, **more})
    return made["endpoint"]["id"], parse_secret(made["secret"])


def kinds(receiver: Receiver) -> list[str]:
    return [msgspec.json.decode(body)["kind"] for _, body in receiver.received]


def test_what_happens_on_a_line_arrives_signed_and_in_order(api: Api, receiver: Receiver, sending: Sending) -> None:
    _, secret = made_endpoint(api, receiver)
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 10_000)
    api.made(f"/v1/lines/{line_id}/payments", {"amount_minor": 500, "channel": "bank"})
    run_rounds(sending)
    assert kinds(receiver) == ["line_opened", "drawdown", "payment_received"]
    for headers, body in receiver.received:
        now_s = int(api.clock.at.timestamp())
        assert signature_fault(body, headers=headers, secrets=[secret], now_s=now_s) is None
        told = msgspec.json.decode(body)
        assert told["id"] == headers["webhook-id"]
        assert told["line_id"] == line_id


def test_a_webhook_says_what_the_list_of_events_says(api: Api, receiver: Receiver, sending: Sending) -> None:
    made_endpoint(api, receiver)
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 10_000)
    run_rounds(sending)
    assert [msgspec.json.decode(body) for _, body in receiver.received] == api.get("/v1/events").json()["items"]


def test_a_delivery_that_failed_is_tried_again_later(api: Api, receiver: Receiver, sending: Sending) -> None:
    endpoint_id, _ = made_endpoint(api, receiver)
    receiver.answer_code = 500
    open_line(api)
    run_rounds(sending)
    [waiting] = api.get(f"/v1/webhook-endpoints/{endpoint_id}/deliveries").json()["items"]
    assert (waiting["attempts"], waiting["answer_code"], waiting["fault"]) == (1, 500, "refused")
    run_rounds(sending)
    assert len(receiver.received) == 1
    receiver.answer_code = 204
    api.clock.at += timedelta(seconds=6)
    run_rounds(sending)
    [delivered] = api.get(f"/v1/webhook-endpoints/{endpoint_id}/deliveries").json()["items"]
    assert delivered["delivered_at"] is not None
    assert delivered["attempts"] == 2
    first, second = receiver.received
    assert first[0]["webhook-id"] == second[0]["webhook-id"]


def test_after_the_last_attempt_a_delivery_is_dead_and_can_be_replayed(
    api: Api, receiver: Receiver, sending: Sending
) -> None:
    endpoint_id, _ = made_endpoint(api, receiver)
    receiver.answer_code = 503
    open_line(api)
    for _ in range(len(BACKOFF) + 2):
        run_rounds(sending)
        api.clock.at += timedelta(hours=20)
    [dead] = api.get(f"/v1/webhook-endpoints/{endpoint_id}/deliveries").json()["items"]
    assert dead["dead_at"] is not None
    assert dead["attempts"] == len(receiver.received) == len(BACKOFF) + 1
    receiver.answer_code = 200
    replayed = api.made(f"/v1/webhook-endpoints/{endpoint_id}/replays", {"since": "2026-01-01T00:00:00Z"})
    assert replayed == {"queued": 1}
    run_rounds(sending)
    assert len(receiver.received) == len(BACKOFF) + 2


def test_an_endpoint_that_does_not_answer_holds_up_no_other(api: Api, receiver: Receiver, sending: Sending) -> None:
    silent = socket.create_server(("127.0.0.1", 0))  # takes connections and never says a word
    with silent:
        api.made("/v1/webhook-endpoints", {"url": f"http://127.0.0.1:{silent.getsockname()[1]}/"})
        for number in range(6):
            open_line(api, reference=f"person-{number}")
        made_endpoint(api, receiver)
        open_line(api, reference="person-7")
        began = time.monotonic()
        while not receiver.received:
            assert time.monotonic() < began + 5
            sending.round()
    assert kinds(receiver) == ["line_opened"]


def test_one_event_can_be_replayed(api: Api, receiver: Receiver, sending: Sending) -> None:
    endpoint_id, _ = made_endpoint(api, receiver, kinds=["payment_received"])
    opened = open_line(api)
    body = {"line_id": opened["line_id"], "event_id": opened["event_id"]}
    assert api.made(f"/v1/webhook-endpoints/{endpoint_id}/replays", body) == {"queued": 1}
    unknown = api.post(f"/v1/webhook-endpoints/{endpoint_id}/replays", {**body, "event_id": "event_0000000000001"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "event_unknown")
    run_rounds(sending)
    assert kinds(receiver) == ["line_opened"]


def test_what_is_about_no_line_arrives_too_and_can_be_replayed(api: Api, receiver: Receiver, sending: Sending) -> None:
    endpoint_id, _ = made_endpoint(api, receiver, kinds=["freeze_placed", "freeze_lifted"])
    merchant_id = encode_id(IdPrefix.MERCHANT, 5)
    frozen = api.made("/v1/freezes", {"subject": "merchant", "merchant_id": merchant_id, "reason": "his name is Wang"})
    path = f"/v1/freezes/{frozen['freeze']['id']}"
    api.made(f"{path}/lift", {"reason": "it was not he"})
    run_rounds(sending)
    placed, lifted = (msgspec.json.decode(body) for _, body in receiver.received)
    assert (placed["kind"], lifted["kind"], placed["line_id"]) == ("freeze_placed", "freeze_lifted", None)
    assert placed["fact"] == lifted["fact"] == {"freeze_id": frozen["freeze"]["id"], "merchant_id": merchant_id}
    again = f"/v1/webhook-endpoints/{endpoint_id}/replays"
    assert api.made(again, {"event_id": lifted["id"]}) == {"queued": 1}
    run_rounds(sending)
    assert kinds(receiver) == ["freeze_placed", "freeze_lifted", "freeze_lifted"]
    listed = api.get(f"/v1/webhook-endpoints/{endpoint_id}/deliveries").json()["items"]
    assert [(each["line_id"], each["event_id"]) for each in listed][:2] == [(None, lifted["id"])] * 2
    assert [each["id"] for each in api.get("/v1/events", kind="freeze_lifted").json()["items"]] == [lifted["id"]]


def test_gone_is_the_end(api: Api, receiver: Receiver, sending: Sending) -> None:
    endpoint_id, _ = made_endpoint(api, receiver)
    receiver.answer_code = 410
    open_line(api)
    run_rounds(sending)
    [dead] = api.get(f"/v1/webhook-endpoints/{endpoint_id}/deliveries").json()["items"]
    assert (dead["dead_at"] is not None, dead["attempts"]) == (True, 1)


def test_a_redirect_is_not_followed(api: Api, receiver: Receiver, sending: Sending) -> None:
    endpoint_id, _ = made_endpoint(api, receiver)
    receiver.answer_code = 302
    open_line(api)
    run_rounds(sending)
    [waiting] = api.get(f"/v1/webhook-endpoints/{endpoint_id}/deliveries").json()["items"]
    assert (waiting["answer_code"], waiting["fault"]) == (302, "refused")


def test_a_replaced_secret_is_valid_for_a_day_beside_the_new_one(
    api: Api, receiver: Receiver, sending: Sending
) -> None:
    endpoint_id, old = made_endpoint(api, receiver)
    new = parse_secret(api.made(f"/v1/webhook-endpoints/{endpoint_id}/secrets", None)["secret"])
    open_line(api)
    run_rounds(sending)
    api.clock.at += timedelta(hours=25)
    open_line(api, reference="person-2")
    run_rounds(sending)
    believed = [
        [
            signature_fault(body, headers=headers, secrets=[one], now_s=int(headers["webhook-timestamp"])) is None
            for one in (old, new)
        ]
        for headers, body in receiver.received
    ]
    assert believed == [[True, True], [False, True]]


def test_a_removed_endpoint_hears_nothing_more(api: Api, receiver: Receiver, sending: Sending) -> None:
    endpoint_id, _ = made_endpoint(api, receiver)
    assert api.delete(f"/v1/webhook-endpoints/{endpoint_id}").status_code == 200
    assert api.delete(f"/v1/webhook-endpoints/{endpoint_id}").status_code == 404
    open_line(api)
    run_rounds(sending)
    assert receiver.received == []
    assert api.get("/v1/webhook-endpoints").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"url": "ftp://example.com/"}, "endpoint_unreachable", "url"),
        ({"url": "https://user:secret@example.com/"}, "endpoint_unreachable", "url"),
        ({"url": "https://example.com/", "kinds": ["nothing"]}, "kind_unknown", "kinds"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(api: Api, body: object, code: str, param: str) -> None:
    refused = api.post("/v1/webhook-endpoints", body)
    assert (refused.status_code, refused.json()["code"], refused.json()["param"]) == (422, code, param)


def test_a_name_that_comes_to_mean_our_own_network_is_not_followed(api: Api, receiver: Receiver) -> None:
    made_endpoint(api, receiver)
    open_line(api)
    with api.edge.pool.connection() as connection:
        delivery.queue_deliveries(connection, queued_at=api.clock.at)
        [envelope] = take_deliveries(
            connection, master_key=api.edge.master_key, now=api.clock.at, most=1, most_per_endpoint=1
        )
    with delivery_client() as client:
        attempted = send(
            envelope,
            client=client,
            reach=Reach.PUBLIC,
            clock=api.clock,
            chance=0.5,
            resolve=lambda host, port: ["127.0.0.1"],
        )
    assert attempted.fault == "unreachable"
    assert receiver.received == []


def test_the_thread_sends_while_the_server_runs_and_stops_with_it(api: Api, receiver: Receiver) -> None:
    made_endpoint(api, receiver)
    sending = Sending(api.edge, metrics=api.frame.metrics)
    sending.start()
    open_line(api)
    until = 200
    while not receiver.received and until:
        until -= 1
        threading.Event().wait(0.05)
    sending.stop()
    assert kinds(receiver) == ["line_opened"]
    assert 'tallystick_webhook_attempts_total{outcome="delivered"} 1.0' in api.client.get("/metrics").text


def test_answers_older_than_thirty_days_are_forgotten_however_many_there_are(api: Api, database_url: str) -> None:
    open_line(api)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            """
            INSERT INTO idempotency_records SELECT api_key_id, '/v1/old', number::text, body_fingerprint, answer_code,
                answer_body, recorded_at - interval '31 days'
            FROM (SELECT * FROM idempotency_records LIMIT 1) AS one, generate_series(1, 25000) AS number
            """
        )
        sender = Sending(api.edge, metrics=api.frame.metrics)
        sender.start()
        try:
            deadline = time.monotonic() + 20
            count = "SELECT count(*) FROM idempotency_records WHERE route = '/v1/old'"
            while connection.execute(count).fetchone() != (0,):
                assert time.monotonic() < deadline, "they are still there"
                time.sleep(0.05)
        finally:
            sender.stop()
        assert connection.execute("SELECT count(*) FROM idempotency_records").fetchone() == (2,)


def test_events_are_read_on_from_where_a_reader_stopped(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    draw(api, line_id, 100)
    first = api.get("/v1/events", limit=1).json()
    rest = api.get("/v1/events", after=first["next_after"]).json()
    assert [event["kind"] for event in (*first["items"], *rest["items"])] == ["line_opened", "drawdown"]
    assert api.get("/v1/events", after=rest["next_after"]).json() == {"items": [], "next_after": None}
    draw(api, line_id, 200)
    assert len(api.get("/v1/events", after=rest["next_after"]).json()["items"]) == 1
    assert len(api.get("/v1/events", line_id=line_id, kind="drawdown").json()["items"]) == 2


def test_an_event_tells_ids_as_they_are_public_and_no_notes(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    api.made(f"/v1/lines/{line_id}/begin-care", {"kind": "hardship", "note": "lost her job in March"})
    events = api.get("/v1/events").json()["items"]
    assert "March" not in str(events)
    assert events[0]["fact"]["borrower_id"].startswith("borrower_")
    assert decode_id(IdPrefix.EVENT, events[0]["id"])


def test_secrets_are_nowhere_in_the_database_as_they_are(api: Api, receiver: Receiver, database_url: str) -> None:
    _, secret = made_endpoint(api, receiver)
    with psycopg.connect(database_url) as connection:
        sealed = connection.execute("SELECT sealed FROM webhook_secrets").fetchall()
    assert len(sealed) == 1
    assert secret not in bytes(sealed[0][0])


def test_who_may_not_read_events_hears_of_none(api: Api) -> None:
    assert api.other(Scope.LINES_READ).get("/v1/events").status_code == 403


def test_a_receiver_that_is_away_is_a_fault_of_its_own(api: Api, sending: Sending) -> None:
    made = api.made("/v1/webhook-endpoints", {"url": "http://127.0.0.1:9/"})
    open_line(api)
    run_rounds(sending)
    [waiting] = api.get(f"/v1/webhook-endpoints/{made['endpoint']['id']}/deliveries").json()["items"]
    assert waiting["fault"] == httpx.ConnectError.__name__
