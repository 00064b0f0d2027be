"""Metadata: a caller's own words beside a thing, given with it or later, and nowhere in the books."""

from typing import Any

import psycopg
import pytest
from tests.api.conftest import Api
from tests.api.test_lines_api import MERCHANT, draw, open_line

from tallystick.trust.scopes import Scope

ORDER = {"order": "A-17", "shop.id": "上海 3"}


def made_things(api: Api) -> dict[str, dict[str, Any]]:
    """One of each, with metadata, by the path at which it is read."""
    line = open_line(api, metadata=ORDER)
    path = f"/v1/lines/{line['line_id']}"
    drawn = draw(api, line["line_id"], 90_000, metadata=ORDER)["fact"]["draw_id"]
    hold = {"amount_minor": 500, "merchant_id": MERCHANT, "expires_on": "2026-01-30", "metadata": ORDER}
    paid = {"amount_minor": 100, "channel": "bank", "metadata": ORDER}
    refund = {"amount_minor": 1_000, "metadata": ORDER}
    back = api.made(f"/v1/drawdowns/{drawn}/chargebacks", {**refund, "reason": "not delivered"})
    paths = [
        path,
        f"/v1/drawdowns/{drawn}",
        f"/v1/holds/{api.made(f'{path}/holds', hold)['fact']['hold_id']}",
        f"/v1/payments/{api.made(f'{path}/payments', paid)['fact']['payment_id']}",
        f"/v1/refunds/{api.made(f'/v1/drawdowns/{drawn}/refunds', refund)['fact']['refund_id']}",
        f"/v1/refunds/{back['fact']['chargeback_id']}",
    ]
    return {path: api.get(path).json() for path in paths}


def test_what_was_given_is_told_and_can_be_replaced(api: Api) -> None:
    things = made_things(api)
    assert [thing["metadata"] for thing in things.values()] == [ORDER] * 6
    for path, thing in things.items():
        answer = api.put(f"{path}/metadata", {"metadata": {"order": "B"}})
        assert (answer.status_code, answer.json()) == (200, {"id": thing["id"], "metadata": {"order": "B"}})
        assert api.get(path).json() == {**thing, "metadata": {"order": "B"}}, "nothing else has changed"
        assert api.put(f"{path}/metadata", {"metadata": {}}).status_code == 200
        assert api.get(path).json()["metadata"] == {}


def test_lists_tell_each_its_own(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    first = draw(api, line_id, 9_000, metadata={"n": "1"})["fact"]["draw_id"]
    draw(api, line_id, 8_000)
    hold = {"amount_minor": 500, "merchant_id": MERCHANT, "expires_on": "2026-01-30"}
    held = api.made(f"/v1/lines/{line_id}/holds", {**hold, "metadata": {"n": "2"}})["fact"]["hold_id"]
    captured = api.made(f"/v1/holds/{held}/capture", {"amount_minor": 200, "keeps_hold": True, "metadata": {"n": "3"}})
    for number in (4, 5):
        paid = {"amount_minor": number, "channel": "bank", "metadata": {"n": str(number)}}
        api.made(f"/v1/lines/{line_id}/payments", paid)
        api.made(f"/v1/drawdowns/{first}/refunds", {"amount_minor": number, "metadata": {"n": str(number)}})

    def told(what: str) -> list[dict[str, str]]:
        return [one["metadata"] for one in api.get(f"/v1/lines/{line_id}/{what}").json()["items"]]

    assert told("drawdowns") == [{"n": "3"}, {}, {"n": "1"}]
    assert api.get(f"/v1/drawdowns/{captured['fact']['draw_id']}").json()["metadata"] == {"n": "3"}
    assert told("holds") == [{"n": "2"}]
    assert told("payments") == told("refunds") == [{"n": "5"}, {"n": "4"}]


def test_the_books_and_the_events_know_nothing_of_it(api: Api, database_url: str) -> None:
    made_things(api)
    assert "A-17" not in api.get("/v1/events", limit=100).text
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        holding = {
            table
            for (table,) in tables
            if connection.execute(f"SELECT 1 FROM \"{table}\" AS t WHERE t::text LIKE '%A-17%'".encode()).fetchone()
        }
    assert holding == {"lines", "line_objects"}


def test_a_line_keeps_its_metadata_through_its_life(api: Api) -> None:
    line_id = open_line(api, metadata=ORDER)["line_id"]
    draw(api, line_id, 9_000)
    assert api.get("/v1/lines").json()["items"][0]["metadata"] == ORDER


def test_a_second_callback_keeps_what_the_first_one_brought(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    paid = {"amount_minor": 100, "channel": "bank", "reference": "wx-1"}
    for number in "12":
        payment = api.made(f"/v1/lines/{line_id}/payments", {**paid, "metadata": {"n": number}})["fact"]["payment_id"]
    assert api.get(f"/v1/payments/{payment}").json()["metadata"] == {"n": "1"}


def test_a_borrower_s_can_be_replaced(api: Api) -> None:
    body = {"reference": "p1", "jurisdiction": "CN", "currency": "CNY", "metadata": ORDER}
    path = f"/v1/borrowers/{api.made('/v1/borrowers', body)['id']}"
    assert api.put(f"{path}/metadata", {"metadata": {"a": ""}}).json()["metadata"] == {"a": ""}
    assert api.get(path).json()["metadata"] == {"a": ""}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/borrowers/borrower_0000000000001",
        "/v1/lines/line_0000000000001",
        "/v1/holds/hold_0000000000001",
        "/v1/drawdowns/draw_0000000000001",
        "/v1/payments/payment_0000000000001",
        "/v1/refunds/refund_0000000000001",
        "/v1/refunds/chargeback_0000000000001",
    ],
)
def test_there_is_none_of_what_is_not_there(api: Api, path: str) -> None:
    assert api.put(f"{path}/metadata", {"metadata": {}}).status_code == 404
    assert api.get(path).status_code == 404


def test_an_id_of_another_kind_names_nothing(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    drawn = draw(api, line_id, 9_000)["fact"]["draw_id"]
    assert api.put(f"/v1/holds/{drawn.replace('draw', 'hold')}/metadata", {"metadata": {}}).status_code == 404


def test_who_may_only_read_replaces_nothing(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    reader = api.other(Scope.LINES_READ, Scope.PAYMENTS_WRITE)
    assert reader.put(f"/v1/lines/{line_id}/metadata", {"metadata": {}}).json()["code"] == "scope_missing"


@pytest.mark.parametrize(
    "metadata",
    [{f"k{number}": "" for number in range(51)}, {"k" * 41: ""}, {"k": "v" * 501}, {"k": 1}, {"k": None}, {"名": ""}],
)
def test_bounds_hold(api: Api, metadata: object) -> None:
    answer = api.put("/v1/lines/line_0000000000001/metadata", {"metadata": metadata})
    assert (answer.status_code, answer.json()["param"][:8]) == (400, "metadata")
