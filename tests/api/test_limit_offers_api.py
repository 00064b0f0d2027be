"""A higher limit over HTTP: offered with a disclosure of its own, in force once the borrower accepts."""

from typing import Any

import psycopg
import pytest
from tests.api.conftest import Api
from tests.api.test_lines_api import accepted_line, draw, line_quote, open_line, standing

from tallystick.web.review_keeping import ReviewKeeping

FIFTY = {"limit_minor": 5_000_000, "reason": "yearly review"}


def offered(api: Api, line_id: str, **more: object) -> dict[str, Any]:
    return api.made(f"/v1/lines/{line_id}/limit-offers", {**FIFTY, **more})


def accept(api: Api, offer: dict[str, Any], *, accepted_hash: str | None = None) -> Any:
    body = {"accepted_hash": accepted_hash or offer["document_hash"]}
    return api.post(f"/v1/limit-offers/{offer['id']}/accept", body)


def test_a_line_is_opened_on_the_disclosure_that_was_shown(api: Api, database_url: str) -> None:
    borrower = api.made("/v1/borrowers", {"reference": "p", "jurisdiction": "CN", "currency": "CNY"})
    body = accepted_line(api, borrower["id"])
    refused = api.post("/v1/lines", {**body, "accepted_hash": "0" * 64})
    assert (refused.status_code, refused.json()["code"]) == (422, "acceptance_missing")
    assert refused.json()["figures"]["quoted_hash"] == body["accepted_hash"]
    opened = api.made("/v1/lines", body)
    with psycopg.connect(database_url) as connection:
        kept = connection.execute("SELECT purpose, line_id, disclosure_hash FROM acceptances").fetchall()
    assert [(purpose, kept_hash) for purpose, _, kept_hash in kept] == [("line", body["accepted_hash"])]
    assert opened["fact"]["acceptance_id"].startswith("acceptance_")


def test_a_quote_of_a_line_writes_nothing(api: Api) -> None:
    quote = line_quote(api, 3_000_000)
    assert quote == line_quote(api, 3_000_000)
    assert quote["disclosure"]["line"]["limit_minor"] == 3_000_000
    assert quote["disclosure"]["rates"]["simple"] == "18.24"
    assert api.get("/v1/events").json()["items"] == []
    assert api.get("/v1/lines").json()["items"] == []


@pytest.mark.parametrize(("language", "heading"), [("zh-CN,zh;q=0.9", "年化"), ("en-GB", "per year")])
def test_a_quote_is_a_page_for_whoever_wants_one(api: Api, language: str, heading: str) -> None:
    headers = {"Authorization": f"Bearer {api.token}", "Accept": "text/html", "Accept-Language": language}
    page = api.client.post("/v1/line-quotes", json={"product_id": "baitiao", "limit_minor": 3_000_000}, headers=headers)
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["document-hash"] == line_quote(api, 3_000_000)["document_hash"]
    assert heading in page.text
    assert page.text.lstrip().lower().startswith("<!doctype html>")


