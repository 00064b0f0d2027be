"""What a borrower accepted is read back as it was shown, by the ids that lines, offers and events tell."""

import pytest
from tests.api.conftest import Api
from tests.api.test_limit_offers_api import accept, offered
from tests.api.test_lines_api import draw_in_installments, line_quote, open_line, quoted

from tallystick.trust.scopes import Scope


def test_the_document_on_which_a_line_was_opened_is_read_back(api: Api) -> None:
    shown = line_quote(api, 3_000_000)
    line_id = open_line(api)["line_id"]
    line = api.get(f"/v1/lines/{line_id}").json()
    told = api.get(f"/v1/acceptances/{line['acceptance_id']}").json()
    assert {name: told[name] for name in shown} == shown
    assert (told["id"], told["line_id"]) == (line["acceptance_id"], line_id)
    assert (told["borrower_id"], told["purpose"]) == (line["borrower_id"], "line")
    assert told["accepted_at"] == "2026-01-05T02:00:00Z"


def test_a_limit_offer_tells_what_was_accepted_once_it_is(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    offer = offered(api, line_id)
    assert offer["acceptance_id"] is None
    event = accept(api, offer).json()
    after = api.get(f"/v1/limit-offers/{offer['id']}").json()
    assert after["acceptance_id"] == event["fact"]["acceptance_id"]
    assert [one["acceptance_id"] for one in api.get(f"/v1/lines/{line_id}/limit-offers").json()["items"]] == [
        after["acceptance_id"]
    ]
    told = api.get(f"/v1/acceptances/{after['acceptance_id']}").json()
    assert (told["purpose"], told["document_hash"]) == ("limit", offer["document_hash"])
    opened_on = api.get(f"/v1/lines/{line_id}").json()["acceptance_id"]
    assert opened_on != after["acceptance_id"], "the line tells the document on which it was opened"


def test_a_plan_tells_what_was_accepted_in_its_event(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    quote = quoted(api, line_id, 90_000)
    drawn = draw_in_installments(api, line_id, 90_000)
    told = api.get(f"/v1/acceptances/{drawn['fact']['plan']['acceptance_id']}").json()
    assert (told["purpose"], told["document_hash"]) == ("order_installments", quote["document_hash"])
    assert told["disclosure"] == quote["disclosure"]


@pytest.mark.parametrize(("language", "heading"), [("zh-CN,zh;q=0.9", "年化"), ("en-GB", "per year")])
def test_an_acceptance_is_a_page_for_whoever_wants_one(api: Api, language: str, heading: str) -> None:
    shown = line_quote(api, 3_000_000)
    acceptance_id = open_line(api)["fact"]["acceptance_id"]
    headers = {"Authorization": f"Bearer {api.token}", "Accept": "text/html", "Accept-Language": language}
    page = api.client.get(f"/v1/acceptances/{acceptance_id}", headers=headers)
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["document-hash"] == shown["document_hash"]
    assert heading in page.text


def test_an_acceptance_is_told_to_keys_that_may_read_lines_only(api: Api) -> None:
    acceptance_id = open_line(api)["fact"]["acceptance_id"]
    refused = api.other(Scope.EVENTS_READ).get(f"/v1/acceptances/{acceptance_id}")
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    absent = api.get("/v1/acceptances/acceptance_0000000000000")
    assert (absent.status_code, absent.json()["code"]) == (404, "acceptance_unknown")
