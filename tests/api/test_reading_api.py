"""What is read: one thing by its id, lists page by page whatever is added meanwhile, and nothing written by looking."""

from typing import Any

import psycopg
import pytest
from tests.api.conftest import Api
from tests.api.test_lines_api import MERCHANT, PLAN, draw, draw_in_installments, line_quote, open_line

HOLD = {"amount_minor": 500, "merchant_id": MERCHANT, "expires_on": "2026-01-30"}


def test_each_thing_is_shown_as_its_list_shows_it(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    api.made(f"/v1/lines/{line_id}/fees", {"amount_minor": 300, "reason": "card copy"})
    waiver = {"kind": "waived", "component": "fee", "amount_minor": 100, "reason": "goodwill"}
    api.made(f"/v1/lines/{line_id}/proposals", waiver)
    api.made("/v1/webhook-endpoints", {"url": "http://127.0.0.1:9/"})
    api.made("/v1/test-clocks", {"name": "a month", "stands_at": "2026-02-05T02:00:00Z"})
    for path in ("proposals", "webhook-endpoints", "test-clocks", "api-keys"):
        [one] = api.get(f"/v1/{path}").json()["items"]
        shown = api.get(f"/v1/{path}/{one['id']}")
        assert (shown.status_code, shown.json()) == (200, one), path


@pytest.mark.parametrize(
    "path",
    [
        "proposals/proposal_0000000000001",
        "webhook-endpoints/endpoint_0000000000001",
        "test-clocks/clock_0000000000001",
        "api-keys/key_0000000000001",
        "lines/line_0000000000001/statements/1",
    ],
)
def test_what_is_not_there_is_not_found(api: Api, path: str) -> None:
    assert api.get(f"/v1/{path}").status_code == 404


def test_a_proposal_that_was_decided_says_by_whom(api: Api) -> None:
    line_id = open_line(api)["line_id"]
    api.made(f"/v1/lines/{line_id}/fees", {"amount_minor": 300, "reason": "card copy"})
    waiver = {"kind": "waived", "component": "fee", "amount_minor": 100, "reason": "goodwill"}
    proposal = api.made(f"/v1/lines/{line_id}/proposals", waiver)
    assert proposal["decision"] is None
    done = api.other(holder="supervisor").made(f"/v1/proposals/{proposal['id']}/approve", {})
    told = api.get(f"/v1/proposals/{proposal['id']}").json()
    assert (told["decision"], told["decided_by"], told["event_id"]) == ("approved", "supervisor", done["event_id"])


def test_a_statement_is_shown_by_its_number(api: Api) -> None:
    clock = api.made("/v1/test-clocks", {"name": "months", "stands_at": "2026-01-05T02:00:00Z"})["id"]
    line_id = open_line(api, test_clock_id=clock)["line_id"]
    draw(api, line_id, 10_000)
    api.made(f"/v1/test-clocks/{clock}/move", {"stands_at": "2026-03-25T02:00:00Z"})
    listed = api.get(f"/v1/lines/{line_id}/statements").json()["items"]
    assert [one["number"] for one in listed] == [3, 2, 1]
    assert [api.get(f"/v1/lines/{line_id}/statements/{number}").json() for number in (3, 2, 1)] == listed
    unknown = api.get(f"/v1/lines/{line_id}/statements/4")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "statement_unknown")


def _add(api: Api, line_id: str, draw_id: str, what: str) -> None:
    """One more of a list."""
    match what:
        case "holds":
            api.made(f"/v1/lines/{line_id}/holds", HOLD)
        case "plans":
            draw_in_installments(api, line_id, 10_000)
        case "drawdowns":
            draw(api, line_id, 1_000)
        case "payments":
            api.made(f"/v1/lines/{line_id}/payments", {"amount_minor": 1, "channel": "bank"})
        case "refunds":
            api.made(f"/v1/drawdowns/{draw_id}/refunds", {"amount_minor": 1})


@pytest.mark.parametrize("what", ["holds", "plans", "drawdowns", "payments", "refunds"])
def test_pages_hold_each_thing_once_whatever_is_added_meanwhile(api: Api, what: str) -> None:
    line_id = open_line(api)["line_id"]
    draw_id = draw(api, line_id, 50_000)["fact"]["draw_id"]
    for _ in range(4):
        _add(api, line_id, draw_id, what)
    path = f"/v1/lines/{line_id}/{what}"
    before = [one["id"] for one in api.get(path).json()["items"]]
    page = api.get(path, limit=2).json()
    seen = [one["id"] for one in page["items"]]
    while page["next_after"] is not None:
        _add(api, line_id, draw_id, what)
        page = api.get(path, limit=2, after=page["next_after"]).json()
        seen += [one["id"] for one in page["items"]]
    assert seen == before


def _rows(database_url: str) -> dict[str, Any]:
    """What every table holds, row by row, but for who looked and what was asked."""
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {
            table: connection.execute(
                f'SELECT count(*), md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM "{table}" AS t'.encode()
            ).fetchone()
            for (table,) in tables
        }


def test_no_quote_no_preview_and_no_look_writes_anything(api: Api, database_url: str) -> None:
    """Also where time has made something due that nobody has written yet."""
    clock = api.made("/v1/test-clocks", {"name": "months", "stands_at": "2026-01-05T02:00:00Z"})["id"]
    line_id = open_line(api)["line_id"]
    drawn = draw_in_installments(api, line_id, 90_000)["fact"]
    purchase = draw(api, line_id, 10_000)["fact"]["draw_id"]
    api.made(f"/v1/lines/{line_id}/holds", HOLD)
    api.clock.at = api.clock.at.replace(day=21)
    before = _rows(database_url)
    asked = {
        "/v1/line-quotes": {"product_id": "baitiao", "limit_minor": 1_000_000},
        f"/v1/lines/{line_id}/quotes": {**PLAN, "principal_minor": 50_000},
        f"/v1/lines/{line_id}/drawdown-preview": {"amount_minor": 1_000, "merchant_id": MERCHANT},
        f"/v1/drawdowns/{purchase}/refund-preview": {"amount_minor": 4_000},
    }
    headers = {"Authorization": f"Bearer {api.token}"}
    for path, body in asked.items():
        answer = api.client.post(path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
    assert line_quote(api, 1_000_000, test_clock_id=clock)["document_hash"]
    for path in (
        f"/v1/plans/{drawn['plan']['plan_id']}/settlement-quote",
        f"/v1/plans/{drawn['plan']['plan_id']}",
        f"/v1/lines/{line_id}",
        *(
            f"/v1/lines/{line_id}/{what}"
            for what in ("holds", "plans", "drawdowns", "payments", "refunds", "statements")
        ),
        "/v1/lines",
        "/v1/events",
        "/v1/ledger/transfers",
        "/v1/ledger/accounts",
    ):
        assert api.get(path).status_code == 200, path
    assert _rows(database_url) == before