def test_thirty_thousand_become_fifty_thousand_once_the_borrower_accepts(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    offer = offered(api, line_id)
    assert (offer["previous_limit_minor"], offer["answer"]) == (3_000_000, None)
    assert (offer["offered_on"], offer["valid_until"]) == ("2026-01-05", "2026-02-04")
    assert standing(api, line_id)["limit_minor"] == 3_000_000
    shown = api.get(f"/v1/limit-offers/{offer['id']}/disclosure").json()
    assert shown["document_hash"] == offer["document_hash"]
    assert shown["disclosure"]["line"]["previous_limit_minor"] == 3_000_000
    accepted = accept(api, offer)
    assert accepted.status_code == 201, accepted.text
    assert accepted.json()["line"]["limit_minor"] == 5_000_000
    assert accepted.json()["fact"]["cash_limit_minor"] == 2_500_000, "cash follows, as the disclosure says"
    assert api.get(f"/v1/limit-offers/{offer['id']}").json()["answer"] == "accepted"
    assert draw(api, line_id, 4_900_000)["line"]["available_minor"] == 100_000


def test_nothing_rises_on_another_document(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    refused = accept(api, offered(api, line_id), accepted_hash="f" * 64)
    assert refused.json()["code"] == "acceptance_missing"
    assert standing(api, line_id)["limit_minor"] == 3_000_000


def test_an_offer_is_answered_once(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    offer = offered(api, line_id)
    assert api.made(f"/v1/limit-offers/{offer['id']}/decline", {})["answer"] == "declined"
    late = accept(api, offer)
    assert (late.status_code, late.json()["code"], late.json()["figures"]) == (
        409, "offer_answered", {"answer": "declined"}
    )  # fmt: skip
    second = offered(api, line_id)
    third = offered(api, line_id, limit_minor=4_000_000)
    assert api.get(f"/v1/limit-offers/{second['id']}").json()["answer"] == "superseded"
    assert api.made(f"/v1/limit-offers/{third['id']}/withdraw", {})["answer"] == "withdrawn"
    listed = api.get(f"/v1/lines/{line_id}/limit-offers").json()["items"]
    assert [one["id"] for one in listed] == [third["id"], second["id"], offer["id"]]
    page = api.get(f"/v1/lines/{line_id}/limit-offers", limit=2).json()
    rest = api.get(f"/v1/lines/{line_id}/limit-offers", after=page["next_after"]).json()
    assert [*page["items"], *rest["items"]] == listed
    told = [each["kind"] for each in api.get("/v1/events", line_id=line_id).json()["items"]]
    assert told == [
        "line_opened", "limit_offered", "limit_offer_declined", "limit_offered",
        "limit_offer_superseded", "limit_offered", "limit_offer_withdrawn",
    ]  # fmt: skip


def test_an_offer_ends_with_its_last_day(api: Api) -> None:
    clock = api.made("/v1/test-clocks", {"name": "a month", "stands_at": "2026-02-01T02:00:00Z"})
    line_id = open_line(api, test_clock_id=clock["id"])["line_id"]
    offer = offered(api, line_id, valid_days=2)
    assert (offer["offered_on"], offer["valid_until"]) == ("2026-02-01", "2026-02-03")
    api.made(f"/v1/test-clocks/{clock['id']}/move", {"stands_at": "2026-02-04T02:00:00Z"})
    late = accept(api, offer)
    assert (late.status_code, late.json()["code"]) == (409, "offer_expired")
    ReviewKeeping(api.edge, metrics=api.frame.metrics).round()
    assert api.get(f"/v1/limit-offers/{offer['id']}").json()["answer"] == "expired"
    assert accept(api, offer).json()["code"] == "offer_expired"
    told = {each["kind"]: each["fact"] for each in api.get("/v1/events", line_id=line_id).json()["items"]}
    assert list(told) == ["line_opened", "limit_offered", "limit_offer_expired"]
    assert told["limit_offer_expired"] == {
        "limit_offer_id": offer["id"], "limit_minor": 5_000_000, "previous_limit_minor": 3_000_000,
        "valid_until": "2026-02-03",
    }  # fmt: skip


def test_an_offer_is_outdated_when_the_limit_moved_meanwhile(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    offer = offered(api, line_id)
    lowered = {"limit_minor": 1_000_000, "reason": "early warning"}
    assert api.made(f"/v1/lines/{line_id}/limit-changes", lowered)["line"]["limit_minor"] == 1_000_000
    assert accept(api, offer).json()["code"] == "offer_outdated"


def test_a_limit_goes_up_by_an_offer_only(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    refused = api.post(f"/v1/lines/{line_id}/limit-changes", FIFTY)
    assert (refused.json()["code"], refused.json()["param"]) == ("acceptance_missing", "limit_minor")


@pytest.mark.parametrize(
    ("limit_minor", "code"),
    [(3_000_000, "nothing_to_do"), (2_000_000, "nothing_to_do"), (5_000_001, "limit_too_large")],
)
def test_what_could_not_be_accepted_is_not_offered(api: Api, limit_minor: int, code: str) -> None:
    line_id = open_line(api)["line_id"]
    refused = api.post(f"/v1/lines/{line_id}/limit-offers", {**FIFTY, "limit_minor": limit_minor})
    assert (refused.status_code, refused.json()["code"]) == (422, code)


def test_a_frozen_line_is_offered_nothing(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    api.made(f"/v1/lines/{line_id}/freeze", {"reason": "lost phone"})
    assert api.post(f"/v1/lines/{line_id}/limit-offers", FIFTY).json()["code"] == "line_frozen"


def test_the_database_refuses_to_change_an_offer(api: Api, database_url: str) -> None:
    offered(api, open_line(api)["line_id"])
    for statement in (
        "UPDATE limit_offers SET limit_minor = 9000000",
        "DELETE FROM limit_offers",
        "TRUNCATE limit_offers",
        "UPDATE limit_offers SET answer = 'accepted', answered_by = 'x', answered_at = now()",
    ):
        with psycopg.connect(database_url) as connection, pytest.raises(psycopg.Error):
            connection.execute(statement.encode())


def test_there_is_no_offer_of_an_unknown_id(api: Api) -> None:
    for path in ("", "/disclosure"):
        assert api.get(f"/v1/limit-offers/offer_0000000000001{path}").status_code == 404
    assert api.post("/v1/limit-offers/offer_0000000000001/decline", {}).status_code == 404
